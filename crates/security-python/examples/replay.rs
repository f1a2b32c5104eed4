//! Reads operations as JSON, one a line, does them on the core, and prints what came of each: the other side of
//! `tests/test_differential.py`, which does the same from Python.
//!
//! `{"op": "new", "config": "…"}` begins a stack, and `{"op": "log"}` prints the whole log.

use std::io::{self, BufRead, Write};

use security_bundle::budget_enforcer::{BudgetId, Charge};
use security_bundle::consent::{self, Extent, GrantorId};
use security_bundle::trust_gate::{AgentId, Grant, OperatorId, Scope};
use security_bundle::{
    Action, Amounts, BudgetSpec, Decision, Entry, SecurityStack, SecurityStackConfig, TrustLevel,
    Usd, create_security_stack,
};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut stack = create_security_stack(SecurityStackConfig::default())?;
    for line in io::stdin().lock().lines() {
        let op: Value = serde_json::from_str(&line?)?;
        match text(&op, "op") {
            "new" => {
                let config = SecurityStackConfig::from_json_str(text(&op, "config"))?;
                stack = create_security_stack(config)?;
                writeln!(out, "{{}}")?;
            }
            "log" => {
                let mut log = Vec::new();
                stack.audit.export_ndjson(&mut log)?;
                let log = String::from_utf8(log)?;
                writeln!(out, "{}", json!({ "log": log }))?;
            }
            _ => {
                let came = perform(&stack, &op)
                    .unwrap_or_else(|error| json!({ "error": error.to_string() }));
                writeln!(out, "{came}")?;
            }
        }
    }
    Ok(())
}

fn perform(stack: &SecurityStack, op: &Value) -> Result<Value, Failure> {
    let admin = stack.admin();
    let by: OperatorId = "operator".parse()?;
    Ok(match text(op, "op") {
        "set_level" => {
            let level = TrustLevel::try_from(u8::try_from(number(op, "level"))?)?;
            let agent: AgentId = text(op, "agent").parse()?;
            let grant = Grant::new(agent, level, by).scope(scope(op)?);
            admin.trust().assign(grant)?;
            json!({})
        }
        "remove" => {
            let agent: AgentId = text(op, "agent").parse()?;
            admin.trust().revoke(&agent, &scope(op)?, &by, "")?;
            json!({})
        }
        "create_budget" => {
            let spec = BudgetSpec::new(text(op, "budget").parse()?)
                .cost(usd(op, "limit")?)
                .tokens(number(op, "tokens"))
                .period(text(op, "period").parse()?);
            let admin = admin.budget().acting_as("operator".parse()?);
            admin.create_budget(spec)?;
            json!({})
        }
        "record_spending" => {
            stack.budget.record(&charge(op)?)?;
            json!({})
        }
        "check_budget" => {
            let decision = stack.budget.check(&charge(op)?);
            json!([
                decision.allowed(),
                decision.code(),
                decision.reason().to_string()
            ])
        }
        "record_consent" => {
            let (agent, data) = (text(op, "agent").parse()?, text(op, "data").parse()?);
            let by: GrantorId = text(op, "by").parse()?;
            drop(admin.consent().record(match op["purpose"].as_str() {
                Some(purpose) => consent::Grant::new(agent, data, purpose.parse()?, by),
                None => consent::Grant::blanket(agent, data, by),
            })?);
            json!({})
        }
        "revoke_consent" => {
            let mut extent = Extent::new(text(op, "agent").parse()?, text(op, "data").parse()?);
            if let Some(purpose) = op["purpose"].as_str() {
                extent = extent.purpose(purpose.parse()?);
            }
            let by: GrantorId = "operator".parse()?;
            let matched = admin.consent().withdraw(extent, by)?;
            json!(matched.matched().len())
        }
        "log_event" => {
            stack
                .audit
                .log(Entry::event(text(op, "event")).agent(text(op, "agent")))?;
            json!({})
        }
        "evaluate" => told(&stack.evaluate_sync(&action(stack, op)?)),
        "authorize" => match stack.guard().authorize_blocking(&action(stack, op)?) {
            Err(denied) => told(denied.decision()),
            Ok(permit) => {
                let decision = told(permit.decision());
                let mut used = Amounts::NONE;
                if !op["actual"].is_null() {
                    used.cost = Some(usd(op, "actual")?);
                }
                match text(op, "end") {
                    "settle" => permit.settle_blocking(used)?,
                    "fail" => permit.fail_blocking("broken", used)?,
                    _ => permit.cancel_blocking()?,
                };
                decision
            }
        },
        other => return Err(format!("`{other}` is no operation").into()),
    })
}

fn action(stack: &SecurityStack, op: &Value) -> Result<Action, Failure> {
    let mut action = stack
        .action(text(op, "agent"))
        .action_type(text(op, "type"));
    if let Some(level) = op["level"].as_u64() {
        action = action.required_level(TrustLevel::try_from(u8::try_from(level)?)?);
    }
    if let Some(scope) = op["scope"].as_str() {
        action = action.scope(scope);
    }
    if let Some(budget) = op["budget"].as_str() {
        action = action.budget(budget, amounts(op)?);
    }
    if let Some(data) = op["data"].as_str() {
        action = action.data(data, op["purpose"].as_str());
    }
    if let Some(tool) = op["tool"].as_str() {
        action = action.tool(tool);
    }
    Ok(action.build()?)
}

fn charge(op: &Value) -> Result<Charge, Failure> {
    let budget: BudgetId = text(op, "budget").parse()?;
    Ok(Charge::budget(&budget).amounts(amounts(op)?))
}

fn amounts(op: &Value) -> Result<Amounts, Failure> {
    let mut amounts = Amounts::NONE.cost(usd(op, "amount")?);
    amounts.tokens = op["tokens"].as_u64();
    Ok(amounts)
}

fn told(decision: &Decision) -> Value {
    let reasons: Vec<String> = decision
        .reasons()
        .map(|reason| reason.to_string())
        .collect();
    json!([
        decision.allowed(),
        decision.outcome().as_str(),
        decision.code(),
        reasons
    ])
}

fn scope(op: &Value) -> Result<Scope, Failure> {
    Ok(op["scope"].as_str().unwrap_or_default().parse()?)
}

fn usd(op: &Value, name: &str) -> Result<Usd, Failure> {
    Ok(text(op, name).parse()?)
}

fn text<'a>(op: &'a Value, name: &str) -> &'a str {
    op[name].as_str().unwrap_or_default()
}

fn number(op: &Value, name: &str) -> u64 {
    op[name].as_u64().unwrap_or_default()
}
