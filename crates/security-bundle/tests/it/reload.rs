//! Another configuration for a running stack: all of it or none of it, nothing raised silently, and on record.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use security_bundle::audit_trail::{Filter, Kind};
use security_bundle::{
    Decision, Raises, ReloadError, SecurityStack, SecurityStackConfig, budget_enforcer,
    create_security_stack, trust_gate,
};

fn config(rest: &str) -> SecurityStackConfig {
    let text = format!(
        r#"
        [[trust.assignments]]
        agent = "bot"
        level = "L3"
        assigned_by = "ops@example.com"

        {rest}
        "#
    );
    SecurityStackConfig::from_toml_str(&text).unwrap()
}

fn tool(tool: &str, level: &str) -> String {
    format!(
        "[[trust.tools]]\ntool = \"{tool}\"\nrequired_level = \"{level}\"\neffect = \"read_public\"\n"
    )
}

fn decide(stack: &SecurityStack, tool: &str) -> Decision {
    let action = stack.action("bot").session("s").tool(tool).build().unwrap();
    stack.evaluate_sync(&action)
}

fn reload(
    stack: &SecurityStack,
    config: SecurityStackConfig,
    raises: Raises,
) -> Result<security_bundle::Reloaded, ReloadError> {
    stack.reload(config, &"ada".parse().unwrap(), "quarterly review", raises)
}

#[test]
fn tighter_rules_are_in_force_when_it_returns_and_on_record() {
    let stack = create_security_stack(config(&tool("read", "L1"))).unwrap();
    let action = stack
        .action("bot")
        .session("s")
        .tool("read")
        .build()
        .unwrap();
    assert!(stack.evaluate_sync(&action).allowed());
    let done = reload(&stack, config(&tool("read", "L4")), Raises::Refuse).unwrap();
    // Also for an action that was described before.
    assert_eq!(stack.evaluate_sync(&action).code(), "trust_too_low");
    assert_ne!(done.old_policy, done.new_policy);
    let changes = stack
        .audit
        .query(&Filter::new().kind(Kind::PolicyChange))
        .unwrap()
        .records;
    let told = changes
        .iter()
        .find(|entry| entry.event() == Some("reload"))
        .unwrap();
    assert_eq!(told.operator(), Some("ada"));
    assert_eq!(told.reason(), Some("quarterly review"));
    let ext = told.ext().unwrap().as_str();
    assert!(
        ext.contains(&done.old_policy) && ext.contains(&done.new_policy),
        "{ext}"
    );
}

#[test]
fn what_would_raise_somebody_is_refused_unless_it_is_confirmed() {
    let stack = create_security_stack(config(&tool("write", "L4"))).unwrap();
    let mut raising = config(&tool("write", "L4"));
    raising.assignments[0].level = "L5".parse().unwrap();
    let refused = reload(&stack, raising.clone(), Raises::Refuse).unwrap_err();
    assert!(matches!(refused, ReloadError::WouldRaise(_)), "{refused}");
    assert_eq!(decide(&stack, "write").code(), "trust_too_low");
    reload(&stack, raising, Raises::Confirmed).unwrap();
    assert!(decide(&stack, "write").allowed());
}

#[test]
fn an_altered_assignment_does_not_bring_back_what_an_operator_took() {
    let stack = create_security_stack(config(&tool("read", "L1"))).unwrap();
    let (agent, by) = ("bot".parse().unwrap(), "ada".parse().unwrap());
    let root = security_bundle::Scope::root();
    stack
        .admin()
        .trust()
        .revoke(&agent, &root, &by, "enough")
        .unwrap();
    let mut lower = config(&tool("read", "L1"));
    lower.assignments[0].level = "L2".parse().unwrap();
    let refused = reload(&stack, lower.clone(), Raises::Refuse).unwrap_err();
    assert!(
        matches!(refused, ReloadError::WouldRaiseNow { .. }),
        "{refused}"
    );
    assert!(!decide(&stack, "read").allowed());
    reload(&stack, lower, Raises::Confirmed).unwrap();
    assert!(decide(&stack, "read").allowed());
}

