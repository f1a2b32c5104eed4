//! Everything that can be asked of a stack: what is done before, and what is done while the log fails.

use budget_enforcer::{Amounts, BudgetSpec, Limits};
use consent::Grant as Consent;
use trust_gate::{ApprovalFilter, ApprovalId, Grant, Scope, TrustLevel};

use super::bench::{Bench, agent, cost, ops, team};
use crate::{Denied, Permit, SettleError, Settled, Usage};

/// What came of it.
#[derive(Debug)]
pub(super) enum Told {
    /// A decision, with its record where it is said to be in the log.
    Decided {
        record: Option<uuid::Uuid>,
        code: String,
        permitted: bool,
    },
    /// A permit's end.
    Ended(bool),
    /// An act that takes something away: whether it was acknowledged, and whether it is in force.
    Narrowed { done: bool, in_force: bool },
    /// One that gives something.
    Widened { done: bool, in_force: bool },
}

pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) before: fn(&Bench),
    pub(super) act: fn(&Bench, &mut Vec<Told>),
}

const fn scenario(
    name: &'static str,
    before: fn(&Bench),
    act: fn(&Bench, &mut Vec<Told>),
) -> Scenario {
    Scenario { name, before, act }
}

pub(super) const ALL: &[Scenario] = &[
    scenario("evaluate", nothing, evaluate),
    scenario("evaluate a denial", nothing, |bench, told| {
        let action = bench.stack().action("nobody").tool("read_file").build();
        let decision = bench.stack().evaluate_sync(&action.unwrap());
        told.push(decided(&decision));
    }),
    scenario("evaluate a minute later", minute, evaluate),
    scenario("authorize in a new session and settle", nothing, settle),
    scenario(
        "authorize and settle a minute later",
        warm_then_minute,
        settle,
    ),
    scenario("authorize and settle, awaited", warm, |bench, told| {
        wait_for(async {
            let action = bench.read();
            match bench.stack().authorize(&action).await {
                Ok(permit) => {
                    told.push(permitted(&permit));
                    told.push(ended(&permit.settle(cost("0.25")).await));
                }
                Err(no) => told.push(denied(&no)),
            }
        });
    }),
    scenario(
        "authorize and settle above the hold",
        warm,
        |bench, told| {
            end(bench, told, |permit| permit.settle_blocking(cost("3")));
        },
    ),
    scenario("authorize and fail", warm, |bench, told| {
        end(bench, told, |permit| {
            permit.fail_blocking("it broke", cost("0.5"))
        });
    }),
    scenario("authorize and cancel", warm, |bench, told| {
        end(bench, told, Permit::cancel_blocking);
    }),
    scenario("authorize and drop", warm, |bench, told| {
        match authorize(bench, "read_file", told) {
            Some(permit) => drop(permit),
            None => return,
        }
        told.push(Told::Ended(true));
    }),
    scenario("authorize what no budget has", warm, |bench, told| {
        let action = bench.stack().action("bot").session("s").tool("read_file");
        let action = action.budget("team", cost("11")).build().unwrap();
        match bench.stack().guard().authorize_blocking(&action) {
            Ok(permit) => drop(permit),
            Err(no) => told.push(denied(&no)),
        }
    }),
    scenario("ask for an approval", warm, |bench, told| {
        assert!(authorize(bench, "send_mail", told).is_none());
    }),
    scenario("use an approval", approved, |bench, told| {
        if let Some(permit) = authorize(bench, "send_mail", told) {
            told.push(ended(&permit.settle_blocking(Usage::default())));
        }
    }),
    scenario(
        "wait for an approval that is there",
        approved,
        |bench, told| {
            let action = bench.call("send_mail");
            match bench
                .stack()
                .guard()
                .authorize_when_approved_blocking(&action)
            {
                Ok(permit) => {
                    told.push(permitted(&permit));
                    told.push(ended(&permit.settle_blocking(Usage::default())));
                }
                Err(no) => told.push(denied(&no)),
            }
        },
    ),
    scenario("approve", asked, |bench, told| {
        let done = approve(bench).is_ok();
        let state = approvals(bench).first().map(|one| one.1);
        let in_force = state == Some(trust_gate::ApprovalState::Approved);
        told.push(Told::Widened { done, in_force });
    }),
    scenario("deny an approval", asked, |bench, told| {
        let id = approvals(bench)[0].0;
        let queue = bench.stack().admin().trust();
        let done = queue.approvals().deny(id, &ops(), "no").is_ok();
        let in_force = approvals(bench)[0].1 == trust_gate::ApprovalState::Denied;
        told.push(Told::Narrowed { done, in_force });
    }),
    scenario("assign", revoked, |bench, told| {
        let grant = Grant::new(agent(), TrustLevel::ActAndReport, ops());
        let done = bench.stack().admin().trust().assign(grant).is_ok();
        let in_force = bench.has_level(TrustLevel::Monitor);
        told.push(Told::Widened { done, in_force });
    }),
    scenario("revoke", warm, |bench, told| {
        let trust = bench.stack().admin().trust();
        let done = trust
            .revoke(&agent(), &Scope::root(), &ops(), "enough")
            .is_ok();
        narrowed(bench, told, done, TrustLevel::Monitor);
    }),
    scenario("quarantine", warm, |bench, told| {
        let trust = bench.stack().admin().trust();
        let done = trust
            .quarantine(&agent(), &Scope::root(), &ops(), "odd")
            .is_ok();
        narrowed(bench, told, done, TrustLevel::Monitor);
    }),
    scenario("cap", warm, |bench, told| {
        let trust = bench.stack().admin().trust();
        let to = TrustLevel::Monitor;
        let done = trust
            .cap(&agent(), &Scope::root(), to, &ops(), "less")
            .is_ok();
        narrowed(bench, told, done, TrustLevel::Suggest);
    }),
    scenario("lift a quarantine", quarantined, |bench, told| {
        let trust = bench.stack().admin().trust();
        let done = trust
            .lift_quarantine(&agent(), &Scope::root(), &ops(), "fine")
            .is_ok();
        let in_force = bench.has_level(TrustLevel::Monitor);
        told.push(Told::Widened { done, in_force });
    }),
    scenario("withdraw", warm, |bench, told| {
        let done = bench
            .stack()
            .admin()
            .consent()
            .withdraw_agent(person(), None)
            .is_ok();
        let in_force = !bench.state().has_consent;
        told.push(Told::Narrowed { done, in_force });
    }),
    scenario("grant", withdrawn, |bench, told| {
        let done = bench.stack().admin().consent().record(consent_of()).is_ok();
        let in_force = bench.state().has_consent;
        told.push(Told::Widened { done, in_force });
    }),
    scenario("suspend a budget", warm, |bench, told| {
        let done = bench.stack().admin().budget().suspend(&team()).is_ok();
        let in_force = !affordable(bench);
        told.push(Told::Narrowed { done, in_force });
    }),
    scenario("resume a budget", suspended, |bench, told| {
        let done = bench.stack().admin().budget().resume(&team()).is_ok();
        let in_force = affordable(bench);
        told.push(Told::Widened { done, in_force });
    }),
    scenario("close a budget", warm, |bench, told| {
        let done = bench.stack().admin().budget().close(&team()).is_ok();
        let in_force = !affordable(bench);
        told.push(Told::Narrowed { done, in_force });
    }),
    scenario("raise a limit", lowered, |bench, told| {
        let done = limit(bench, "20");
        let in_force = affordable(bench);
        told.push(Told::Widened { done, in_force });
    }),
    scenario("create a budget", warm, |bench, told| {
        let id: budget_enforcer::BudgetId = "other".parse().unwrap();
        let spec = BudgetSpec::new(id.clone()).calls(3);
        let done = bench.stack().admin().budget().create_budget(spec).is_ok();
        let in_force = bench.stack().budget.utilization(&id).is_ok();
        told.push(Told::Widened { done, in_force });
    }),
];

