//! The consent report, as JSON and as Markdown.

use std::time::Duration;

use consent::{ConsentGate, Grant, ManualClock, Renewal, ReportOptions};
use proptest::prelude::*;

use crate::support::{
    House, START, all_of, blanket, by, grant, house, id, notice, ops, publication,
};

/// A report in which only the ids of records differ from run to run.
fn without_ids(house: &House, text: String) -> String {
    let records = house.ledger.records(&consent::RecordFilter::default());
    records.iter().fold(text, |text, record| {
        let id = format!("[record {}]", record.revision());
        text.replace(&record.record_id().to_string(), &id)
    })
}

fn lively() -> House {
    let house = house();
    let end = START + Duration::from_secs(86_400);
    let first = house
        .ledger
        .record(
            grant("user", "support")
                .notice(notice("v1"))
                .expires_at(end),
        )
        .unwrap();
    house.give(
        blanket("orders")
            .subject(id("ada"))
            .method(id("web-form"))
            .operation(id("read")),
    );
    house.give(Grant::new(id("bee"), id("user"), id("marketing"), id("ada")).expires_at(end));
    house.publish(publication("v2"));
    house
        .ledger
        .renew(
            Renewal::new(first.record_id(), by())
                .notice(notice("v2"))
                .valid(),
        )
        .unwrap();
    house
        .ledger
        .withdraw_on_behalf_of(id("ada"), id("parental"), all_of("orders.old"), id("eve"))
        .unwrap();
    house.ledger.refuse(all_of("health"), None).unwrap();
    house.ledger.accept_clock(ops(), "checked | twice").unwrap();
    house
}

trait Valid {
    fn valid(self) -> Self;
}

impl Valid for Renewal {
    fn valid(self) -> Self {
        self.expires_at(START + Duration::from_secs(86_400 * 400))
    }
}

