//! The trust report tells what stands and what was done, and nobody's name can make it say anything else.

use std::time::Duration;

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser};
use trust_gate::{
    AgentId, Answer, Approval, ApprovalRules, Arguments, Effect, Elevation, Grant, OperatorId,
    ReportOptions, Scope, ToolName, ToolPolicy, ToolRequest, TrustGateConfig, TrustLevel,
    TrustReport,
};

use crate::fixture::{DAY, Fixture, HOUR, NOON, agent, grant, ops, scope, tool};

fn config() -> TrustGateConfig {
    TrustGateConfig {
        tools: vec![ToolPolicy::new(
            "*".parse().unwrap(),
            TrustLevel::Suggest,
            Effect::Write,
        )],
        approvals: ApprovalRules {
            ttl: HOUR,
            ..ApprovalRules::default()
        },
        ..TrustGateConfig::default()
    }
}

fn report(f: &Fixture) -> TrustReport {
    f.admin.report(&ReportOptions::default()).unwrap()
}

fn second() -> OperatorId {
    "second@example.com".parse().unwrap()
}

fn ask(f: &Fixture, call: &ToolRequest, json: &str) -> Approval {
    let arguments = Arguments::of_json(json).unwrap();
    match f.gate.approvals().ask(call, &arguments).unwrap() {
        Answer::Pending(approval) => approval,
        other => panic!("{other:?}"),
    }
}

/// The names and the reason that a history is told with.
#[derive(Debug, Clone)]
struct Names {
    agent: AgentId,
    scope: Scope,
    tool: ToolName,
    by: OperatorId,
    reason: String,
}

impl Names {
    fn plain() -> Self {
        Self {
            agent: agent("bot"),
            scope: scope("payments"),
            tool: tool("send_mail"),
            by: ops(),
            reason: "pilot".to_owned(),
        }
    }
}

