//! The queue of approvals beside a plain list of them, over random acts, clocks and restarts.

use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use proptest::prelude::*;
use trust_gate::{
    Answer, ApprovalFilter, ApprovalId, ApprovalRules, ApprovalState, Arguments, Effect,
    HistoryFilter, OperatorId, Revision, Scope, ToolPolicy, TrustGateConfig, TrustLevel,
};

use crate::fixture::{Fixture, NOON, agent, ops, request};

const AGENTS: [&str; 2] = ["a", "b"];
const TTL: i64 = 5;
const MOST: usize = 3;

/// Agent and arguments.
type Call = (usize, u8);

#[derive(Debug, Clone)]
enum Op {
    Ask(Call),
    Request(Call),
    Consume(Call),
    /// The number of the approval among all there ever were, and of the operator.
    Approve(usize, u8),
    Deny(usize),
    Cancel(usize, bool),
    /// Minutes on, or back.
    Clock(i64),
    Configure,
    Quarantine(usize),
    Lift(usize),
    Restart,
    List,
}

fn any_op() -> impl Strategy<Value = Op> {
    let call = (0..AGENTS.len(), 0_u8..3);
    let which = 0_usize..12;
    prop_oneof![
        6 => call.clone().prop_map(Op::Ask),
        2 => call.clone().prop_map(Op::Request),
        4 => call.prop_map(Op::Consume),
        8 => (which.clone(), 0_u8..3).prop_map(|(which, by)| Op::Approve(which, by)),
        1 => which.clone().prop_map(Op::Deny),
        1 => (which, any::<bool>()).prop_map(|(which, operator)| Op::Cancel(which, operator)),
        3 => (-2_i64..4).prop_map(Op::Clock),
        1 => Just(Op::Configure),
        1 => (0..AGENTS.len()).prop_map(Op::Quarantine),
        2 => (0..AGENTS.len()).prop_map(Op::Lift),
        2 => Just(Op::Restart),
        2 => Just(Op::List),
    ]
}

/// Agent `b` needs two operators.
fn config() -> TrustGateConfig {
    let rule = |tool: &str, approvers| {
        ToolPolicy::new(
            tool.parse().unwrap(),
            TrustLevel::Observer,
            Effect::Destructive,
        )
        .approvers(NonZeroU8::new(approvers).unwrap())
    };
    TrustGateConfig {
        tools: vec![rule("of-a", 1), rule("of-b", 2)],
        approvals: ApprovalRules {
            ttl: Duration::from_secs(60 * TTL as u64),
            max_pending_per_agent: NonZeroUsize::new(MOST).unwrap(),
            ..ApprovalRules::default()
        },
        ..TrustGateConfig::default()
    }
}

struct Listed {
    id: ApprovalId,
    call: Call,
    rules: u32,
    until: i64,
    by: Vec<u8>,
    state: ApprovalState,
    given_up: bool,
}

#[derive(Default)]
struct Model {
    wall: i64,
    read: i64,
    rules: u32,
    stopped: [bool; 2],
    all: Vec<Listed>,
}

impl Model {
    fn now(&mut self) -> i64 {
        self.read = self.read.max(self.wall);
        for one in &mut self.all {
            let open = matches!(one.state, ApprovalState::Pending | ApprovalState::Approved);
            if open && self.read >= one.until {
                one.state = ApprovalState::Expired;
            }
        }
        self.read
    }

    /// What answers for a call now.
    fn find(&mut self, call: Call) -> Option<&mut Listed> {
        let (now, rules) = (self.now(), self.rules);
        self.all.iter_mut().rev().find(|one| {
            let answers = matches!(
                one.state,
                ApprovalState::Pending | ApprovalState::Approved | ApprovalState::Denied
            );
            one.call == call && one.rules == rules && answers && now < one.until
        })
    }

    fn open(&mut self, agent: usize) -> usize {
        let now = self.now();
        let open = |one: &&Listed| {
            let waits = matches!(one.state, ApprovalState::Pending | ApprovalState::Approved);
            one.call.0 == agent && (waits || one.given_up && now < one.until)
        };
        self.all.iter().filter(open).count()
    }
}

fn operator(number: u8) -> OperatorId {
    format!("ops{number}@example.com").parse().unwrap()
}

#[derive(Debug, PartialEq)]
enum Told {
    Decided,
    Approved(ApprovalId),
    Pending(ApprovalId),
    Refused(ApprovalId),
    No,
}

fn told(answer: Result<Answer, trust_gate::TrustError>) -> Told {
    match answer {
        Ok(Answer::Decided(_)) => Told::Decided,
        Ok(Answer::Approved(decision)) => Told::Approved(decision.approval().unwrap()),
        Ok(Answer::Pending(approval)) => Told::Pending(approval.id),
        Ok(Answer::Refused(approval)) => Told::Refused(approval.id),
        Err(_) => Told::No,
    }
}

