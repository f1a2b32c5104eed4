//! A log that fails in a chosen way at a chosen call.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use audit_trail::Entry;

use crate::recorder::{RecordError, Recorded, Recorder};

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Says that it does not take the entry, or cannot store it; once.
    Refuses,
    /// Does not take the next entry, for its queue is full.
    Full,
    /// Takes or stores the entry and says that it did not; once.
    Lies,
    /// From now on it takes and stores nothing any more, as a log does whose disk has failed. What it had taken may be there.
    Breaks,
    /// Panics once.
    Panics,
    /// Does not return from storing before it is released.
    Hangs,
}

/// Which call goes wrong, and how.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    armed: Option<(usize, Fault)>,
    has_struck: bool,
    is_broken: bool,
    hanging: u64,
    released: bool,
}

/// What is asked of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Take,
    /// Storing, on a thread that waits for it.
    Wait,
    /// Storing, in a future.
    Await,
}

impl Plan {
    /// The `at`th call from now goes wrong, counted from 0.
    ///
    /// A log that is broken stays broken: it says no for ever, and only a restart finds out what is in it.
    pub(crate) fn arm(&self, at: usize, fault: Fault) {
        let mut state = self.lock();
        *state = State {
            armed: Some((at, fault)),
            is_broken: state.is_broken,
            ..State::default()
        };
    }

    /// Nothing goes wrong any more; says which calls there were, and whether one went wrong.
    pub(crate) fn disarm(&self) -> (Vec<Call>, bool) {
        let state = std::mem::take(&mut *self.lock());
        self.changed.notify_all();
        (state.calls, state.has_struck)
    }

    /// Waits until a call hangs.
    pub(crate) fn wait_for_hanging(&self) {
        let state = self.lock();
        let done = self.changed.wait_while(state, |state| state.hanging == 0);
        drop(done);
    }

    /// Lets what hangs go on.
    pub(crate) fn release(&self) {
        self.lock().released = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes wrong with this call.
    fn next(&self, what: Call) -> Option<Fault> {
        let mut state = self.lock();
        let call = state.calls.len();
        state.calls.push(what);
        if state.is_broken {
            return Some(Fault::Breaks);
        }
        let (_, fault) = state.armed.filter(|(at, fault)| match fault {
            Fault::Full => *at <= call && what == Call::Take && !state.has_struck,
            _ => *at == call,
        })?;
        state.has_struck = true;
        state.is_broken = fault == Fault::Breaks;
        Some(fault)
    }

    /// Whether a call hangs.
    pub(crate) fn is_hanging(&self) -> bool {
        let state = self.lock();
        state.hanging > 0 && !state.released
    }

    fn hang(&self) {
        let mut state = self.lock();
        state.hanging += 1;
        self.changed.notify_all();
        let done = self.changed.wait_while(state, |state| !state.released);
        drop(done);
    }

    fn fail(&self, call: Call) -> Verdict {
        match self.next(call) {
            None => Verdict::Works,
            Some(Fault::Lies) => Verdict::WorksAndSaysNo,
            Some(Fault::Refuses | Fault::Full | Fault::Breaks) => Verdict::SaysNo,
            // Without a word on standard error: there are hundreds of them.
            Some(Fault::Panics) => std::panic::resume_unwind(Box::new("a log that panics")),
            Some(Fault::Hangs) => {
                match call {
                    Call::Take => {}
                    Call::Wait => self.hang(),
                    Call::Await => self.lock().hanging += 1,
                }
                Verdict::Works
            }
        }
    }
}

enum Verdict {
    Works,
    WorksAndSaysNo,
    SaysNo,
}

fn no() -> RecordError {
    RecordError("a log that fails".into())
}

/// A log behind a plan. What it takes is never stored at once, so that storing is waited for and can fail.
pub(crate) struct Faulty {
    pub(crate) log: Arc<dyn Recorder>,
    pub(crate) plan: Arc<Plan>,
}

fn stored(waited: Result<(), RecordError>, verdict: &Verdict) -> Result<(), RecordError> {
    match verdict {
        Verdict::Works => waited,
        Verdict::WorksAndSaysNo | Verdict::SaysNo => Err(no()),
    }
}

#[async_trait]
impl Recorder for Faulty {
    fn record(&self, entry: Entry<'_>) -> Result<Recorded, RecordError> {
        match self.plan.fail(Call::Take) {
            Verdict::SaysNo => Err(no()),
            Verdict::WorksAndSaysNo => {
                self.log.record(entry)?;
                Err(no())
            }
            Verdict::Works => Ok(Recorded {
                stored: false,
                ..self.log.record(entry)?
            }),
        }
    }

    async fn acknowledged(&self, entry: &Recorded) -> Result<(), RecordError> {
        // A future that is pending once, so that it can be dropped there.
        tokio::task::yield_now().await;
        let waited = self.log.acknowledged(entry).await;
        let verdict = self.plan.fail(Call::Await);
        while self.plan.is_hanging() {
            tokio::task::yield_now().await;
        }
        stored(waited, &verdict)
    }

    fn wait(&self, entry: &Recorded) -> Result<(), RecordError> {
        let waited = self.log.wait(entry);
        let verdict = self.plan.fail(Call::Wait);
        stored(waited, &verdict)
    }
}
