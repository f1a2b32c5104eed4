//! What callers and their callers may try: refused or made harmless, one rule each, and a log in a directory is none the worse for it.

use audit_trail::{
    Action, AuditError, AuditLog, Cursor, DecisionFields, Entry, EntryError, Ext, Filter,
    MAX_ENTRY, MAX_TEXT, MemoryVault, Outcome, Record, Syslog,
};
use serde_json::Value;

use crate::child::at;
use crate::{fixed_log, log_of};

/// What a spreadsheet would run.
const FORMULAS: [&str; 7] = [
    "=cmd|' /C calc'!A0",
    "+1+cmd",
    "-2+3",
    "@SUM(1)",
    " =1+1",
    "\u{ff1d}1",
    "=HYPERLINK(\"http://example.com\",\"x\")",
];

fn exported(log: &AuditLog) -> [(&'static str, String); 6] {
    let every = Filter::new();
    let text = |export: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        export(&mut out);
        String::from_utf8(out).unwrap()
    };
    [
        ("ndjson", text(&|out| drop(log.export_ndjson(out).unwrap()))),
        (
            "csv",
            text(&|out| drop(log.export_csv(out, &every).unwrap())),
        ),
        (
            "cef",
            text(&|out| drop(log.export_cef(out, &every).unwrap())),
        ),
        (
            "ocsf",
            text(&|out| drop(log.export_ocsf(out, &every).unwrap())),
        ),
        (
            "otel",
            text(&|out| drop(log.export_otel(out, &every).unwrap())),
        ),
        (
            "syslog",
            text(&|out| drop(log.export_syslog(out, &every, &Syslog::new(32473)).unwrap())),
        ),
    ]
}

