//! A process is killed at some moment, again and again: whatever it had acknowledged is there, no level is higher, no approval is
//! used twice, and the sums of the ledger are those of the log.
//!
//! How many are killed is said by `SECURITY_BUNDLE_KILLS`; few are where nobody says so, for each costs seconds in a debug build.
//!
//! The child is the test itself, run once more with its orders in the environment; it says on standard error what was acknowledged.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use security_bundle::audit_trail::{Kind, Outcome, Record};
use security_bundle::budget_enforcer::{BudgetId, Dimension};
use security_bundle::trust_gate::{ApprovalFilter, Grant, OperatorId, Scope, TrustLevel};
use security_bundle::{
    SecurityStack, SecurityStackConfig, Usage, consent, create_security_stack, trust_gate,
};

use crate::support::{cost, usd};

const ORDERS: &str = "SECURITY_BUNDLE_CHILD";
const KILLS: &str = "SECURITY_BUNDLE_KILLS";
const SEED: &str = "SECURITY_BUNDLE_SEED";

const CONFIG: &str = r#"
    [[trust.tools]]
    tool = "read_*"
    required_level = "L1"
    effect = "read_public"

    [[trust.tools]]
    tool = "send_*"
    required_level = "L2"
    effect = "write"
    approval = "always"

    [[budget.budgets]]
    id = "team"
    cost_usd = "100000"
    period = "lifetime"

    [[budget.tools]]
    tool = "*"
    budget = "team"
    cost_usd = "1"
"#;

/// Small random numbers from a seed (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn open(directory: &Path) -> SecurityStack {
    let mut config = SecurityStackConfig::from_toml_str(CONFIG).unwrap();
    config.data_dir = Some(directory.to_owned());
    create_security_stack(config).unwrap()
}

/// One line with one write, so that a killed child has said it or not.
fn say(line: std::fmt::Arguments<'_>) {
    let mut out = std::io::stderr();
    out.write_all(format!("@{line}\n").as_bytes()).unwrap();
}

/// Works until it is killed. Each agent is only ever in this round's hands, so that what was said of it last is its state.
fn work(directory: &Path, round: u64) {
    let stack = open(directory);
    let by: OperatorId = "ops@example.com".parse().unwrap();
    let mut dice = Dice(round);
    say(format_args!("opened"));
    for step in 0..10_000_u64 {
        let name = format!("bot-{round}-{step}");
        let agent: trust_gate::AgentId = name.parse().unwrap();
        let person: consent::AgentId = name.parse().unwrap();
        let trust = stack.admin().trust();
        let grant = Grant::new(agent.clone(), TrustLevel::ActAndReport, by.clone());
        trust.assign(grant).unwrap();
        say(format_args!("assigned {name}"));
        let call = |tool: &str| {
            let action = stack.action(&name).tool(tool).args_json("{}");
            stack.guard().authorize_blocking(&action.build().unwrap())
        };
        for _ in 0..=dice.below(3) {
            let permit = call("read_file").unwrap();
            let record = permit.decision().record_id().unwrap();
            say(format_args!("permitted {record}"));
            match dice.below(4) {
                0 => drop(permit.cancel_blocking().unwrap()),
                1 => drop(permit.fail_blocking("it broke", cost("0.5")).unwrap()),
                2 => drop(permit.settle_blocking(cost("2")).unwrap()),
                _ => drop(permit.settle_blocking(Usage::default()).unwrap()),
            }
            say(format_args!("ended {record}"));
        }
        match dice.below(4) {
            0 => {
                drop(trust.revoke(&agent, &Scope::root(), &by, "enough").unwrap());
                say(format_args!("revoked {name}"));
            }
            1 => {
                let data = ("profile".parse().unwrap(), "support".parse().unwrap());
                let given =
                    consent::Grant::new(person.clone(), data.0, data.1, "ada".parse().unwrap());
                drop(stack.admin().consent().record(given).unwrap());
                say(format_args!("consented {name}"));
                drop(
                    stack
                        .admin()
                        .consent()
                        .withdraw_agent(person, None)
                        .unwrap(),
                );
                say(format_args!("withdrawn {name}"));
            }
            2 => {
                assert_eq!(call("send_mail").unwrap_err().code(), "needs_approval");
                let filter = ApprovalFilter {
                    agent: Some(agent.clone()),
                    ..ApprovalFilter::default()
                };
                let id = trust.approvals().list(&filter)[0].id;
                say(format_args!("asked {name}"));
                drop(trust.approvals().approve(id, &by, "fine").unwrap());
                say(format_args!("approved {name}"));
                let permit = call("send_mail").unwrap();
                say(format_args!("used {name}"));
                permit.settle_blocking(Usage::default()).unwrap();
            }
            _ => {}
        }
    }
}

