//! The components' journals, audited: an act that is not in the log is not in force, unless it takes something away
//! (design: security-bundle, rules 6 and 7).

use std::sync::{Arc, Mutex};

use audit_trail::{Entry, Ext, Kind};
use budget_enforcer::OperatorId;
use serde::Serialize;

use crate::recorder::{RecordError, Recorder};

/// Stands for whoever acted without a name.
const UNNAMED: &str = "unnamed";

/// Records administrative acts in the audit log before a component's journal takes them.
#[derive(Clone)]
pub(crate) struct Acts(Arc<dyn Recorder>);

impl Acts {
    pub(crate) fn new(recorder: Arc<dyn Recorder>) -> Self {
        Self(recorder)
    }

    /// Returns only once the entry is stored: acts are rare, and whoever made one waits for it.
    fn record(&self, entry: Entry<'_>, event: &impl Serialize) -> Result<(), RecordError> {
        let event = serde_json::to_value(event).map_err(|error| RecordError(Box::new(error)))?;
        let ext = Ext::encode(&event).map_err(|error| RecordError(Box::new(error)))?;
        let recorded = self.0.record(entry.ext(ext))?;
        if recorded.stored {
            return Ok(());
        }
        self.0.wait(&recorded)
    }
}

/// A component's journal whose acts are in the audit log first.
pub(crate) struct Audited<S, E> {
    acts: Acts,
    journal: S,
    /// Acts that are in the log already, though not all that came with them: a component hands those over again.
    recorded: Mutex<Vec<E>>,
}

impl<S, E: PartialEq + Clone + Serialize> Audited<S, E> {
    pub(crate) fn new(acts: Acts, journal: S) -> Self {
        Self {
            acts,
            journal,
            recorded: Mutex::default(),
        }
    }

    /// Records each act once, however often it is handed over.
    fn record_all<'a>(
        &self,
        events: &'a [E],
        entry: impl Fn(&'a E) -> Entry<'a>,
    ) -> Result<(), RecordError> {
        let poisoned =
            |_| RecordError("an earlier panic left the list of recorded acts unusable".into());
        let mut recorded = self.recorded.lock().map_err(poisoned)?;
        for event in events {
            if !recorded.contains(event) {
                self.acts.record(entry(event), event)?;
                recorded.push(event.clone());
            }
        }
        recorded.clear();
        Ok(())
    }
}

impl<S: trust_gate::TrustStore> trust_gate::TrustStore for Audited<S, trust_gate::Event> {
    fn append(
        &self,
        expected: trust_gate::Revision,
        events: &[trust_gate::Event],
    ) -> Result<(), trust_gate::StoreError> {
        self.record_all(events, trust_entry)
            .map_err(trust_gate::StoreError::failed)?;
        self.journal.append(expected, events)
    }

    fn replay(
        &self,
        after: trust_gate::Revision,
        visit: &mut dyn FnMut(trust_gate::Event) -> Result<(), trust_gate::StoreError>,
    ) -> Result<(), trust_gate::StoreError> {
        self.journal.replay(after, visit)
    }

    fn keep_mark(&self, mark: trust_gate::ClockMark) -> Result<(), trust_gate::StoreError> {
        self.journal.keep_mark(mark)
    }

    fn mark(&self) -> Result<Option<trust_gate::ClockMark>, trust_gate::StoreError> {
        self.journal.mark()
    }
}

impl<S: consent::ConsentStore> consent::ConsentStore for Audited<S, consent::Event> {
    fn append(
        &self,
        expected: consent::Revision,
        events: &[consent::Event],
    ) -> Result<(), consent::StoreError> {
        self.record_all(events, consent_entry)
            .map_err(|error| consent::StoreError::Failed(Box::new(error)))?;
        self.journal.append(expected, events)
    }

    fn replay(
        &self,
        after: consent::Revision,
        each: &mut dyn FnMut(consent::Event) -> Result<(), consent::StoreError>,
    ) -> Result<(), consent::StoreError> {
        self.journal.replay(after, each)
    }