#[test]
fn as_markdown() {
    let house = lively();
    let report = house.ledger.report(&ReportOptions::default());
    insta::assert_snapshot!(without_ids(&house, report.to_markdown()), @r#"
    # Consent report

    At 2026-11-22T00:00:00Z, revision 8.

    ## Consents

    | agent | purpose | data | in force | narrowed | not yet valid | expired | superseded | withdrawn | refusals |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | bee | marketing | user | 1 | 0 | 0 | 0 | 0 | 0 | 0 |
    | bot | *every* | health | 0 | 0 | 0 | 0 | 0 | 0 | 1 |
    | bot | *every* | orders | 0 | 1 | 0 | 0 | 0 | 0 | 0 |
    | bot | support | user | 1 | 0 | 0 | 0 | 1 | 0 | 0 |
    | **all** |  |  | 2 | 1 | 0 | 0 | 1 | 0 | 1 |

    ## Ending soon

    | end | agent | data | purpose | subject | operation | given by | record |
    | --- | --- | --- | --- | --- | --- | --- | --- |
    | 2026-11-23T00:00:00Z | bee | user | marketing | *every* | *every* | ada | [record 3] |

    ## Timeline

    | revision | at | what | agent | data | purpose | subject | operation | by | remarks |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | 1 | 2026-11-22T00:00:00Z | given | bot | user | support | *every* | *every* | admin@example.com | until 2026-11-23T00:00:00Z; notice privacy v1 |
    | 2 | 2026-11-22T00:00:00Z | given | bot | orders | *every* | ada | read | admin@example.com | method web-form |
    | 3 | 2026-11-22T00:00:00Z | given | bee | user | marketing | *every* | *every* | ada | until 2026-11-23T00:00:00Z |
    | 4 | 2026-11-22T00:00:00Z | notice published |  |  |  |  |  | ops@example.com | privacy v2, earlier consents end: a new text |
    | 5 | 2026-11-22T00:00:00Z | renewed | bot | user | support | *every* | *every* | admin@example.com | until 2027-12-27T00:00:00Z; notice privacy v2; renews [record 1] |
    | 6 | 2026-11-22T00:00:00Z | withdrawn | bot | orders.old | *every* | ada | *every* | eve | on behalf of the subject, parental |
    | 7 | 2026-11-22T00:00:00Z | refused | bot | health | *every* | *every* | *every* |  |  |
    | 8 | 2026-11-22T00:00:00Z | clock accepted |  |  |  |  |  | ops@example.com | checked &#124; twice |
    "#);
}

#[test]
fn as_json() {
    let house = lively();
    let mut options = ReportOptions::default();
    options.agent = Some(id("bee"));
    let report = house.ledger.report(&options);
    let json = serde_json::to_string_pretty(&report).unwrap();
    insta::assert_snapshot!(without_ids(&house, json), @r#"
    {
      "at": "2026-11-22T00:00:00Z",
      "revision": 8,
      "totals": {
        "in_force": 1,
        "narrowed": 0,
        "not_yet_valid": 0,
        "expired": 0,
        "superseded": 0,
        "withdrawn": 0,
        "refusals": 0
      },
      "rows": [
        {
          "agent": "bee",
          "purpose": "marketing",
          "data_type": "user",
          "counts": {
            "in_force": 1,
            "narrowed": 0,
            "not_yet_valid": 0,
            "expired": 0,
            "superseded": 0,
            "withdrawn": 0,
            "refusals": 0
          }
        }
      ],
      "expiring": [
        {
          "record_id": "[record 3]",
          "revision": 3,
          "kind": "given",
          "extent": {
            "agent": "bee",
            "data_type": "user",
            "purpose": "marketing"
          },
          "by": "ada",
          "at": "2026-11-22T00:00:00Z",
          "expires_at": "2026-11-23T00:00:00Z"
        }
      ],
      "timeline": [
        {
          "recorded": {
            "record_id": "[record 3]",
            "revision": 3,
            "kind": "given",
            "extent": {
              "agent": "bee",
              "data_type": "user",
              "purpose": "marketing"
            },
            "by": "ada",
            "at": "2026-11-22T00:00:00Z",
            "expires_at": "2026-11-23T00:00:00Z"
          }
        },
        {
          "notice_published": {
            "revision": 4,
            "at": "2026-11-22T00:00:00Z",
            "by": "ops@example.com",
            "reason": "a new text",
            "notice": "privacy",
            "version": "v2",
            "sha256": "3232323232323232323232323232323232323232323232323232323232323232",
            "requires_renewal": true
          }
        },
        {
          "clock_accepted": {
            "revision": 8,
            "at": "2026-11-22T00:00:00Z",
            "by": "ops@example.com",
            "reason": "checked | twice"
          }
        }
      ]
    }
    "#);
}

#[test]
fn the_timeline_keeps_to_its_window() {
    let house = house();
    for seconds in 0..5 {
        house.clock.set(START + Duration::from_secs(seconds));
        house.give(grant("user", "support"));
    }
    let mut options = ReportOptions::default();
    options.since = Some(START + Duration::from_secs(1));
    options.until = Some(START + Duration::from_secs(3));
    let report = house.ledger.report(&options);
    let told: Vec<u64> = report
        .timeline
        .iter()
        .map(|event| event.revision().as_u64())
        .collect();
    assert_eq!((told, report.totals.in_force), (vec![2, 3], 5));
}

#[test]
fn a_hostile_name_stays_text_in_its_cell() {
    let house = house();
    let evil = "a|b`<script>[x](javascript:y)**z**_w_ &amp; \\| #1 www.evil.example";
    house.give(Grant::new(id(evil), id("user"), id("support"), id("eve")).method(id(evil)));
    house
        .ledger
        .accept_clock(ops(), "\u{202e}evil\u{200b}")
        .unwrap();
    let text = house.ledger.report(&ReportOptions::default()).to_markdown();
    insta::assert_snapshot!(text.lines().rfind(|line| line.contains("evil")).unwrap(), @r#"
    | 2 | 2026-11-22T00:00:00Z | clock accepted |  |  |  |  |  | ops@example.com | &#92;u&#123;202e&#125;evil&#92;u&#123;200b&#125; |
    "#);
    for forbidden in [
        "<script", "](", "`", "**z", "www.", "&amp;", "\u{202e}", "\u{200b}", "\\",
    ] {
        assert!(!text.contains(forbidden), "{forbidden}: {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_and_reasons_never_change_the_shape(names in prop::collection::vec("\\PC{1,12}", 5), reason in "\\PC{1,30}") {
        let (_, ledger) = ConsentGate::builder().clock(ManualClock::new(START)).build().unwrap();
        let name = |n: usize| names[n].trim();
        let parsed = (name(0).parse(), name(1).replace('.', "-").parse(), name(2).replace('.', "-").parse(), name(3).parse(), name(4).parse());
        let (Ok(agent), Ok(data), Ok(purpose), Ok(by), Ok(method)) = parsed else { return Ok(()) };
        let given = ledger.record(Grant::new(agent, data, purpose, by).method(method).expires_at(START + Duration::from_secs(60)));
        prop_assume!(given.is_ok());
        prop_assume!(ledger.accept_clock(ops(), &reason).is_ok());
        let text = ledger.report(&ReportOptions::default()).to_markdown();
        let shape: Vec<(usize, &str)> = text
            .lines()
            .map(|line| (line.matches('|').count(), if line.starts_with('|') { "row" } else { line }))
            .collect();
        let row = |bars| (bars, "row");
        prop_assert_eq!(shape, [
            (0, "# Consent report"), (0, ""), (0, "At 2026-11-22T00:00:00Z, revision 2."), (0, ""),
            (0, "## Consents"), (0, ""), row(11), row(11), row(11), row(11), (0, ""),
            (0, "## Ending soon"), (0, ""), row(9), row(9), row(9), (0, ""),
            (0, "## Timeline"), (0, ""), row(11), row(11), row(11), row(11),
        ]);
    }
}
