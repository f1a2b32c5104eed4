//! Queries, against the slow obvious way: read everything, keep what matches, cut the page.

use audit_trail::{
    Action, AuditError, AuditLog, AuditReader, Cursor, DecisionFields, Entry, Ext, Filter, Kind,
    Order, Outcome, Record,
};
use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;

use crate::{fixed_log, log_of};

const AGENTS: [&str; 3] = ["a", "b", "quo\"te"];
const SESSIONS: [&str; 3] = ["s1", "s2", "a"];

/// A log of decisions and events that differ in everything a filter can ask for.
fn varied(n: usize) -> AuditLog {
    let (log, clock) = fixed_log();
    for i in 0..n {
        clock.advance(Duration::MINUTE);
        let (agent, session) = (AGENTS[i % 3], SESSIONS[i / 3 % 3]);
        let name = format!("tool-{}", i % 4);
        let resource = format!("r{}", i % 5);
        let outcome = Outcome::ALL[i % 3];
        let entry = match i % 7 {
            0 => Entry::event("tick").session(session),
            1 => Entry::admin(Kind::TrustChange, "ops@example.com").reason("pilot"),
            _ => Entry::decision(DecisionFields::new(
                outcome,
                if i % 2 == 0 { "even" } else { "odd" },
            ))
            .agent(agent)
            .session(session)
            .resource(&resource)
            .action(Action {
                name: name.as_str().into(),
                action_type: (i % 2 == 0).then(|| "write".into()),
                ..Action::default()
            })
            .ext(Ext::encode(&serde_json::json!({ "i": i % 6 })).unwrap()),
        };
        log.log(entry).unwrap();
    }
    log
}

fn indexes(records: &[Record]) -> Vec<u64> {
    records.iter().map(Record::index).collect()
}

/// A condition as a filter and as a plain function.
type Condition = (fn(Filter) -> Filter, fn(&Record) -> bool);

