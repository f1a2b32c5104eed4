//! Short words for the tests: ids from text, and a ledger with a clock that the test sets.

use consent::{
    ConsentConfig, ConsentGate, ConsentLedger, ConsentQuery, Extent, Grant, GrantorId, ManualClock,
    MemoryStore, Notice, NoticeHash, NoticePublication, OperatorId,
};
use time::OffsetDateTime;
use time::macros::datetime;

pub(crate) const START: OffsetDateTime = datetime!(2026-11-22 00:00 UTC);

pub(crate) struct House {
    pub(crate) gate: ConsentGate,
    pub(crate) ledger: ConsentLedger,
    pub(crate) clock: ManualClock,
    pub(crate) store: MemoryStore,
}

pub(crate) fn house() -> House {
    house_with(ConsentConfig::default())
}

pub(crate) fn permissive_house() -> House {
    let mut config = ConsentConfig::default();
    config.default_deny = false;
    house_with(config)
}

fn house_with(config: ConsentConfig) -> House {
    let (clock, store) = (ManualClock::new(START), MemoryStore::default());
    let builder = ConsentGate::builder()
        .config(config)
        .clock(clock.clone())
        .store(store.clone());
    let (gate, ledger) = builder.build().unwrap();
    House {
        gate,
        ledger,
        clock,
        store,
    }
}

impl House {
    pub(crate) fn code(&self, query: &ConsentQuery) -> &'static str {
        self.gate.check(query).code()
    }

    pub(crate) fn give(&self, grant: Grant) -> consent::Revision {
        self.ledger.record(grant).unwrap().revision()
    }

    pub(crate) fn publish(&self, publication: NoticePublication) -> consent::Publication {
        let published = self.ledger.publish_notice(publication, ops(), "a new text");
        published.unwrap()
    }

    pub(crate) fn withdraw(&self, extent: Extent) -> consent::Withdrawal {
        self.ledger.withdraw(extent, None).unwrap()
    }
}

/// Any id from text.
pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub(crate) fn by() -> GrantorId {
    id("admin@example.com")
}

pub(crate) fn grant(data_type: &str, purpose: &str) -> Grant {
    Grant::new(id("bot"), id(data_type), id(purpose), by())
}

pub(crate) fn blanket(data_type: &str) -> Grant {
    Grant::blanket(id("bot"), id(data_type), by())
}

pub(crate) fn ask(data_type: &str) -> ConsentQuery {
    ConsentQuery::new(id("bot"), id(data_type))
}

pub(crate) fn ask_for(data_type: &str, purpose: &str) -> ConsentQuery {
    ask(data_type).purpose(id(purpose))
}

pub(crate) fn all_of(data_type: &str) -> Extent {
    Extent::new(id("bot"), id(data_type))
}

pub(crate) fn part_of(data_type: &str, purpose: &str) -> Extent {
    all_of(data_type).purpose(id(purpose))
}

/// The notice `privacy` in this version.
pub(crate) fn notice(version: &str) -> Notice {
    Notice::new(id(version), hash(version)).named(id("privacy"))
}

/// A publication of that version, which requires renewal.
pub(crate) fn publication(version: &str) -> NoticePublication {
    NoticePublication::new(id("privacy"), id(version), hash(version))
}

fn hash(version: &str) -> NoticeHash {
    [version.bytes().last().unwrap(); 32].into()
}

pub(crate) fn ops() -> OperatorId {
    id("ops@example.com")
}
