//! Exports: the whole log verifies, an extract says that it cannot, and a table is safe to open.

use audit_trail::{
    Action, AuditReader, DecisionFields, Entry, Fault, Filter, Outcome, VerifyError, verify_ndjson,
};

use crate::{fixed_log, log_of};

#[test]
fn a_whole_export_reads_back_as_the_same_log() {
    let log = log_of(600);
    let mut file = Vec::new();
    let exported = log.export_ndjson(&mut file).unwrap();
    assert_eq!(exported.entries, 601);
    let (reader, verified) = AuditReader::read_ndjson(&file[..], log.verifier_key(), None).unwrap();
    assert!(verified.fully_covered());
    assert_eq!(reader.checkpoint().unwrap(), exported.checkpoint.unwrap());
    assert_eq!((reader.size().unwrap(), reader.namespace()), (601, "test"));
    assert_eq!(reader.root(300).unwrap(), log.root(300).unwrap());
    assert_eq!(
        reader.consistency_proof(77, 601).unwrap(),
        log.consistency_proof(77, 601).unwrap()
    );
    assert!(reader.verify(None).unwrap().fully_covered());
    let mut again = Vec::new();
    reader.export_ndjson(&mut again).unwrap();
    assert_eq!(again, file);
}

#[test]
fn a_file_read_without_a_key_shows_no_checkpoint() {
    let log = log_of(3);
    let mut file = Vec::new();
    log.export_ndjson(&mut file).unwrap();
    let (reader, _) = AuditReader::read_ndjson(&file[..], None, None).unwrap();
    assert!(matches!(
        reader.checkpoint(),
        Err(audit_trail::AuditError::NoCheckpoint)
    ));
    assert!(reader.verifier_key().is_none());
    assert_eq!(reader.verify(None).unwrap().level, audit_trail::Level::Tree);
}

#[test]
fn an_extract_holds_what_was_asked_for_and_says_that_it_is_one() {
    let log = log_of(10);
    let mut file = Vec::new();
    let exported = log
        .export_ndjson_matching(&mut file, &Filter::new().event("event-3").event("event-5"))
        .unwrap();
    assert_eq!((exported.entries, exported.checkpoint), (2, None));
    let text = String::from_utf8(file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        r#"{"extract":{"origin":"test.example/log","size":11}}"#
    );
    assert_eq!(lines[1].as_bytes(), log.entry(4).unwrap().bytes());
    assert_eq!(lines.len(), 3);
    let refused = verify_ndjson(text.as_bytes(), log.verifier_key().unwrap(), None);
    assert!(matches!(
        refused,
        Err(VerifyError::Line {
            line: 1,
            fault: Fault::Extract
        })
    ));
}

#[test]
fn a_table_keeps_rfc_4180_and_executes_nothing() {
    let (log, _) = fixed_log();
    let entry = Entry::decision(DecisionFields::new(Outcome::Deny, "trust_too_low"))
        .id("019aab3c-0000-7000-8000-000000000001".parse().unwrap())
        .agent("=cmd|'/c calc'!A1")
        .session("s,1")
        .action(Action {
            name: "@SUM(\"x\")".into(),
            ..Action::default()
        })
        .reason("-2+3");
    log.log(entry).unwrap();
    let mut table = Vec::new();
    let exported = log
        .export_csv(&mut table, &Filter::new().outcome(Outcome::Deny))
        .unwrap();
    assert_eq!(exported.entries, 1);
    let text = String::from_utf8(table).unwrap();
    assert_eq!(text.matches("\r\n").count(), 2);
    insta::assert_snapshot!(text.replace("\r\n", "\n"), @r#"
index,time,id,kind,namespace,agent,session,action,action_type,resource,scope,outcome,reason_code,stage,operator,event,reason,entry
1,2026-11-22T12:00:00Z,019aab3c-0000-7000-8000-000000000001,decision,test,'=cmd|'/c calc'!A1,"s,1","'@SUM(""x"")",,,,deny,trust_too_low,,,,'-2+3,"{""action"":{""name"":""@SUM(\""x\"")""},""agent"":""=cmd|'/c calc'!A1"",""decision"":{""outcome"":""deny"",""reason_code"":""trust_too_low""},""id"":""019aab3c-0000-7000-8000-000000000001"",""kind"":""decision"",""namespace"":""test"",""reason"":""-2+3"",""session"":""s,1"",""ts"":1795348800000000}"
"#);
    let mut read = csv::Reader::from_reader(text.as_bytes());
    let row = read.records().next().unwrap().unwrap();
    assert_eq!(&row[5], "'=cmd|'/c calc'!A1");
    assert_eq!(row[17].as_bytes(), log.entry(1).unwrap().bytes());
}

#[test]
fn limit_and_offset_hold_for_exports() {
    let log = log_of(10);
    let mut table = Vec::new();
    assert_eq!(
        log.export_csv(&mut table, &Filter::new().newest_first().offset(2).limit(3))
            .unwrap()
            .entries,
        3
    );
    let mut read = csv::Reader::from_reader(&table[..]);
    let indexes: Vec<String> = read
        .records()
        .map(|row| row.unwrap()[0].to_owned())
        .collect();
    assert_eq!(indexes, ["8", "7", "6"]);
}

#[test]
fn a_writer_that_fails_is_an_error_and_leaves_the_log_alone() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("full"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = log_of(3);
    assert!(log.export_ndjson(Full).is_err());
    assert!(log.export_ndjson_matching(Full, &Filter::new()).is_err());
    assert!(log.export_csv(Full, &Filter::new()).is_err());
    log.log(Entry::event("after")).unwrap();
    assert!(log.verify(None).is_ok());
}
