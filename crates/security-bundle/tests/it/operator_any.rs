//! Any request at all: it is read as it was written, nothing unknown is let through, and one that fails changes nothing.

use proptest::prelude::*;
use proptest::sample::select;
use security_bundle::consent::Revision;
use security_bundle::operator::{OperatorAnswer, OperatorRequest};
use security_bundle::{SecurityStack, SecurityStackConfig, trust_gate};
use serde_json::{Value, json};

use crate::support::NOW;

const RECORD: &str = "018f3f63-7a52-7000-8000-000000000000";
const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn one_of(values: &[Value]) -> BoxedStrategy<Value> {
    select(values.to_vec()).boxed()
}

fn agent() -> BoxedStrategy<Value> {
    one_of(&[json!("bot"), json!("ada")])
}

fn by() -> BoxedStrategy<Value> {
    one_of(&[json!("ops@example.com"), json!("ada")])
}

fn scope() -> BoxedStrategy<Value> {
    one_of(&[json!(""), json!("payments"), json!("payments/eu")])
}

fn level() -> BoxedStrategy<Value> {
    one_of(&[json!("L0"), json!("L2"), json!("L5"), json!("no-such-tier")])
}

/// The last one no component takes.
fn reason() -> BoxedStrategy<Value> {
    one_of(&[json!(""), json!("pilot"), json!("a\u{7}b".repeat(2000))])
}

fn time() -> BoxedStrategy<Value> {
    one_of(&[
        json!("2026-11-22T11:00:00Z"),
        json!("2026-11-22T12:00:00Z"),
        json!("2027-01-01T00:00:00Z"),
    ])
}

fn span() -> BoxedStrategy<Value> {
    one_of(&[
        json!({"secs": 0, "nanos": 0}),
        json!({"secs": 600, "nanos": 1}),
        json!({"secs": 864_000_000, "nanos": 0}),
    ])
}

fn envelope() -> BoxedStrategy<Value> {
    one_of(&[
        json!({"budget": "team"}),
        json!({"budget": "none"}),
        json!({"session": "s-1"}),
    ])
}

fn extent() -> BoxedStrategy<Value> {
    one_of(&[
        json!({}),
        json!({"agent": "bot"}),
        json!({"agent": "bot", "data_type": "user.contact", "purpose": "support"}),
        json!({"subject": "ada"}),
    ])
}

fn flag() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::from).boxed()
}

fn number() -> BoxedStrategy<Value> {
    (0_u64..6).prop_map(Value::from).boxed()
}

fn just(value: Value) -> BoxedStrategy<Value> {
    Just(value).boxed()
}

type Field = (&'static str, bool, BoxedStrategy<Value>);

/// It is always there.
fn must(name: &'static str, value: BoxedStrategy<Value>) -> Field {
    (name, true, value)
}

/// It may be left out.
fn may(name: &'static str, value: BoxedStrategy<Value>) -> Field {
    (name, false, value)
}

fn verb(component: &'static str, verb: &'static str, fields: Vec<Field>) -> BoxedStrategy<Value> {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, required, value)| {
            (any::<bool>(), value)
                .prop_map(move |(given, value)| (required || given).then_some((name, value)))
        })
        .collect();
    fields
        .prop_map(move |fields| {
            let fields: serde_json::Map<String, Value> = fields
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            json!({ component: { verb: fields } })
        })
        .boxed()
}

fn on_agent(name: &'static str, more: Vec<Field>) -> BoxedStrategy<Value> {
    let mut fields = vec![
        must("agent", agent()),
        may("scope", scope()),
        must("by", by()),
        must("reason", reason()),
    ];
    fields.extend(more);
    verb("trust", name, fields)
}

fn window() -> Vec<Field> {
    vec![
        may("agent", agent()),
        may("since", time()),
        may("until", time()),
    ]
}

