//! The log for async code: waiting suspends the task, whatever runs it. What blocks on a disk is in [`offloaded`](crate::offloaded).

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::AuditError;
use crate::acknowledge::{Acknowledgement, Pending};
use crate::entry::Entry;
use crate::log::{Appended, AuditLog, Backing};

impl AuditLog {
    /// As [`log`](Self::log), suspending the task until the entry is acknowledged. Dropping the future before it is ready leaves open whether the
    /// entry was recorded; it is, if the future got past the full queue.
    ///
    /// # Errors
    /// As [`log`](Self::log).
    ///
    /// ```
    /// use audit_trail::{AuditLog, Entry};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let log = AuditLog::builder().build()?;
    /// let appended = log.log_async(Entry::event("started")).await?;
    /// assert_eq!(appended.index, 1);
    /// # Ok::<(), audit_trail::AuditError>(())
    /// # }).unwrap();
    /// ```
    pub async fn log_async(&self, entry: Entry<'_>) -> Result<Appended, AuditError> {
        let level = self.level();
        self.submit_async(entry).await?.acknowledged(level).await
    }

    /// As [`submit`](Self::submit), suspending the task while the queue is full.
    ///
    /// Personal data goes to the vault within the call, which blocks for as long as the vault does.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub async fn submit_async(&self, entry: Entry<'_>) -> Result<Pending, AuditError> {
        loop {
            match self.try_submit(&entry)? {
                Ok(pending) => return Ok(pending),
                Err(len) => self.backing().room(len).await,
            }
        }
    }
}

impl Pending {
    /// As [`wait`](Self::wait), suspending the task.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub async fn acknowledged(&self, level: Acknowledgement) -> Result<Appended, AuditError> {
        let index = self.appended().index;
        let backing = self.backing();
        let turn = Turn::new(|waker| backing.forget(index, waker));
        poll_fn(
            |context| match backing.poll(index, level, turn.waker(context)) {
                Some(answer) => Poll::Ready(answer),
                None => Poll::Pending,
            },
        )
        .await?;
        Ok(self.appended())
    }
}

impl Backing {
    /// Ready when there may be room in the queue for so many bytes of entry.
    async fn room(&self, len: usize) {
        let mut asked = false;
        let turn = Turn::new(|waker| self.forget_room(waker));
        poll_fn(|context| {
            if asked || self.may_have_room(len, turn.waker(context)) {
                return Poll::Ready(());
            }
            asked = true;
            Poll::Pending
        })
        .await;
    }
}

/// One future's place among those who wait: a waker of its own, which wakes its task, and which is taken back when the future is dropped.
///
/// The task's waker would not do: several futures of one task share it, and the first to go would take it along.
struct Turn<F: FnMut(&Waker)> {
    task: Arc<Task>,
    own: Waker,
    forget: F,
}

/// The waker of the task that polled last.
#[derive(Default)]
struct Task(Mutex<Option<Waker>>);

impl<F: FnMut(&Waker)> Turn<F> {
    fn new(forget: F) -> Self {
        let task = Arc::new(Task::default());
        Self {
            own: Waker::from(Arc::clone(&task)),
            task,
            forget,
        }
    }

    /// The waker to register for whoever polls.
    fn waker(&self, context: &Context<'_>) -> &Waker {
        let mut task = self.task.0.lock().unwrap_or_else(PoisonError::into_inner);
        *task = Some(context.waker().clone());
        &self.own
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let task = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl<F: FnMut(&Waker)> Drop for Turn<F> {
    fn drop(&mut self) {
        (self.forget)(&self.own);
    }
}
