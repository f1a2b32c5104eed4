//! What operators ask as data: who asked stands in the log, what is refused says why, and what is told is what is in force.

use security_bundle::audit_trail::Filter;
use security_bundle::budget_enforcer::{BudgetEnforcer, Charge, MemoryJournal};
use security_bundle::operator::{
    ApprovalsAnswer, Books, BudgetAnswer, BudgetRequest, ConsentAnswer, OperatorAnswer,
    OperatorRefusal, OperatorRequest, StackAnswer, TrustAnswer, TrustRequest,
};
use security_bundle::trust_gate::{self, ApprovalState, TrustLevel};
use security_bundle::{SecurityStack, SecurityStackConfig};
use serde_json::{Value, json};

use crate::support::{Fault, Faulty, NOW};

fn stack() -> SecurityStack {
    stack_of(SecurityStackConfig::default())
}

fn stack_of(config: SecurityStackConfig) -> SecurityStack {
    SecurityStack::builder(config)
        .clock(|| NOW)
        .build()
        .unwrap()
}

fn request(request: Value) -> OperatorRequest {
    serde_json::from_value(request).unwrap()
}

fn ask(stack: &SecurityStack, asked: Value) -> Result<OperatorAnswer, OperatorRefusal> {
    stack.perform(&request(asked), None)
}

fn assign(level: &str) -> Value {
    json!({"trust": {"assign": {"agent": "bot", "level": level, "by": "ops@example.com", "reason": "pilot"}}})
}

fn revoke() -> Value {
    json!({"trust": {"revoke": {"agent": "bot", "by": "ops@example.com", "reason": "over"}}})
}

fn level(stack: &SecurityStack) -> TrustLevel {
    let agent = "bot".parse().unwrap();
    stack
        .trust_gate
        .level(&agent, &trust_gate::Scope::root())
        .effective
}

fn told(stack: &SecurityStack) -> Vec<String> {
    let page = stack.audit.query(&Filter::new()).unwrap();
    let entries = page.records.iter().map(|entry| {
        format!(
            "{} {} by {} ({})",
            entry.kind(),
            entry.event().unwrap_or("-"),
            entry.operator().unwrap_or("-"),
            entry.reason().unwrap_or("-")
        )
    });
    entries.collect()
}

