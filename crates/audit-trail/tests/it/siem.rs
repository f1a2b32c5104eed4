//! The formats of monitoring systems: what they look like, and that no text can break out of its field.

use std::collections::BTreeMap;

use audit_trail::{
    Action, AuditLog, AuditReader, BudgetFields, Charge, ConsentFields, DecisionFields, Entry,
    Exported, Ext, Filter, Kind, Outcome, Policy, Syslog, TrustFields,
};
use proptest::prelude::*;
use serde_json::Value;
use time::macros::datetime;
use uuid::Uuid;

use crate::fixed_log;

const HOSTILE: &str = "=cmd|' /C calc'!A0 \\n]\" \u{2028}\u{202e} act=forged ";

fn id(n: u8) -> Uuid {
    format!("019aab3c-0000-7000-8000-0000000000{n:02x}")
        .parse()
        .unwrap()
}

/// A full decision, a denial, an event, an operator's act and hostile texts, after the genesis entry.
fn log() -> AuditLog {
    let (log, clock) = fixed_log();
    clock.set(datetime!(2026-11-22 12:00:00.123456 UTC));
    let full = Entry::decision(DecisionFields {
        enforced: Some(true),
        reasons: vec!["trusted".into(), "within budget".into()].into(),
        stage: Some("budget".into()),
        ..DecisionFields::new(Outcome::AllowWithCaveat, "sufficient")
    })
    .agent("desk-assistant")
    .session("s-1")
    .action(Action {
        args_digest: Some("sha256:00".into()),
        name: "read_profile".into(),
        action_type: Some("tool_call".into()),
    })
    .resource("profile/7")
    .scope("payments/eu")
    .trust(TrustFields {
        effective: Some(3),
        required: Some(1),
        ..TrustFields::default()
    })
    .budget(BudgetFields {
        charges: vec![Charge {
            amount: "0.0150".into(),
            available: None,
            budget: "team".into(),
            limit: None,
            unit: "cost_usd".into(),
        }]
        .into(),
        ..BudgetFields::default()
    })
    .consent(ConsentFields {
        code: Some("granted".into()),
        ..ConsentFields::default()
    })
    .policy(Policy {
        digest: "sha256:11".into(),
        version: None,
    })
    .ext(Ext::parse(r#"{"agent":"forged","ratio":0.5}"#).unwrap());
    log.log(full.id(id(1))).unwrap();
    let denied = Entry::decision(DecisionFields::new(Outcome::Deny, "trust_too_low"))
        .agent("desk-assistant")
        .action(Action {
            name: "send_mail".into(),
            ..Action::default()
        })
        .reason("level 1, needed 3");
    log.log(denied.id(id(2))).unwrap();
    log.log(Entry::event("tool-call-complete").session("s-1").id(id(3)))
        .unwrap();
    let act = Entry::admin(Kind::TrustChange, "ops@example.com")
        .agent("desk-assistant")
        .reason("quarterly review");
    log.log(act.id(id(4))).unwrap();
    let hostile = Entry::event(HOSTILE)
        .agent(HOSTILE)
        .session(HOSTILE)
        .reason(HOSTILE);
    log.log(hostile.id(id(5))).unwrap();
    log
}

/// All entries but the genesis entry, whose id is another each time.
fn logged() -> Filter {
    Filter::new().indexes(1..)
}

/// What an export writes, with names for characters that are not seen or turn the text around.
fn shown(export: impl FnOnce(&AuditReader, &mut Vec<u8>) -> Exported) -> String {
    let mut out = Vec::new();
    assert_eq!(export(&log().reader(), &mut out).entries, 5);
    let text = String::from_utf8(out).unwrap();
    text.replace('\u{feff}', "<BOM>")
        .replace('\u{2028}', "<LS>")
        .replace('\u{202e}', "<RLO>")
}

fn syslog() -> Syslog {
    Syslog::new(32473).hostname("gate-1.example.com").unwrap()
}

#[test]
fn cef_looks_like_this() {
    let out = shown(|log, out| log.export_cef(out, &logged()).unwrap());
    insta::assert_snapshot!(out, @r#"
CEF:0|AumOS|audit-trail|1|decision:allow_with_caveat|action permitted with obligations|3|rt=1795348800123 externalId=019aab3c-0000-7000-8000-000000000001 cat=decision deviceFacility=test suser=desk-assistant act=read_profile outcome=allow_with_caveat reason=sufficient msg=trusted within budget cn1=1 cn1Label=index cs1=s-1 cs1Label=session cs2=profile/7 cs2Label=resource cs3=payments/eu cs3Label=scope cs4=budget cs4Label=stage flexString1=KaXijpCfBF7UjsYNJtztgBiLa9G8kE3hTmj8vPg5gnk\= flexString1Label=leaf
CEF:0|AumOS|audit-trail|1|decision:deny|action denied|5|rt=1795348800123 externalId=019aab3c-0000-7000-8000-000000000002 cat=decision deviceFacility=test suser=desk-assistant act=send_mail outcome=deny reason=trust_too_low msg=level 1, needed 3 cn1=2 cn1Label=index flexString1=iAF78ZkoQK81BWnme2Nzi7icU44IVl5clsAd7IfJnPc\= flexString1Label=leaf
CEF:0|AumOS|audit-trail|1|event:tool-call-complete|tool-call-complete|1|rt=1795348800123 externalId=019aab3c-0000-7000-8000-000000000003 cat=event deviceFacility=test cn1=3 cn1Label=index cs1=s-1 cs1Label=session cs6=tool-call-complete cs6Label=event flexString1=TJzPw9RYfqAQfpGUaLL4AHB5tMcMT9gQQ5WYR0C62RM\= flexString1Label=leaf
CEF:0|AumOS|audit-trail|1|trust_change|trust changed|3|rt=1795348800123 externalId=019aab3c-0000-7000-8000-000000000004 cat=trust_change deviceFacility=test suser=desk-assistant msg=quarterly review cn1=4 cn1Label=index cs5=ops@example.com cs5Label=operator flexString1=K5+ib7z2uDMiVG+K3zE6xQi5OgUutEyGwQlNDmO0zPU\= flexString1Label=leaf
CEF:0|AumOS|audit-trail|1|event:=cmd\|' /C calc'!A0 \\n]" <LS><RLO> act=forged |=cmd\|' /C calc'!A0 \\n]" <LS><RLO> act=forged |1|rt=1795348800123 externalId=019aab3c-0000-7000-8000-000000000005 cat=event deviceFacility=test suser=\=cmd|' /C calc'!A0 \\n]" <LS><RLO> act\=forged  msg=\=cmd|' /C calc'!A0 \\n]" <LS><RLO> act\=forged  cn1=5 cn1Label=index cs1=\=cmd|' /C calc'!A0 \\n]" <LS><RLO> act\=forged  cs1Label=session cs6=\=cmd|' /C calc'!A0 \\n]" <LS><RLO> act\=forged  cs6Label=event flexString1=4mK5gtXWfhtPBvnJVtEhUCiHxEU0uFPqmuWyG2q+2Uk\= flexString1Label=leaf
"#);
}

