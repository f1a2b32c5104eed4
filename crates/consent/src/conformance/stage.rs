//! Ledgers over stores, and the histories that they make: whatever events there are, the suite takes them as they come.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;

use super::{StoreFixture, done, replayed};
use crate::event::Event;
use crate::id::{GrantorId, Revision};
use crate::store::{ClockMark, ConsentStore, StoreError};
use crate::{
    ConsentGate, ConsentLedger, ConsentQuery, Extent, Grant, ManualClock, MemoryStore, Notice,
    RecordFilter,
};

pub(super) const START: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
pub(super) const HOUR: Duration = Duration::from_secs(3_600);

/// A gate and its ledger.
pub(super) struct Stage {
    pub(super) gate: ConsentGate,
    pub(super) ledger: ConsentLedger,
}

impl Stage {
    pub(super) fn over(store: impl ConsentStore, clock: &ManualClock) -> Result<Self, String> {
        let builder = ConsentGate::builder().clock(clock.clone()).store(store);
        let (gate, ledger) = done("build", builder.build())?;
        Ok(Self { gate, ledger })
    }

    pub(super) fn give(&self, grant: Grant) -> Result<Revision, String> {
        done("record", self.ledger.record(grant)).map(|record| record.revision())
    }

    /// What `bot` is told that asks for this data, for support.
    pub(super) fn code(&self, data_type: &str) -> Result<&'static str, String> {
        Ok(self.gate.check(&ask("bot", data_type, "support")?).code())
    }

    /// Does something of every kind.
    pub(super) fn work(&self, clock: &ManualClock) -> Result<(), String> {
        let two_hours = time::Duration::nanoseconds(7_200_000_000_001);
        let notice = Notice::new(id("v1")?, [7; 32].into());
        let grants = [
            grant("user")?
                .expires_at(START.saturating_add(two_hours))
                .notice(notice)
                .method(id("form, with `\"quotes\"`, ünïcode, and \\ more")?),
            grant("orders")?
                .subject(id("ada")?)
                .operation(id("read")?)
                .valid_from(START.saturating_add(time::Duration::HOUR)),
            Grant::blanket(id("bot")?, id("mail")?, by()?),
            Grant::new(id("bee")?, id("user")?, id("support")?, by()?),
        ];
        for grant in grants {
            self.give(grant)?;
            clock.advance(Duration::from_nanos(1));
        }
        let ledger = &self.ledger;
        let part = Extent::new(id("bot")?, id("user.contact")?).purpose(id("support")?);
        done("withdraw", ledger.withdraw(part, by()?))?;
        let never = Extent::new(id("bot")?, id("health")?);
        done("refuse", ledger.refuse(never, None))?;
        done("withdraw", ledger.withdraw_agent(id("bee")?, None))?;
        done("withdraw", ledger.withdraw_subject(id("ada")?, by()?))?;
        let checked = ledger.accept_clock(id("ops@example.com")?, "checked");
        done("accept", checked)?;
        self.give(grant("orders")?)?;
        Ok(())
    }

    /// All that can be seen of it, line by line.
    pub(super) fn seen(&self) -> Result<Vec<String>, String> {
        let mut seen = Vec::new();
        for agent in ["bot", "bee", "nobody"] {
            for data_type in ["user", "user.contact", "orders", "mail", "health"] {
                for purpose in ["support", "ads"] {
                    let query = ask(agent, data_type, purpose)?;
                    for query in [
                        query.clone(),
                        query.subject(id("ada")?).operation(id("read")?),
                    ] {
                        let decision = self.gate.check(&query);
                        let (code, reason) = (decision.code(), decision.reason());
                        let by = decision.record().map(crate::ConsentRecord::revision);
                        seen.push(format!("{code} {reason} by {by:?} at {}", decision.at()));
                    }
                }
            }
        }
        let standing = RecordFilter {
            in_force: true,
            ..RecordFilter::default()
        };
        for filter in [RecordFilter::default(), standing] {
            let records = self.ledger.records(&filter);
            let kinds = records
                .iter()
                .map(|record| (record.revision(), record.kind()));
            seen.extend(kinds.map(|kind| format!("{kind:?}")));
        }
        Ok(seen)
    }
}

pub(super) fn id<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> Result<T, String> {
    done(text, text.parse())
}

fn by() -> Result<GrantorId, String> {
    id("admin@example.com")
}

/// Consent that `bot` uses data of this type for support.
pub(super) fn grant(data_type: &str) -> Result<Grant, String> {
    Ok(Grant::new(
        id("bot")?,
        id(data_type)?,
        id("support")?,
        by()?,
    ))
}

fn ask(agent: &str, data_type: &str, purpose: &str) -> Result<ConsentQuery, String> {
    Ok(ConsentQuery::new(id(agent)?, id(data_type)?).purpose(id(purpose)?))
}

/// As many events of a ledger's history, which can be told apart, also from those of another `variant`.
pub(super) fn history(len: usize, variant: &str) -> Result<Vec<Event>, String> {
    let (memory, clock) = (MemoryStore::default(), ManualClock::new(START));
    let stage = Stage::over(memory.clone(), &clock)?;
    for number in 0..len {
        clock.advance(Duration::from_nanos(1));
        let method = format!("{variant} {number}, with `\"quotes\"` and ünïcode");
        let agent = format!("bot-{number}");
        let grant = Grant::new(id(&agent)?, id("user")?, id("support")?, by()?);
        stage.give(grant.method(id(&method)?))?;
    }
    replayed(&memory, Revision::ZERO)
}

/// A store that the suite keeps a handle to while a ledger has it.
#[derive(Clone)]
pub(super) struct Shared(Arc<Box<dyn ConsentStore>>);

impl Shared {
    pub(super) fn open(fixture: &dyn StoreFixture) -> Self {
        Self(Arc::new(fixture.open()))
    }

    /// Ends it as the death of its process would, once nobody else has it.
    pub(super) fn crash(self, fixture: &dyn StoreFixture) -> Result<(), String> {
        let store = Arc::try_unwrap(self.0)
            .map_err(|_| "a ledger that was dropped has kept its store".to_owned())?;
        fixture.crash(store);
        Ok(())
    }
}

impl ConsentStore for Shared {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        self.0.append(expected, events)
    }

    fn replay(
        &self,
        after: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0.replay(after, each)
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        self.0.keep_mark(mark)
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        self.0.mark()
    }
}