fn trust() -> Vec<BoxedStrategy<Value>> {
    let word = || vec![must("by", by()), must("reason", reason())];
    let with = |mut fields: Vec<Field>| {
        fields.extend(word());
        fields
    };
    vec![
        on_agent(
            "assign",
            vec![
                must("level", level()),
                may("expires_at", time()),
                may("decay", just(json!({"shape": "cliff", "ttl": "1h"}))),
            ],
        ),
        verb(
            "trust",
            "assign_signed",
            vec![must("signed", just(json!("no signature")))],
        ),
        on_agent("revoke", vec![]),
        on_agent("clear", vec![may("may_raise", flag())]),
        on_agent("cap", vec![must("level", level())]),
        on_agent("lift_cap", vec![]),
        on_agent("quarantine", vec![]),
        on_agent("lift_quarantine", vec![]),
        on_agent(
            "elevate",
            vec![must("level", level()), must("lasts", span())],
        ),
        on_agent(
            "break_glass",
            vec![
                must("level", level()),
                must("lasts", span()),
                must("second", by()),
            ],
        ),
        on_agent("end_elevation", vec![]),
        verb(
            "trust",
            "close_review",
            with(vec![must("opened", number())]),
        ),
        verb(
            "trust",
            "trust_key",
            with(vec![
                must("operator", by()),
                must("key", just(json!("ab".repeat(32)))),
            ]),
        ),
        verb(
            "trust",
            "revoke_key",
            with(vec![must("key", just(json!("ab".repeat(16))))]),
        ),
        verb(
            "trust",
            "configure",
            with(vec![must(
                "rules",
                one_of(&[json!({}), json!({"max_level": "L3"})]),
            )]),
        ),
        verb("trust", "accept_clock", word()),
        verb(
            "trust",
            "show",
            vec![may("agent", agent()), may("scope", scope())],
        ),
        verb("trust", "history", {
            let mut fields = window();
            fields.push(may("kind", one_of(&[json!("assign"), json!("lift_cap")])));
            fields.push(may("newest", number()));
            fields
        }),
        verb("trust", "report", window()),
        verb(
            "trust",
            "explain",
            vec![
                must("agent", agent()),
                must("tool", just(json!("send_mail"))),
                may("required", just(json!("L2_SUGGEST"))),
            ],
        ),
        verb("trust", "keys", vec![]),
    ]
}

fn approvals() -> Vec<BoxedStrategy<Value>> {
    let act = || {
        vec![
            must("id", number()),
            must("by", by()),
            must("reason", reason()),
        ]
    };
    vec![
        verb(
            "approvals",
            "list",
            vec![may("agent", agent()), may("all", flag())],
        ),
        verb("approvals", "show", vec![must("id", number())]),
        verb("approvals", "approve", act()),
        verb("approvals", "deny", act()),
        verb("approvals", "cancel", act()),
    ]
}

fn budget() -> Vec<BoxedStrategy<Value>> {
    let act = |name| {
        verb(
            "budget",
            name,
            vec![
                must("envelope", envelope()),
                must("by", by()),
                may("reason", reason()),
            ],
        )
    };
    let limits = || {
        one_of(&[
            json!({}),
            json!({"calls": 3}),
            json!({"tokens": 10, "cost": "1.5"}),
        ])
    };
    vec![
        verb(
            "budget",
            "create",
            vec![
                must(
                    "spec",
                    one_of(&[
                        json!({"id": "team", "limits": {"calls": 3}, "period": "daily"}),
                        json!({"id": "team-a", "limits": {"cost": "1"}, "parent": "team"}),
                        json!({"id": "nothing", "limits": {}}),
                    ]),
                ),
                must("by", by()),
                may("reason", reason()),
            ],
        ),
        verb(
            "budget",
            "update",
            vec![
                must("budget", one_of(&[json!("team"), json!("none")])),
                may("limits", limits()),
                may("unlimited", just(json!(["calls"]))),
                may("window", one_of(&[json!("daily"), json!("monthly")])),
                must("by", by()),
                may("reason", reason()),
            ],
        ),
        act("suspend"),
        act("resume"),
        act("close"),
        verb(
            "budget",
            "accept_clock",
            vec![must("by", by()), must("reason", reason())],
        ),
        verb("budget", "list", vec![may("sessions", flag())]),
        verb("budget", "show", vec![must("envelope", envelope())]),
        verb(
            "budget",
            "ledger",
            vec![
                may("envelope", envelope()),
                may("kinds", just(json!(["create", "accept-clock"]))),
                may("since", time()),
            ],
        ),
        verb(
            "budget",
            "report",
            vec![may("sessions", flag()), may("until", time())],
        ),
    ]
}

fn consent() -> Vec<BoxedStrategy<Value>> {
    let notice = || just(json!({"id": "privacy", "version": "1", "sha256": SHA256}));
    vec![
        verb(
            "consent",
            "give",
            vec![
                must("agent", agent()),
                must("data_type", just(json!("user.contact"))),
                must(
                    "purposes",
                    one_of(&[json!("every"), json!({"named": "support"})]),
                ),
                may("subject", just(json!("ada"))),
                may("valid_from", time()),
                may("expires_at", time()),
                may("notice", notice()),
                must("by", by()),
            ],
        ),
        verb(
            "consent",
            "renew",
            vec![
                must("record", just(json!(RECORD))),
                may("expires_at", time()),
                must("by", by()),
            ],
        ),
        verb(
            "consent",
            "refuse",
            vec![must("extent", extent()), must("by", by())],
        ),
        verb(
            "consent",
            "withdraw",
            vec![
                must("extent", extent()),
                may("by", by()),
                may("authority", just(json!("parental"))),
            ],
        ),
        verb(
            "consent",
            "publish_notice",
            vec![
                must("notice", just(json!("privacy"))),
                must("version", one_of(&[json!("1"), json!("2")])),
                must("sha256", just(json!(SHA256))),
                may("earlier_stay_good", flag()),
                must("by", by()),
                must("reason", reason()),
            ],
        ),
        verb(
            "consent",
            "accept_clock",
            vec![must("by", by()), must("reason", reason())],
        ),
        verb(
            "consent",
            "records",
            vec![
                may("extent", extent()),
                may("kind", just(json!("given"))),
                may("in_force", flag()),
            ],
        ),
        verb(
            "consent",
            "record",
            vec![must("record", just(json!(RECORD)))],
        ),
        verb(
            "consent",
            "as_of",
            vec![must("at", time()), may("extent", extent())],
        ),
        verb(
            "consent",
            "who_may",
            vec![
                must("data_type", just(json!("user"))),
                may("purpose", just(json!("support"))),
                may("at", time()),
            ],
        ),
        verb("consent", "expiring", vec![must("within", span())]),
        verb("consent", "report", {
            let mut fields = window();
            fields.push(must("within", span()));
            fields
        }),
    ]
}

