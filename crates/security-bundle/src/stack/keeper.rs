//! Keeps snapshots while the stack runs, and the last one when it is closed, so that opening reads little.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use audit_trail::{AuditLog, Entry, SigningKey};
use budget_enforcer::BudgetAdmin;
use consent::ConsentStore as _;
use trust_gate::TrustStore as _;

use super::apply::Applied;
use super::parts::{ConsentBook, TrustBook};
use super::snapshot::Shot;
use crate::hex::hex;
use crate::journal::Book;

/// After how many entries another snapshot is made: what opening reads at most, or little more.
const EVERY: u64 = 50_000;
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(250);

const POISONED: &str = "an earlier panic left the acts unusable";

type Problem = Box<dyn std::error::Error + Send + Sync>;

/// What a snapshot is made from.
pub(super) struct Source {
    pub(super) audit: AuditLog,
    pub(super) key: SigningKey,
    pub(super) folder: PathBuf,
    pub(super) trust: TrustBook,
    pub(super) consent: ConsentBook,
    pub(super) budget: BudgetAdmin,
    pub(super) applied: Applied,
}

impl Source {
    /// Makes a snapshot and says up to which entry.
    fn shoot(&self) -> Result<u64, Problem> {
        self.audit.flush()?;
        // Whatever stands before this place is in the components: each writes its entry and changes its state under one lock.
        let size = self.audit.reader().size()?;
        let (trust, trust_ahead) = read(&self.trust)?;
        let (consent, consent_ahead) = read(&self.consent)?;
        let mut acts = Vec::new();
        trust.replay(trust_gate::Revision::ZERO, &mut |event| {
            acts.push(event);
            Ok(())
        })?;
        add(&mut acts, trust_ahead);
        let mut records = Vec::new();
        consent.replay(consent::Revision::ZERO, &mut |event| {
            records.push(event);
            Ok(())
        })?;
        add(&mut records, consent_ahead);
        let shot = Shot {
            version: Shot::VERSION,
            size,
            root: hex(self.audit.reader().root(size)?.as_bytes()),
            trust: acts,
            trust_mark: trust.mark()?,
            consent: records,
            consent_mark: consent.mark()?,
            applied: self.applied.all(),
            activated: self.applied.activated(),
            budget: self.budget.snapshot()?,
        };
        shot.keep(&self.folder, &self.key)?;
        Ok(size)
    }
}

/// A component's journal, and what stands in the log and not in it yet.
fn read<S: Clone, E: PartialEq + Clone>(book: &Mutex<Book<S, E>>) -> Result<(S, Vec<E>), Problem> {
    let book = book.lock().map_err(|_| POISONED)?;
    Ok((book.journal.clone(), book.ahead()))
}

/// Unless the journal has got there meanwhile.
fn add<E: PartialEq>(acts: &mut Vec<E>, ahead: Vec<E>) {
    if ahead.iter().all(|act| !acts.contains(act)) {
        acts.extend(ahead);
    }
}

/// The thread that does so.
#[derive(Debug)]
pub(super) struct Keeper {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(super) fn start(source: Source, from: u64) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(0);
        let thread = thread::Builder::new()
            .name("stack-snapshots".to_owned())
            .spawn(move || {
                let mut at = from;
                loop {
                    let ended = stopped.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout);
                    let size = source.audit.reader().size().unwrap_or(at);
                    let due = size.saturating_sub(at);
                    if due >= EVERY || (ended && due > 0) {
                        match source.shoot() {
                            Ok(to) => at = to,
                            Err(problem) => {
                                // Opening reads on from the one before. Tried again after as many entries.
                                at = size;
                                let told = problem.to_string();
                                let entry = Entry::event("snapshot_failed").reason_lossy(&told);
                                drop(source.audit.log(entry));
                            }
                        }
                    }
                    if ended {
                        return;
                    }
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has cost a snapshot, and no entry.
            drop(thread.join());
        }
    }
}