fn nothing(_: &Bench) {}

fn minute(bench: &Bench) {
    evaluate(bench, &mut Vec::new());
    bench.pass(time::Duration::minutes(3));
}

/// After the first call the session is open.
fn warm(bench: &Bench) {
    settle(bench, &mut Vec::new());
}

fn warm_then_minute(bench: &Bench) {
    warm(bench);
    bench.pass(time::Duration::minutes(3));
}

fn asked(bench: &Bench) {
    warm(bench);
    assert!(authorize(bench, "send_mail", &mut Vec::new()).is_none());
}

fn approved(bench: &Bench) {
    asked(bench);
    approve(bench).unwrap();
}

fn revoked(bench: &Bench) {
    let trust = bench.stack().admin().trust();
    trust
        .revoke(&agent(), &Scope::root(), &ops(), "enough")
        .unwrap();
}

fn quarantined(bench: &Bench) {
    let trust = bench.stack().admin().trust();
    trust
        .quarantine(&agent(), &Scope::root(), &ops(), "odd")
        .unwrap();
}

fn withdrawn(bench: &Bench) {
    let consent = bench.stack().admin().consent();
    drop(consent.withdraw_agent(person(), None).unwrap());
}

fn suspended(bench: &Bench) {
    bench.stack().admin().budget().suspend(&team()).unwrap();
}

