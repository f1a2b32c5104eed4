//! The trust gate's journal: each act an entry first, and in force only then.

use audit_trail::{Entry, Kind};
use trust_gate::{ActKind, ClockMark, Event, OperatorId, Revision, StoreError, TrustStore};

use super::acts::UNNAMED;
use super::audited::Audited;
use super::line::LineOf;

impl TrustStore for Audited<trust_gate::MemoryStore, Event> {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        self.write_all(
            events,
            |event| (entry(event), LineOf::Trust(event)),
            |journal| journal.append(expected, events),
        )
        .map_err(StoreError::failed)?
    }

    fn replay(
        &self,
        after: Revision,
        visit: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.journal().replay(after, visit)
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        self.journal().keep_mark(mark)?;
        self.write_mark(LineOf::TrustMark(mark))
            .map_err(StoreError::failed)
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        self.journal().mark()
    }
}

fn entry(event: &Event) -> Entry<'_> {
    let kind = match event.act.kind() {
        ActKind::Configure => Kind::PolicyChange,
        _ => Kind::TrustChange,
    };
    let by = event.by.as_ref().map_or(UNNAMED, OperatorId::as_str);
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