fn whole() -> Vec<BoxedStrategy<Value>> {
    vec![
        verb("stack", "status", vec![]),
        verb("stack", "flush", vec![]),
        verb(
            "stack",
            "explain",
            vec![
                must("agent", agent()),
                must("tool", just(json!("send_mail"))),
                may("scope", scope()),
                may("data_type", just(json!("user"))),
                may("purpose", just(json!("support"))),
            ],
        ),
        verb(
            "stack",
            "reload",
            vec![
                may("may_raise", flag()),
                must("by", by()),
                must("reason", reason()),
            ],
        ),
    ]
}

fn any_request() -> impl Strategy<Value = Value> {
    let all = [trust(), approvals(), budget(), consent(), whole()].concat();
    proptest::strategy::Union::new(all)
}

fn read(request: &Value) -> Result<OperatorRequest, serde_json::Error> {
    serde_json::from_str(&request.to_string())
}

/// The fields of the verb.
fn fields(request: &mut Value) -> &mut serde_json::Map<String, Value> {
    let component = request.as_object_mut().unwrap().values_mut().next();
    let verb = component.unwrap().as_object_mut().unwrap();
    verb.values_mut().next().unwrap().as_object_mut().unwrap()
}

/// Everything that a request could change.
fn state(stack: &SecurityStack) -> String {
    let (trust, budget, consent) = (
        stack.admin().trust(),
        stack.admin().budget(),
        stack.admin().consent(),
    );
    let summary = budget.enforcer().summary().unwrap();
    let none = Revision::default();
    format!(
        "{} {:?} {:?} {:?} {:?} {}",
        trust.gate().revision(),
        trust.assignments(&trust_gate::AssignmentFilter::default()),
        consent.history(none),
        summary,
        budget.revision().unwrap(),
        stack.audit.size().unwrap(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_request_is_read_as_it_was_written(written in any_request()) {
        let request = read(&written).unwrap();
        let again = serde_json::to_string(&request).unwrap();
        prop_assert_eq!(&serde_json::from_str::<OperatorRequest>(&again).unwrap(), &request);
        let (component, verb) = request.verb().split_once('.').unwrap();
        prop_assert!(written[component][verb].is_object(), "{} {}", written, request.verb());
    }

    #[test]
    fn what_is_unknown_is_refused(mut written in any_request()) {
        let (component, verb) = read(&written).unwrap().verb().split_once('.').unwrap();
        let asked = written[component][verb].clone();
        let wrong = [
            json!({ component: { "unheard_of": asked.clone() } }),
            json!({ "unheard_of": { verb: asked.clone() } }),
            json!({ component: { verb: asked.clone() }, "unheard_of": { "status": {} } }),
        ];
        for wrong in wrong {
            prop_assert!(read(&wrong).is_err(), "{}", wrong);
        }
        fields(&mut written).insert("unheard_of".into(), Value::Null);
        prop_assert!(read(&written).is_err(), "{}", written);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_request_that_fails_changes_nothing_and_neither_does_a_question(
        requests in proptest::collection::vec(any_request(), 1..40)
    ) {
        let stack = SecurityStack::builder(SecurityStackConfig::default()).clock(|| NOW).build().unwrap();
        for written in requests {
            let request = read(&written).unwrap();
            let before = state(&stack);
            match stack.perform(&request, None) {
                Ok(answer) => {
                    if !request.is_act() {
                        prop_assert_eq!(state(&stack), before, "{}", written);
                    }
                    let told = serde_json::to_string(&answer).unwrap();
                    let read: OperatorAnswer = serde_json::from_str(&told)
                        .map_err(|error| TestCaseError::fail(format!("{written}: {error}: {told}")))?;
                    prop_assert_eq!(read, answer);
                }
                Err(refusal) => {
                    prop_assert_eq!(state(&stack), before, "{} {:?}", written, refusal);
                    prop_assert!(!refusal.message.is_empty());
                }
            }
        }
    }
}
