//! The spans as an OpenTelemetry exporter gets them through a subscriber.

use opentelemetry::trace::{SpanId, Status, TracerProvider as _};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use security_bundle::Usage;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{AGENT, Answer, Bench, Fault, cost};

/// The spans that end while this runs.
fn spans_of(run: impl FnOnce()) -> Vec<SpanData> {
    let exporter = InMemorySpanExporter::default();
    let traces = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_tracer(traces.tracer("test"));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, run);
    exporter.get_finished_spans().unwrap()
}

/// Its name, status and attributes, without what is different each time.
fn shown(span: &SpanData) -> String {
    let mut attributes: Vec<_> = span
        .attributes
        .iter()
        .map(|pair| match pair.key.as_str() {
            key @ "ai.governance.audit.record_id" => {
                assert_eq!(pair.value.as_str().len(), 36);
                format!("  {key} = (an id)")
            }
            key => format!("  {key} = {:?}", pair.value),
        })
        .collect();
    attributes.sort();
    let head = format!("{} {:?} {:?}", span.name, span.span_kind, span.status);
    format!("{head}\n{}", attributes.join("\n"))
}

fn attribute(span: &SpanData, key: &str) -> String {
    let found = span.attributes.iter().find(|pair| pair.key.as_str() == key);
    found.map(|pair| pair.value.to_string()).unwrap_or_default()
}

#[test]
fn a_permitted_action_has_a_span_for_the_question_and_one_for_its_life() {
    let bench = Bench::new();
    let spans = spans_of(|| {
        let permit = bench
            .stack
            .guard()
            .authorize_blocking(&bench.allowed())
            .unwrap();
        permit
            .span()
            .in_scope(|| tracing::info_span!("the tool").in_scope(|| {}));
        permit.settle_blocking(cost("0.25")).unwrap();
    });
    let [authorize, tool, permit] = &spans[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(tool.parent_span_id, permit.span_context.span_id());
    assert_eq!(permit.parent_span_id, SpanId::INVALID);
    assert_eq!(permit.links.len(), 1);
    assert_eq!(
        permit.links[0].span_context.span_id(),
        authorize.span_context.span_id()
    );
    let record = attribute(authorize, "ai.governance.audit.record_id");
    assert_eq!(attribute(permit, "ai.governance.audit.record_id"), record);
    insta::assert_snapshot!(format!("{}\n{}", shown(authorize), shown(permit)));
}

#[test]
fn a_denial_is_an_answer_and_an_outage_an_error() {
    let bench = Bench::new();
    let guard = bench.stack.guard();
    let denied = bench.action(Answer::Deny, Answer::Allow, Answer::Allow);
    let spans = spans_of(|| {
        drop(guard.evaluate_sync(&denied));
        assert!(guard.authorize_blocking(&denied).is_err());
        bench.recorder.set(Fault::Refuses);
        drop(guard.evaluate_sync(&bench.allowed()));
    });
    let [evaluated, denied, unrecorded] = &spans[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(evaluated.name, "ai.governance.evaluate");
    assert_eq!(
        (&evaluated.status, &denied.status),
        (&Status::Unset, &Status::Unset)
    );
    assert_eq!(unrecorded.status, Status::error(""));
    assert_eq!(
        attribute(unrecorded, "ai.governance.decision.reason"),
        "audit_unavailable"
    );
    assert_eq!(unrecorded.events.len(), 0);
    insta::assert_snapshot!(shown(denied));
}

#[test]
fn a_tool_that_failed_is_an_error_of_the_permit_and_its_text_stays_out_of_it() {
    let bench = Bench::new();
    let guard = bench.stack.guard();
    let spans = spans_of(|| {
        let permit = || guard.authorize_blocking(&bench.allowed()).unwrap();
        permit()
            .fail_blocking("ada@example.com", Usage::default())
            .unwrap();
        permit().cancel_blocking().unwrap();
        drop(permit());
    });
    let permits = spans
        .iter()
        .filter(|span| span.name == "ai.governance.permit");
    let ends: Vec<_> = permits
        .map(|span| (attribute(span, "ai.governance.ending"), span.status.clone()))
        .collect();
    let end = |ending: &str, status| (ending.to_owned(), status);
    let expected = [
        end("failed", Status::error("")),
        end("cancelled", Status::Unset),
        end("abandoned", Status::Unset),
    ];
    assert_eq!(ends, expected);
    assert!(!format!("{spans:?}").contains("ada@example.com"));
}

#[tokio::test]
async fn spans_stand_below_the_callers_and_hold_no_arguments() {
    let bench = Bench::new();
    let guard = bench.stack.guard();
    let action = guard
        .action(AGENT)
        .tool("send")
        .args_json(r#"{"to":"ada@example.com"}"#);
    let action = action.build().unwrap();
    let spans = spans_of(|| {
        tracing::info_span!("the request").in_scope(|| drop(guard.evaluate_sync(&action)));
    });
    let [evaluate, request] = &spans[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(evaluate.parent_span_id, request.span_context.span_id());
    assert_eq!(attribute(evaluate, "ai.governance.tool"), "send");
    assert!(!format!("{spans:?}").contains("ada@example.com"));
}

#[test]
fn without_a_subscriber_nothing_is_opened() {
    let bench = Bench::new();
    let permit = bench
        .stack
        .guard()
        .authorize_blocking(&bench.allowed())
        .unwrap();
    assert!(permit.span().is_disabled());
}
