//! What goes into the log of a decision, and what it means where the log does not take it.

use std::sync::atomic::Ordering;

use audit_trail::{Entry, Ext, recordable};
use budget_enforcer::{Running, SessionId};
use trust_gate::AgentId;

use super::Core;
use crate::action::Action;
use crate::decision::{Fate, Made};
use crate::entries::{self, Held};
use crate::recorder::{RecordError, Recorded};

impl Core {
    /// Records the intent. A decision that was not recorded is a denial, unless the configuration says otherwise by name.
    pub(crate) fn record_decision(
        &self,
        action: &Action,
        made: &mut Made,
        running: Option<&Running>,
    ) -> Option<Recorded> {
        let rules = self.rules.load();
        let id = running.map(|running| running.id().to_string());
        let taken = id.as_deref().map_or(Held::Nothing, Held::Taken);
        let (entry, besides) = entries::decision(action, made, taken, &rules);
        let entry = match besides.map(|besides| Ext::encode(&besides)).transpose() {
            Ok(Some(ext)) => Ok(entry.ext(ext)),
            Ok(None) => Ok(entry),
            Err(error) => Err(RecordError::new(error)),
        };
        let recorded = entry.and_then(|entry| self.record(entry));
        let Ok(recorded) = recorded else {
            self.unrecorded(made);
            return None;
        };
        made.record_id = Some(recorded.id);
        Some(recorded)
    }

    /// Notes that a decision is not in the log.
    pub(crate) fn unrecorded(&self, made: &mut Made) {
        self.count_loss();
        made.record_id = None;
        if self.rules.load().audit_required || self.is_journal {
            made.fate = Fate::Unrecorded;
        }
    }

    /// Decides without holding anything, and records it.
    pub(crate) fn decide(&self, action: &Action) -> (Made, Option<Recorded>) {
        let (action, mut made) = self.look(action);
        let entry = self.record_decision(&action, &mut made, None);
        (made, entry)
    }

    /// Records an event beside the decisions.
    pub(crate) fn note(
        &self,
        event: &str,
        agent: &AgentId,
        session: Option<&SessionId>,
        detail: &str,
    ) -> Result<Recorded, RecordError> {
        let event = recordable(event);
        let mut entry = Entry::event(&event).agent(agent).reason_lossy(detail);
        if let Some(session) = session {
            entry = entry.session(session);
        }
        self.record(entry).inspect_err(|_| self.count_loss())
    }

    /// Counts an entry that the log did not take.
    pub(crate) fn count_loss(&self) {
        self.losses.fetch_add(1, Ordering::Relaxed);
        self.observers.lost();
    }

    /// Hands an entry to the recorder.
    pub(crate) fn record(&self, entry: Entry<'_>) -> Result<Recorded, RecordError> {
        self.recorder.record(entry)
    }
}
