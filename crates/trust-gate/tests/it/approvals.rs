//! Approvals: bound to one call under one set of rules, answered by operators, used once.

use std::future::Future;
use std::num::{NonZeroU8, NonZeroUsize};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use trust_gate::{
    Answer, Approval, ApprovalError, ApprovalFilter, ApprovalRule, ApprovalRules, ApprovalState,
    ApprovalWait, Arguments, Effect, HistoryFilter, OperatorId, Scope, ToolPolicy, ToolRequest,
    TrustError, TrustGateConfig, TrustLevel, TrustOutcome,
};

use crate::fixture::{Fixture, agent, ops, request, scope};

const TTL: Duration = Duration::from_secs(300);

fn rule(tool: &str, approvers: u8) -> ToolPolicy {
    ToolPolicy::new(
        tool.parse().unwrap(),
        TrustLevel::Suggest,
        Effect::Destructive,
    )
    .approvers(NonZeroU8::new(approvers).unwrap())
}

fn config() -> TrustGateConfig {
    TrustGateConfig {
        tools: vec![
            rule("wipe", 1),
            rule("launch", 2),
            rule("purge", 1).approval(ApprovalRule::Always),
        ],
        ..TrustGateConfig::default()
    }
}

/// Agents `a` and `b` at the level that needs approval.
fn stage() -> Fixture {
    let f = Fixture::with(config());
    f.grant("a", "", TrustLevel::ActWithApproval);
    f.grant("b", "", TrustLevel::ActWithApproval);
    f
}

fn wipe() -> ToolRequest {
    request("a", "wipe")
}

