//! What a difference tells of budgets and of what calls charge: whatever lets more be spent.

use crate::configuration_diff::diff;

fn budget(more: &str) -> String {
    format!("[[budget.budgets]]\nid = \"b\"\n{more}\n")
}

#[test]
fn budgets_are_looser_wherever_a_limit_no_longer_holds() {
    let p = "period = \"daily\"\n";
    let parents = "[[budget.budgets]]\nid = \"p\"\ncalls = 9\nperiod = \"daily\"\n[[budget.budgets]]\nid = \"q\"\ncalls = 9\nperiod = \"daily\"\n";
    let within = |parent: &str| parents.to_owned() + &budget(&format!("{p}calls = 5\n{parent}"));
    for (old, new, loosens) in [
        (
            budget(&format!("{p}calls = 5")),
            budget(&format!("{p}calls = 6")),
            true,
        ),
        (
            budget(&format!("{p}calls = 5")),
            budget(&format!("{p}calls = 4")),
            false,
        ),
        (
            budget(&format!("{p}calls = 5")),
            budget(&format!("{p}calls = 5\ntokens = 1")),
            false,
        ),
        (
            budget(&format!("{p}calls = 5\ntokens = 1")),
            budget(&format!("{p}calls = 5")),
            true,
        ),
        (
            budget("period = \"weekly\"\ncalls = 5"),
            budget("period = \"daily\"\ncalls = 5"),
            true,
        ),
        (
            budget("period = \"daily\"\ncalls = 5"),
            budget("period = \"weekly\"\ncalls = 5"),
            false,
        ),
        // A week may begin in one month and end in the next.
        (
            budget("period = \"weekly\"\ncalls = 5"),
            budget("period = \"monthly\"\ncalls = 5"),
            true,
        ),
        (
            budget("period = \"monthly\"\ncalls = 5"),
            budget("period = \"lifetime\"\ncalls = 5"),
            false,
        ),
        (
            budget(&format!("{p}calls = 5")),
            budget(&format!("{p}calls = 5\nzone = \"Asia/Tokyo\"")),
            true,
        ),
        (
            budget(&format!("{p}calls = 5")),
            budget(&format!("{p}calls = 5\nrollover = true")),
            true,
        ),
        (
            budget(&format!("{p}calls = 5\nrollover = true")),
            budget(&format!("{p}calls = 5")),
            false,
        ),
        (
            budget(&format!("{p}calls = 5")),
            budget(&format!("{p}calls = 5\noverdraft = true")),
            true,
        ),
        (
            budget(&format!("{p}calls = 5")),
            "budget.allow_overdraft = true\n".to_owned() + &budget(&format!("{p}calls = 5")),
            true,
        ),
        (
            budget(&format!("{p}calls = 5")),
            budget(&format!(
                "{p}calls = 5\nalso = [{{ period = \"hourly\", calls = 1 }}]"
            )),
            false,
        ),
        (
            budget(&format!(
                "{p}calls = 5\nalso = [{{ period = \"hourly\", calls = 1 }}]"
            )),
            budget(&format!("{p}calls = 5")),
            true,
        ),
        (within("parent = \"p\""), within("parent = \"q\""), true),
        (within("parent = \"p\""), within(""), true),
        (within(""), within("parent = \"p\""), false),
        (String::new(), "budget.session.calls = 5".to_owned(), false),
        (
            "budget.required = true".to_owned(),
            "budget = { required = true, session = { calls = 5 } }".to_owned(),
            true,
        ),
        ("budget.session.calls = 5".to_owned(), String::new(), true),
        (
            "budget.session.calls = 5".to_owned(),
            "budget.session.calls = 4".to_owned(),
            false,
        ),
        (
            "budget.session.calls = 5".to_owned(),
            "budget.session.tokens = 4".to_owned(),
            true,
        ),
        ("budget.required = true".to_owned(), String::new(), true),
        (String::new(), "budget.required = true".to_owned(), false),
    ] {
        let diff = diff(&old, &new);
        assert!(!diff.is_empty(), "{old}---\n{new}");
        assert_eq!(
            diff.loosens().next().is_some(),
            loosens,
            "{old}---\n{new}\n{diff}"
        );
    }
}

#[test]
fn charges_are_looser_wherever_a_call_charges_less() {
    let b = "[[budget.budgets]]\nid = \"b\"\ncalls = 9\nperiod = \"daily\"\n";
    let rule = |more: &str| format!("{b}[[budget.tools]]\n{more}\n");
    let required = |rest: &str| format!("budget.required = true\n{rest}");
    let sessions = |rest: &str| format!("budget.session.calls = 9\n{rest}");
    for (old, new, loosens) in [
        // Without a number it is one call of a named budget.
        (
            rule("tool = \"t\"\nbudget = \"b\""),
            rule("tool = \"t\"\nbudget = \"b\"\ncalls = 0"),
            true,
        ),
        (
            rule("tool = \"t\"\nbudget = \"b\"\ncalls = 0"),
            rule("tool = \"t\"\nbudget = \"b\""),
            true,
        ),
        (
            rule("tool = \"t\"\nbudget = \"b\""),
            rule("tool = \"t\"\nbudget = \"b\"\ncalls = 2"),
            false,
        ),
        (
            rule("tool = \"t*\"\nbudget = \"b\""),
            rule("tool = \"tt\"\nbudget = \"b\""),
            true,
        ),
        (
            rule("tool = \"tt\"\nbudget = \"b\""),
            rule("tool = \"t*\"\nbudget = \"b\""),
            false,
        ),
        (rule("tool = \"t\"\nbudget = \"b\""), b.to_owned(), true),
        (b.to_owned(), rule("tool = \"t\"\nbudget = \"b\""), false),
        (
            required(b),
            required(&rule("tool = \"t\"\nbudget = \"b\"")),
            true,
        ),
        (
            required(&rule("tool = \"tt\"\nbudget = \"b\"")),
            required(&rule("tool = \"t*\"\nbudget = \"b\"")),
            true,
        ),
        // Two rules are charged twice; one heir is not enough.
        (
            sessions(&rule(
                "tool = \"t\"\ncalls = 1\n[[budget.tools]]\ntool = \"t\"\ncalls = 1",
            )),
            sessions(&rule("tool = \"t\"\ncalls = 1")),
            true,
        ),
    ] {
        let diff = diff(&old, &new);
        assert!(!diff.is_empty(), "{old}---\n{new}");
        assert_eq!(
            diff.loosens().next().is_some(),
            loosens,
            "{old}---\n{new}\n{diff}"
        );
    }
}
