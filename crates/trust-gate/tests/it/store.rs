//! What happens when the store does not do what it is asked.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use trust_gate::{
    ActKind, AssignmentFilter, ClockMark, Event, HistoryFilter, ManualClock, MemoryStore, Raise,
    Revision, StoreError, TrustAdmin, TrustError, TrustGate, TrustLevel, TrustStore,
};

use crate::fixture::{NOON, agent, chain, grant, ops, scope};

/// A store that fails or panics on demand.
#[derive(Clone, Default)]
pub(crate) struct Faulty {
    inner: MemoryStore,
    mode: Arc<AtomicU8>,
}

pub(crate) const WORKS: u8 = 0;
pub(crate) const FAILS: u8 = 1;
const PANICS: u8 = 2;

impl Faulty {
    pub(crate) fn mode(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }

    fn try_it(&self) -> Result<(), StoreError> {
        match self.mode.load(Ordering::SeqCst) {
            WORKS => Ok(()),
            FAILS => Err(StoreError::failed("disk full")),
            _ => panic!("the store panics on demand"),
        }
    }
}

impl TrustStore for Faulty {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        self.try_it()?;
        self.inner.append(expected, events)
    }

    fn replay(
        &self,
        after: Revision,
        visit: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.inner.replay(after, visit)
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        if self.mode.load(Ordering::SeqCst) == FAILS {
            return Err(StoreError::failed("disk full"));
        }
        self.inner.keep_mark(mark)
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        self.inner.mark()
    }
}

fn open(store: &Faulty) -> (TrustGate, TrustAdmin) {
    TrustGate::builder()
        .clock(ManualClock::new(NOON))
        .store(store.clone())
        .build()
        .unwrap()
}

fn level(gate: &TrustGate) -> TrustLevel {
    gate.level(&agent("a"), &scope("")).effective
}

#[test]
fn an_act_that_cannot_be_stored_changes_nothing() {
    let store = Faulty::default();
    let (gate, admin) = open(&store);
    admin.assign(grant("a", TrustLevel::Suggest)).unwrap();
    admin
        .cap(&agent("a"), &scope(""), TrustLevel::Monitor, &ops(), "")
        .unwrap();
    let revision = gate.revision();
    store.mode(FAILS);
    let (a, root) = (agent("a"), scope(""));
    let refused = [
        admin.assign(grant("a", TrustLevel::Autonomous)),
        admin.lift_cap(&a, &root, &ops(), ""),
        admin.clear(&a, &root, &ops(), "", Raise::Allow),
        admin.set_tool_policies(vec![], &ops(), ""),
        admin.configure(admin.config(), &ops(), ""),
        admin.accept_clock(&ops(), ""),
    ];
    for error in refused.map(Result::unwrap_err) {
        assert_eq!(
            chain(&error),
            "the store failed, the act is not in force: disk full"
        );
    }
    assert_eq!(gate.revision(), revision);
    assert_eq!(level(&gate), TrustLevel::Monitor);
    assert_eq!(
        admin.history(&HistoryFilter::default()).unwrap().len() as u64,
        revision.as_u64()
    );
}

#[test]
fn narrowing_holds_even_if_it_cannot_be_stored() {
    let (a, root) = (agent("a"), scope(""));
    for act in 0..3 {
        let store = Faulty::default();
        let (gate, admin) = open(&store);
        admin.assign(grant("a", TrustLevel::Autonomous)).unwrap();
        store.mode(FAILS);
        let error = match act {
            0 => admin.revoke(&a, &root, &ops(), ""),
            1 => admin.quarantine(&a, &root, &ops(), ""),
            _ => admin.cap(&a, &root, TrustLevel::Observer, &ops(), ""),
        }
        .unwrap_err();
        assert_eq!(
            chain(&error),
            "revision 3 is in force in memory but not stored: disk full"
        );
        assert_eq!(level(&gate), TrustLevel::Observer);
        let TrustError::NotStored { event, .. } = error else {
            panic!("{error}")
        };
        let last = admin.history(&HistoryFilter::default()).unwrap().pop();
        assert_eq!(last, Some(*event), "the history tells it");
    }
}