#[test]
fn syslog_looks_like_this() {
    let out = shown(|log, out| log.export_syslog(out, &logged(), &syslog()).unwrap());
    insta::assert_snapshot!(out, @r#"
<109>1 2026-11-22T12:00:00.123456Z gate-1.example.com audit-trail - decision [audit@32473 index="1" id="019aab3c-0000-7000-8000-000000000001" namespace="test" agent="desk-assistant" session="s-1" action="read_profile" action_type="tool_call" resource="profile/7" scope="payments/eu" outcome="allow_with_caveat" reason_code="sufficient" stage="budget" leaf="KaXijpCfBF7UjsYNJtztgBiLa9G8kE3hTmj8vPg5gnk="] <BOM>{"action":{"args_digest":"sha256:00","name":"read_profile","type":"tool_call"},"agent":"desk-assistant","budget":{"charges":[{"amount":"0.0150","budget":"team","unit":"cost_usd"}]},"consent":{"code":"granted"},"decision":{"enforced":true,"outcome":"allow_with_caveat","reason_code":"sufficient","reasons":["trusted","within budget"],"stage":"budget"},"ext":{"agent":"forged","ratio":0.5},"id":"019aab3c-0000-7000-8000-000000000001","kind":"decision","namespace":"test","policy":{"digest":"sha256:11"},"resource":"profile/7","scope":"payments/eu","session":"s-1","trust":{"effective":3,"required":1},"ts":1795348800123456}
<108>1 2026-11-22T12:00:00.123456Z gate-1.example.com audit-trail - decision [audit@32473 index="2" id="019aab3c-0000-7000-8000-000000000002" namespace="test" agent="desk-assistant" action="send_mail" outcome="deny" reason_code="trust_too_low" reason="level 1, needed 3" leaf="iAF78ZkoQK81BWnme2Nzi7icU44IVl5clsAd7IfJnPc="] <BOM>{"action":{"name":"send_mail"},"agent":"desk-assistant","decision":{"outcome":"deny","reason_code":"trust_too_low"},"id":"019aab3c-0000-7000-8000-000000000002","kind":"decision","namespace":"test","reason":"level 1, needed 3","ts":1795348800123456}
<110>1 2026-11-22T12:00:00.123456Z gate-1.example.com audit-trail - event [audit@32473 index="3" id="019aab3c-0000-7000-8000-000000000003" namespace="test" session="s-1" event="tool-call-complete" leaf="TJzPw9RYfqAQfpGUaLL4AHB5tMcMT9gQQ5WYR0C62RM="] <BOM>{"event":"tool-call-complete","id":"019aab3c-0000-7000-8000-000000000003","kind":"event","namespace":"test","session":"s-1","ts":1795348800123456}
<109>1 2026-11-22T12:00:00.123456Z gate-1.example.com audit-trail - trust_change [audit@32473 index="4" id="019aab3c-0000-7000-8000-000000000004" namespace="test" agent="desk-assistant" operator="ops@example.com" reason="quarterly review" leaf="K5+ib7z2uDMiVG+K3zE6xQi5OgUutEyGwQlNDmO0zPU="] <BOM>{"agent":"desk-assistant","id":"019aab3c-0000-7000-8000-000000000004","kind":"trust_change","namespace":"test","operator":"ops@example.com","reason":"quarterly review","ts":1795348800123456}
<110>1 2026-11-22T12:00:00.123456Z gate-1.example.com audit-trail - event [audit@32473 index="5" id="019aab3c-0000-7000-8000-000000000005" namespace="test" agent="=cmd|' /C calc'!A0 \\n\]\" <LS><RLO> act=forged " session="=cmd|' /C calc'!A0 \\n\]\" <LS><RLO> act=forged " event="=cmd|' /C calc'!A0 \\n\]\" <LS><RLO> act=forged " reason="=cmd|' /C calc'!A0 \\n\]\" <LS><RLO> act=forged " leaf="4mK5gtXWfhtPBvnJVtEhUCiHxEU0uFPqmuWyG2q+2Uk="] <BOM>{"agent":"=cmd|' /C calc'!A0 \\n]\" <LS><RLO> act=forged ","event":"=cmd|' /C calc'!A0 \\n]\" <LS><RLO> act=forged ","id":"019aab3c-0000-7000-8000-000000000005","kind":"event","namespace":"test","reason":"=cmd|' /C calc'!A0 \\n]\" <LS><RLO> act=forged ","session":"=cmd|' /C calc'!A0 \\n]\" <LS><RLO> act=forged ","ts":1795348800123456}
"#);
}

#[test]
fn ocsf_looks_like_this() {
    let out = shown(|log, out| log.export_ocsf(out, &logged()).unwrap());
    insta::assert_snapshot!(out, @r#"
{"activity_id":99,"activity_name":"decision","actor":{"app_name":"test","session":{"uid":"s-1"},"user":{"name":"desk-assistant"}},"api":{"operation":"read_profile","service":{"name":"test"}},"category_name":"Application Activity","category_uid":6,"class_name":"API Activity","class_uid":6003,"message":"action permitted with obligations","metadata":{"correlation_uid":"019aab3c-0000-7000-8000-000000000001","log_name":"test","product":{"name":"audit-trail","vendor_name":"AumOS"},"sequence":1,"uid":"019aab3c-0000-7000-8000-000000000001/1","version":"1.3.0"},"raw_data":"{\"action\":{\"args_digest\":\"sha256:00\",\"name\":\"read_profile\",\"type\":\"tool_call\"},\"agent\":\"desk-assistant\",\"budget\":{\"charges\":[{\"amount\":\"0.0150\",\"budget\":\"team\",\"unit\":\"cost_usd\"}]},\"consent\":{\"code\":\"granted\"},\"decision\":{\"enforced\":true,\"outcome\":\"allow_with_caveat\",\"reason_code\":\"sufficient\",\"reasons\":[\"trusted\",\"within budget\"],\"stage\":\"budget\"},\"ext\":{\"agent\":\"forged\",\"ratio\":0.5},\"id\":\"019aab3c-0000-7000-8000-000000000001\",\"kind\":\"decision\",\"namespace\":\"test\",\"policy\":{\"digest\":\"sha256:11\"},\"resource\":\"profile/7\",\"scope\":\"payments/eu\",\"session\":\"s-1\",\"trust\":{\"effective\":3,\"required\":1},\"ts\":1795348800123456}","resources":[{"name":"profile/7"}],"severity":"Low","severity_id":2,"src_endpoint":{"name":"unknown","type":"Unknown","type_id":0},"status":"Success","status_code":"sufficient","status_id":1,"time":1795348800123,"type_uid":600399,"unmapped":{"action":{"args_digest":"sha256:00","name":"read_profile","type":"tool_call"},"budget":{"charges":[{"amount":"0.0150","budget":"team","unit":"cost_usd"}]},"consent":{"code":"granted"},"decision":{"enforced":true,"outcome":"allow_with_caveat","reason_code":"sufficient","reasons":["trusted","within budget"],"stage":"budget"},"ext":{"agent":"forged","ratio":0.5},"kind":"decision","policy":{"digest":"sha256:11"},"scope":"payments/eu","trust":{"effective":3,"required":1}}}
{"activity_id":99,"activity_name":"decision","actor":{"app_name":"test","user":{"name":"desk-assistant"}},"api":{"operation":"send_mail","service":{"name":"test"}},"category_name":"Application Activity","category_uid":6,"class_name":"API Activity","class_uid":6003,"message":"action denied","metadata":{"correlation_uid":"019aab3c-0000-7000-8000-000000000002","log_name":"test","product":{"name":"audit-trail","vendor_name":"AumOS"},"sequence":2,"uid":"019aab3c-0000-7000-8000-000000000002/2","version":"1.3.0"},"raw_data":"{\"action\":{\"name\":\"send_mail\"},\"agent\":\"desk-assistant\",\"decision\":{\"outcome\":\"deny\",\"reason_code\":\"trust_too_low\"},\"id\":\"019aab3c-0000-7000-8000-000000000002\",\"kind\":\"decision\",\"namespace\":\"test\",\"reason\":\"level 1, needed 3\",\"ts\":1795348800123456}","severity":"Medium","severity_id":3,"src_endpoint":{"name":"unknown","type":"Unknown","type_id":0},"status":"Failure","status_code":"trust_too_low","status_detail":"level 1, needed 3","status_id":2,"time":1795348800123,"type_uid":600399,"unmapped":{"action":{"name":"send_mail"},"decision":{"outcome":"deny","reason_code":"trust_too_low"},"kind":"decision"}}
{"activity_id":99,"activity_name":"event","actor":{"app_name":"test","session":{"uid":"s-1"}},"api":{"operation":"tool-call-complete","service":{"name":"test"}},"category_name":"Application Activity","category_uid":6,"class_name":"API Activity","class_uid":6003,"message":"event","metadata":{"correlation_uid":"019aab3c-0000-7000-8000-000000000003","log_name":"test","product":{"name":"audit-trail","vendor_name":"AumOS"},"sequence":3,"uid":"019aab3c-0000-7000-8000-000000000003/3","version":"1.3.0"},"raw_data":"{\"event\":\"tool-call-complete\",\"id\":\"019aab3c-0000-7000-8000-000000000003\",\"kind\":\"event\",\"namespace\":\"test\",\"session\":\"s-1\",\"ts\":1795348800123456}","severity":"Informational","severity_id":1,"src_endpoint":{"name":"unknown","type":"Unknown","type_id":0},"status":"Unknown","status_id":0,"time":1795348800123,"type_uid":600399,"unmapped":{"event":"tool-call-complete","kind":"event"}}
{"activity_id":3,"activity_name":"trust_change","actor":{"app_name":"test","user":{"name":"ops@example.com"}},"api":{"operation":"trust_change","service":{"name":"test"}},"category_name":"Application Activity","category_uid":6,"class_name":"API Activity","class_uid":6003,"message":"trust changed","metadata":{"correlation_uid":"019aab3c-0000-7000-8000-000000000004","log_name":"test","product":{"name":"audit-trail","vendor_name":"AumOS"},"sequence":4,"uid":"019aab3c-0000-7000-8000-000000000004/4","version":"1.3.0"},"raw_data":"{\"agent\":\"desk-assistant\",\"id\":\"019aab3c-0000-7000-8000-000000000004\",\"kind\":\"trust_change\",\"namespace\":\"test\",\"operator\":\"ops@example.com\",\"reason\":\"quarterly review\",\"ts\":1795348800123456}","resources":[{"name":"desk-assistant","type":"agent"}],"severity":"Low","severity_id":2,"src_endpoint":{"name":"unknown","type":"Unknown","type_id":0},"status":"Success","status_detail":"quarterly review","status_id":1,"time":1795348800123,"type_uid":600303,"unmapped":{"kind":"trust_change","operator":"ops@example.com"}}
{"activity_id":99,"activity_name":"event","actor":{"app_name":"test","session":{"uid":"=cmd|' /C calc'!A0 \\n]\" <LS><RLO> act=forged "},"user":{"name":"=cmd|' /C calc'!A0 \\n]\" <LS><RLO> act=forged "}},"api":{"operation":"=cmd|' /C calc'!A0 \\n]\" <LS><RLO> act=forged ","service":{"name":"test"}},"category_name":"Application Activity","category_uid":6,"class_name":"API Activity","class_uid":6003,"message":"event","metadata":{"correlation_uid":"019aab3c-0000-7000-8000-000000000005","log_name":"test","product":{"name":"audit-trail","vendor_name":"AumOS"},"sequence":5,"uid":"019aab3c-0000-7000-8000-000000000005/5","version":"1.3.0"},"raw_data":"{\"agent\":\"=cmd|' /C calc'!A0 \\\\n]\\\" <LS><RLO> act=forged \",\"event\":\"=cmd|' /C calc'!A0 \\\\n]\\\" <LS><RLO> act=forged \",\"id\":\"019aab3c-0000-7000-8000-000000000005\",\"kind\":\"event\",\"namespace\":\"test\",\"reason\":\"=cmd|' /C calc'!A0 \\\\n]\\\" <LS><RLO> act=forged \",\"session\":\"=cmd|' /C calc'!A0 \\\\n]\\\" <LS><RLO> act=forged \",\"ts\":1795348800123456}","severity":"Informational","severity_id":1,"src_endpoint":{"name":"unknown","type":"Unknown","type_id":0},"status":"Unknown","status_detail":"=cmd|' /C calc'!A0 \\n]\" <LS><RLO> act=forged ","status_id":0,"time":1795348800123,"type_uid":600399,"unmapped":{"event":"=cmd|' /C calc'!A0 \\n]\" <LS><RLO> act=forged ","kind":"event"}}
"#);
}

#[test]
fn otel_looks_like_this() {
    let out = shown(|log, out| log.export_otel(out, &logged()).unwrap());
    assert_eq!(out.lines().count(), 1);
    insta::assert_snapshot!(out.replace("},{\"attributes\"", "},\n{\"attributes\""), @r#"
{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"test"}}]},"scopeLogs":[{"scope":{"name":"audit-trail"},"logRecords":[{"attributes":[{"key":"audit.index","value":{"intValue":"1"}},{"key":"audit.id","value":{"stringValue":"019aab3c-0000-7000-8000-000000000001"}},{"key":"audit.kind","value":{"stringValue":"decision"}},{"key":"audit.namespace","value":{"stringValue":"test"}},{"key":"audit.agent","value":{"stringValue":"desk-assistant"}},{"key":"audit.session","value":{"stringValue":"s-1"}},{"key":"audit.action","value":{"stringValue":"read_profile"}},{"key":"audit.action_type","value":{"stringValue":"tool_call"}},{"key":"audit.resource","value":{"stringValue":"profile/7"}},{"key":"audit.scope","value":{"stringValue":"payments/eu"}},{"key":"audit.outcome","value":{"stringValue":"allow_with_caveat"}},{"key":"audit.reason_code","value":{"stringValue":"sufficient"}},{"key":"audit.stage","value":{"stringValue":"budget"}},{"key":"audit.leaf","value":{"stringValue":"KaXijpCfBF7UjsYNJtztgBiLa9G8kE3hTmj8vPg5gnk="}}],"body":{"stringValue":"{\"action\":{\"args_digest\":\"sha256:00\",\"name\":\"read_profile\",\"type\":\"tool_call\"},\"agent\":\"desk-assistant\",\"budget\":{\"charges\":[{\"amount\":\"0.0150\",\"budget\":\"team\",\"unit\":\"cost_usd\"}]},\"consent\":{\"code\":\"granted\"},\"decision\":{\"enforced\":true,\"outcome\":\"allow_with_caveat\",\"reason_code\":\"sufficient\",\"reasons\":[\"trusted\",\"within budget\"],\"stage\":\"budget\"},\"ext\":{\"agent\":\"forged\",\"ratio\":0.5},\"id\":\"019aab3c-0000-7000-8000-000000000001\",\"kind\":\"decision\",\"namespace\":\"test\",\"policy\":{\"digest\":\"sha256:11\"},\"resource\":\"profile/7\",\"scope\":\"payments/eu\",\"session\":\"s-1\",\"trust\":{\"effective\":3,\"required\":1},\"ts\":1795348800123456}"},"eventName":"audit.decision","severityNumber":10,"severityText":"INFO2","timeUnixNano":"1795348800123456000"},
{"attributes":[{"key":"audit.index","value":{"intValue":"2"}},{"key":"audit.id","value":{"stringValue":"019aab3c-0000-7000-8000-000000000002"}},{"key":"audit.kind","value":{"stringValue":"decision"}},{"key":"audit.namespace","value":{"stringValue":"test"}},{"key":"audit.agent","value":{"stringValue":"desk-assistant"}},{"key":"audit.action","value":{"stringValue":"send_mail"}},{"key":"audit.outcome","value":{"stringValue":"deny"}},{"key":"audit.reason_code","value":{"stringValue":"trust_too_low"}},{"key":"audit.reason","value":{"stringValue":"level 1, needed 3"}},{"key":"audit.leaf","value":{"stringValue":"iAF78ZkoQK81BWnme2Nzi7icU44IVl5clsAd7IfJnPc="}}],"body":{"stringValue":"{\"action\":{\"name\":\"send_mail\"},\"agent\":\"desk-assistant\",\"decision\":{\"outcome\":\"deny\",\"reason_code\":\"trust_too_low\"},\"id\":\"019aab3c-0000-7000-8000-000000000002\",\"kind\":\"decision\",\"namespace\":\"test\",\"reason\":\"level 1, needed 3\",\"ts\":1795348800123456}"},"eventName":"audit.decision","severityNumber":13,"severityText":"WARN","timeUnixNano":"1795348800123456000"},
{"attributes":[{"key":"audit.index","value":{"intValue":"3"}},{"key":"audit.id","value":{"stringValue":"019aab3c-0000-7000-8000-000000000003"}},{"key":"audit.kind","value":{"stringValue":"event"}},{"key":"audit.namespace","value":{"stringValue":"test"}},{"key":"audit.session","value":{"stringValue":"s-1"}},{"key":"audit.event","value":{"stringValue":"tool-call-complete"}},{"key":"audit.leaf","value":{"stringValue":"TJzPw9RYfqAQfpGUaLL4AHB5tMcMT9gQQ5WYR0C62RM="}}],"body":{"stringValue":"{\"event\":\"tool-call-complete\",\"id\":\"019aab3c-0000-7000-8000-000000000003\",\"kind\":\"event\",\"namespace\":\"test\",\"session\":\"s-1\",\"ts\":1795348800123456}"},"eventName":"audit.event","severityNumber":9,"severityText":"INFO","timeUnixNano":"1795348800123456000"},
{"attributes":[{"key":"audit.index","value":{"intValue":"4"}},{"key":"audit.id","value":{"stringValue":"019aab3c-0000-7000-8000-000000000004"}},{"key":"audit.kind","value":{"stringValue":"trust_change"}},{"key":"audit.namespace","value":{"stringValue":"test"}},{"key":"audit.agent","value":{"stringValue":"desk-assistant"}},{"key":"audit.operator","value":{"stringValue":"ops@example.com"}},{"key":"audit.reason","value":{"stringValue":"quarterly review"}},{"key":"audit.leaf","value":{"stringValue":"K5+ib7z2uDMiVG+K3zE6xQi5OgUutEyGwQlNDmO0zPU="}}],"body":{"stringValue":"{\"agent\":\"desk-assistant\",\"id\":\"019aab3c-0000-7000-8000-000000000004\",\"kind\":\"trust_change\",\"namespace\":\"test\",\"operator\":\"ops@example.com\",\"reason\":\"quarterly review\",\"ts\":1795348800123456}"},"eventName":"audit.trust_change","severityNumber":10,"severityText":"INFO2","timeUnixNano":"1795348800123456000"},
{"attributes":[{"key":"audit.index","value":{"intValue":"5"}},{"key":"audit.id","value":{"stringValue":"019aab3c-0000-7000-8000-000000000005"}},{"key":"audit.kind","value":{"stringValue":"event"}},{"key":"audit.namespace","value":{"stringValue":"test"}},{"key":"audit.agent","value":{"stringValue":"=cmd|' /C calc'!A0 \\n]\" <LS><RLO> act=forged "}},{"key":"audit.session","value":{"stringValue":"=cmd|' /C calc'!A0 \\n]\" <LS><RLO> act=forged "}},{"key":"audit.event","value":{"stringValue":"=cmd|' /C calc'!A0 \\n]\" <LS><RLO> act=forged "}},{"key":"audit.reason","value":{"stringValue":"=cmd|' /C calc'!A0 \\n]\" <LS><RLO> act=forged "}},{"key":"audit.leaf","value":{"stringValue":"4mK5gtXWfhtPBvnJVtEhUCiHxEU0uFPqmuWyG2q+2Uk="}}],"body":{"stringValue":"{\"agent\":\"=cmd|' /C calc'!A0 \\\\n]\\\" <LS><RLO> act=forged \",\"event\":\"=cmd|' /C calc'!A0 \\\\n]\\\" <LS><RLO> act=forged \",\"id\":\"019aab3c-0000-7000-8000-000000000005\",\"kind\":\"event\",\"namespace\":\"test\",\"reason\":\"=cmd|' /C calc'!A0 \\\\n]\\\" <LS><RLO> act=forged \",\"session\":\"=cmd|' /C calc'!A0 \\\\n]\\\" <LS><RLO> act=forged \",\"ts\":1795348800123456}"},"eventName":"audit.event","severityNumber":9,"severityText":"INFO","timeUnixNano":"1795348800123456000"}]}]}]}
"#);
}