#[test]
fn an_altered_grant_does_not_give_again_what_was_withdrawn() {
    let with = |expires: &str| {
        config(&format!(
            "{}\n[[consent.grants]]\nagent = \"bot\"\ndata_type = \"profile\"\npurpose = \"support\"\ngranted_by = \"ada\"\n{expires}\n\
             [[consent.tools]]\ntool = \"read\"\ndata_type = \"profile\"\npurpose = \"support\"",
            tool("read", "L1")
        ))
    };
    let later = with("expires_at = \"2090-01-01T00:00:00Z\"");
    let stack = create_security_stack(with("")).unwrap();
    reload(&stack, later.clone(), Raises::Refuse).unwrap();
    assert!(decide(&stack, "read").allowed());
    let agent = "bot".parse().unwrap();
    stack.admin().consent().withdraw_agent(agent, None).unwrap();
    let refused = reload(&stack, with(""), Raises::Refuse).unwrap_err();
    assert!(
        matches!(refused, ReloadError::WouldGiveAnew { .. }),
        "{refused}"
    );
    assert_eq!(decide(&stack, "read").code(), "withdrawn");
    reload(&stack, with(""), Raises::Confirmed).unwrap();
    assert!(decide(&stack, "read").allowed());
}

#[test]
fn a_configuration_that_does_not_hold_leaves_the_last_good_one() {
    let stack = create_security_stack(config(&tool("read", "L1"))).unwrap();
    let size = stack.audit.size().unwrap();
    let mut bad = config(&tool("read", "L4"));
    bad.budget_tools.push(security_bundle::BudgetToolRule {
        tool: "*".parse().unwrap(),
        budget: Some("nowhere".parse().unwrap()),
        amounts: security_bundle::Amounts::default(),
    });
    let refused = reload(&stack, bad, Raises::Confirmed).unwrap_err();
    assert!(matches!(refused, ReloadError::Config(_)), "{refused}");
    assert_eq!(stack.audit.size().unwrap(), size);
    assert!(decide(&stack, "read").allowed());
    let mut elsewhere = config(&tool("read", "L1"));
    elsewhere.audit_namespace = "other".to_owned();
    let refused = reload(&stack, elsewhere, Raises::Confirmed).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`audit.namespace` cannot be changed while the stack runs; restart it"
    );
}

#[test]
fn an_assignment_that_is_gone_from_the_file_is_taken_back_unless_an_operator_changed_it() {
    let with = config(&tool("read", "L1"));
    let mut without = with.clone();
    without.assignments.clear();
    let stack = create_security_stack(with.clone()).unwrap();
    reload(&stack, without.clone(), Raises::Refuse).unwrap();
    assert_eq!(decide(&stack, "read").code(), "trust_too_low");

    let stack = create_security_stack(with).unwrap();
    let grant = trust_gate::Grant::new(
        "bot".parse().unwrap(),
        security_bundle::TrustLevel::Suggest,
        "ada".parse().unwrap(),
    );
    stack
        .admin()
        .trust()
        .assign(grant.reason("by hand"))
        .unwrap();
    reload(&stack, without, Raises::Refuse).unwrap();
    assert!(decide(&stack, "read").allowed());
}

#[test]
fn limits_of_sessions_and_budgets_follow_the_file_back_and_forth() {
    let limits = |calls: u64| {
        config(&format!(
            "{}\n[budget.session]\ncalls = {calls}\n[[budget.budgets]]\nid = \"team\"\ncalls = {calls}\nperiod = \"lifetime\"\n[[budget.tools]]\ntool = \"*\"\nbudget = \"team\"",
            tool("read", "L1")
        ))
    };
    let stack = create_security_stack(limits(3)).unwrap();
    let call = || {
        let action = stack
            .action("bot")
            .session("s")
            .tool("read")
            .build()
            .unwrap();
        let permit = stack.guard().authorize_blocking(&action);
        let code = permit.as_ref().err().map(|denied| denied.code().to_owned());
        drop(permit);
        code
    };
    assert_eq!(call(), None);
    reload(&stack, limits(1), Raises::Refuse).unwrap();
    assert_eq!(call().unwrap(), "exceeds_budget");
    reload(&stack, limits(3), Raises::Refuse).unwrap();
    let team: budget_enforcer::BudgetId = "team".parse().unwrap();
    let used = stack.budget.utilization(&team).unwrap();
    let calls = used.usage(budget_enforcer::Dimension::Calls);
    assert_eq!(calls.limit.unwrap().units(), 3);
}