const CONDITIONS: [Condition; 14] = [
    (|f| f.agent("a"), |r| r.agent() == Some("a")),
    (
        |f| f.agent("a").agent("quo\"te"),
        |r| matches!(r.agent(), Some("a" | "quo\"te")),
    ),
    (|f| f.session("s2"), |r| r.session() == Some("s2")),
    (
        |f| f.outcome(Outcome::Deny).outcome(Outcome::AllowWithCaveat),
        |r| matches!(r.outcome(), Some(Outcome::Deny | Outcome::AllowWithCaveat)),
    ),
    (|f| f.kind(Kind::Event), |r| r.kind() == Kind::Event),
    (
        |f| f.action("tool-1"),
        |r| r.action().is_some_and(|a| a.name == "tool-1"),
    ),
    (
        |f| f.action_type("write"),
        |r| {
            r.action()
                .is_some_and(|a| a.action_type.as_deref() == Some("write"))
        },
    ),
    (|f| f.resource("r3"), |r| r.resource() == Some("r3")),
    (
        |f| f.reason_code("odd"),
        |r| r.decision().is_some_and(|d| d.reason_code == "odd"),
    ),
    (
        |f| f.operator("ops@example.com"),
        |r| r.operator() == Some("ops@example.com"),
    ),
    (
        |f| f.ext("i", 4),
        |r| r.ext().is_some_and(|e| e.to_value()["i"] == 4),
    ),
    (
        |f| {
            f.since(datetime!(2026-11-22 12:30 UTC))
                .until(datetime!(2026-11-22 13:00 UTC))
        },
        |r| (datetime!(2026-11-22 12:30 UTC)..datetime!(2026-11-22 13:00 UTC)).contains(&r.at()),
    ),
    (|f| f.indexes(10..=60), |r| (10..=60).contains(&r.index())),
    (
        |f| f.namespace("test").event("tick"),
        |r| r.event() == Some("tick"),
    ),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn finds_what_the_obvious_way_finds_page_by_page(
        chosen in prop::collection::hash_set(0..CONDITIONS.len(), 0..3),
        descending in any::<bool>(),
        limit in prop::option::of(1_usize..20),
        offset in 0_usize..10,
        grow in any::<bool>(),
        from_file in any::<bool>(),
    ) {
        // Two conditions on agents would be alternatives of one list.
        prop_assume!(!(chosen.contains(&0) && chosen.contains(&1)));
        let log = varied(90);
        let reader = if from_file {
            let mut file = Vec::new();
            log.export_ndjson(&mut file).unwrap();
            AuditReader::read_ndjson(&file[..], log.verifier_key(), None).unwrap().0
        } else {
            log.reader()
        };
        let conditions: Vec<&Condition> = chosen.iter().map(|at| &CONDITIONS[*at]).collect();
        let mut expected: Vec<u64> = indexes(&log.query(&Filter::new()).unwrap().records.into_iter()
            .filter(|r| conditions.iter().all(|(_, holds)| holds(r))).collect::<Vec<_>>());
        let total = expected.len() as u64;
        let mut filter = conditions.iter().fold(Filter::new(), |filter, (set, _)| set(filter)).offset(offset).count_matches();
        for record in log.query(&Filter::new()).unwrap().records {
            prop_assert_eq!(filter.matches(&record), expected.contains(&record.index()));
        }
        if descending {
            filter = filter.newest_first();
            expected.reverse();
        }
        if let Some(limit) = limit {
            filter = filter.limit(limit);
        }
        let expected: Vec<u64> = expected.into_iter().skip(offset).collect();
        let mut found = Vec::new();
        let mut pages = 0;
        loop {
            let page = reader.query(&filter).unwrap();
            prop_assert_eq!(page.total_matched, Some(total));
            prop_assert_eq!(page.size, 91);
            prop_assert!(limit.is_none_or(|limit| page.records.len() <= limit));
            found.extend(indexes(&page.records));
            pages += 1;
            let Some(next) = page.next else { break };
            prop_assert!(!page.records.is_empty());
            // Through its text, as a client would bring it back.
            filter = filter.after(next.to_string().parse::<Cursor>().unwrap());
            if grow {
                log.log(Entry::event("tick").agent("a").session("s2")).unwrap();
            }
        }
        prop_assert_eq!(&found, &expected);
        let fewest = limit.map_or(1, |limit| expected.len().div_ceil(limit).max(1));
        prop_assert_eq!(pages, fewest, "no empty last page");
    }
}

#[test]
fn limits_and_orders_mean_what_they_say() {
    let log = log_of(9);
    let none = log.query(&Filter::new().limit(0).count_matches()).unwrap();
    assert_eq!(
        (none.records.len(), none.total_matched, none.next),
        (0, Some(10), None)
    );
    assert_eq!(
        indexes(&log.query(&Filter::new().limit(3)).unwrap().records),
        [0, 1, 2]
    );
    assert_eq!(
        indexes(
            &log.query(&Filter::new().order(Order::Descending).limit(3).offset(1))
                .unwrap()
                .records
        ),
        [8, 7, 6]
    );
    assert_eq!(
        indexes(&log.query(&Filter::new().indexes(2..5)).unwrap().records),
        [2, 3, 4]
    );
    assert_eq!(
        indexes(&log.query(&Filter::new().indexes(8..)).unwrap().records),
        [8, 9]
    );
    assert!(
        log.query(&Filter::new().indexes(50..))
            .unwrap()
            .records
            .is_empty()
    );
    let (late, early) = (
        datetime!(2030-01-01 0:00 UTC),
        datetime!(2020-01-01 0:00 UTC),
    );
    assert!(
        log.query(&Filter::new().since(late).until(early))
            .unwrap()
            .records
            .is_empty()
    );
    assert!(log.query(&Filter::new()).unwrap().total_matched.is_none());
    assert_eq!(indexes(&log.latest(3).unwrap()), [9, 8, 7]);
    assert!(log.latest(0).unwrap().is_empty());
}