/// A row in every table.
fn a_history(names: &Names) -> Fixture {
    let f = Fixture::with(config());
    let Names {
        agent,
        scope,
        tool,
        by,
        reason,
    } = names;
    let made = Grant::new(agent.clone(), TrustLevel::ActWithApproval, by.clone());
    let made = made.scope(scope.clone()).reason(reason.clone());
    f.admin.assign(made.expires_at(NOON + DAY)).unwrap();
    f.admin
        .cap(agent, scope, TrustLevel::ActAndReport, by, reason)
        .unwrap();
    f.clock.advance(HOUR);
    let call = ToolRequest::new(agent.clone(), tool.clone()).scope(scope.clone());
    ask(&f, &call, r#"{"to":"ada"}"#);
    let denied = ask(&f, &call, r#"{"to":"all"}"#);
    f.admin.approvals().deny(denied.id, by, reason).unwrap();
    let why = format!("{reason}.");
    let up = Elevation::new(agent.clone(), TrustLevel::Suggest, HOUR, by.clone(), &why);
    f.admin.elevate(&up).unwrap();
    let broken = Elevation::new(
        agent.clone(),
        TrustLevel::ActAndReport,
        HOUR / 2,
        by.clone(),
        &why,
    );
    f.admin
        .break_glass(&broken.scope(scope.clone()), &second())
        .unwrap();
    f
}

#[test]
fn a_report_is_read_by_people() {
    insta::assert_snapshot!(report(&a_history(&Names::plain())).to_markdown());
}

#[test]
fn a_report_is_read_by_machines() {
    insta::assert_json_snapshot!(report(&a_history(&Names::plain())));
}

#[test]
fn an_empty_report_says_so() {
    let report = report(&Fixture::new());
    assert!(report.agents.is_empty() && report.assignments.is_empty());
    assert_eq!(report.timeline.len(), 1, "the configuration");
    assert!(
        report
            .to_markdown()
            .contains("## Open approvals\n\nNone.\n")
    );
}

#[test]
fn the_window_and_the_agent_narrow() {
    let f = a_history(&Names::plain());
    f.grant("other", "", TrustLevel::Monitor);
    let of = |options: &ReportOptions| f.admin.report(options).unwrap();
    let acts = |report: &TrustReport| -> Vec<&str> {
        report.timeline.iter().map(|entry| entry.act).collect()
    };
    let before = of(&ReportOptions {
        until: Some(NOON + HOUR),
        ..ReportOptions::default()
    });
    assert_eq!(acts(&before), ["configure", "assign", "cap"]);
    assert_eq!(before.approvals.pending + before.approvals.denied, 0);
    assert_eq!(before.agents.len(), 2, "what stands does not depend on it");
    let after = of(&ReportOptions {
        since: Some(NOON + HOUR),
        agent: Some(agent("bot")),
        ..ReportOptions::default()
    });
    assert_eq!(
        acts(&after),
        [
            "request_approval",
            "request_approval",
            "deny_approval",
            "elevate",
            "break_glass"
        ]
    );
    assert_eq!((after.approvals.pending, after.approvals.denied), (1, 1));
    assert_eq!(after.agents.len(), 1);
    let other = of(&ReportOptions {
        agent: Some(agent("other")),
        ..ReportOptions::default()
    });
    assert_eq!(acts(&other), ["assign"]);
    assert!(other.open_review.is_none() && other.open_approvals.is_empty());
    assert!(other.elevations.is_empty());
}

#[test]
fn approvals_are_counted_by_what_became_of_them() {
    let f = Fixture::with(config());
    f.grant("a", "", TrustLevel::ActWithApproval);
    let call = ToolRequest::new(agent("a"), tool("send_mail"));
    let queue = f.admin.approvals();
    let [used, unused, denied, cancelled, _pending] =
        [1, 2, 3, 4, 5].map(|number| ask(&f, &call, &number.to_string()));
    for approval in [&used, &unused] {
        queue.approve(approval.id, &ops(), "").unwrap();
    }
    let arguments = Arguments::of_json("1").unwrap();
    let answer = f.gate.approvals().ask(&call, &arguments).unwrap();
    assert!(matches!(answer, Answer::Approved(decision) if decision.allowed()));
    queue.deny(denied.id, &ops(), "").unwrap();
    queue.cancel(cancelled.id, &ops(), "").unwrap();
    let counts = |f: &Fixture| report(f).approvals.by_state().map(|(_, count)| count);
    assert_eq!(counts(&f), [1, 1, 1, 0, 1, 1]);
    assert_eq!(report(&f).open_approvals.len(), 2);
    f.clock.advance(HOUR);
    assert_eq!(counts(&f), [0, 0, 1, 2, 1, 1]);
    assert!(report(&f).open_approvals.is_empty());
    let listed = queue.list(&trust_gate::ApprovalFilter {
        all: true,
        ..Default::default()
    });
    for (state, count) in report(&f).approvals.by_state() {
        let same = listed.iter().filter(|one| one.state == state).count();
        assert_eq!(same, count, "the queue and the history agree on {state}");
    }
}

#[test]
fn levels_are_counted_where_they_hold() {
    let f = Fixture::new();
    f.grant("a", "", TrustLevel::ActAndReport);
    f.grant("b", "", TrustLevel::ActAndReport);
    f.admin
        .quarantine(&agent("b"), &scope("x"), &ops(), "")
        .unwrap();
    f.admin
        .assign(grant("c", TrustLevel::Suggest).expires_at(NOON + HOUR))
        .unwrap();
    let counts = |f: &Fixture| -> Vec<(String, Vec<usize>)> {
        let levels = report(f).levels;
        levels
            .iter()
            .map(|one| {
                let counts = one.counts.iter().map(|count| count.agents).collect();
                (one.scope.to_string(), counts)
            })
            .collect()
    };
    let x = ("x".to_owned(), vec![1, 0, 0, 0, 0, 0]);
    assert_eq!(
        counts(&f),
        [(String::new(), vec![0, 0, 1, 0, 2, 0]), x.clone()]
    );
    // So close to the end that the reading alone would not be kept.
    let moment = Duration::from_micros(500);
    f.clock.advance(HOUR.checked_sub(moment).unwrap());
    assert_eq!(f.gate.now(), NOON + HOUR - moment);
    f.clock.advance(moment);
    assert_eq!(counts(&f), [(String::new(), vec![1, 0, 0, 0, 2, 0]), x]);
    f.clock.set(NOON);
    assert_eq!(
        f.level("c", ""),
        TrustLevel::Observer,
        "what was reported as fallen stays so"
    );
}

#[test]
fn what_is_over_is_told_no_more() {
    let f = a_history(&Names::plain());
    assert_eq!(report(&f).elevations.len(), 2);
    f.clock.advance(HOUR);
    let after = report(&f);
    assert!(after.elevations.is_empty());
    assert_eq!(after.open_review.unwrap().leaves, TrustLevel::Observer);
}

#[test]
fn arguments_are_not_told() {
    let report = report(&a_history(&Names::plain()));
    let open = &report.open_approvals[0];
    assert_eq!(open.shown, None);
    let json = format!("{report:?}{}", report.to_markdown());
    assert!(!json.contains("ada"));
}

#[test]
fn nothing_becomes_a_link_on_its_own() {
    let names = Names {
        agent: agent("www.example.com"),
        scope: scope("https:"),
        reason: "see https://example.com or mail ada@example.com".to_owned(),
        ..Names::plain()
    };
    let text = report(&a_history(&names)).to_markdown();
    for bare in ["www.", "https:", "a@"] {
        assert!(!text.contains(bare), "{bare}");
    }
}

/// The structure: every event but the text itself.
fn skeleton(markdown: &str) -> Vec<String> {
    Parser::new_ext(markdown, all_extensions())
        .filter(|event| !matches!(event, Event::Text(_)))
        .map(|event| format!("{event:?}"))
        .collect()
}

/// What a reader sees.
fn text(markdown: &str) -> String {
    Parser::new_ext(markdown, all_extensions())
        .map(|event| match event {
            Event::Text(text) => text.into_string(),
            _ => "\n".to_owned(),
        })
        .collect::<String>()
        .replace("\n\n", "\n")
}

fn all_extensions() -> Options {
    // Typographic quotes are text of another look, no structure.
    Options::all() - Options::ENABLE_SMART_PUNCTUATION
}

/// Pieces that mean something to Markdown or to HTML.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "|",
            "||",
            "\\",
            "\\|",
            "`",
            "```",
            "*",
            "**",
            "_",
            "__",
            "~~",
            "[x](y)",
            "![x](y)",
            "[^1]",
            "[x]",
            "[[x]]",
            "]",
            "(",
            "<",
            ">",
            "<b>",
            "<!--",
            "</td>",
            "&",
            "&lt;",
            "&#124;",
            "#",
            "# x",
            "## ",
            "- x",
            "+ x",
            "* x",
            "1. x",
            "1) x",
            ">",
            "> x",
            "---",
            "===",
            "|---|",
            ":",
            ": x",
            "$x$",
            "$$",
            "^x^",
            "{#x}",
            "{.y}",
            "@",
            "!",
            "://",
            "www.x",
            "<http://x>",
            "=",
            "~",
            ".",
            "-",
            "é",
            "日",
            " ",
        ])
        .prop_map(str::to_owned),
        "[ -~]{1,3}",
    ]
}