#[test]
fn what_could_not_be_stored_is_stored_with_the_next_act() {
    let store = Faulty::default();
    let (gate, admin) = open(&store);
    let (a, root) = (agent("a"), scope(""));
    admin.assign(grant("a", TrustLevel::Autonomous)).unwrap();
    store.mode(FAILS);
    admin
        .cap(&a, &root, TrustLevel::Suggest, &ops(), "")
        .unwrap_err();
    admin.quarantine(&a, &root, &ops(), "").unwrap_err();
    assert!(
        admin.lift_quarantine(&a, &root, &ops(), "").is_err(),
        "still failing"
    );
    assert!(matches!(admin.flush(), Err(TrustError::Store(_))));
    store.mode(WORKS);
    admin.lift_quarantine(&a, &root, &ops(), "").unwrap();
    assert_eq!(gate.revision().as_u64(), 5);

    let (reopened, again) = open(&store);
    assert_eq!(reopened.revision(), gate.revision());
    assert_eq!(level(&reopened), TrustLevel::Suggest);
    let all = HistoryFilter::default();
    assert_eq!(again.history(&all).unwrap(), admin.history(&all).unwrap());
}

#[test]
fn flush_stores_what_could_not_be_stored() {
    let store = Faulty::default();
    let (_, admin) = open(&store);
    admin.assign(grant("a", TrustLevel::Autonomous)).unwrap();
    store.mode(FAILS);
    admin
        .revoke(&agent("a"), &scope(""), &ops(), "")
        .unwrap_err();
    store.mode(WORKS);
    admin.flush().unwrap();
    admin.flush().unwrap();
    assert_eq!(level(&open(&store).0), TrustLevel::Observer);
}

#[test]
fn after_a_panic_in_the_store_only_narrowing_acts_work() {
    let store = Faulty::default();
    let (gate, admin) = open(&store);
    admin.assign(grant("a", TrustLevel::Suggest)).unwrap();
    store.mode(PANICS);
    let admin = Arc::new(admin);
    let raising = Arc::clone(&admin);
    let panicked = thread::spawn(move || {
        drop(raising.assign(grant("a", TrustLevel::Autonomous)));
    });
    assert!(panicked.join().is_err());
    store.mode(WORKS);
    assert_eq!(level(&gate), TrustLevel::Suggest);
    assert!(matches!(
        admin.assign(grant("a", TrustLevel::Autonomous)),
        Err(TrustError::Poisoned)
    ));
    assert!(matches!(admin.flush(), Err(TrustError::Poisoned)));
    let error = admin
        .revoke(&agent("a"), &scope(""), &ops(), "")
        .unwrap_err();
    assert!(matches!(error, TrustError::NotStored { .. }), "{error}");
    assert_eq!(level(&gate), TrustLevel::Observer);
    let told = admin.history(&HistoryFilter::default()).unwrap();
    assert_eq!(told.len(), 3, "configure, assign, revoke");
}

#[test]
fn a_second_writer_is_noticed() {
    let store = Faulty::default();
    let (_, first) = open(&store);
    let (gate, second) = open(&store);
    first.assign(grant("a", TrustLevel::Suggest)).unwrap();
    let error = second.assign(grant("a", TrustLevel::Monitor)).unwrap_err();
    assert_eq!(
        chain(&error),
        "the store failed, the act is not in force: the store is at revision 2, not 1; open the gate again from its store"
    );
    assert_eq!(level(&gate), TrustLevel::Observer);
}

#[test]
fn a_lapse_that_could_not_be_stored_is_offered_again() {
    let store = Faulty::default();
    let clock = ManualClock::new(NOON);
    let (gate, admin) = TrustGate::builder()
        .clock(clock.clone())
        .store(store.clone())
        .build()
        .unwrap();
    let hour = crate::fixture::HOUR;
    admin
        .assign(grant("a", TrustLevel::Suggest).expires_at(NOON + hour))
        .unwrap();
    store.mode(FAILS);
    clock.set(NOON + hour);
    assert_eq!(level(&gate), TrustLevel::Observer);
    store.mode(WORKS);
    clock.set(NOON);
    assert_eq!(level(&gate), TrustLevel::Observer);
    assert_eq!(level(&open(&store).0), TrustLevel::Observer);
}

#[test]
fn a_history_with_a_gap_is_not_opened() {
    let store = Faulty::default();
    let (_, admin) = open(&store);
    admin.assign(grant("a", TrustLevel::Suggest)).unwrap();
    let last = admin.history(&HistoryFilter::default()).unwrap().remove(1);
    let gapped = MemoryStore::default();
    gapped.append(Revision::ZERO, &[last]).unwrap();
    let error = TrustGate::builder().store(gapped).build().map(|_| ());
    assert!(
        matches!(error, Err(TrustError::Corrupt { .. })),
        "{error:?}"
    );
}

