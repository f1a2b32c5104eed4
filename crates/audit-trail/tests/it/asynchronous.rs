//! The log in async code: tasks wait, runtime threads do not.

use std::future::Future as _;

use audit_trail::{
    Acknowledgement, AuditError, AuditLog, Entry, Filter, Level, SigningKey, WhenFull,
};

fn at(dir: &std::path::Path) -> audit_trail::AuditLogBuilder {
    let key = SigningKey::from_seed("test.example/log", &[42; 32]).unwrap();
    AuditLog::builder()
        .signer(key)
        .directory(dir)
        .segment_size(1 << 20)
}

/// One runtime thread serves a thousand tasks that all wait for the disk at once: were one of them to block it, none would get on.
#[tokio::test]
async fn a_thousand_tasks_wait_on_one_thread() {
    let dir = tempfile::tempdir().unwrap();
    let log = at(dir.path()).build().unwrap();
    let tasks: Vec<_> = (0..1000)
        .map(|i| {
            let log = log.clone();
            tokio::spawn(async move {
                log.log_async(Entry::event(&format!("e-{i}")))
                    .await
                    .unwrap()
                    .index
            })
        })
        .collect();
    let mut indexes = Vec::new();
    for task in tasks {
        indexes.push(task.await.unwrap());
    }
    indexes.sort_unstable();
    assert_eq!(indexes, (1..=1000).collect::<Vec<_>>());
    let page = log.query_async(Filter::new().event("e-999")).await.unwrap();
    assert_eq!(page.records.len(), 1);
    assert_eq!(log.verify_async(None).await.unwrap().level, Level::Signed);
    assert_eq!(log.publish_checkpoint_async().await.unwrap().size(), 1001);
}

/// The queue holds a few entries only: tasks wait for room in it without holding the thread that others need to make some.
#[tokio::test]
async fn tasks_wait_for_room_in_the_queue() {
    let dir = tempfile::tempdir().unwrap();
    let log = at(dir.path())
        .queue(1)
        .when_full(WhenFull::Refuse)
        .build()
        .unwrap();
    let text = "x".repeat(4000);
    let mut tasks = Vec::new();
    for _ in 0..200 {
        let (log, text) = (log.clone(), text.clone());
        tasks.push(tokio::spawn(async move {
            log.log_async(Entry::event("e").reason_text(&text))
                .await
                .map(|_| ())
        }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(log.size().unwrap(), 201);
}

#[tokio::test]
async fn what_was_submitted_is_acknowledged_at_each_level() {
    let dir = tempfile::tempdir().unwrap();
    let log = at(dir.path()).build().unwrap();
    let pending = log.submit_async(Entry::event("a")).await.unwrap();
    for level in [
        Acknowledgement::Buffered,
        Acknowledgement::Durable,
        Acknowledgement::Signed,
    ] {
        assert_eq!(pending.acknowledged(level).await.unwrap().index, 1);
    }
    let witnessed = pending.acknowledged(Acknowledgement::Witnessed).await;
    assert!(matches!(witnessed, Err(AuditError::Level { .. })));
    assert_eq!(pending.receipt_async().await.unwrap().index(), 1);
}

/// Futures that are given up leave nothing behind: their wakers would keep their tasks alive.
#[tokio::test]
async fn a_future_that_is_dropped_takes_its_waker_along() {
    let dir = tempfile::tempdir().unwrap();
    let log = at(dir.path()).build().unwrap();
    let waker = std::sync::Arc::new(Nobody);
    let pending = log.submit(Entry::event("a")).unwrap();
    for _ in 0..100 {
        let waker = std::task::Waker::from(std::sync::Arc::clone(&waker));
        let mut context = std::task::Context::from_waker(&waker);
        let mut future = Box::pin(pending.acknowledged(Acknowledgement::Durable));
        drop(future.as_mut().poll(&mut context));
    }
    log.flush().unwrap();
    assert_eq!(std::sync::Arc::strong_count(&waker), 1);
}

struct Nobody;

impl std::task::Wake for Nobody {
    fn wake(self: std::sync::Arc<Self>) {}
}

/// Two futures of one task share the task's waker: the one that is dropped must not take it from the other.
#[test]
fn a_future_that_is_dropped_leaves_its_neighbour_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let log = at(dir.path()).build().unwrap();
    let mut tried = 0;
    // Both must be waiting when one goes: on a fast disk that takes a few attempts.
    loop {
        tried += 1;
        assert!(tried < 1000, "the disk is never slower than two polls");
        let woken = std::sync::Arc::new(Woken::default());
        let waker = std::task::Waker::from(std::sync::Arc::clone(&woken));
        let mut context = std::task::Context::from_waker(&waker);
        let pending = log.submit(Entry::event("a")).unwrap();
        let mut one = Box::pin(pending.acknowledged(Acknowledgement::Durable));
        let mut other = Box::pin(pending.acknowledged(Acknowledgement::Durable));
        let waits = one.as_mut().poll(&mut context).is_pending()
            && other.as_mut().poll(&mut context).is_pending();
        let before = woken.0.load(std::sync::atomic::Ordering::SeqCst);
        drop(one);
        log.flush().unwrap();
        if waits && before == 0 {
            // Whoever committed wakes after the entry is there.
            while woken.0.load(std::sync::atomic::Ordering::SeqCst) == 0 {
                assert!(tried < 200_000, "nobody woke the future that is left");
                tried += 1;
                std::thread::sleep(std::time::Duration::from_micros(20));
            }
            assert!(other.as_mut().poll(&mut context).is_ready());
            return;
        }
    }
}

#[derive(Default)]
struct Woken(std::sync::atomic::AtomicU32);

impl std::task::Wake for Woken {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}