#[test]
fn a_refused_entry_leaves_nothing_in_a_directory_however_often_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let log = at(dir.path()).queue(1 << 16).build().unwrap();
    log.log(Entry::event("before")).unwrap();
    let before = log.checkpoint().unwrap();
    let too_long = "x".repeat(MAX_TEXT + 1);
    let ext = |len: usize| Ext::parse(&format!(r#"{{"a":"{}"}}"#, "y".repeat(len)));
    assert!(matches!(ext(MAX_ENTRY), Err(EntryError::TooLarge { .. })));
    // It fits, and leaves no room for the rest of the entry.
    let huge = ext(MAX_ENTRY - 100).unwrap();
    for _ in 0..500 {
        for entry in [
            Entry::event(&too_long),
            Entry::event("line\nfeed"),
            Entry::event("nul\0"),
            Entry::event("del\u{7f}"),
            Entry::event("next line\u{85}"),
            Entry::event("").agent("a"),
            Entry::event("x").agent(""),
            Entry::event("x").reason(&too_long),
            Entry::event("x").id(uuid::Uuid::nil()),
            Entry::event("x").ext(huge.clone()),
        ] {
            let refused = log.log(entry).unwrap_err();
            assert!(matches!(refused, AuditError::Entry(_)), "{refused}");
        }
    }
    let after = log.log(Entry::event("after")).unwrap();
    assert_eq!(after.index, before.size());
    assert!(
        log.consistency_proof(before.size(), log.size().unwrap())
            .is_ok()
    );
    assert_eq!(log.verify(Some(&before)).unwrap().size, log.size().unwrap());
}

#[test]
fn an_entry_of_many_texts_is_bounded_as_a_whole_before_it_is_queued() {
    let dir = tempfile::tempdir().unwrap();
    let log = at(dir.path()).build().unwrap();
    let text = "z".repeat(MAX_TEXT);
    let reasons: Vec<_> = (0..15).map(|_| text.as_str().into()).collect();
    let decision = DecisionFields {
        reasons: reasons.into(),
        ..DecisionFields::new(Outcome::Deny, "x")
    };
    let refused = log.log(Entry::decision(decision)).unwrap_err();
    assert!(
        matches!(refused, AuditError::Entry(EntryError::TooLarge { .. })),
        "{refused}"
    );
    assert!(refused.to_string().len() < 300 && MAX_ENTRY < 15 * MAX_TEXT + 1);
    assert_eq!(log.size().unwrap(), 1);
}

#[test]
fn an_ext_with_the_names_of_fields_is_found_under_none_of_them() {
    let (log, _) = fixed_log();
    let forged = r#"{"action":{"name":"nothing"},"agent":"root","decision":{"outcome":"allow"},"id":"x","index":0,"kind":"genesis","namespace":"other","operator":"ops@example.com","session":"s-0","ts":0}"#;
    let denied = Entry::decision(DecisionFields::new(Outcome::Deny, "no_record"))
        .agent("desk-assistant")
        .session("s-1")
        .action(Action {
            name: "send_mail".into(),
            ..Action::default()
        })
        .ext(Ext::parse(forged).unwrap());
    let index = log.log(denied).unwrap().index;
    let record = log.entry(index).unwrap();
    assert_eq!(
        (record.agent(), record.session(), record.operator()),
        (Some("desk-assistant"), Some("s-1"), None)
    );
    assert_eq!(
        (record.namespace(), record.outcome()),
        ("test", Some(Outcome::Deny))
    );
    let count = |filter: Filter| log.query(&filter).unwrap().records.len();
    assert_eq!(count(Filter::new().agent("root")), 0);
    assert_eq!(count(Filter::new().outcome(Outcome::Allow)), 0);
    assert_eq!(count(Filter::new().session("s-0")), 0);
    assert_eq!(count(Filter::new().operator("ops@example.com")), 0);
    assert_eq!(
        count(Filter::new().agent("desk-assistant").outcome(Outcome::Deny)),
        1
    );
    let columns = |text: &str| {
        let mut table = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let names = table.headers().unwrap().clone();
        let row = table.records().nth(1).unwrap().unwrap();
        let column = |name: &str| row[names.iter().position(|n| n == name).unwrap()].to_owned();
        [column("agent"), column("session"), column("operator")]
    };
    for (format, text) in exported(&log) {
        match format {
            "csv" => assert_eq!(columns(&text), ["desk-assistant", "s-1", ""]),
            "cef" => {
                assert!(text.contains(" suser=desk-assistant ") && !text.contains(" suser=root"));
            }
            "syslog" => assert!(
                text.contains(" agent=\"desk-assistant\"") && !text.contains(" agent=\"root\"")
            ),
            "ocsf" => {
                let event: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
                assert!(
                    event["actor"].to_string().contains("desk-assistant")
                        && !event["actor"].to_string().contains("root")
                );
            }
            _ => assert!(text.contains("desk-assistant")),
        }
    }
}

#[test]
fn personal_data_cannot_be_named_like_a_field() {
    let log = AuditLog::builder()
        .vault(MemoryVault::default())
        .build()
        .unwrap();
    for name in [
        "agent", "operator", "decision", "id", "ts", "kind", "_sd", "...",
    ] {
        let refused = log.log(
            Entry::event("x")
                .agent("real")
                .personal("customer-7", name, "root"),
        );
        assert!(
            matches!(
                refused,
                Err(AuditError::Entry(EntryError::PersonalName { .. }))
            ),
            "{name}: {refused:?}"
        );
    }
    assert_eq!(log.size().unwrap(), 1);
}

#[test]
fn keys_that_come_twice_are_refused_at_every_depth() {
    let entry = String::from_utf8(log_of(1).entry(1).unwrap().bytes().to_vec()).unwrap();
    assert!(Record::parse(1, entry.as_bytes()).is_ok());
    for twice in [
        entry.replacen('{', r#"{"agent":"a","agent":"b","#, 1),
        entry.replacen(r#""event""#, r#""event":"other","event""#, 1),
        entry.replacen(r#""id""#, r#""ext":{"a":1,"a":2},"id""#, 1),
        entry.replacen(r#""id""#, r#""ext":{"a":[{"b":1,"\u0062":2}]},"id""#, 1),
        entry.replacen(r#""id""#, r#""action":{"name":"a","name":"b"},"id""#, 1),
    ] {
        assert!(Record::parse(1, twice.as_bytes()).is_err(), "{twice}");
    }
    for twice in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":{"b":1,"b":1}}"#,
        r#"{"a":[{"b":1,"\u0062":2}]}"#,
    ] {
        assert!(Ext::parse(twice).is_err(), "{twice}");
    }
}

#[test]
fn numbers_too_large_to_be_exact_are_refused_outside_ext_and_infinite_ones_everywhere() {
    let entry = String::from_utf8(log_of(1).entry(1).unwrap().bytes().to_vec()).unwrap();
    let before = entry.rfind(r#""ts":"#).unwrap();
    for number in [
        "1e999",
        "9007199254740993",
        "-9007199254740993",
        "99999999999999999999999999",
        "1.5",
        "1e3",
        "-0",
        "NaN",
        "0x10",
        "\"1\"",
    ] {
        let huge = format!(r#"{}"ts":{number}}}"#, &entry[..before]);
        assert!(Record::parse(1, huge.as_bytes()).is_err(), "{huge}");
        let trust = entry.replacen(
            r#""ts""#,
            &format!(r#""trust":{{"revision":{number}}},"ts""#),
            1,
        );
        assert!(Record::parse(1, trust.as_bytes()).is_err(), "{trust}");
    }
    for ext in [
        r#"{"a":1e999}"#,
        r#"{"a":-1e999}"#,
        r#"{"a":NaN}"#,
        r#"{"a":Infinity}"#,
    ] {
        assert!(Ext::parse(ext).is_err(), "{ext}");
    }
    assert!(Ext::encode(&f64::INFINITY).is_err());
    // What a double cannot hold exactly stands in `ext` as it was given.
    let log = log_of(0);
    let kept = r#"{"a":99999999999999999999999999}"#;
    let index = log
        .log(Entry::event("x").ext(Ext::parse(kept).unwrap()))
        .unwrap()
        .index;
    let record = log.entry(index).unwrap();
    assert!(String::from_utf8_lossy(record.bytes()).contains(kept));
}

#[test]
fn no_cell_of_a_table_begins_with_what_a_spreadsheet_runs() {
    let (log, _) = fixed_log();
    for formula in FORMULAS {
        let decision = DecisionFields {
            reasons: vec![formula.into(), formula.into()].into(),
            ..DecisionFields::new(Outcome::Deny, formula)
        };
        let entry = Entry::decision(decision)
            .agent(formula)
            .session(formula)
            .resource(formula)
            .scope(formula)
            .operator(formula)
            .reason(formula)
            .action(Action {
                name: formula.into(),
                action_type: Some(formula.into()),
                args_digest: Some(formula.into()),
            });
        log.log(entry).unwrap();
    }
    let [_, (_, text), ..] = exported(&log);
    let mut table = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let rows: Vec<_> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), FORMULAS.len() + 1);
    for cell in rows.iter().flatten() {
        let first = cell.trim_start().chars().next();
        assert!(
            !matches!(first, Some('=' | '+' | '-' | '@' | '\u{ff1d}')),
            "{cell}"
        );
    }
}

#[test]
fn newlines_in_ext_break_no_line_of_any_export() {
    let (log, _) = fixed_log();
    let ext = r#"{"a\nb":"c\r\nd\u2028e\u0085f","x":["\n<14>1 - forged\n","CEF:0|forged\n","\n{\"forged\":1}\n"]}"#;
    let taken = log.log(Entry::event("x").agent("a").ext(Ext::parse(ext).unwrap()));
    assert_eq!(taken.unwrap().index, 1);
    for (format, text) in exported(&log) {
        let lines = text.split('\n').filter(|line| !line.is_empty()).count();
        // A header and a checkpoint line, or requests of many records in one.
        let expected = match format {
            "csv" | "ndjson" => 3,
            "otel" => 1,
            _ => 2,
        };
        assert_eq!(lines, expected, "{format}: {text}");
        assert!(
            !text.contains("\n<14>1 - forged") && !text.contains("\nCEF:0|forged"),
            "{format}: {text}"
        );
    }
}

#[test]
fn a_cursor_from_elsewhere_is_refused() {
    let (one, other) = (log_of(30), log_of(30));
    let page = |log: &AuditLog, filter: &Filter| log.query(filter).map(|page| page.next);
    let cursor: Cursor = page(&one, &Filter::new().limit(5)).unwrap().unwrap();
    assert!(page(&one, &Filter::new().limit(5).after(cursor)).is_ok());
    assert!(matches!(
        page(&other, &Filter::new().limit(5).after(cursor)),
        Err(AuditError::Cursor(_))
    ));
    assert!(matches!(
        page(&one, &Filter::new().agent("a").after(cursor)),
        Err(AuditError::Cursor(_))
    ));
}