#[test]
fn ocsf_holds_what_the_class_requires() {
    let out = shown(|log, out| log.export_ocsf(out, &logged()).unwrap());
    for line in out.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        for required in [
            "activity_id",
            "actor",
            "api",
            "category_uid",
            "class_uid",
            "metadata",
            "severity_id",
            "src_endpoint",
            "time",
            "type_uid",
        ] {
            assert!(!event[required].is_null(), "{required}: {line}");
        }
        let class = event["class_uid"].as_i64().unwrap();
        assert_eq!(class / 1000, event["category_uid"].as_i64().unwrap());
        assert_eq!(
            event["type_uid"].as_i64().unwrap(),
            class * 100 + event["activity_id"].as_i64().unwrap()
        );
        assert!(event["api"]["operation"].is_string());
        assert!(event["metadata"]["version"].is_string());
        assert!(event["metadata"]["product"]["name"].is_string());
    }
}

#[test]
fn requests_of_open_telemetry_are_bounded_and_none_is_empty() {
    let records = |out: &[u8]| -> Vec<usize> {
        let lines = std::str::from_utf8(out).unwrap().lines();
        let count = |line| {
            let request: Value = serde_json::from_str(line).unwrap();
            request["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
                .as_array()
                .unwrap()
                .len()
        };
        lines.map(count).collect()
    };
    for (n, expected) in [
        (255, vec![256]),
        (256, vec![256, 1]),
        (600, vec![256, 256, 89]),
    ] {
        let mut out = Vec::new();
        crate::log_of(n)
            .export_otel(&mut out, &Filter::new())
            .unwrap();
        assert_eq!(records(&out), expected);
    }
    let mut out = Vec::new();
    let exported = crate::log_of(3).export_otel(&mut out, &Filter::new().limit(0));
    assert_eq!((exported.unwrap().entries, out.len()), (0, 0));

    let (log, _) = fixed_log();
    let lengthy = "x".repeat(4096);
    for _ in 0..300 {
        let reasons = vec![lengthy.clone().into(); 12].into();
        let decision = DecisionFields {
            reasons,
            ..DecisionFields::new(Outcome::Deny, "x")
        };
        log.log(Entry::decision(decision)).unwrap();
    }
    let mut out = Vec::new();
    log.export_otel(&mut out, &Filter::new()).unwrap();
    let longest = out.split(|b| *b == b'\n').map(<[u8]>::len).max().unwrap();
    assert!(longest < (1 << 20) + 2 * 61_440, "{longest}");
    assert_eq!(records(&out).iter().sum::<usize>(), 301);
}

#[test]
fn a_time_before_the_epoch_is_a_time() {
    let (log, _) = fixed_log();
    let entry = Entry::event("early").at(datetime!(1969-12-31 23:59:59.9995 UTC));
    log.log(entry).unwrap();
    let early = Filter::new().event("early");
    let (mut cef, mut syslog_out, mut otel) = (Vec::new(), Vec::new(), Vec::new());
    log.export_cef(&mut cef, &early).unwrap();
    log.export_syslog(&mut syslog_out, &early, &syslog())
        .unwrap();
    log.export_otel(&mut otel, &early).unwrap();
    assert!(String::from_utf8(cef).unwrap().contains("|rt=-1 "));
    let message = String::from_utf8(syslog_out).unwrap();
    assert!(
        message.starts_with("<110>1 1969-12-31T23:59:59.999500Z "),
        "{message}"
    );
    assert!(
        String::from_utf8(otel)
            .unwrap()
            .contains("\"timeUnixNano\":\"0\"")
    );
}

#[test]
fn what_cannot_stand_in_a_syslog_header_is_refused() {
    for bad in ["", "a b", "a\nb", "é", "\u{7f}", &"x".repeat(256)] {
        assert!(Syslog::new(1).hostname(bad).is_err(), "{bad:?}");
        assert!(Syslog::new(1).app_name(bad).is_err(), "{bad:?}");
    }
    assert!(Syslog::new(1).app_name("x".repeat(49)).is_err());
    assert!(Syslog::new(1).facility(24).is_err());
    let mut out = Vec::new();
    let local = Syslog::new(u32::MAX).facility(23).unwrap();
    crate::log_of(0)
        .export_syslog(&mut out, &Filter::new(), &local)
        .unwrap();
    assert!(out.starts_with(b"<190>1 "));
}

#[test]
fn writers_that_fail_are_errors() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("full"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (log, all) = (log(), Filter::new());
    assert!(log.export_cef(Full, &all).is_err());
    assert!(log.export_ocsf(Full, &all).is_err());
    assert!(log.export_otel(Full, &all).is_err());
    assert!(log.export_syslog(Full, &all, &syslog()).is_err());
    assert!(log.export_evidence(Full, &all).is_err());
    assert!(log.verify(None).is_ok());
}

/// Reads a line of CEF as its grammar says, knowing nothing of how it was written: header fields, then the extension.
fn read_cef(line: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let mut chars = line.chars().peekable();
    let (mut header, mut field) = (Vec::new(), String::new());
    while header.len() < 7 {
        match chars.next().expect("seven bars") {
            '\\' => field.push(chars.next().unwrap()),
            '|' => header.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    // Each `=` that is not escaped ends a key, which began after the last space.
    let (mut extension, mut key, mut value) = (BTreeMap::new(), None::<String>, String::new());
    let mut raw_spaces = Vec::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' => value.push(match chars.next().unwrap() {
                'n' => '\n',
                'r' => '\r',
                c => c,
            }),
            '=' => {
                let at = raw_spaces.pop().map_or(0, |at: usize| at);
                let next: String = value.split_off(at);
                if let Some(key) = key.replace(next.trim_start_matches(' ').to_owned()) {
                    assert!(extension.insert(key, std::mem::take(&mut value)).is_none());
                }
                raw_spaces.clear();
            }
            c => {
                if c == ' ' {
                    raw_spaces.push(value.len());
                }
                value.push(c);
            }
        }
    }
    extension.insert(key.unwrap(), value);
    (header, extension)
}