fn lowered(bench: &Bench) {
    assert!(limit(bench, "0.5"));
}

fn limit(bench: &Bench, usd: &str) -> bool {
    let limits = Limits {
        cost: Some(usd.parse().unwrap()),
        ..Limits::default()
    };
    bench
        .stack()
        .admin()
        .budget()
        .update_limit(&team(), limits)
        .is_ok()
}

/// The agent, as consent knows it.
fn person() -> consent::AgentId {
    "bot".parse().unwrap()
}

fn consent_of() -> Consent {
    let (data_type, purpose) = ("profile".parse().unwrap(), "support".parse().unwrap());
    Consent::new(person(), data_type, purpose, "ada".parse().unwrap())
}

/// Whether the team's budget lets a dollar be spent.
fn affordable(bench: &Bench) -> bool {
    let charge = budget_enforcer::Charge::budget(&team()).amounts(cost("1"));
    bench.stack().budget.check(&charge).allowed()
}

fn approve(bench: &Bench) -> Result<trust_gate::Approval, trust_gate::TrustError> {
    let id = approvals(bench)[0].0;
    let trust = bench.stack().admin().trust();
    trust.approvals().approve(id, &ops(), "fine")
}

pub(super) fn approvals(bench: &Bench) -> Vec<(ApprovalId, trust_gate::ApprovalState)> {
    let all = ApprovalFilter {
        all: true,
        ..ApprovalFilter::default()
    };
    let listed = bench.stack().admin().trust().approvals().list(&all);
    listed.iter().map(|one| (one.id, one.state)).collect()
}

fn evaluate(bench: &Bench, told: &mut Vec<Told>) {
    told.push(decided(&bench.stack().evaluate_sync(&bench.read())));
}

pub(super) fn settle(bench: &Bench, told: &mut Vec<Told>) {
    end(bench, told, |permit| {
        permit.settle_blocking(Amounts::default())
    });
}

fn end(
    bench: &Bench,
    told: &mut Vec<Told>,
    how: impl FnOnce(Permit) -> Result<Settled, SettleError>,
) {
    if let Some(permit) = authorize(bench, "read_file", told) {
        told.push(ended(&how(permit)));
    }
}

pub(super) fn authorize(bench: &Bench, tool: &str, told: &mut Vec<Told>) -> Option<Permit> {
    match bench.stack().guard().authorize_blocking(&bench.call(tool)) {
        Ok(permit) => {
            told.push(permitted(&permit));
            Some(permit)
        }
        Err(no) => {
            told.push(denied(&no));
            None
        }
    }
}

fn narrowed(bench: &Bench, told: &mut Vec<Told>, done: bool, gone: TrustLevel) {
    let in_force = !bench.has_level(gone);
    told.push(Told::Narrowed { done, in_force });
}

fn decided(decision: &crate::Decision) -> Told {
    Told::Decided {
        record: decision.record_id(),
        code: decision.code().to_owned(),
        permitted: false,
    }
}

fn permitted(permit: &Permit) -> Told {
    Told::Decided {
        record: permit.decision().record_id(),
        code: permit.decision().code().to_owned(),
        permitted: true,
    }
}

fn denied(denied: &Denied) -> Told {
    decided(denied.decision())
}

fn ended(ended: &Result<Settled, SettleError>) -> Told {
    Told::Ended(ended.is_ok())
}

pub(super) fn wait_for(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work);
}