#[test]
fn who_asked_from_elsewhere_stands_before_the_act() {
    let stack = stack();
    let done = stack.perform(&request(assign("L2")), Some("uid:1000 (ada)"));
    assert!(matches!(
        done,
        Ok(OperatorAnswer::Trust(TrustAnswer::Done(_)))
    ));
    assert_eq!(level(&stack), TrustLevel::Suggest);
    let told = told(&stack);
    insta::assert_snapshot!(told[told.len() - 2..].join("\n"), @"
    event operator_request by - (uid:1000 (ada) asks trust.assign in the name of ops@example.com)
    trust_change assign by ops@example.com (pilot)
    ");
}

#[test]
fn a_question_leaves_nothing_in_the_log_and_neither_does_the_owners_own_process() {
    let stack = stack();
    let before = stack.audit.size().unwrap();
    let questions = [
        json!({"trust": {"show": {}}}),
        json!({"trust": {"keys": {}}}),
        json!({"approvals": {"list": {}}}),
        json!({"budget": {"list": {}}}),
        json!({"consent": {"records": {}}}),
        json!({"stack": {"status": {}}}),
        json!({"stack": {"explain": {"agent": "bot", "tool": "send_mail"}}}),
    ];
    for question in questions {
        let question = request(question);
        assert!(!question.is_act(), "{question:?}");
        drop(stack.perform(&question, Some("uid:1000")).unwrap());
    }
    assert_eq!(stack.audit.size().unwrap(), before);
    drop(ask(&stack, assign("L2")).unwrap());
    assert_eq!(stack.audit.size().unwrap(), before + 1);
}

#[test]
fn what_takes_away_is_in_force_though_it_could_not_be_stored_and_says_so() {
    let recorder = Faulty::new();
    let stack = SecurityStack::builder(SecurityStackConfig::default())
        .clock(|| NOW)
        .audit(recorder.log.clone())
        .recorder(recorder.clone())
        .build()
        .unwrap();
    drop(ask(&stack, assign("L3")).unwrap());
    recorder.set(Fault::Refuses);
    let refusal = stack
        .perform(&request(revoke()), Some("uid:1000"))
        .unwrap_err();
    assert_eq!(refusal.code, "not_stored");
    assert_eq!(level(&stack), TrustLevel::Observer);
    // That nobody knows who asked is counted.
    assert_eq!(stack.guard().losses(), 1);

    let refusal = ask(&stack, assign("L5")).unwrap_err();
    assert_eq!(refusal.code, "unavailable");
    assert_eq!(level(&stack), TrustLevel::Observer);
}

#[test]
fn a_refusal_has_a_code_and_says_what_was_wrong() {
    let stack = stack();
    drop(ask(&stack, assign("L1")).unwrap());
    let narrower = json!({"trust": {"revoke": {"agent": "bot", "scope": "payments", "by": "ops@example.com", "reason": "over"}}});
    drop(ask(&stack, narrower).unwrap());
    let asked = [
        json!({"trust": {"clear": {"agent": "bot", "scope": "payments", "by": "ops@example.com", "reason": ""}}}),
        json!({"trust": {"close_review": {"opened": 7, "by": "ops@example.com", "reason": "seen"}}}),
        json!({"approvals": {"show": {"id": 12}}}),
        json!({"budget": {"show": {"envelope": {"budget": "none"}}}}),
        json!({"budget": {"ledger": {}}}),
        json!({"consent": {"withdraw": {"extent": {}}}}),
        json!({"consent": {"withdraw": {"extent": {"agent": "bot"}, "by": "ada", "authority": "parental"}}}),
        json!({"consent": {"record": {"record": "018f3f63-7a52-7000-8000-000000000000"}}}),
        json!({"stack": {"reload": {"by": "ops@example.com", "reason": "new rules"}}}),
    ];
    let refusals = asked.map(|asked| {
        let refusal = ask(&stack, asked).unwrap_err();
        format!("{}: {}", refusal.code, refusal.message)
    });
    insta::assert_snapshot!(refusals.join("\n"), @"
    would_raise: this would raise agent `bot` in scope `payments` from L0 to L1; say so explicitly if you mean it
    not_found: no review is open for revision 7; look at the history for the glass that was broken
    not_found: there is no approval 12 in the queue; look into the history for it
    not_found: budget `none` does not exist
    no_journal: only a journal can tell that, and budgets in memory keep none; query the audit log, or give the stack a directory
    names_nothing: it names nothing, which would mean everything; name an agent, data, a purpose, a person or an operation
    unsupported: who acts in a person's place names both: give `subject` and `by`
    not_found: there is no record 018f3f63-7a52-7000-8000-000000000000
    unsupported: this stack was not made from a file that could be read again
    ");
}

#[test]
fn silence_about_the_purpose_is_no_consent_to_every_purpose() {
    let given = json!({"consent": {"give": {"agent": "bot", "data_type": "user", "by": "ada"}}});
    let error = serde_json::from_value::<OperatorRequest>(given).unwrap_err();
    insta::assert_snapshot!(error, @"missing field `purposes`");
    let given = json!({"consent": {"give": {"agent": "bot", "data_type": "user", "purposes": "every", "by": "ada"}}});
    let answer = ask(&stack(), given);
    assert!(matches!(
        answer,
        Ok(OperatorAnswer::Consent(ConsentAnswer::Given(_)))
    ));
}

#[test]
fn an_answer_reaches_the_call_that_waits_for_it() {
    let config = SecurityStackConfig::from_toml_str(
        r#"
        [[trust.tools]]
        tool = "pay"
        required_level = "L2"
        effect = "write"
        approval = "always"
        [[trust.assignments]]
        agent = "bot"
        level = "L5"
        assigned_by = "ops@example.com"
        "#,
    );
    let stack = stack_of(config.unwrap());
    let call = trust_gate::ToolRequest::new("bot".parse().unwrap(), "pay".parse().unwrap());
    let arguments = trust_gate::Arguments::of_json(r#"{"sum":5}"#).unwrap();
    let asked = stack.trust_gate.approvals().ask(&call, &arguments).unwrap();
    let trust_gate::Answer::Pending(pending) = asked else {
        panic!("{asked:?}")
    };
    let status = ask(&stack, json!({"stack": {"status": {}}})).unwrap();
    let OperatorAnswer::Stack(StackAnswer::Status(status)) = status else {
        panic!("{status:?}")
    };
    assert_eq!(status.pending_approvals, 1);
    let approve =
        json!({"approvals": {"approve": {"id": pending.id, "by": "ada", "reason": "seen"}}});
    let done = ask(&stack, approve).unwrap();
    let OperatorAnswer::Approvals(ApprovalsAnswer::One(approval)) = done else {
        panic!("{done:?}")
    };
    assert_eq!(approval.state, ApprovalState::Approved);
    let waited = stack.trust_gate.approvals().wait_blocking(pending.id);
    assert_eq!(waited.unwrap().state, ApprovalState::Approved);
}

#[test]
fn limits_that_are_not_given_stay() {
    let stack = stack();
    let create = json!({"budget": {"create": {"spec": {"id": "team", "limits": {"calls": 5, "cost": "10"}}, "by": "ops@example.com"}}});
    drop(ask(&stack, create).unwrap());
    let update = json!({"budget": {"update": {"budget": "team", "limits": {"calls": 7}, "by": "ops@example.com", "reason": "busy"}}});
    let done = ask(&stack, update).unwrap();
    insta::assert_json_snapshot!(done, @r#"
    {
      "budget": {
        "updated": {
          "updated": "team",
          "window": "lifetime",
          "before": {
            "calls": 5,
            "cost": "10.00"
          },
          "after": {
            "calls": 7,
            "cost": "10.00"
          },
          "revision": 2
        }
      }
    }
    "#);
    let more = json!({"budget": {"update": {"budget": "team", "limits": {"tokens": 9}, "unlimited": ["cost"], "by": "ops@example.com"}}});
    let OperatorAnswer::Budget(BudgetAnswer::Updated { after, .. }) = ask(&stack, more).unwrap()
    else {
        panic!()
    };
    assert_eq!(
        (after.tokens, after.calls, after.cost),
        (Some(9), Some(7), None)
    );
    let show = ask(
        &stack,
        json!({"budget": {"show": {"envelope": {"budget": "team"}}}}),
    );
    insta::assert_json_snapshot!(show.unwrap(), @r#"
    {
      "budget": {
        "envelope": {
          "envelope": {
            "budget": "team"
          },
          "state": "active",
          "windows": [
            {
              "period": "lifetime",
              "start_at": null,
              "resets_at": null,
              "tokens": {
                "limit": 9,
                "rolled_over": 0,
                "debt": 0,
                "spent": 0,
                "overspent": 0,
                "reserved": 0,
                "available": 9,
                "used_percent": 0
              },
              "calls": {
                "limit": 7,
                "rolled_over": 0,
                "debt": 0,
                "spent": 0,
                "overspent": 0,
                "reserved": 0,
                "available": 7,
                "used_percent": 0
              }
            }
          ],
          "blocked_by": null,
          "holds": []
        }
      }
    }
    "#);
}

#[test]
fn the_status_says_how_the_stack_stands() {
    let stack = stack();
    drop(ask(&stack, assign("L1")).unwrap());
    let answer = ask(&stack, json!({"stack": {"status": {}}})).unwrap();
    let OperatorAnswer::Stack(StackAnswer::Status(status)) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(status.owner_pid, std::process::id());
    assert_eq!((status.since, status.at), (NOW, NOW));
    assert_eq!(status.log_size, stack.audit.size().unwrap());
    assert_eq!(
        (status.losses, status.open_holds, status.open_review),
        (0, 0, None)
    );
    assert_eq!(status.policy.len(), 64);
    let flushed = ask(&stack, json!({"stack": {"flush": {}}}));
    assert!(matches!(
        flushed,
        Ok(OperatorAnswer::Stack(StackAnswer::Flushed {}))
    ));
}

#[test]
fn the_books_of_a_journal_tell_what_memory_does_not() {
    let journal = MemoryJournal::new();
    let (enforcer, admin) = BudgetEnforcer::builder()
        .journal(journal.clone())
        .clock(|| NOW)
        .build()
        .unwrap();
    let create = |id: &str, parent: Value| {
        let request: BudgetRequest = serde_json::from_value(json!({"create": {
            "spec": {"id": id, "limits": {"calls": 9}, "parent": parent}, "by": "ops@example.com", "reason": "pilot"
        }}))
        .unwrap();
        request.perform(&admin).unwrap()
    };
    drop(create("team", Value::Null));
    drop(create("team-a", json!("team")));
    let charge = Charge::budget(&"team-a".parse().unwrap()).calls(2);
    let held = enforcer.reserve(&charge).unwrap();

    let books = Books::read_by(journal, || NOW).unwrap();
    let ask = |request: Value| {
        let request: BudgetRequest = serde_json::from_value(request).unwrap();
        request.look(&books)
    };
    let BudgetAnswer::Listed(listed) = ask(json!({"list": {}})).unwrap() else {
        panic!()
    };
    let set_up = |at: usize| listed[at].set_up.clone().unwrap();
    assert_eq!(set_up(0).parent, None);
    assert_eq!(set_up(1).parent, Some("team".parse().unwrap()));
    assert_eq!(
        set_up(1).created_by,
        Some("ops@example.com".parse().unwrap())
    );
    let answer = ask(json!({"show": {"envelope": {"budget": "team"}}})).unwrap();
    let BudgetAnswer::Envelope { holds, .. } = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(holds.len(), 1);
    let kinds = |request| match ask(request).unwrap() {
        BudgetAnswer::Ledger(entries) => entries
            .iter()
            .map(|entry| entry.kind.name())
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        kinds(json!({"ledger": {}})),
        ["create", "create", "reserve"]
    );
    assert_eq!(kinds(json!({"ledger": {"newest": 1}})), ["reserve"]);
    assert_eq!(
        kinds(json!({"ledger": {"kinds": ["create"], "envelope": {"budget": "team-a"}}})),
        ["create"]
    );
    drop(held);
}

#[test]
fn an_act_asked_of_books_is_refused() {
    let books = Books::read(MemoryJournal::new()).unwrap();
    let request: BudgetRequest = serde_json::from_value(
        json!({"suspend": {"envelope": {"budget": "team"}, "by": "ops@example.com"}}),
    )
    .unwrap();
    assert_eq!(request.look(&books).unwrap_err().code(), "unsupported");
}

#[test]
fn a_trust_request_works_on_a_gate_alone() {
    let (gate, admin) = trust_gate::TrustGate::builder().build().unwrap();
    let request: TrustRequest = serde_json::from_value(assign("L4")["trust"].clone()).unwrap();
    drop(request.perform(&admin).unwrap());
    let level = gate.level(&"bot".parse().unwrap(), &trust_gate::Scope::root());
    assert_eq!(level.effective, TrustLevel::ActAndReport);
}
