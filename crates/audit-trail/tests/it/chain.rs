//! Hash-chained NDJSON of the older kind: what verifies, what does not, and what becomes of it in the log.

use std::io::Cursor;

use audit_trail::{AuditLog, ChainError, ChainFault, Dialect, Filter, Kind, Outcome, verify_chain};
use proptest::prelude::*;
use time::macros::datetime;

use crate::evidence::sha256_hex;
use crate::fixed_log;

const HASH_1: &str = "a6366355e73611b57b418b7e124a16d55cf6d8056724cd79b7c5ee92b31b801d";
const HASH_2: &str = "d88c2f2a516713c0e9bbd01739ee7229e672791891c964283076aa3e6edbdac5";
const SNAKE_1: &str = "528fbaf69724c9f82d4a7be615ab5437ba3e2bf5f02b1f6504e1a2915e18658e";

fn zeros() -> String {
    "0".repeat(64)
}

/// The preimages of the published vectors.
fn camel() -> [String; 2] {
    [
        format!(
            r#"{{"action":"send_email","agentId":"agent-1","budgetRemaining":95.5,"budgetUsed":5,"id":"11111111-1111-4111-8111-111111111111","metadata":{{"b":1,"a":{{"z":1,"y":[1,2,null]}}}},"permitted":true,"previousHash":"{}","reason":"ok \"q\" é","requiredLevel":2,"timestamp":"2026-01-01T00:00:00.000Z","trustLevel":3}}"#,
            zeros()
        ),
        format!(
            r#"{{"action":"deploy","agentId":"agent-2","id":"22222222-2222-4222-8222-222222222222","permitted":false,"previousHash":"{HASH_1}","timestamp":"2026-01-01T00:00:01.000Z"}}"#
        ),
    ]
}

fn snake() -> String {
    format!(
        r#"{{"action":"send_email","agent_id":"agent-1","budget_remaining":95.5,"budget_used":5.0,"id":"11111111-1111-4111-8111-111111111111","metadata":{{"a":{{"y":[1,2.0,null],"z":1}},"b":1}},"permitted":true,"previous_hash":"{}","reason":"ok \"q\" é","required_level":2,"timestamp":"2026-01-01T00:00:00.000Z","trust_level":3}}"#,
        zeros()
    )
}

/// The record as it is stored: its own hash as the last member.
fn stored(preimage: &str, member: &str, hash: &str) -> String {
    let open = preimage.strip_suffix('}').unwrap();
    format!("{open},\"{member}\":\"{hash}\"}}\n")
}

fn camel_file() -> String {
    let [one, two] = camel();
    stored(&one, "recordHash", HASH_1) + &stored(&two, "recordHash", HASH_2)
}

fn hash(preimage: &str, previous: &str) -> String {
    sha256_hex(format!("{preimage}\n{previous}"))
}

/// A chain of `n` records in which the member `{}` of each is what `extra` says.
fn chain_of(n: usize, extra: impl Fn(usize) -> String) -> String {
    let (mut file, mut previous) = (String::new(), zeros());
    for i in 0..n {
        let preimage = format!(
            r#"{{"action":"act","agentId":"a"{},"permitted":true,"previousHash":"{previous}","timestamp":"2026-01-01T00:00:00Z"}}"#,
            extra(i)
        );
        previous = hash(&preimage, &previous);
        file += &stored(&preimage, "hash", &previous);
    }
    file
}