fn hostile() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 1..6)
        .prop_map(|pieces| pieces.concat().trim().to_owned())
        .prop_filter("names are not empty", |text| !text.is_empty())
}

/// Reasons may also hold what is not seen.
fn reason() -> impl Strategy<Value = String> {
    let unseen = prop::sample::select(vec![
        "\u{202E}",
        "\u{200B}",
        "\u{2028}",
        "\u{2029}",
        "\u{E0041}",
        "  ",
    ]);
    prop::collection::vec(
        prop_oneof![3 => piece(), 1 => unseen.prop_map(str::to_owned)],
        0..8,
    )
    .prop_map(|pieces| pieces.concat())
}

fn names() -> impl Strategy<Value = Names> {
    (hostile(), hostile(), hostile(), hostile(), reason()).prop_map(
        |(agent, segment, tool, by, reason)| {
            let segment = segment.replace('/', "|");
            Names {
                agent: agent.parse().unwrap(),
                scope: Scope::from_segments([segment.as_str()]).unwrap(),
                tool: tool.parse().unwrap(),
                by: format!("{by}0").parse().unwrap(),
                reason,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_name_and_no_reason_changes_the_structure(names in names()) {
        let plain = report(&a_history(&Names { reason: "pilot".to_owned(), ..Names::plain() })).to_markdown();
        let told = report(&a_history(&names)).to_markdown();
        prop_assert_eq!(skeleton(&told), skeleton(&plain), "{}", told);
        prop_assert!(!told.contains('<'), "{}", told);
        prop_assert!(told.is_ascii() || told.chars().all(|c| matches!(c, '→' | 'é' | '日') || c.is_ascii()), "{}", told);
        let text = text(&told);
        let lines: Vec<&str> = text.lines().collect();
        for name in [names.agent.as_str(), names.scope.as_str(), names.tool.as_str(), names.by.as_str()] {
            prop_assert!(lines.contains(&name), "`{}` is read as it is in\n{}", name, text);
        }
    }
}
