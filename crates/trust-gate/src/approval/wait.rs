//! Waiting for an answer without a runtime: operators' acts wake the future, and a thread tells it when its time is up.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::thread;

use crate::approval::{Approval, ApprovalError, ApprovalId, ApprovalState, Approvals, Bell};
use crate::error::TrustError;
use crate::ledger::Ledger;

/// The answer to come, from [`Approvals::wait`].
#[derive(Debug)]
#[must_use = "a future does nothing until it is awaited"]
pub struct ApprovalWait {
    approvals: Approvals,
    id: ApprovalId,
    /// Its number at the bell, once it was asked.
    enrolled: Option<u64>,
}

impl ApprovalWait {
    pub(super) const fn new(approvals: Approvals, id: ApprovalId) -> Self {
        Self {
            approvals,
            id,
            enrolled: None,
        }
    }
}

impl Future for ApprovalWait {
    type Output = Result<Approval, TrustError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ledger = Arc::clone(&self.approvals.0.0);
        // Others' code, like dropping one: not under the lock.
        let waker = context.waker().clone();
        let mut waiting = ledger.bell.lock();
        // Looked at under the bell's lock, so that no ring is missed in between.
        let Some(approval) = self.approvals.get(self.id) else {
            return Poll::Ready(Err(ApprovalError::NotFound(self.id).into()));
        };
        if approval.state != ApprovalState::Pending {
            return Poll::Ready(Ok(approval));
        }
        if !waiting.is_watched {
            let (bell, ledger) = (Arc::clone(&ledger.bell), Arc::downgrade(&ledger));
            let watch = thread::Builder::new()
                .name("approvals".to_owned())
                .spawn(move || watch(&bell, &ledger));
            if let Err(error) = watch {
                return Poll::Ready(Err(ApprovalError::NoTimer(error.to_string()).into()));
            }
            waiting.is_watched = true;
        }
        let number = *self.enrolled.get_or_insert_with(|| waiting.enrol());
        let forgotten = waiting.wake_later(number, waker);
        drop(waiting);
        drop(forgotten);
        Poll::Pending
    }
}

impl Drop for ApprovalWait {
    fn drop(&mut self) {
        if let Some(number) = self.enrolled {
            self.approvals.0.0.bell.leave(number);
        }
    }
}

/// Wakes those whose time is up, until nobody waits. Between glances it holds no gate, so that none outlives its handles.
fn watch(bell: &Bell, ledger: &Weak<Ledger>) {
    let _watching = Watching(bell);
    loop {
        let waiting = bell.doze(bell.lock());
        if waiting.is_empty() {
            return;
        }
        drop(waiting);
        let Some(ledger) = ledger.upgrade() else {
            return;
        };
        if ledger.has_overdue_approvals() {
            bell.ring();
        }
    }
}

/// However the thread ends, whoever still waits is woken and has another one watch.
struct Watching<'a>(&'a Bell);

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.lock().is_watched = false;
        self.0.ring();
    }
}