fn fault(file: &str) -> (u64, ChainFault) {
    match verify_chain(file.as_bytes()) {
        Err(ChainError::Line { line, fault }) => (line, fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_published_vectors_of_both_dialects_verify() {
    let verified = verify_chain(camel_file().as_bytes()).unwrap();
    assert_eq!(
        (verified.records, &*verified.head, verified.dialect),
        (2, HASH_2, Dialect::CamelCase)
    );
    let verified = verify_chain(stored(&snake(), "record_hash", SNAKE_1).as_bytes()).unwrap();
    assert_eq!(
        (verified.records, &*verified.head, verified.dialect),
        (1, SNAKE_1, Dialect::SnakeCase)
    );
    insta::assert_snapshot!(verified, @r#"chain of 1 records (snake_case) up to 528fbaf69724c9f82d4a7be615ab5437ba3e2bf5f02b1f6504e1a2915e18658e"#);
    insta::assert_snapshot!(verified.weaknesses().join("\n"), @r#"
Truncation verifies: the newest records can be cut off unless the head hash was kept elsewhere.
A complete rewrite verifies: nothing is signed, so whoever can write the file can make another chain.
Roll-back verifies: an older copy of the file, put in its place, looks whole.
"#);
}

#[test]
fn the_own_hash_may_stand_anywhere_and_members_in_any_order() {
    let [one, _] = camel();
    let hash = format!("\"recordHash\":\"{HASH_1}\"");
    for file in [
        one.replacen('{', &format!("{{{hash},"), 1),
        one.replacen(
            ",\"requiredLevel\"",
            &format!(",{hash},\"requiredLevel\""),
            1,
        ),
        stored(&one, "hash", HASH_1),
        // As it was written, before its keys were sorted to be hashed.
        one.replacen("\"action\":\"send_email\",", "", 1).replacen(
            ",\"trustLevel\":3}",
            &format!(",\"trustLevel\":3,\"action\":\"send_email\",{hash}}}"),
            1,
        ),
    ] {
        assert_eq!(
            verify_chain(file.as_bytes()).unwrap().head,
            HASH_1,
            "{file}"
        );
    }
}

#[test]
fn a_last_line_without_a_newline_counts() {
    assert_eq!(
        verify_chain(camel_file().trim_end().as_bytes())
            .unwrap()
            .records,
        2
    );
}

#[test]
fn edits_removals_insertions_and_moves_are_found() {
    let file = camel_file();
    let lines: Vec<&str> = file.split_inclusive('\n').collect();
    assert!(matches!(
        fault(&file.replacen("deploy", "delete", 1)),
        (2, ChainFault::Hash { .. })
    ));
    assert!(matches!(
        fault(&file.replacen(":95.5", ":95.50", 1)),
        (1, ChainFault::Hash { .. })
    ));
    assert!(matches!(
        fault(&file.replacen("\"z\":1,\"y\":[1,2,null]", "\"y\":[1,2,null],\"z\":1", 1)),
        (1, ChainFault::Hash { .. })
    ));
    assert!(matches!(fault(lines[1]), (1, ChainFault::Previous { .. })));
    assert!(matches!(
        fault(&(lines[1].to_owned() + lines[0])),
        (1, ChainFault::Previous { .. })
    ));
    assert!(matches!(
        fault(&(lines[0].to_owned() + lines[0] + lines[1])),
        (2, ChainFault::Previous { .. })
    ));
    assert!(matches!(verify_chain(&b""[..]), Err(ChainError::Empty)));
}

#[test]
fn what_the_format_cannot_find_is_said() {
    let file = camel_file();
    let first = file.split_inclusive('\n').next().unwrap();
    let cut = verify_chain(first.as_bytes()).unwrap();
    assert!(
        cut.weaknesses()
            .iter()
            .any(|text| text.starts_with("Truncation verifies"))
    );
    let rewritten = chain_of(2, |_| String::new());
    let rewritten = verify_chain(rewritten.as_bytes()).unwrap();
    assert!(
        rewritten
            .weaknesses()
            .iter()
            .any(|text| text.starts_with("A complete rewrite verifies"))
    );
}

#[test]
fn what_readers_would_read_differently_is_refused() {
    let [one, two] = camel();
    let good = stored(&one, "recordHash", HASH_1);
    let json = |file: &str| assert!(matches!(fault(file), (1, ChainFault::Json(_))), "{file}");
    json(&good.replacen("\"action\":", "\"action\":\"a\",\"action\":", 1));
    json(&good.replacen("\"action\":", "\"\\u0061ction\":\"a\",\"action\":", 1));
    json(&good.replacen("\"z\":1", "\"z\":1,\"z\":1", 1));
    json(&good.replacen("\"recordHash\"", "\"recordHash\":\"x\",\"recordHash\"", 1));
    json(&good.replacen("95.5", "1e999", 1));
    json(&good.replacen("send_email", "\\ud800", 1));
    json(&good.replacen(
        "\"action\"",
        &format!("\"x\":{}{},\"action\"", "[".repeat(9000), "]".repeat(9000)),
        1,
    ));
    json("[]\n");
    json("\n");
    json("null\n");
    json(&format!("{} {}", good.trim_end(), good));

    assert_eq!(
        fault(&good.replacen("\":", "\": ", 1)),
        (1, ChainFault::WhiteSpace)
    );
    assert_eq!(
        fault(&good.replacen('\n', "\r\n", 1)),
        (1, ChainFault::WhiteSpace)
    );
    assert_eq!(
        fault(&format!("{one}\n")),
        (1, ChainFault::Member("recordHash"))
    );
    assert_eq!(fault("{}\n"), (1, ChainFault::Member("previousHash")));
    assert_eq!(
        fault(&good.replacen(HASH_1, &HASH_1.to_uppercase(), 1)),
        (1, ChainFault::Member("recordHash"))
    );
    assert_eq!(
        fault(&good.replacen(&zeros(), "", 1)),
        (1, ChainFault::Member("previousHash"))
    );
    assert_eq!(
        fault(&good.replacen('{', &format!("{{\"hash\":\"{HASH_1}\","), 1)),
        (1, ChainFault::TwoHashes)
    );
    assert_eq!(
        fault(&good.replacen('{', "{\"previous_hash\":\"\",", 1)),
        (1, ChainFault::Dialect)
    );
    let snake = two.replacen("previousHash", "previous_hash", 1);
    assert_eq!(
        fault(&(good.clone() + &stored(&snake, "hash", HASH_2))),
        (2, ChainFault::Dialect)
    );
    assert!(matches!(
        verify_chain(&b"{\"a\":\"\xff\"}\n"[..]),
        Err(ChainError::Line {
            line: 1,
            fault: ChainFault::Json(_)
        })
    ));
}

#[test]
fn an_endless_line_is_refused_without_being_read_whole() {
    use std::io::Read as _;
    let endless = std::io::BufReader::new(std::io::repeat(b'x').take(1 << 30));
    assert!(matches!(
        verify_chain(endless),
        Err(ChainError::Line {
            line: 1,
            fault: ChainFault::TooLong
        })
    ));
}

#[test]
fn an_imported_chain_says_what_its_records_said() {
    let (log, _) = fixed_log();
    let file = camel_file();
    let imported = log.import_chain(Cursor::new(&file)).unwrap();
    assert_eq!((imported.verified.records, imported.summary.index), (2, 3));
    let record = log.entry(1).unwrap();
    assert_eq!(record.at(), datetime!(2026-01-01 00:00 UTC));
    assert_eq!(
        record.ext().unwrap().to_value()["chain_text"].as_str(),
        file.lines().next()
    );
    let plain = |index| {
        let record = log.entry(index).unwrap();
        let text = std::str::from_utf8(record.bytes()).unwrap();
        text.replace(&record.id().to_string(), "<id>")
    };
    insta::assert_snapshot!([plain(1), plain(2), plain(3)].join("\n"), @r#"
{"action":{"name":"send_email"},"agent":"agent-1","budget":{"charges":[{"amount":5,"budget":"imported","unit":"unknown"}]},"decision":{"outcome":"allow","reason_code":"imported"},"ext":{"chain_budget_remaining":95.5,"chain_hash":"a6366355e73611b57b418b7e124a16d55cf6d8056724cd79b7c5ee92b31b801d","chain_id":"11111111-1111-4111-8111-111111111111","chain_line":1,"chain_text":"{\"action\":\"send_email\",\"agentId\":\"agent-1\",\"budgetRemaining\":95.5,\"budgetUsed\":5,\"id\":\"11111111-1111-4111-8111-111111111111\",\"metadata\":{\"b\":1,\"a\":{\"z\":1,\"y\":[1,2,null]}},\"permitted\":true,\"previousHash\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"reason\":\"ok \\\"q\\\" é\",\"requiredLevel\":2,\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"trustLevel\":3,\"recordHash\":\"a6366355e73611b57b418b7e124a16d55cf6d8056724cd79b7c5ee92b31b801d\"}"},"id":"<id>","kind":"decision","namespace":"test","reason":"ok \"q\" é","trust":{"effective":3,"required":2},"ts":1767225600000000}
{"action":{"name":"deploy"},"agent":"agent-2","decision":{"outcome":"deny","reason_code":"imported"},"ext":{"chain_hash":"d88c2f2a516713c0e9bbd01739ee7229e672791891c964283076aa3e6edbdac5","chain_id":"22222222-2222-4222-8222-222222222222","chain_line":2,"chain_text":"{\"action\":\"deploy\",\"agentId\":\"agent-2\",\"id\":\"22222222-2222-4222-8222-222222222222\",\"permitted\":false,\"previousHash\":\"a6366355e73611b57b418b7e124a16d55cf6d8056724cd79b7c5ee92b31b801d\",\"timestamp\":\"2026-01-01T00:00:01.000Z\",\"recordHash\":\"d88c2f2a516713c0e9bbd01739ee7229e672791891c964283076aa3e6edbdac5\"}"},"id":"<id>","kind":"decision","namespace":"test","ts":1767225601000000}
{"event":"chain-imported","ext":{"chain_dialect":"camelCase","chain_head":"d88c2f2a516713c0e9bbd01739ee7229e672791891c964283076aa3e6edbdac5","chain_records":2},"id":"<id>","kind":"event","namespace":"test","ts":1795348800000000}
"#);
    let found = log
        .query(&Filter::new().ext("chain_id", "22222222-2222-4222-8222-222222222222"))
        .unwrap();
    assert_eq!(found.records[0].outcome(), Some(Outcome::Deny));
    assert_eq!(found.records[0].index(), 2);
    assert!(log.verify(None).is_ok());
}

#[test]
fn an_imported_snake_case_chain_keeps_floats_as_they_were_written() {
    let (log, _) = fixed_log();
    let file = stored(&snake(), "record_hash", SNAKE_1);
    log.import_chain(Cursor::new(&file)).unwrap();
    let record = log.entry(1).unwrap();
    let ext = record.ext().unwrap();
    assert!(ext.as_str().contains("\"chain_budget_remaining\":95.5,"));
    assert_eq!(
        record.budget().unwrap().charges[0].amount.to_string(),
        "5.0"
    );
    assert_eq!(record.trust().unwrap().effective, Some(3));
    assert_eq!(ext.to_value()["chain_text"].as_str(), Some(file.trim_end()));
}

#[test]
fn nothing_is_imported_of_a_chain_that_does_not_verify_or_fit() {
    let (log, _) = fixed_log();
    let size = |log: &AuditLog| log.size().unwrap();
    let refused = |file: String| {
        let error = log.import_chain(Cursor::new(file)).unwrap_err();
        assert!(matches!(error, ChainError::Line { line: 2, .. }), "{error}");
    };
    refused(camel_file().replacen("deploy", "delete", 1));
    let with = |wrong: &str, right: &str| {
        let (mut file, mut previous) = (String::new(), zeros());
        for i in 0..3 {
            let mut preimage = format!(
                r#"{{"action":"act","permitted":true,"previousHash":"{previous}","timestamp":"2026-01-01T00:00:00Z"}}"#
            );
            if i == 1 {
                preimage = preimage.replacen(right, wrong, 1);
            }
            previous = hash(&preimage, &previous);
            file += &stored(&preimage, "recordHash", &previous);
        }
        file
    };
    assert!(verify_chain(with("", "never there").as_bytes()).is_ok());
    refused(with("\"permitted\":1", "\"permitted\":true"));
    refused(with("\"permitted\":null", "\"permitted\":true"));
    refused(with("yesterday", "2026-01-01T00:00:00Z"));
    refused(with("9026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"));
    assert_eq!(size(&log), 1);
    assert!(
        log.import_chain(Cursor::new(with("", "never there")))
            .is_ok()
    );
    assert_eq!(size(&log), 5);
}

#[test]
fn metadata_overrides_nothing_and_texts_that_do_not_fit_are_made_to() {
    let (log, _) = fixed_log();
    let lengthy = "x".repeat(5000);
    let preimage = format!(
        r#"{{"action":"a\nb","agentId":"a","budgetUsed":1e3,"id":7,"metadata":{{"agent":"forged","agentId":"forged","kind":"genesis"}},"permitted":true,"previousHash":"{}","reason":"{lengthy}","timestamp":"2026-01-01T00:00:00Z","trustLevel":300}}"#,
        zeros()
    );
    let file = stored(&preimage, "recordHash", &hash(&preimage, &zeros()));
    log.import_chain(Cursor::new(&file)).unwrap();
    let record = log.entry(1).unwrap();
    assert_eq!((record.agent(), record.kind()), (Some("a"), Kind::Decision));
    assert_eq!(record.action().unwrap().name, "a\u{fffd}b");
    assert!(record.reason().unwrap().ends_with("x…"));
    assert!(record.budget().is_none() && record.trust().is_none());
    assert_eq!(
        record.ext().unwrap().to_value()["chain_text"].as_str(),
        Some(file.trim_end())
    );
}

#[test]
fn of_a_large_record_the_digest_is_kept() {
    let (log, _) = fixed_log();
    for (len, kept) in [(16_000, true), (16_400, false), (1_000_000, false)] {
        let quotes = "\\\"".repeat(len / 2);
        let preimage = format!(
            r#"{{"metadata":{{"m":"{quotes}"}},"permitted":true,"previousHash":"{}","timestamp":"2026-01-01T00:00:00Z"}}"#,
            zeros()
        );
        let file = stored(&preimage, "hash", &hash(&preimage, &zeros()));
        let imported = log.import_chain(Cursor::new(&file)).unwrap();
        let ext = log.entry(imported.summary.index - 1).unwrap();
        let ext = ext.ext().unwrap().to_value();
        assert_eq!(ext["chain_text"].is_string(), kept, "{len}");
        assert_eq!(ext["chain_text_sha256"].is_string(), !kept, "{len}");
    }
}

#[test]
fn a_file_that_changes_between_its_two_readings_is_noticed() {
    /// Gives one text first, and another after it was wound back.
    struct Changing(Cursor<String>, String);
    impl std::io::Read for Changing {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(buf)
        }
    }
    impl std::io::BufRead for Changing {
        fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
            self.0.fill_buf()
        }
        fn consume(&mut self, n: usize) {
            self.0.consume(n);
        }
    }
    impl std::io::Seek for Changing {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            if matches!(to, std::io::SeekFrom::Start(_)) {
                self.0 = Cursor::new(std::mem::take(&mut self.1));
            }
            self.0.seek(to)
        }
    }
    for other in [String::new(), chain_of(1, |_| String::new()), "{}".into()] {
        let (log, _) = fixed_log();
        let changing = Changing(Cursor::new(chain_of(2, |_| String::new())), other);
        assert!(matches!(
            log.import_chain(changing),
            Err(ChainError::Changed)
        ));
        let unfinished = Filter::new().event("chain-imported");
        assert!(log.query(&unfinished).unwrap().records.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_changed_byte_is_found(n in 1_usize..5, at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let file = chain_of(n, |i| format!(",\"n\":{i}"));
        prop_assert!(verify_chain(file.as_bytes()).is_ok());
        let mut bytes = file.into_bytes();
        // The last newline ends nothing.
        let at = at.index(bytes.len() - 1);
        bytes[at] ^= flip;
        prop_assert!(verify_chain(&bytes[..]).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[{}\\[\\]\":,a-f0-9 \\\\]{0,200}") {
        prop_assert!(verify_chain(&bytes[..]).is_err());
        prop_assert!(verify_chain(text.as_bytes()).is_err());
    }
}