#[test]
fn a_long_history_is_replayed_whole() {
    let store = MemoryStore::default();
    let build = || {
        TrustGate::builder()
            .clock(|| NOON)
            .store(store.clone())
            .build()
    };
    let (gate, admin) = build().unwrap();
    for n in 0..3_000_u32 {
        let level = TrustLevel::try_from((n % 6) as u8).unwrap();
        admin
            .assign(grant(&format!("agent-{}", n % 700), level))
            .unwrap();
    }
    let (again, listed) = build().unwrap();
    assert_eq!(again.revision(), gate.revision());
    assert_eq!(
        listed.assignments(&AssignmentFilter::default()),
        admin.assignments(&AssignmentFilter::default())
    );
    let all = listed.history(&HistoryFilter::default()).unwrap();
    assert!(
        all.windows(2)
            .all(|pair| pair[0].revision < pair[1].revision)
    );
    assert_eq!(all.len(), 3_001);
}

#[test]
fn the_memory_store_keeps_the_latest_mark_of_the_latest_epoch() {
    let store = MemoryStore::default();
    let first = Revision::ZERO.next().unwrap();
    let at = |epoch, minutes| ClockMark {
        epoch,
        at: NOON + time::Duration::minutes(minutes),
    };
    let offered = [
        (at(Revision::ZERO, 5), at(Revision::ZERO, 5)),
        (at(Revision::ZERO, 3), at(Revision::ZERO, 5)),
        (at(first, 1), at(first, 1)),
        (at(Revision::ZERO, 9), at(first, 1)),
        (at(first, 2), at(first, 2)),
    ];
    for (offer, kept) in offered {
        store.keep_mark(offer).unwrap();
        assert_eq!(store.mark().unwrap(), Some(kept));
    }
}

/// A store that looks, while it is asked to keep a narrowing act, whether the act already holds.
#[derive(Default)]
struct Nosy {
    inner: MemoryStore,
    gate: Arc<std::sync::OnceLock<TrustGate>>,
}

impl TrustStore for Nosy {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        if let Some(gate) = self.gate.get() {
            let narrowing = events
                .iter()
                .any(|event| event.act.kind() == ActKind::Revoke);
            let holds = gate.revision() > expected;
            assert_eq!(holds, narrowing, "{events:?}");
        }
        self.inner.append(expected, events)
    }

    fn replay(
        &self,
        after: Revision,
        visit: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.inner.replay(after, visit)
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        self.inner.keep_mark(mark)
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        self.inner.mark()
    }
}

#[test]
fn narrowing_holds_before_it_is_stored_and_granting_only_after() {
    let store = Nosy::default();
    let seen = Arc::clone(&store.gate);
    let (gate, admin) = TrustGate::builder().store(store).build().unwrap();
    seen.set(gate).unwrap();
    admin.assign(grant("a", TrustLevel::Suggest)).unwrap();
    admin.revoke(&agent("a"), &scope(""), &ops(), "").unwrap();
    admin.assign(grant("a", TrustLevel::Monitor)).unwrap();
}

/// A store that is read only once somebody lets it.
struct Slow {
    inner: MemoryStore,
    read: mpsc::SyncSender<()>,
    go_on: Mutex<mpsc::Receiver<()>>,
}

impl TrustStore for Slow {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        self.inner.append(expected, events)
    }

    fn replay(
        &self,
        after: Revision,
        visit: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // Opening reads it too, before there is anything to read.
        if self.inner.mark()?.is_some() {
            self.read.send(()).unwrap();
            self.go_on.lock().unwrap().recv().unwrap();
        }
        self.inner.replay(after, visit)
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        self.inner.keep_mark(mark)
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        self.inner.mark()
    }
}

#[test]
fn whoever_reads_the_history_holds_nobody_up() {
    let (read, is_read) = mpsc::sync_channel(0);
    let (let_go, go_on) = mpsc::channel();
    let store = Slow {
        inner: MemoryStore::default(),
        read,
        go_on: Mutex::new(go_on),
    };
    let built = TrustGate::builder()
        .clock(ManualClock::new(NOON))
        .store(store);
    let (_, admin) = built.build().unwrap();
    let admin = Arc::new(admin);
    let (told, done) = mpsc::channel();
    let reader = {
        let admin = Arc::clone(&admin);
        thread::spawn(move || admin.history(&HistoryFilter::default()).unwrap())
    };
    is_read.recv().unwrap();
    thread::spawn(move || {
        let stopped = admin.quarantine(&agent("a"), &scope(""), &ops(), "now");
        told.send(stopped.is_ok()).unwrap();
    });
    let stopped = done.recv_timeout(Duration::from_secs(60));
    let_go.send(()).unwrap();
    assert_eq!(stopped, Ok(true));
    let kinds = reader.join().unwrap();
    let kinds: Vec<_> = kinds.iter().map(|event| event.act.kind()).collect();
    assert_eq!(kinds, [ActKind::Configure, ActKind::Quarantine]);
}