/// What the model says to `ask`, where `asks` and `uses` say how much of it is done.
fn expect(model: &mut Model, call: Call, asks: bool, uses: bool, next: Revision) -> Told {
    if model.stopped[call.0] {
        model.now();
        return Told::Decided;
    }
    if let Some(found) = model.find(call) {
        return match found.state {
            ApprovalState::Approved if uses => {
                found.state = ApprovalState::Consumed;
                Told::Approved(found.id)
            }
            ApprovalState::Denied => Told::Refused(found.id),
            _ => Told::Pending(found.id),
        };
    }
    if !asks || model.open(call.0) >= MOST {
        return Told::No;
    }
    let id: ApprovalId = next.to_string().parse().unwrap();
    let (until, rules) = (model.now() + TTL, model.rules);
    model.all.push(Listed {
        id,
        call,
        rules,
        until,
        by: vec![],
        state: ApprovalState::Pending,
        given_up: false,
    });
    Told::Pending(id)
}

fn walk(ops_: Vec<Op>) -> Result<(), TestCaseError> {
    let mut f = Fixture::with(config());
    for name in AGENTS {
        f.grant(name, "", TrustLevel::ActWithApproval);
    }
    let mut model = Model::default();
    for op in ops_ {
        let request_of = |(who, _): Call| request(AGENTS[who], ["of-a", "of-b"][who]);
        let args = |(_, value): Call| Arguments::of_json(&value.to_string()).unwrap();
        let next = f
            .admin
            .history(&HistoryFilter::default())
            .unwrap()
            .last()
            .unwrap()
            .revision
            .next()
            .unwrap();
        match op.clone() {
            Op::Ask(call) => {
                let expected = expect(&mut model, call, true, true, next);
                let answer = f.gate.approvals().ask(&request_of(call), &args(call));
                prop_assert_eq!(told(answer), expected, "{:?}", op);
            }
            Op::Request(call) => {
                let expected = expect(&mut model, call, true, false, next);
                let answer = f.gate.approvals().request(&request_of(call), &args(call));
                let ids = match expected {
                    Told::Pending(id) | Told::Refused(id) => Some(id),
                    _ => None,
                };
                prop_assert_eq!(answer.ok().map(|approval| approval.id), ids, "{:?}", op);
            }
            Op::Consume(call) => {
                let expected = expect(&mut model, call, false, true, next);
                let answer = f.gate.approvals().consume(&request_of(call), &args(call));
                let id = match expected {
                    Told::Approved(id) => Some(id),
                    _ => None,
                };
                let used = answer
                    .ok()
                    .map(|decision| (decision.allowed(), decision.approval().unwrap()));
                prop_assert_eq!(used, id.map(|id| (true, id)), "{:?}", op);
            }
            Op::Approve(which, by) => {
                if which >= model.all.len() {
                    continue;
                }
                model.now();
                let rules = model.rules;
                let one = &mut model.all[which];
                let good = one.state == ApprovalState::Pending
                    && one.rules == rules
                    && !one.by.contains(&by);
                if good {
                    one.by.push(by);
                    if one.by.len() > one.call.0 {
                        one.state = ApprovalState::Approved;
                    }
                }
                let done = f.admin.approvals().approve(one.id, &operator(by), "");
                prop_assert_eq!(
                    done.ok().map(|approval| approval.state),
                    good.then_some(one.state),
                    "{:?}",
                    op
                );
            }
            Op::Deny(which) => {
                if which >= model.all.len() {
                    continue;
                }
                model.now();
                let one = &mut model.all[which];
                let good = one.state == ApprovalState::Pending;
                if good {
                    one.state = ApprovalState::Denied;
                }
                let done = f.admin.approvals().deny(one.id, &ops(), "");
                prop_assert_eq!(done.is_ok(), good, "{:?}", op);
            }
            Op::Cancel(which, operator) => {
                if which >= model.all.len() {
                    continue;
                }
                model.now();
                let one = &mut model.all[which];
                let good = matches!(one.state, ApprovalState::Pending | ApprovalState::Approved);
                if good {
                    one.state = ApprovalState::Cancelled;
                    one.given_up = !operator;
                }
                let done = if operator {
                    f.admin.approvals().cancel(one.id, &ops(), "")
                } else {
                    f.gate.approvals().cancel(one.id)
                };
                prop_assert_eq!(done.is_ok(), good, "{:?}", op);
            }
            Op::Clock(by) => {
                model.wall += by;
                f.clock.set(NOON + time::Duration::minutes(model.wall));
            }
            Op::Configure => {
                model.now();
                model.rules += 1;
                f.admin.configure(config(), &ops(), "").unwrap();
            }
            Op::Quarantine(who) => {
                model.now();
                model.stopped[who] = true;
                f.admin
                    .quarantine(&agent(AGENTS[who]), &Scope::root(), &ops(), "")
                    .unwrap();
            }
            Op::Lift(who) => {
                model.now();
                let lifted =
                    f.admin
                        .lift_quarantine(&agent(AGENTS[who]), &Scope::root(), &ops(), "");
                prop_assert_eq!(lifted.is_ok(), model.stopped[who]);
                model.stopped[who] = false;
            }
            Op::Restart => {
                f = f.restart();
                model.now();
            }
            Op::List => {
                model.now();
                let all = ApprovalFilter {
                    all: true,
                    ..ApprovalFilter::default()
                };
                let listed = f.admin.approvals().list(&all);
                let listed: Vec<_> = listed.iter().map(|one| (one.id, one.state)).collect();
                let known: Vec<_> = model.all.iter().map(|one| (one.id, one.state)).collect();
                prop_assert_eq!(listed, known);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_queue_agrees_with_a_list(ops in prop::collection::vec(any_op(), 1..80)) {
        walk(ops)?;
    }
}