#[test]
fn an_agent_in_ext_is_not_the_agent() {
    let (log, _) = fixed_log();
    log.log(
        Entry::event("e")
            .agent("b")
            .ext(Ext::parse(r#"{"agent":"a","n":{"agent":"a"}}"#).unwrap()),
    )
    .unwrap();
    assert!(
        log.query(&Filter::new().agent("a"))
            .unwrap()
            .records
            .is_empty()
    );
    assert_eq!(
        log.query(&Filter::new().ext("agent", "a"))
            .unwrap()
            .records
            .len(),
        1
    );
    assert!(
        log.query(&Filter::new().ext("missing", serde_json::Value::Null))
            .unwrap()
            .records
            .is_empty()
    );
}

#[test]
fn a_cursor_is_good_for_its_log_and_its_filter_alone() {
    let log = log_of(20);
    let filter = Filter::new().limit(5);
    let next = log.query(&filter).unwrap().next.unwrap();
    assert!(
        log.query(&filter.clone().limit(7).count_matches().after(next))
            .is_ok(),
        "the page size may change"
    );
    for other in [
        Filter::new().agent("a"),
        Filter::new().newest_first(),
        Filter::new().indexes(1..),
    ] {
        assert!(matches!(
            log.query(&other.limit(5).after(next)),
            Err(AuditError::Cursor(_))
        ));
    }
    assert!(matches!(
        log_of(30).query(&filter.clone().after(next)),
        Err(AuditError::Cursor(_))
    ));
    assert!("nonsense".parse::<Cursor>().is_err());
}

#[test]
fn pages_over_an_evicting_log_never_skip_without_saying_so() {
    let log = AuditLog::builder().max_records(600).build().unwrap();
    let fill = |n: usize| {
        for _ in 0..n {
            log.log(Entry::event("e")).unwrap();
        }
    };
    fill(599);
    let oldest_first = Filter::new().limit(100);
    let newest_first = Filter::new().limit(100).newest_first();
    let up = log.query(&oldest_first).unwrap().next.unwrap();
    let down = log.query(&newest_first).unwrap().next.unwrap();
    fill(300);
    assert!(matches!(
        log.query(&oldest_first.after(up)),
        Err(AuditError::Evicted {
            index: 100,
            held_from: 300
        })
    ));
    // Newest first still reads what is held, then stops with an error and not with an end.
    let mut filter = newest_first.after(down);
    let mut seen = Vec::new();
    let end = loop {
        match log.query(&filter) {
            Ok(page) => {
                seen.extend(indexes(&page.records));
                filter = filter.after(page.next.expect("there was more"));
            }
            Err(error) => break error,
        }
    };
    assert_eq!(seen, (300..500).rev().collect::<Vec<_>>());
    assert!(
        matches!(
            end,
            AuditError::Evicted {
                index: 299,
                held_from: 300
            }
        ),
        "{end}"
    );
    let gone = log.query(&filter.count_matches());
    assert!(matches!(gone, Err(AuditError::Evicted { .. })));
}

#[test]
fn a_made_up_cursor_shows_nothing_that_the_filter_does_not_ask_for() {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
    let log = log_of(50);
    for filter in [
        Filter::new().indexes(10..30),
        Filter::new().indexes(10..30).newest_first(),
    ] {
        let filter = filter.limit(5);
        let real = log.query(&filter).unwrap().next.unwrap().to_string();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(real).unwrap();
        for (start, size, next) in [
            (0, 51, 0),
            (0, 51, 50),
            (40, 51, 45),
            (0, 5, 3),
            (20, 25, 24),
        ] {
            let mut forged = bytes[..9].to_vec();
            for number in [start, size, next] {
                forged.extend_from_slice(&u64::to_be_bytes(number));
            }
            let cursor: Cursor = BASE64_URL_SAFE_NO_PAD.encode(forged).parse().unwrap();
            let page = log
                .query(&filter.clone().after(cursor).count_matches())
                .unwrap();
            assert!(
                indexes(&page.records)
                    .iter()
                    .all(|index| (10..30).contains(index))
            );
        }
        let beyond = [&bytes[..17], &99_u64.to_be_bytes(), &60_u64.to_be_bytes()].concat();
        let cursor: Cursor = BASE64_URL_SAFE_NO_PAD.encode(beyond).parse().unwrap();
        assert!(matches!(
            log.query(&filter.after(cursor)),
            Err(AuditError::Cursor(_))
        ));
    }
}
