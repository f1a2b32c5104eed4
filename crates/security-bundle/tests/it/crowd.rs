//! Many tasks on shared budgets: never more than there is, and all of what was not used comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use security_bundle::audit_trail::{Kind, Outcome};
use security_bundle::budget_enforcer::{BudgetId, Dimension};
use security_bundle::{Amounts, Guard, SecurityStack, SecurityStackConfig, create_security_stack};

use crate::support::{cost, usd};

const TASKS: u64 = 64;
const CALLS: u64 = 12;
const LIMIT: u64 = 40_000_000_000;

fn config() -> SecurityStackConfig {
    SecurityStackConfig::from_toml_str(
        r#"
        [[trust.assignments]]
        agent = "bot"
        level = "L4"
        assigned_by = "ops@example.com"

        [[trust.tools]]
        tool = "read_*"
        required_level = "L1"
        effect = "read_public"

        [budget.session]
        calls = 200

        [[budget.budgets]]
        id = "team"
        cost_usd = "40"
        period = "lifetime"

        [[budget.budgets]]
        id = "desk"
        parent = "team"
        cost_usd = "25"
        period = "lifetime"
        "#,
    )
    .unwrap()
}

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

fn used(stack: &SecurityStack, budget: &str) -> (u64, u64) {
    let budget: BudgetId = budget.parse().unwrap();
    let used = stack.budget.utilization(&budget).unwrap();
    let used = used.usage(Dimension::Cost);
    let nanos = |text: String| usd(&text).nanos();
    (
        nanos(used.spent.to_string()),
        nanos(used.reserved.to_string()),
    )
}

async fn one(guard: Guard, task: u64) {
    let mut dice = Dice(task);
    for call in 0..CALLS {
        let tool = if dice.below(6) == 0 {
            "write_file"
        } else {
            "read_file"
        };
        let budget = if dice.below(2) == 0 { "team" } else { "desk" };
        let action = guard
            .action("bot")
            .session(format!("s-{}", task % 4))
            .tool(tool)
            .budget(budget, cost("0.5"));
        let action = action.build().unwrap();
        let ending = dice.below(7);
        let authorizing = guard.authorize(&action);
        if ending == 0 {
            // Given up at some moment of it.
            let patience = Duration::from_micros(dice.below(800));
            drop(tokio::time::timeout(patience, authorizing).await);
            continue;
        }
        let Ok(permit) = authorizing.await else {
            continue;
        };
        tokio::task::yield_now().await;
        // Less than was held, or nothing at all.
        let usage = cost(["0.1", "0.25", "0"][dice.below(3) as usize]);
        match ending {
            1 => drop(permit),
            2 => drop(permit.cancel().await.unwrap()),
            3 => drop(permit.fail(format!("call {call}"), usage).await.unwrap()),
            4 => drop(permit.settle(Amounts::default())),
            _ => drop(permit.settle(usage).await.unwrap()),
        }
    }
}

async fn a_crowd(config: SecurityStackConfig) {
    let stack = Arc::new(create_security_stack(config).unwrap());
    let is_over = Arc::new(AtomicBool::new(false));
    let watching = std::thread::spawn({
        let (stack, is_over) = (Arc::clone(&stack), Arc::clone(&is_over));
        move || {
            while !is_over.load(Ordering::SeqCst) {
                let (spent, held) = used(&stack, "team");
                assert!(spent + held <= LIMIT, "{spent} + {held}");
                let (spent, held) = used(&stack, "desk");
                assert!(spent + held <= 25_000_000_000, "{spent} + {held}");
                std::thread::yield_now();
            }
        }
    });
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(one(stack.guard(), task)))
        .collect();
    for (number, task) in tasks.into_iter().enumerate() {
        if number % 9 == 8 {
            task.abort();
        }
        match task.await {
            Err(error) if error.is_panic() => panic!("{error}"),
            _ => {}
        }
    }
    is_over.store(true, Ordering::SeqCst);
    watching.join().unwrap();

    let guard = stack.guard();
    assert_eq!(guard.losses(), 0);
    assert_eq!(
        (used(&stack, "team").1, used(&stack, "desk").1),
        (0, 0),
        "all is returned"
    );
    stack.audit.flush().unwrap();
    drop(stack.audit.verify(None).unwrap());
    let (mut intents, mut outcomes) = (std::collections::BTreeSet::new(), 0);
    let (mut team, mut seen) = (0_u64, std::collections::BTreeSet::new());
    let mut tail = stack.audit.tail(0);
    while let Some(entry) = tail.next(Duration::ZERO).unwrap() {
        let allowed = entry.outcome() != Some(Outcome::Deny);
        match entry.kind() {
            Kind::Decision if allowed => assert!(intents.insert(entry.id()), "twice"),
            Kind::Outcome => {
                outcomes += 1;
                assert!(intents.contains(&entry.id()) && seen.insert(entry.id()));
                for charge in entry
                    .budget()
                    .iter()
                    .flat_map(|budget| budget.charges.iter())
                {
                    if charge.unit == "nano_usd" && charge.budget != "session" {
                        // What the desk spends is the team's, too.
                        team += charge.amount.to_string().parse::<u64>().unwrap();
                    }
                }
            }
            _ => {}
        }
    }
    assert_eq!(intents.len(), outcomes);
    assert!(outcomes > 40, "{outcomes}");
    assert_eq!(
        used(&stack, "team").0,
        team,
        "the ledger's sum is the log's"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_tasks_never_spend_more_than_there_is_in_memory() {
    a_crowd(config()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_tasks_never_spend_more_than_there_is_on_a_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config();
    config.data_dir = Some(dir.path().to_owned());
    a_crowd(config).await;
}
