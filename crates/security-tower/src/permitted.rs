//! What the service inside sees of the permission under which it runs.

use std::sync::{Arc, Mutex, PoisonError};

use security_bundle::{Action, Decision, Obligation, Usage};

/// The permission under which a request runs, in its extensions. Cheap to clone.
///
/// The permit itself stays with the layer, so whatever a handler does with this, the action ends exactly once.
#[derive(Debug, Clone)]
pub struct Permitted(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    action: Action,
    decision: Decision,
    used: Mutex<Used>,
}

/// What the service has said that it used.
#[derive(Debug)]
enum Used {
    Unsaid,
    Said(Usage),
    /// Too late: the action has ended.
    Ended,
}

impl Permitted {
    pub(crate) fn new(action: Action, decision: Decision) -> Self {
        Self(Arc::new(Inner {
            action,
            decision,
            used: Mutex::new(Used::Unsaid),
        }))
    }

    /// The decision that permitted the request.
    pub fn decision(&self) -> &Decision {
        &self.0.decision
    }

    /// The id of the decision's entry in the audit log, as text; `None` where it is not there.
    #[must_use]
    pub fn record_id(&self) -> Option<String> {
        self.0.decision.record_id().map(|id| id.to_string())
    }

    /// What must still be done about it.
    pub fn obligations(&self) -> impl Iterator<Item = Obligation> {
        self.0.decision.obligations()
    }

    /// What is permitted, and to whom.
    #[must_use]
    pub fn action(&self) -> &Action {
        &self.0.action
    }

    /// To say what the request used.
    #[must_use]
    pub fn handle(&self) -> PermitHandle {
        PermitHandle(self.clone())
    }

    /// What was said, if anything; from here on it is too late to say more.
    pub(crate) fn end(&self) -> Option<Usage> {
        let mut used = self.0.used.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *used, Used::Ended) {
            Used::Said(usage) => Some(usage),
            Used::Unsaid | Used::Ended => None,
        }
    }
}

/// Says, from within a handler, what its request used.
#[derive(Debug, Clone)]
pub struct PermitHandle(Permitted);

/// The action has ended already, and what it used is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the action has ended already; say what it used before the response is returned, or settle at the end of its body"
)]
#[non_exhaustive]
pub struct PermitEnded;

impl PermitHandle {
    /// Says what the request used; the last word counts, and goes before the layer's own usage. What is not named settles
    /// at what was held.
    ///
    /// # Errors
    /// [`PermitEnded`] where the response is out already (or its body, where that is what the layer waits for). Nothing is
    /// changed then.
    pub fn set_usage(&self, usage: Usage) -> Result<(), PermitEnded> {
        let inner = &self.0.0;
        let mut used = inner.used.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*used, Used::Ended) {
            return Err(PermitEnded);
        }
        *used = Used::Said(usage);
        Ok(())
    }

    /// The permission itself.
    #[must_use]
    pub fn permitted(&self) -> &Permitted {
        &self.0
    }
}