/// Reads a message as RFC 5424 §6 says: header fields, structured data, message.
fn read_syslog(line: &str) -> (Vec<String>, String, BTreeMap<String, String>, String) {
    let mut parts = line.splitn(7, ' ');
    let header: Vec<String> = parts.by_ref().take(6).map(str::to_owned).collect();
    let rest = parts.next().unwrap().strip_prefix('[').unwrap();
    let (sd_id, mut rest) = rest.split_once(' ').unwrap();
    let mut params = BTreeMap::new();
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        let (mut value, mut chars) = (String::new(), after.char_indices());
        let end = loop {
            match chars.next().unwrap() {
                (_, '\\') => match chars.next().unwrap().1 {
                    c @ ('"' | '\\' | ']') => value.push(c),
                    c => value.extend(['\\', c]),
                },
                (at, '"') => break at + 1,
                (_, ']') => panic!("an unescaped bracket"),
                (_, c) => value.push(c),
            }
        };
        assert!(params.insert(name.to_owned(), value).is_none());
        rest = &after[end..];
        if let Some(message) = rest.strip_prefix("] ") {
            return (header, sd_id.to_owned(), params, message.to_owned());
        }
        rest = rest.strip_prefix(' ').unwrap();
    }
}

/// Texts that entries may hold, rich in what these formats are made of.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{1,80}",
        "[=|\\\\\"\\] \\[an]{1,40}",
        "\\PC{1,60}",
        Just(HOSTILE.to_owned()),
        Just("\u{2028}\u{2029}\u{feff}\u{202e}".to_owned()),
        "[a-z=\\\\|]{4000,4096}",
    ]
    .prop_filter("no control characters", |text| {
        !text.contains(char::is_control)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_text_reads_back_from_every_format(agent in texts(), session in texts(), event in texts(), reason in texts(), operator in texts()) {
        let (log, _) = fixed_log();
        let entry = Entry::event(&event).agent(&agent).session(&session).reason_text(&reason).operator(&operator);
        log.log(entry).unwrap();
        let record = log.entry(1).unwrap();
        let exact = std::str::from_utf8(record.bytes()).unwrap();
        let filter = Filter::new().indexes(1..);
        let mut out = Vec::new();

        log.export_cef(&mut out, &filter).unwrap();
        let line = String::from_utf8(std::mem::take(&mut out)).unwrap();
        let (header, extension) = read_cef(line.strip_suffix('\n').unwrap());
        prop_assert_eq!(&header[..4], &["CEF:0", "AumOS", "audit-trail", "1"]);
        prop_assert_eq!((&header[4], &header[5]), (&format!("event:{event}"), &event));
        for (key, value) in [("suser", &agent), ("cs1", &session), ("msg", &reason), ("cs5", &operator), ("cs6", &event)] {
            prop_assert_eq!(&extension[key], value, "{}", key);
        }

        log.export_syslog(&mut out, &filter, &syslog()).unwrap();
        let line = String::from_utf8(std::mem::take(&mut out)).unwrap();
        let (header, sd_id, params, message) = read_syslog(line.strip_suffix('\n').unwrap());
        prop_assert_eq!(header, ["<110>1", "2026-11-22T12:00:00.000000Z", "gate-1.example.com", "audit-trail", "-", "event"]);
        prop_assert_eq!(sd_id, "audit@32473");
        prop_assert_eq!(message.strip_prefix('\u{feff}').unwrap(), exact);
        for (key, value) in [("agent", &agent), ("session", &session), ("reason", &reason), ("operator", &operator), ("event", &event)] {
            prop_assert_eq!(&params[key], value, "{}", key);
        }

        log.export_ocsf(&mut out, &filter).unwrap();
        let value: Value = serde_json::from_slice(out.strip_suffix(b"\n").unwrap()).unwrap();
        prop_assert_eq!(value["actor"]["user"]["name"].as_str(), Some(&*operator));
        prop_assert_eq!(value["actor"]["session"]["uid"].as_str(), Some(&*session));
        prop_assert_eq!(value["resources"][0]["name"].as_str(), Some(&*agent));
        prop_assert_eq!(value["api"]["operation"].as_str(), Some(&*event));
        prop_assert_eq!(value["status_detail"].as_str(), Some(&*reason));
        prop_assert_eq!(value["raw_data"].as_str(), Some(exact));
        out.clear();

        log.export_otel(&mut out, &filter).unwrap();
        let value: Value = serde_json::from_slice(out.strip_suffix(b"\n").unwrap()).unwrap();
        let record = &value["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        prop_assert_eq!(record["body"]["stringValue"].as_str(), Some(exact));
        let attributes: BTreeMap<&str, &str> = record["attributes"].as_array().unwrap().iter()
            .filter_map(|attribute| Some((attribute["key"].as_str()?, attribute["value"]["stringValue"].as_str()?)))
            .collect();
        for (key, value) in [("audit.agent", &agent), ("audit.session", &session), ("audit.reason", &reason), ("audit.operator", &operator), ("audit.event", &event)] {
            prop_assert_eq!(attributes[key], value, "{}", key);
        }
        out.clear();

        log.export_csv(&mut out, &filter).unwrap();
        let mut table = csv::Reader::from_reader(&out[..]);
        let row = table.records().next().unwrap().unwrap();
        for (at, value) in [(5, &agent), (6, &session), (14, &operator), (15, &event), (16, &reason)] {
            let cell = &row[at];
            prop_assert!(cell == value || cell.strip_prefix('\'') == Some(value));
            prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']));
        }
        prop_assert_eq!(&row[17], exact);
    }
}
