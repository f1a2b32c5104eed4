//! What sessions are limited to: a template for those that are opened, and an upper bound for those that are open.

use std::slice;
use std::sync::{Arc, MutexGuard};

use crate::amounts::Limits;
use crate::charge::Envelope;
use crate::engine::Engine;
use crate::error::{BudgetError, Poisoned};
use crate::journal::StoreError;
use crate::moment::Moment;
use crate::path::Path;
use crate::plain::Caps;
use crate::tree::{Tree, TreeState};

/// The template in force. Changes with the registry locked, so that no session is opened meanwhile.
#[derive(Debug)]
pub(crate) struct Template {
    /// `None`: there are no new sessions.
    caps: Option<Arc<Caps>>,
    /// An operator set it: then it counts whatever the configuration says.
    pub(crate) is_set: bool,
}

impl Template {
    /// That of the configuration.
    pub(crate) fn configured(limits: Option<Limits>) -> Self {
        Self {
            caps: limits.map(|limits| Arc::new(Caps::of_session(limits))),
            is_set: false,
        }
    }

    /// One that an operator set.
    pub(crate) fn set(limits: Option<Limits>) -> Self {
        Self {
            is_set: true,
            ..Self::configured(limits)
        }
    }

    pub(crate) fn limits(&self) -> Option<Limits> {
        self.caps.as_ref().map(|caps| caps.limits)
    }

    /// The caps of a session of these limits: those that all sessions have are kept once.
    pub(crate) fn caps(&self, limits: Limits) -> Arc<Caps> {
        match &self.caps {
            Some(caps) if caps.limits == limits => Arc::clone(caps),
            Some(_) | None => Arc::new(Caps::of_session(limits)),
        }
    }
}

/// A session's tree, locked.
struct Open<'a> {
    tree: &'a Arc<Tree>,
    state: MutexGuard<'a, TreeState>,
}

impl Open<'_> {
    /// Its limits as they would be under `limits`, where they are above.
    fn lowered(&self, limits: &Limits) -> Option<Limits> {
        let old = self.state.root.limits();
        Some(old.tighter(limits)).filter(|lowered| lowered != old)
    }
}

impl Engine {
    /// Sets the template, and lowers what open sessions have above it; `write` has the last word. All sessions are locked meanwhile: what is
    /// booked on them comes before the act, or is judged by it.
    pub(crate) fn set_template<T>(
        &self,
        limits: Option<Limits>,
        wall: Moment,
        write: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, BudgetError> {
        if limits.is_some_and(|limits| limits.is_none()) {
            return Err(BudgetError::NoLimit {
                what: "the session template".to_owned(),
            });
        }
        let registry = self.registry.write().map_err(|_| Poisoned)?;
        let sessions = registry
            .iter()
            .filter(|tree| matches!(tree.root, Envelope::Session(_)));
        let mut sessions = sessions
            .map(|tree| tree.lock().map(|state| Open { tree, state }))
            .collect::<Result<Vec<_>, Poisoned>>()?;
        match write() {
            Ok(written) => {
                let template = Template::set(limits);
                self.lower(&mut sessions, &template, limits, wall);
                self.template.store(Arc::new(template));
                Ok(written)
            }
            Err(error) => {
                let old = self.template.load().limits();
                // No template at all may be less or more, according to who asks: that is stored or not done.
                let (Some(old), Some(new)) = (old, limits) else {
                    return Err(BudgetError::Store(error));
                };
                let narrowed = old.tighter(&new);
                let is_above = |open: &Open<'_>| open.lowered(&new).is_some();
                if narrowed == old && !sessions.iter().any(is_above) {
                    return Err(BudgetError::Store(error));
                }
                let template = Template::set(Some(narrowed));
                self.lower(&mut sessions, &template, limits, wall);
                self.template.store(Arc::new(template));
                Err(BudgetError::NotStored(error))
            }
        }
    }

    fn lower(
        &self,
        sessions: &mut [Open<'_>],
        template: &Template,
        limits: Option<Limits>,
        wall: Moment,
    ) {
        let Some(limits) = limits else {
            return;
        };
        // Sessions of one template before have the same limits after.
        let mut last = template.caps(limits);
        for open in sessions {
            let Some(lowered) = open.lowered(&limits) else {
                continue;
            };
            if last.limits != lowered {
                last = template.caps(lowered);
            }
            let path = Path::Lone(Arc::clone(open.tree));
            let state = slice::from_mut(&mut open.state);
            let mut locked = self.core.locked(&path, state, wall);
            locked.lower(Arc::clone(&last));
        }
    }
}