/// Has a child work and kills it at some moment; gives what it said.
fn killed(directory: &Path, round: u64, dice: &mut Dice) -> Vec<String> {
    // Some are killed while they open.
    let lines = dice.below(60).saturating_sub(8) as usize;
    let longest = if lines == 0 { 60_000 } else { 4000 };
    let moment = Duration::from_micros(dice.below(longest));
    let test = "crash::what_was_acknowledged_is_there_after_each_kill";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ORDERS, format!("{round} {}", directory.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heard = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said: Vec<String> = heard.by_ref().take(lines).map(Result::unwrap).collect();
    std::thread::sleep(moment);
    child.kill().unwrap();
    said.extend(heard.map(Result::unwrap));
    child.wait().unwrap();
    let said = said.iter().map(|line| match line.strip_prefix('@') {
        Some(said) => said.to_owned(),
        None => panic!("the child says: {line}"),
    });
    said.collect()
}

/// What must hold of the directory after a child that said this was killed.
fn check(directory: &Path, said: &[String], is_verified: bool) {
    let stack = open(directory);
    let reads = |name: &str| {
        let agent = name.parse().unwrap();
        let guard = stack.guard();
        guard.level_suffices(&agent, &Scope::root(), TrustLevel::Monitor)
    };
    for (at, line) in said.iter().enumerate() {
        let (verb, what) = line.split_once(' ').unwrap_or((line, ""));
        let is_said = |verb: &str| said.contains(&format!("{verb} {what}"));
        let is_last = !said[at + 1..]
            .iter()
            .any(|later| later.starts_with("assigned"));
        match verb {
            "assigned" if !is_last && !is_said("revoked") => assert!(reads(what), "{line}"),
            "revoked" => assert!(!reads(what), "{line}"),
            "permitted" | "ended" => {
                let entries = stack.audit.get(what.parse().unwrap()).unwrap();
                let kinds: Vec<_> = entries.iter().map(Record::kind).collect();
                let expected: &[_] = &[Kind::Decision, Kind::Outcome];
                assert!(
                    expected.starts_with(&kinds) && !kinds.is_empty(),
                    "{line}: {kinds:?}"
                );
                assert!(verb == "permitted" || kinds.len() == 2, "{line}: {kinds:?}");
            }
            "withdrawn" => {
                let query =
                    consent::ConsentQuery::new(what.parse().unwrap(), "profile".parse().unwrap());
                let query = query.purpose("support".parse().unwrap());
                assert_eq!(stack.consent.check(&query).code(), "withdrawn", "{line}");
            }
            "approved" if !is_last => {
                let action = stack.action(what).tool("send_mail").args_json("{}");
                let asked = stack.guard().authorize_blocking(&action.build().unwrap());
                assert_eq!(
                    asked.unwrap_err().code(),
                    "needs_approval",
                    "{line}: used twice"
                );
            }
            "used" => {
                let action = stack.action(what).tool("send_mail").args_json("{}");
                let asked = stack.guard().authorize_blocking(&action.build().unwrap());
                assert_eq!(
                    asked.unwrap_err().code(),
                    "needs_approval",
                    "{line}: used twice"
                );
            }
            _ => {}
        }
    }
    stack.audit.flush().unwrap();
    if is_verified {
        drop(stack.audit.verify(None).unwrap());
    }
    let (spent, held) = sums(&stack);
    let team: BudgetId = "team".parse().unwrap();
    let used = stack.budget.utilization(&team).unwrap();
    let used = used.usage(Dimension::Cost);
    let nanos = |text: String| usd(&text).nanos();
    let (booked, reserved) = (
        nanos(used.spent.to_string()),
        nanos(used.reserved.to_string()),
    );
    // What was held for longer than its time to live has become spending, and the log needs no entry for that.
    assert!(booked >= spent && reserved <= held);
    assert_eq!(booked + reserved, spent + held);
}

/// What the log's entries come to: spent by outcomes, held by intents without one.
fn sums(stack: &SecurityStack) -> (u64, u64) {
    let (mut spent, mut open) = (0, std::collections::BTreeMap::new());
    let mut tail = stack.audit.tail(0);
    while let Some(entry) = tail.next(Duration::ZERO).unwrap() {
        let charged = |entry: &Record| -> u64 {
            let charges = entry
                .budget()
                .into_iter()
                .flat_map(|budget| budget.charges.iter());
            let money = charges.filter(|charge| charge.unit == "nano_usd");
            money
                .map(|charge| charge.amount.to_string().parse::<u64>().unwrap())
                .sum()
        };
        match entry.kind() {
            Kind::Decision if entry.outcome() != Some(Outcome::Deny) => {
                assert!(
                    open.insert(entry.id(), charged(&entry)).is_none(),
                    "two intents"
                );
            }
            Kind::Outcome => {
                assert!(open.remove(&entry.id()).is_some(), "an outcome of nothing");
                spent += charged(&entry);
            }
            _ => {}
        }
    }
    (spent, open.values().sum())
}

#[test]
fn what_was_acknowledged_is_there_after_each_kill() {
    if let Ok(orders) = std::env::var(ORDERS) {
        let (round, directory) = orders.split_once(' ').unwrap();
        return work(&PathBuf::from(directory), round.parse().unwrap());
    }
    let number =
        |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let seed = number(SEED, u64::from(std::process::id()));
    println!("{SEED}={seed}");
    let mut dice = Dice(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut said = 0;
    let kills = number(KILLS, 4);
    for round in 0..kills {
        let lines = killed(dir.path(), seed.wrapping_add(round), &mut dice);
        said += lines.len();
        // Opening has verified it already, where no snapshot vouches for it.
        check(dir.path(), &lines, round % 8 == 7 || round + 1 == kills);
    }
    assert!(said > 4, "{said}");
}
