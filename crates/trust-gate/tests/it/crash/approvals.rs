//! No approval that a killed process used can be used again, and none that was given to it is lost.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use trust_gate::durable::DurableStore;
use trust_gate::{
    ApprovalError, ApprovalId, ApprovalRules, ApprovalState, Arguments, Effect, ManualClock,
    ToolPolicy, ToolRequest, TrustAdmin, TrustError, TrustGate, TrustGateConfig, TrustLevel,
};

use super::process::{Dice, Orders, dice, say};
use crate::fixture::{NOON, agent, grant, ops, request, scope};

const ROUNDS: u64 = 24;
const THREADS: u64 = 3;

/// The gate of the store in `dir`, where `a` may wipe disks that operators agree to.
fn open(dir: &Path) -> (TrustGate, TrustAdmin) {
    let many = NonZeroUsize::new(100_000).unwrap();
    let wipe = "wipe".parse().unwrap();
    let config = TrustGateConfig {
        tools: vec![ToolPolicy::new(
            wipe,
            TrustLevel::Suggest,
            Effect::Destructive,
        )],
        approvals: ApprovalRules {
            ttl: Duration::from_secs(86_400),
            max_pending_per_agent: many,
            max_pending: many,
        },
        ..TrustGateConfig::default()
    };
    let (gate, admin) = TrustGate::builder()
        .config(config)
        .clock(ManualClock::new(NOON))
        .store(DurableStore::options().create(true).open(dir).unwrap())
        .build()
        .unwrap();
    let level = TrustLevel::ActWithApproval;
    if gate.level(&agent("a"), &scope("")).effective != level {
        admin.assign(grant("a", level)).unwrap();
    }
    (gate, admin)
}

fn wipe() -> ToolRequest {
    request("a", "wipe")
}

/// Each disk is wiped once in a test, so that each approval is for a call of its own.
fn disk(round: u64, thread: u64, number: u64) -> Arguments {
    Arguments::of_json(&format!(r#"{{"disk":"{round}-{thread}-{number}"}}"#)).unwrap()
}

/// Asks, is agreed to by an operator, and uses what it got, but leaves some of it at that.
fn obey(orders: &Orders) {
    let (gate, admin) = open(&orders.dir);
    std::thread::scope(|threads| {
        for thread in 0..THREADS {
            let (gate, admin) = (&gate, &admin);
            let mut dice = Dice(orders.seed ^ thread << 32);
            threads.spawn(move || {
                for number in 0.. {
                    let arguments = disk(orders.round, thread, number);
                    let asked = gate.approvals().request(&wipe(), &arguments).unwrap();
                    let id = asked.id;
                    say(format_args!("asked {id} {thread} {number}"));
                    if dice.below(6) > 0 {
                        say(format_args!("approving {id}"));
                        admin.approvals().approve(id, &ops(), "").unwrap();
                        say(format_args!("approved {id}"));
                        if dice.below(4) > 0 {
                            say(format_args!("using {id}"));
                            let used = gate.approvals().consume(&wipe(), &arguments);
                            assert!(used.unwrap().allowed());
                            say(format_args!("used {id}"));
                        }
                    }
                }
            });
        }
    });
}

/// What is known of one approval: how far it has come for sure, and how far it may have come.
#[derive(Debug)]
struct Heard {
    arguments: Arguments,
    is: ApprovalState,
    or: ApprovalState,
}

fn hear(round: u64, said: &[String]) -> BTreeMap<ApprovalId, Heard> {
    let mut heard = BTreeMap::new();
    for line in said {
        let words: Vec<&str> = line.split(' ').collect();
        let id: ApprovalId = words[1].parse().unwrap();
        let mut comes = |is: Option<ApprovalState>, or| {
            let approval: &mut Heard = heard.get_mut(&id).unwrap();
            approval.is = is.unwrap_or(approval.is);
            approval.or = or;
        };
        match words[0] {
            "asked" => {
                let [thread, number] = [2, 3].map(|at| words[at].parse().unwrap());
                let approval = Heard {
                    arguments: disk(round, thread, number),
                    is: ApprovalState::Pending,
                    or: ApprovalState::Pending,
                };
                assert!(heard.insert(id, approval).is_none(), "asked twice");
            }
            "approving" => comes(None, ApprovalState::Approved),
            "approved" => comes(Some(ApprovalState::Approved), ApprovalState::Approved),
            "using" => comes(None, ApprovalState::Consumed),
            "used" => comes(Some(ApprovalState::Consumed), ApprovalState::Consumed),
            _ => panic!("the child says: {line}"),
        }
    }
    heard
}

#[test]
fn no_approval_is_usable_twice_however_often_the_process_is_killed() {
    const THIS: &str =
        "crash::approvals::no_approval_is_usable_twice_however_often_the_process_is_killed";
    if let Some(orders) = Orders::given() {
        return obey(&orders);
    }
    let (mut dice, dir) = (dice(), tempfile::tempdir().unwrap());
    let mut all = BTreeMap::new();
    let (mut used, mut left) = (0, 0);
    for round in 0..ROUNDS {
        let orders = Orders {
            dir: dir.path().to_owned(),
            round,
            seed: dice.below(u64::MAX),
        };
        all.extend(hear(round, &orders.carried_out(THIS, &mut dice)));
        let (gate, _admin) = open(dir.path());
        for (id, approval) in &mut all {
            if let Some(found) = gate.approvals().get(*id) {
                let state = found.state;
                assert!(
                    [approval.is, approval.or].contains(&state),
                    "{approval:?}: {state}"
                );
                (approval.is, approval.or) = (state, state);
            } else {
                // Of those that have ended only the newest are remembered.
                assert_eq!(approval.or, ApprovalState::Consumed);
                approval.is = ApprovalState::Consumed;
            }
            let use_it = || gate.approvals().consume(&wipe(), &approval.arguments);
            if approval.is == ApprovalState::Approved {
                left += 1;
                assert!(use_it().unwrap().allowed());
                (approval.is, approval.or) = (ApprovalState::Consumed, ApprovalState::Consumed);
            } else if approval.is == ApprovalState::Consumed {
                used += 1;
            }
            assert!(
                matches!(
                    use_it(),
                    Err(TrustError::Approval(ApprovalError::NotApproved))
                ),
                "used twice: {approval:?}"
            );
        }
    }
    println!(
        "{} asked for, {used} found used, {left} found approved",
        all.len()
    );
    assert!(used > 0 && left > 0 && all.len() as u64 > ROUNDS);
}
