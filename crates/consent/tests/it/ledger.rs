//! What the ledger takes, what it refuses, and how it looks back.

use std::time::Duration;

use consent::{
    ConsentError, Event, Extent, Grant, Notice, NoticeHash, RecordFilter, RecordKind, Revision,
};
use time::macros::datetime;

use crate::support::{START, all_of, ask, ask_for, blanket, by, grant, house, id};

#[test]
fn a_record_holds_all_that_was_given() {
    let house = house();
    let notice = Notice::new(id("v7"), NoticeHash::from([0xab; 32]));
    let (from, until) = (
        datetime!(2027-01-01 2:00 +2),
        datetime!(2028-01-01 0:00 UTC),
    );
    let given = grant("user", "support")
        .subject(id("ada"))
        .operation(id("read"))
        .valid_from(from)
        .expires_at(until);
    let record = house
        .ledger
        .record(given.notice(notice.clone()).method(id("web-form")))
        .unwrap();
    let extent = Extent::new(id("bot"), id("user"))
        .purpose(id("support"))
        .subject(id("ada"))
        .operation(id("read"));
    assert_eq!(record.extent(), &extent);
    assert_eq!(record.kind(), RecordKind::Given);
    assert_eq!(record.by(), Some(&by()));
    assert_eq!(record.at(), START);
    assert_eq!(record.valid_from(), Some(datetime!(2027-01-01 0:00 UTC)));
    assert_eq!(record.expires_at(), Some(until));
    assert_eq!(record.notice(), Some(&notice));
    assert_eq!(record.method(), Some(&id("web-form")));
    assert_eq!(record.record_id().as_uuid().get_version_num(), 7);
}

#[test]
fn an_agent_cannot_give_consent_to_itself() {
    let house = house();
    let refused = house
        .ledger
        .record(Grant::new(id("bot"), id("user"), id("support"), id("bot")));
    assert!(matches!(refused, Err(ConsentError::SelfGrant { .. })));
    assert_eq!(house.ledger.revision(), Revision::ZERO);
    assert_eq!(house.code(&ask_for("user", "support")), "no_record");
}

#[test]
fn an_agent_may_withdraw_from_itself() {
    let house = house();
    house.give(blanket("user"));
    house
        .ledger
        .withdraw(all_of("user"), id::<consent::GrantorId>("bot"))
        .unwrap();
    assert_eq!(house.code(&ask("user")), "withdrawn");
}

#[test]
fn a_grant_that_ends_before_it_begins_is_refused() {
    let house = house();
    let refused = house
        .ledger
        .record(grant("user", "support").valid_from(START).expires_at(START));
    assert!(matches!(refused, Err(ConsentError::EmptyWindow)));
    assert!(house.ledger.history(Revision::ZERO).is_empty());
}

#[test]
fn a_time_that_no_journal_can_write_is_refused() {
    let house = house();
    for at in [datetime!(-1-01-01 0:00 UTC), datetime!(9999-12-31 23:59 -2)] {
        let refused = house.ledger.record(grant("user", "support").expires_at(at));
        assert!(
            matches!(
                refused,
                Err(ConsentError::TimeOutOfRange {
                    field: "expires_at"
                })
            ),
            "{at}"
        );
    }
    assert!(house.ledger.history(Revision::ZERO).is_empty());
}

#[test]
fn withdrawing_what_was_never_given_records_a_refusal() {
    let house = house();
    let withdrawal = house.withdraw(all_of("user"));
    assert_eq!(withdrawal.record().kind(), RecordKind::Refused);
    assert!(withdrawal.matched().is_empty());
    assert_eq!(house.code(&ask("user")), "refused");
}

#[test]
fn a_withdrawal_says_what_it_matched_and_the_next_one_matches_nothing_more() {
    let house = house();
    house.give(grant("user", "support").expires_at(START + Duration::from_secs(5)));
    let wide = house.ledger.record(blanket("user")).unwrap();
    house.give(grant("orders", "support"));
    house.clock.advance(Duration::from_secs(5));
    let withdrawal = house.withdraw(all_of("user.contact"));
    assert_eq!(withdrawal.record().kind(), RecordKind::Withdrawn);
    assert_eq!(withdrawal.matched(), std::slice::from_ref(&wide));
    assert_eq!(house.withdraw(all_of("user")).matched(), [wide]); // something of it was left
    let again = house.withdraw(all_of("user"));
    assert!(again.matched().is_empty());
    assert_eq!(again.record().kind(), RecordKind::Withdrawn); // it had been given once
}