fn args() -> Arguments {
    Arguments::of_json(r#"{"disk":1}"#).unwrap()
}

fn second() -> OperatorId {
    "second@example.com".parse().unwrap()
}

fn ask(f: &Fixture, call: &ToolRequest) -> Approval {
    match f.gate.approvals().ask(call, &args()).unwrap() {
        Answer::Pending(approval) => approval,
        other => panic!("{other:?}"),
    }
}

fn approve(f: &Fixture, approval: &Approval) -> Approval {
    f.admin
        .approvals()
        .approve(approval.id, &ops(), "fine")
        .unwrap()
}

fn refusal(error: TrustError) -> ApprovalError {
    match error {
        TrustError::Approval(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn an_approved_call_runs_once() {
    let f = stage();
    let asked = ask(&f, &wipe());
    assert_eq!(
        (asked.state, asked.shown.as_deref()),
        (ApprovalState::Pending, Some(r#"{"disk":1}"#))
    );
    assert_eq!(approve(&f, &asked).state, ApprovalState::Approved);
    let Answer::Approved(decision) = f.gate.approvals().ask(&wipe(), &args()).unwrap() else {
        panic!("not approved");
    };
    assert!(decision.allowed());
    assert_eq!(
        (decision.code(), decision.approval()),
        ("approved", Some(asked.id))
    );
    insta::assert_snapshot!(decision.reason(), @"Agent 'a' has trust level Act (Approval Required) (3), which satisfies the required level Suggest (2), and approval 4 lets the call run once.");
    assert_eq!(
        f.gate.approvals().get(asked.id).unwrap().state,
        ApprovalState::Consumed
    );
    assert!(
        !f.gate.check(&wipe()).allowed(),
        "the level is what it was: {}",
        f.level("a", "")
    );
    assert_ne!(
        ask(&f, &wipe()).id,
        asked.id,
        "the next call is asked for anew"
    );
}

#[test]
fn only_the_very_same_call_uses_it() {
    let f = stage();
    approve(&f, &ask(&f, &wipe()));
    let others = [
        (request("b", "wipe"), args()),
        (request("a", "purge"), args()),
        (wipe().scope(scope("x")), args()),
        (wipe(), Arguments::of_json(r#"{"disk":2}"#).unwrap()),
        (wipe(), Arguments::of_json("{}").unwrap()),
        (wipe(), Arguments::of_json("null").unwrap()),
        (wipe(), Arguments::none()),
    ];
    for (call, arguments) in &others {
        let refused = f.gate.approvals().consume(call, arguments).unwrap_err();
        assert_eq!(refusal(refused), ApprovalError::NotApproved, "{call:?}");
    }
    let respelt = Arguments::of_json("{ \"disk\" : 1 }").unwrap();
    drop(
        f.gate
            .approvals()
            .consume(&wipe(), &respelt)
            .expect("the same as JSON is the same"),
    );
}

#[test]
fn other_rules_leave_an_approval_unused() {
    let f = stage();
    let (approved, pending) = (ask(&f, &wipe()), ask(&f, &request("b", "wipe")));
    approve(&f, &approved);
    f.admin
        .set_tool_policies(config().tools, &ops(), "the same rules are other rules")
        .unwrap();
    let refused = f.gate.approvals().consume(&wipe(), &args()).unwrap_err();
    assert_eq!(refusal(refused), ApprovalError::NotApproved);
    let refused = f
        .admin
        .approvals()
        .approve(pending.id, &ops(), "")
        .unwrap_err();
    assert_eq!(refusal(refused), ApprovalError::OtherRules(pending.id));
}

#[test]
fn it_can_be_approved_and_used_before_its_end_and_not_at_it() {
    let f = stage();
    let asked = ask(&f, &wipe());
    let other = ask(&f, &request("b", "wipe"));
    assert_eq!(asked.expires_at, f.gate.now() + TTL);
    f.clock.advance(TTL.saturating_sub(Duration::from_nanos(1)));
    approve(&f, &asked);
    f.clock.advance(Duration::from_nanos(1));
    let refused = f.gate.approvals().consume(&wipe(), &args()).unwrap_err();
    assert_eq!(refusal(refused), ApprovalError::NotApproved);
    let refused = f
        .admin
        .approvals()
        .approve(other.id, &ops(), "")
        .unwrap_err();
    insta::assert_snapshot!(refused, @"approval 5 is expired; only one that is pending can be approved");
    for id in [asked.id, other.id] {
        assert_eq!(
            f.gate.approvals().get(id).unwrap().state,
            ApprovalState::Expired
        );
    }
}

#[test]
fn what_was_told_to_have_run_out_stays_so_when_the_clock_goes_back() {
    let f = stage();
    let asked = ask(&f, &wipe());
    approve(&f, &asked);
    let noon = f.gate.now();
    f.clock.advance(TTL);
    assert_eq!(
        f.gate.approvals().get(asked.id).unwrap().state,
        ApprovalState::Expired
    );
    f.clock.set(noon);
    let f = f.restart();
    assert_eq!(
        f.gate.approvals().get(asked.id).unwrap().state,
        ApprovalState::Expired
    );
    assert!(f.gate.approvals().consume(&wipe(), &args()).is_err());
}

#[test]
fn a_use_that_came_too_late_is_too_late_when_the_clock_goes_back() {
    let f = stage();
    let asked = ask(&f, &wipe());
    approve(&f, &asked);
    let noon = f.gate.now();
    // What a restart begins from is near the end, and not yet at it.
    let second = Duration::from_secs(1);
    f.clock.advance(TTL.saturating_sub(second));
    assert!(f.gate.now() > noon);
    f.clock.advance(second);
    let use_it = |f: &Fixture| f.gate.approvals().consume(&wipe(), &args());
    assert_eq!(refusal(use_it(&f).unwrap_err()), ApprovalError::NotApproved);
    f.clock.set(noon);
    let f = f.restart();
    assert_eq!(refusal(use_it(&f).unwrap_err()), ApprovalError::NotApproved);
}

#[test]
fn as_many_distinct_operators_must_agree_as_the_rule_asks_for() {
    let f = stage();
    let call = request("a", "launch");
    let asked = ask(&f, &call);
    let queue = f.admin.approvals();
    assert_eq!(approve(&f, &asked).state, ApprovalState::Pending);
    assert!(matches!(
        refusal(queue.approve(asked.id, &ops(), "again").unwrap_err()),
        ApprovalError::SameOperator { .. }
    ));
    assert!(!f.gate.approvals().ask(&call, &args()).unwrap().allowed());
    let approved = queue.approve(asked.id, &second(), "").unwrap();
    assert_eq!(approved.state, ApprovalState::Approved);
    assert_eq!(approved.approved_by, [ops(), second()]);
    assert!(f.gate.approvals().ask(&call, &args()).unwrap().allowed());
}

#[test]
fn nobody_approves_their_own_request() {
    let f = stage();
    let asked = ask(&f, &wipe());
    let refused = f
        .admin
        .approvals()
        .approve(asked.id, &"a".parse().unwrap(), "me")
        .unwrap_err();
    assert!(matches!(refusal(refused), ApprovalError::OwnRequest { .. }));
}

#[test]
fn a_no_answers_the_same_call_until_its_time_is_up() {
    let f = stage();
    let asked = ask(&f, &wipe());
    let queue = f.admin.approvals();
    queue.deny(asked.id, &ops(), "not that disk").unwrap();
    let Answer::Refused(refused) = f.gate.approvals().ask(&wipe(), &args()).unwrap() else {
        panic!("not refused");
    };
    assert_eq!(refused.last.unwrap().reason, "not that disk");
    assert!(
        queue.approve(asked.id, &second(), "").is_err(),
        "a no is a no"
    );
    f.clock.advance(TTL);
    assert_ne!(ask(&f, &wipe()).id, asked.id);
}

#[test]
fn both_sides_can_take_it_back() {
    let f = stage();
    let (one, other) = (ask(&f, &wipe()), ask(&f, &request("b", "wipe")));
    approve(&f, &one);
    let cancelled = f
        .admin
        .approvals()
        .cancel(one.id, &ops(), "changed my mind")
        .unwrap();
    assert_eq!(
        cancelled.last.as_ref().unwrap().by.as_ref(),
        Some(&ops()),
        "{cancelled:?}"
    );
    assert!(f.gate.approvals().consume(&wipe(), &args()).is_err());
    assert_eq!(
        f.gate.approvals().cancel(other.id).unwrap().state,
        ApprovalState::Cancelled
    );
    for id in [one.id, other.id] {
        assert!(matches!(
            refusal(f.gate.approvals().cancel(id).unwrap_err()),
            ApprovalError::WrongState {
                state: ApprovalState::Cancelled,
                ..
            }
        ));
    }
}

#[test]
fn what_was_taken_from_the_agent_since_is_not_given_back_by_an_approval() {
    let f = stage();
    approve(&f, &ask(&f, &wipe()));
    f.admin
        .quarantine(&agent("a"), &Scope::root(), &ops(), "stop")
        .unwrap();
    let Answer::Decided(decision) = f.gate.approvals().ask(&wipe(), &args()).unwrap() else {
        panic!("an approval was looked at");
    };
    assert_eq!(decision.code(), "quarantined");
    assert!(matches!(
        refusal(f.gate.approvals().consume(&wipe(), &args()).unwrap_err()),
        ApprovalError::NotNeeded {
            code: "quarantined"
        }
    ));
}

#[test]
fn a_call_that_needs_none_is_not_put_before_operators() {
    let f = stage();
    f.grant("a", "", TrustLevel::Autonomous);
    let answer = f.gate.approvals().ask(&wipe(), &args()).unwrap();
    assert!(matches!(answer, Answer::Decided(ref decision) if decision.allowed()));
    assert!(f.gate.approvals().request(&wipe(), &args()).is_err());
    assert!(
        f.admin
            .approvals()
            .list(&ApprovalFilter::default())
            .is_empty()
    );
    let always = f
        .gate
        .approvals()
        .ask(&request("a", "purge"), &args())
        .unwrap();
    assert!(
        matches!(always, Answer::Pending(_)),
        "a rule may always ask"
    );
}

#[test]
fn what_an_approved_call_owes_is_not_forgotten() {
    let f = stage();
    f.grant("a", "", TrustLevel::ActAndReport);
    let call = request("a", "purge");
    approve(&f, &ask(&f, &call));
    let decision = f.gate.approvals().consume(&call, &args()).unwrap();
    assert!(
        matches!(decision.outcome(), TrustOutcome::Permit { obligations } if obligations.report())
    );
}

#[test]
fn identical_requests_are_one_and_the_queue_is_bounded() {
    let f = Fixture::with(TrustGateConfig {
        approvals: ApprovalRules {
            max_pending_per_agent: NonZeroUsize::new(2).unwrap(),
            max_pending: NonZeroUsize::new(3).unwrap(),
            ..ApprovalRules::default()
        },
        ..config()
    });
    for name in ["a", "b", "c"] {
        f.grant(name, "", TrustLevel::ActWithApproval);
    }
    let call = |name: &str, disk: u8| {
        let arguments = Arguments::of_json(&format!("[{disk}]")).unwrap();
        f.gate
            .approvals()
            .request(&request(name, "wipe"), &arguments)
            .map(|approval| approval.id)
    };
    let first = call("a", 1).unwrap();
    for _ in 0..5 {
        assert_eq!(call("a", 1).unwrap(), first);
    }
    call("a", 2).unwrap();
    let refused = [
        call("a", 3).unwrap_err(),
        call("b", 1)
            .and_then(|_| call("c", 1))
            .expect_err("all of them together"),
    ]
    .map(|error| error.to_string());
    insta::assert_snapshot!(refused.join("\n"), @r"
    2 approvals of agent `a` wait or are not used, which is the most; let them be answered, used or cancelled first
    3 approvals of all agents wait or are not used, which is the most; let them be answered, used or cancelled first
    ");
    f.admin.approvals().deny(first, &ops(), "").unwrap();
    call("c", 1).expect("what was answered leaves room");
}

#[test]
fn asking_and_giving_up_again_and_again_ends() {
    let f = stage();
    let call = |disk: usize| {
        let arguments = Arguments::of_json(&disk.to_string()).unwrap();
        f.gate.approvals().request(&wipe(), &arguments)
    };
    let most = ApprovalRules::default().max_pending_per_agent.get();
    for disk in 0..most {
        f.gate.approvals().cancel(call(disk).unwrap().id).unwrap();
    }
    assert!(matches!(
        refusal(call(most).unwrap_err()),
        ApprovalError::QueueFull { .. }
    ));
    f.clock.advance(TTL);
    call(most).expect("their time is up");
}

#[test]
fn a_restart_keeps_what_waits_what_was_approved_and_what_was_used() {
    let f = stage();
    let (used, waits, approved) = (
        ask(&f, &wipe()),
        ask(&f, &request("b", "wipe")),
        ask(&f, &request("a", "purge")),
    );
    approve(&f, &used);
    approve(&f, &approved);
    drop(f.gate.approvals().consume(&wipe(), &args()).unwrap());
    let before = f.admin.approvals().list(&ApprovalFilter {
        all: true,
        ..ApprovalFilter::default()
    });
    let f = f.restart();
    let after = f.admin.approvals().list(&ApprovalFilter {
        all: true,
        ..ApprovalFilter::default()
    });
    assert_eq!(before, after);
    assert!(f.gate.approvals().consume(&wipe(), &args()).is_err());
    assert_eq!(
        ask(&f, &request("b", "wipe")).id,
        waits.id,
        "it is still joined"
    );
    drop(
        f.gate
            .approvals()
            .consume(&request("a", "purge"), &args())
            .unwrap(),
    );
}

#[test]
fn a_thousand_uses_at_once_are_one() {
    let f = stage();
    approve(&f, &ask(&f, &wipe()));
    let used = AtomicUsize::new(0);
    thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                for _ in 0..125 {
                    match f.gate.approvals().consume(&wipe(), &args()) {
                        Ok(_) => {
                            used.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) => assert_eq!(refusal(error), ApprovalError::NotApproved),
                    }
                }
            });
        }
    });
    assert_eq!(used.load(Ordering::SeqCst), 1);
}

#[test]
fn every_step_is_an_event_and_agents_are_no_operators() {
    let f = stage();
    let asked = ask(&f, &wipe());
    approve(&f, &asked);
    drop(f.gate.approvals().consume(&wipe(), &args()).unwrap());
    let events = f
        .admin
        .history(&HistoryFilter {
            agent: Some(agent("a")),
            ..HistoryFilter::default()
        })
        .unwrap();
    let lines: Vec<_> = events
        .iter()
        .map(|event| {
            let by = event.by.as_ref().map_or("-", |by| by.as_str());
            format!("{} {} {by}", event.revision, event.act.kind().code())
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    2 assign ops@example.com
    4 request_approval -
    5 approve ops@example.com
    6 consume_approval -
    ");
    let told = f.gate.check(&wipe()).revision().as_u64();
    assert_eq!(
        told, 3,
        "approvals change nothing that decisions are made on"
    );
}

/// Runs one future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn whoever_waits_is_told_the_answer() {
    let f = stage();
    for wait_with_a_future in [true, false] {
        for approves in [true, false] {
            let asked = ask(&f, &wipe());
            let approvals = f.gate.approvals();
            let answer = thread::scope(|threads| {
                let waits = threads.spawn(move || {
                    if wait_with_a_future {
                        block_on(approvals.wait(asked.id)).unwrap()
                    } else {
                        approvals.wait_blocking(asked.id).unwrap()
                    }
                });
                if approves {
                    approve(&f, &asked);
                } else {
                    f.admin.approvals().deny(asked.id, &ops(), "").unwrap();
                }
                waits.join().unwrap()
            });
            if approves {
                assert_eq!(answer.state, ApprovalState::Approved);
                drop(f.gate.approvals().consume(&wipe(), &args()).unwrap());
            } else {
                assert_eq!(answer.state, ApprovalState::Denied);
                f.clock.advance(TTL);
            }
        }
    }
}

#[test]
fn whoever_is_woken_may_act_at_once() {
    struct UseIt(trust_gate::Approvals, AtomicUsize);
    impl Wake for UseIt {
        fn wake(self: Arc<Self>) {
            let used = self.0.consume(&wipe(), &args()).is_ok();
            self.1.fetch_add(usize::from(used), Ordering::SeqCst);
        }
    }
    let f = stage();
    let asked = ask(&f, &wipe());
    let uses = Arc::new(UseIt(f.gate.approvals(), AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&uses));
    let mut wait = pin!(f.gate.approvals().wait(asked.id));
    assert!(
        wait.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    approve(&f, &asked);
    assert_eq!(uses.1.load(Ordering::SeqCst), 1);
}

/// A task that owns a future which waits.
struct Task(#[expect(dead_code, reason = "only to be dropped")] Option<ApprovalWait>);

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_waker_that_is_forgotten_may_take_another_wait_with_it() {
    let f = stage();
    let asked = ask(&f, &wipe());
    let approvals = f.gate.approvals();
    let (done, ended) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let mut noop = Context::from_waker(Waker::noop());
        for drops in [true, false] {
            let mut inner = approvals.wait(asked.id);
            assert!(pin!(&mut inner).poll(&mut noop).is_pending());
            let waker = Waker::from(Arc::new(Task(Some(inner))));
            let mut outer = Box::pin(approvals.wait(asked.id));
            let polled = outer.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            drop(waker);
            if drops {
                drop(outer);
            } else {
                assert!(outer.as_mut().poll(&mut noop).is_pending());
            }
        }
        done.send(()).unwrap();
    });
    let ended = ended.recv_timeout(Duration::from_secs(60));
    ended.expect("it waits for itself");
}

#[test]
fn whoever_waits_is_told_that_the_time_is_up() {
    let f = stage();
    for wait_with_a_future in [true, false] {
        let asked = ask(&f, &wipe());
        let approvals = f.gate.approvals();
        let answer = thread::scope(|threads| {
            let waits = threads.spawn(move || {
                if wait_with_a_future {
                    block_on(approvals.wait(asked.id)).unwrap()
                } else {
                    approvals.wait_blocking(asked.id).unwrap()
                }
            });
            f.clock.advance(TTL);
            waits.join().unwrap()
        });
        assert_eq!(answer.state, ApprovalState::Expired);
    }
}

#[test]
fn a_future_that_is_dropped_waits_no_more_and_one_for_nothing_says_so() {
    let f = stage();
    let asked = ask(&f, &wipe());
    let mut waker = Context::from_waker(Waker::noop());
    {
        let mut wait = pin!(f.gate.approvals().wait(asked.id));
        assert!(wait.as_mut().poll(&mut waker).is_pending());
    }
    let nothing = "4711".parse().unwrap();
    let refused = block_on(f.gate.approvals().wait(nothing)).unwrap_err();
    assert_eq!(refusal(refused), ApprovalError::NotFound(nothing));
}

#[test]
fn an_id_is_digits() {
    for text in ["", "x", "-1", "+1", " 1", "1.0", "99999999999999999999999"] {
        assert!(text.parse::<trust_gate::ApprovalId>().is_err(), "{text}");
    }
    assert_eq!("17".parse::<trust_gate::ApprovalId>().unwrap().as_u64(), 17);
}

#[test]
fn an_operator_who_was_told_that_the_time_is_up_is_told_so_again() {
    type Answer = fn(&Fixture, trust_gate::ApprovalId) -> Result<Approval, TrustError>;
    let answers: [Answer; 4] = [
        |f, id| f.admin.approvals().approve(id, &ops(), ""),
        |f, id| f.admin.approvals().deny(id, &ops(), ""),
        |f, id| f.admin.approvals().cancel(id, &ops(), ""),
        |f, id| f.gate.approvals().cancel(id),
    ];
    for answer in answers {
        let f = stage();
        let asked = ask(&f, &wipe());
        let noon = f.gate.now();
        // Less than the minute to which a restart keeps the time by itself.
        f.clock.advance(TTL.saturating_sub(Duration::from_secs(30)));
        let _read = f.gate.now();
        f.clock.advance(Duration::from_secs(30));
        assert!(answer(&f, asked.id).is_err());
        f.clock.set(noon);
        let f = f.restart();
        assert!(answer(&f, asked.id).is_err());
    }
}
