//! What can happen to a ledger, made at random.

use proptest::prelude::*;
use proptest::sample::select;

use super::reference::Named;

pub(super) const AGENTS: [&str; 2] = ["bot", "bee"];
pub(super) const DATA: [&str; 5] = [
    "user",
    "user.contact",
    "user.contact.email",
    "user.contacts",
    "orders",
];
pub(super) const PURPOSES: [&str; 4] = [
    "support",
    "support.billing",
    "support.billing.eu",
    "marketing",
];
pub(super) const SUBJECTS: [&str; 2] = ["ada", "bob"];
pub(super) const OPERATIONS: [&str; 2] = ["read", "share"];

#[derive(Debug, Clone)]
pub(super) enum Step {
    Give {
        named: Named,
        from: Option<i64>,
        lasts: Option<i64>,
        version: Option<u8>,
        guardian: bool,
    },
    /// Renews the consent that lies so many acts back.
    Renew {
        back: usize,
        lasts: Option<i64>,
        version: Option<u8>,
    },
    Publish {
        version: u8,
        requires_renewal: bool,
    },
    Withdraw(Named),
    WithdrawOnBehalf(Named),
    Refuse(Named),
    /// Time passes, for wall and elapsed time alike, in nanoseconds.
    Pass(i64),
    /// Wall time alone is moved, in nanoseconds.
    Set(i64),
    AcceptClock,
    Reopen,
    Ask(Vec<Named>),
}

pub(super) fn maybe(
    names: &'static [&'static str],
    of_ten: u32,
) -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![10 - of_ten => Just(None), of_ten => select(names).prop_map(Some)]
}

/// What a withdrawal may name: anything, and every part of it may be left out.
pub(super) fn named() -> impl Strategy<Value = Named> {
    (
        maybe(&AGENTS, 9),
        maybe(&DATA, 9),
        maybe(&PURPOSES, 7),
        maybe(&SUBJECTS, 4),
        maybe(&OPERATIONS, 2),
    )
        .prop_map(|(agent, data, purpose, subject, operation)| Named {
            agent,
            data,
            purpose,
            subject,
            operation,
        })
}

/// What a grant or a query may name: always an agent and data.
pub(super) fn asked() -> impl Strategy<Value = Named> {
    (named(), select(&AGENTS[..]), select(&DATA[..])).prop_map(|(named, agent, data)| Named {
        agent: Some(agent),
        data: Some(data),
        ..named
    })
}

pub(super) const SECOND: i64 = 1_000_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;
pub(super) const CENTURY: i64 = 36_525 * DAY;

pub(super) fn version() -> impl Strategy<Value = Option<u8>> {
    prop::option::weighted(0.6, 1..4u8)
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let lasts = || prop::option::weighted(0.4, 1..80i64);
    prop_oneof![
        8 => (asked(), prop::option::weighted(0.2, -50..50i64), lasts(), version(), prop::bool::weighted(0.2))
            .prop_map(|(named, from, lasts, version, guardian)| Step::Give { named, from, lasts, version, guardian }),
        3 => (1..8usize, lasts(), version()).prop_map(|(back, lasts, version)| Step::Renew { back, lasts, version }),
        2 => (1..4u8, any::<bool>()).prop_map(|(version, requires_renewal)| Step::Publish { version, requires_renewal }),
        3 => named().prop_map(Step::Withdraw),
        1 => named().prop_map(Step::WithdrawOnBehalf),
        2 => named().prop_map(Step::Refuse),
        3 => (1..60i64).prop_map(|seconds| Step::Pass(seconds * SECOND)),
        3 => (-200..200i64).prop_map(|seconds| Step::Set(seconds * SECOND)),
        2 => select(&[-1, -DAY, CENTURY, 1, DAY][..]).prop_map(Step::Set),
        1 => Just(Step::AcceptClock),
        1 => Just(Step::Reopen),
        6 => prop::collection::vec(asked(), 4).prop_map(Step::Ask),
    ]
}