#[test]
fn lists_records_by_extent_kind_and_time() {
    let house = house();
    house.give(grant("user.contact", "support"));
    house.clock.advance(Duration::from_secs(60));
    house.give(grant("orders", "marketing").subject(id("ada")));
    house.withdraw(all_of("user"));
    let revisions = |filter: RecordFilter| -> Vec<u64> {
        house
            .ledger
            .records(&filter)
            .iter()
            .map(|record| record.revision().as_u64())
            .collect()
    };
    let all = RecordFilter::default;
    assert_eq!(revisions(all()), [1, 2, 3]);
    assert_eq!(
        revisions(RecordFilter {
            extent: Extent::of_agent(id("bee")),
            ..all()
        }),
        [0; 0]
    );
    assert_eq!(
        revisions(RecordFilter {
            extent: all_of("user.contact.email"),
            ..all()
        }),
        [1, 3]
    );
    assert_eq!(
        revisions(RecordFilter {
            extent: Extent::of_subject(id("bob")),
            ..all()
        }),
        [1, 3]
    );
    assert_eq!(
        revisions(RecordFilter {
            kind: Some(RecordKind::Withdrawn),
            ..all()
        }),
        [3]
    );
    assert_eq!(
        revisions(RecordFilter {
            in_force: true,
            ..all()
        }),
        [2]
    );
    let minute = START + Duration::from_secs(60);
    assert_eq!(
        revisions(RecordFilter {
            since: Some(minute),
            ..all()
        }),
        [2, 3]
    );
    assert_eq!(
        revisions(RecordFilter {
            until: Some(minute),
            ..all()
        }),
        [1]
    );
}

#[test]
fn in_force_leaves_out_what_has_lapsed_or_not_begun() {
    let house = house();
    house.give(grant("a", "support").expires_at(START + Duration::from_secs(5)));
    house.give(grant("b", "support").valid_from(START + Duration::from_secs(5)));
    let in_force = RecordFilter {
        in_force: true,
        ..RecordFilter::default()
    };
    let revision = || {
        house
            .ledger
            .records(&in_force)
            .iter()
            .map(|record| record.revision().as_u64())
            .next()
    };
    assert_eq!(revision(), Some(1));
    house.clock.advance(Duration::from_secs(5));
    assert_eq!(revision(), Some(2));
}

#[test]
fn history_holds_every_act_in_order_and_nothing_is_deleted() {
    let house = house();
    house.give(grant("user", "support"));
    house.withdraw(all_of("user"));
    house
        .ledger
        .accept_clock(id("ops@example.com"), "checked")
        .unwrap();
    house.give(grant("user", "support"));
    let history = house.ledger.history(Revision::ZERO);
    let revisions: Vec<u64> = history
        .iter()
        .map(|event| event.revision().as_u64())
        .collect();
    assert_eq!(revisions, [1, 2, 3, 4]);
    let Event::ClockAccepted(accepted) = &history[2] else {
        panic!("not the clock: {:?}", history[2])
    };
    assert_eq!(
        (accepted.by.as_str(), accepted.reason.as_str()),
        ("ops@example.com", "checked")
    );
    assert_eq!(house.ledger.history(history[1].revision()), history[2..]);
    assert!(house.ledger.history(house.ledger.revision()).is_empty());
}

#[test]
fn a_gate_made_later_sees_the_same() {
    let house = house();
    house.give(grant("user", "support"));
    assert!(
        house
            .ledger
            .gate()
            .check(&ask_for("user", "support"))
            .allowed()
    );
}

#[test]
fn keeps_apart_a_thousand_agents_and_subjects() {
    let house = house();
    for n in 0..1000 {
        let agent = id(&format!("agent-{n}"));
        house.give(
            Grant::new(agent, id("user"), id(&format!("p{n}")), by()).subject(id(&format!("s{n}"))),
        );
    }
    for n in 0..1000 {
        let ask = |purpose: usize, subject: usize| {
            let query = consent::ConsentQuery::new(id(&format!("agent-{n}")), id("user"));
            query
                .purpose(id(&format!("p{purpose}")))
                .subject(id(&format!("s{subject}")))
        };
        assert_eq!(house.code(&ask(n, n)), "consent_granted");
        assert_eq!(house.code(&ask(n + 1, n)), "purpose_not_covered");
        assert_eq!(house.code(&ask(n, n + 1)), "no_record");
    }
}