/// One configuration asks for a level that nobody has, the other for consent that nobody gave: whatever is permitted was judged
/// by half of each.
#[test]
fn no_decision_is_made_by_half_of_the_old_and_half_of_the_new() {
    let by_level = config(&tool("read", "L5"));
    let by_consent = config(&format!(
        "{}\n[[consent.tools]]\ntool = \"read\"\ndata_type = \"profile\"\npurpose = \"support\"",
        tool("read", "L1")
    ));
    let stack = create_security_stack(by_level.clone()).unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let guard = stack.guard();
                    let mut asked = 0;
                    while !over.load(Ordering::Relaxed) {
                        let action = guard.action("bot").tool("read").build().unwrap();
                        assert!(!guard.evaluate_sync(&action).allowed());
                        assert!(guard.authorize_blocking(&action).is_err());
                        asked += 1;
                    }
                    asked
                })
            })
            .collect();
        for _ in 0..100 {
            reload(&stack, by_consent.clone(), Raises::Confirmed).unwrap();
            reload(&stack, by_level.clone(), Raises::Confirmed).unwrap();
        }
        over.store(true, Ordering::Relaxed);
        for caller in callers {
            assert!(caller.join().unwrap() > 0);
        }
    });
}

/// Each of these is consent of the bot to read profiles for support.
fn with_grants(expiries: &[&str], purpose: &str) -> SecurityStackConfig {
    let grants: Vec<_> = expiries
        .iter()
        .map(|expires| {
            format!(
                "[[consent.grants]]\nagent = \"bot\"\ndata_type = \"profile\"\n{purpose}\ngranted_by = \"ada\"\nexpires_at = \"{expires}-01-01T00:00:00Z\"\n"
            )
        })
        .collect();
    let grants = grants.concat();
    config(&format!(
        "{}\n{grants}\n[[consent.tools]]\ntool = \"read\"\ndata_type = \"profile\"\npurpose = \"support\"",
        tool("read", "L1")
    ))
}

/// When the consents end that stand.
fn standing(stack: &SecurityStack) -> Vec<String> {
    let century = std::time::Duration::from_secs(100 * 366 * 24 * 3600);
    let ends = stack.admin().consent().expiring(century);
    let ends = ends.iter().map(|record| record.expires_at().unwrap());
    let rfc3339 = &time::format_description::well_known::Rfc3339;
    ends.map(|end| end.format(rfc3339).unwrap()).collect()
}

const SUPPORT: &str = "purpose = \"support\"";

#[test]
fn a_grant_that_stays_in_the_file_stands_though_another_of_the_same_is_gone() {
    for (before, after) in [
        (["2080", "2090"], "2090"),
        (["2080", "2090"], "2080"),
        (["2090", "2080"], "2080"),
    ] {
        let stack = create_security_stack(with_grants(&before, SUPPORT)).unwrap();
        reload(&stack, with_grants(&[after], SUPPORT), Raises::Refuse).unwrap();
        assert!(decide(&stack, "read").allowed(), "{before:?} {after}");
        // And only that one.
        let ends = format!("{after}-01-01T00:00:00Z");
        assert_eq!(standing(&stack), [ends], "{before:?} {after}");
        reload(&stack, with_grants(&[], SUPPORT), Raises::Refuse).unwrap();
        assert_eq!(decide(&stack, "read").code(), "withdrawn");
    }
}

#[test]
fn a_grant_that_stays_stands_though_a_wider_or_narrower_one_is_gone() {
    let grants = |of: &[&str]| {
        let mut all = config(&tool("read", "L1"));
        for purpose in of {
            all.grants.extend(with_grants(&["2090"], purpose).grants);
        }
        all.consent_tools = with_grants(&[], SUPPORT).consent_tools;
        all
    };
    let blanket = "blanket = true";
    for (gone, kept) in [(blanket, SUPPORT), (SUPPORT, blanket)] {
        let stack = create_security_stack(grants(&[gone, kept])).unwrap();
        reload(&stack, grants(&[kept]), Raises::Refuse).unwrap();
        assert!(decide(&stack, "read").allowed(), "{gone:?} {kept:?}");
    }
}

#[test]
fn a_grant_that_stays_in_the_file_is_not_given_anew_where_an_operator_took_it() {
    let stack = create_security_stack(with_grants(&["2080", "2090"], SUPPORT)).unwrap();
    let agent = "bot".parse().unwrap();
    stack.admin().consent().withdraw_agent(agent, None).unwrap();
    reload(&stack, with_grants(&["2090"], SUPPORT), Raises::Refuse).unwrap();
    assert_eq!(decide(&stack, "read").code(), "withdrawn");
    assert_eq!(standing(&stack), [""; 0]);
}