    fn keep_mark(&self, mark: consent::ClockMark) -> Result<(), consent::StoreError> {
        self.journal.keep_mark(mark)
    }

    fn mark(&self) -> Result<Option<consent::ClockMark>, consent::StoreError> {
        self.journal.mark()
    }
}

fn trust_entry(event: &trust_gate::Event) -> Entry<'_> {
    let kind = match event.act.kind() {
        trust_gate::ActKind::Configure => Kind::PolicyChange,
        _ => Kind::TrustChange,
    };
    let by = event
        .by
        .as_ref()
        .map_or(UNNAMED, trust_gate::OperatorId::as_str);
    let mut entry = Entry::admin(kind, by)
        .named(event.act.kind().code())
        .at(event.at);
    if !event.reason.is_empty() {
        entry = entry.reason_lossy(&event.reason);
    }
    if let Some((agent, scope)) = event.act.subject() {
        entry = entry.agent(agent);
        if !scope.is_root() {
            entry = entry.scope(scope.as_str());
        }
    }
    entry
}

fn consent_entry(event: &consent::Event) -> Entry<'_> {
    let by = match event {
        consent::Event::Recorded(record) => record.by().map(consent::GrantorId::as_str),
        consent::Event::ClockAccepted(accepted) => Some(accepted.by.as_str()),
        consent::Event::NoticePublished(published) => Some(published.by.as_str()),
        _ => None,
    };
    // Withdrawing needs no name, so an entry without an operator is that of a person who gave none.
    let entry = Entry::admin(Kind::ConsentChange, by.unwrap_or(UNNAMED)).at(event.at());
    match event {
        consent::Event::Recorded(record) => {
            let entry = entry.named(record.kind().code());
            match &record.extent().agent {
                Some(agent) => entry.agent(agent),
                None => entry,
            }
        }
        consent::Event::ClockAccepted(accepted) => {
            entry.named("accept_clock").reason_lossy(&accepted.reason)
        }
        consent::Event::NoticePublished(published) => entry
            .named("publish_notice")
            .reason_lossy(&published.reason),
        _ => entry,
    }
}

/// The budgets' acts of operators. What is spent stands in the log already: in the intent that holds it and the outcome that
/// settles it.
pub(crate) struct BudgetActs(pub(crate) Acts);

impl budget_enforcer::BudgetJournal for BudgetActs {
    fn keeps_spending(&self) -> bool {
        false
    }

    fn append(
        &self,
        _: budget_enforcer::Revision,
        events: &[budget_enforcer::Event],
    ) -> Result<(), budget_enforcer::StoreError> {
        for event in events {
            let by = event.by.as_ref().map_or(UNNAMED, OperatorId::as_str);
            let mut entry = Entry::admin(Kind::BudgetChange, by)
                .named(act_code(&event.act))
                .at(event.at);
            if let Some(note) = &event.note {
                entry = entry.reason_lossy(note);
            }
            self.0
                .record(entry, event)
                .map_err(budget_enforcer::StoreError::failed)?;
        }
        Ok(())
    }

    /// Budgets in memory begin anew with each process.
    fn replay(
        &self,
        _: budget_enforcer::Revision,
        _: &mut dyn FnMut(budget_enforcer::Event) -> Result<(), budget_enforcer::StoreError>,
    ) -> Result<(), budget_enforcer::StoreError> {
        Ok(())
    }
}

fn act_code(act: &budget_enforcer::Act) -> &'static str {
    use budget_enforcer::Act;
    match act {
        Act::BudgetCreated { .. } => "create_budget",
        Act::LimitsUpdated { .. } => "update_limit",
        Act::Suspended { .. } => "suspend",
        Act::Resumed { .. } => "resume",
        Act::Closed { .. } => "close",
        Act::ClockAccepted { .. } => "accept_clock",
        _ => "budget_change",
    }
}
