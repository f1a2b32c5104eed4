//! What denied callers are told, to the letter, and what those that nobody knows are not told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use http::{Request, Response, StatusCode};
use security_bundle::{
    AuditLog, Entry, RecordError, Recorded, Recorder, SecurityStack, SecurityStackConfig,
};
use security_tower::{GovernanceLayer, NotAnAction};
use tower::{Layer as _, ServiceExt as _};

use crate::support::{answers, by_path, request, stack, text};

async fn told(stack: &SecurityStack, path: &str, known: bool, grpc: bool) -> String {
    let mut request = request(path);
    let headers = request.headers_mut();
    if known {
        headers.insert("x-known", http::HeaderValue::from_static("yes"));
    }
    if grpc {
        headers.insert(
            "content-type",
            http::HeaderValue::from_static("application/grpc"),
        );
    }
    let service = GovernanceLayer::new(stack.guard(), by_path).layer(answers(200));
    shown(service.oneshot(request).await.unwrap()).await
}

/// Status, headers and body, without what differs from run to run.
async fn shown<B: http_body::Body>(response: Response<B>) -> String
where
    B::Error: std::fmt::Debug,
{
    let mut lines = vec![response.status().as_u16().to_string()];
    for (name, value) in response.headers() {
        lines.push(format!("{name}: {}", value.to_str().unwrap()));
    }
    lines.push(text(response).await);
    without_ids(&lines.join("\n"))
}

fn without_ids(text: &str) -> String {
    let is_id = |word: &str| word.len() == 36 && word.matches('-').count() == 4;
    text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .map(|word| {
            let trimmed = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            if is_id(trimmed) {
                word.replace(trimmed, "ID")
            } else {
                word.to_owned()
            }
        })
        .collect()
}

#[tokio::test]
async fn consent_is_403_with_the_reason_for_those_who_are_known() {
    insta::assert_snapshot!(told(&stack(), "/ada/profile", true, false).await, @r#"
    403
    cache-control: no-store
    content-type: application/problem+json
    {"code":"no_record","detail":"Agent 'ada' has trust level Act (Report After) (4), which satisfies the required level Monitor (1). Session 's': 1 calls requested, 3 available (0 of 3 spent). No valid consent record found for agent 'ada' accessing 'user_profile' for purpose 'help'. Defaulting to deny.","record_id":"ID","status":403,"title":"There is no consent for this","type":"urn:aumos:secstack:no_record"}
    "#);
}

#[tokio::test]
async fn a_pending_approval_is_403_with_its_id() {
    insta::assert_snapshot!(told(&stack(), "/ada/asked", true, false).await, @r#"
    403
    cache-control: no-store
    content-type: application/problem+json
    {"approval":"4","code":"needs_approval","detail":"Agent 'ada' has trust level Act (Report After) (4), which satisfies the required level Monitor (1), but the call needs approval by 1 operator first. Operators were asked (approval `4`): make the same call again once they have answered.","record_id":"ID","status":403,"title":"An operator has to approve this","type":"urn:aumos:secstack:needs_approval"}
    "#);
}

#[tokio::test]
async fn a_pending_approval_is_told_to_grpc_callers_in_trailers_only() {
    insta::assert_snapshot!(told(&stack(), "/ada/asked", true, true).await, @r#"
    200
    content-type: application/grpc
    grpc-status: 7
    grpc-message: Agent 'ada' has trust level Act (Report After) (4), which satisfies the required level Monitor (1), but the call needs approval by 1 operator first. Operators were asked (approval `4`): make the same call again once they have answered.
    cache-control: no-store
    secstack-code: needs_approval
    secstack-record-id: ID
    secstack-approval: 4
    "#);
}

#[tokio::test]
async fn a_budget_without_a_reset_is_429_without_retry_after() {
    let stack = stack();
    for _ in 0..3 {
        assert!(
            told(&stack, "/ada/run", true, false)
                .await
                .starts_with("200")
        );
    }
    insta::assert_snapshot!(told(&stack, "/ada/run", true, false).await, @r#"
    429
    cache-control: no-store
    content-type: application/problem+json
    {"code":"exceeds_budget","detail":"Agent 'ada' has trust level Act (Report After) (4), which satisfies the required level Monitor (1). Session 's': 0 calls remains (3 of 3 spent).","record_id":"ID","status":429,"title":"The budget does not allow this","type":"urn:aumos:secstack:exceeds_budget"}
    "#);
}

#[tokio::test]
async fn retry_after_is_told_where_a_reset_is_known_and_to_the_known_only() {
    let stack = stack();
    assert!(
        told(&stack, "/ada/scarce", true, false)
            .await
            .starts_with("200")
    );
    let seconds = |told: &str| -> Option<u64> {
        let line = told
            .lines()
            .find(|line| line.starts_with("retry-after: "))?;
        line.strip_prefix("retry-after: ")?.parse().ok()
    };
    let known = told(&stack, "/ada/scarce", true, false).await;
    assert!(known.starts_with("429\n"), "{known}");
    assert_eq!(seconds(&known), Some(3600), "{known}");
    let grpc = told(&stack, "/ada/scarce", true, true).await;
    assert!(
        grpc.contains("grpc-status: 8") && seconds(&grpc) == Some(3600),
        "{grpc}"
    );
    let unknown = told(&stack, "/ada/scarce", false, false).await;
    assert!(unknown.starts_with("429\n"), "{unknown}");
    assert_eq!(seconds(&unknown), None);
}

#[tokio::test]
async fn a_hidden_tool_is_told_exactly_as_one_that_does_not_exist() {
    for known in [false, true] {
        for grpc in [false, true] {
            let stack = stack();
            let none = told(&stack, "/ada/nonesuch", known, grpc).await;
            assert_eq!(told(&stack, "/ada/hidden", known, grpc).await, none);
            // Nor does a path that leads nowhere, or an agent that nobody gave a level, tell more.
            assert_eq!(told(&stack, "/", known, grpc).await, none);
            assert_eq!(told(&stack, "/stranger/run", known, grpc).await, none);
        }
    }
    insta::assert_snapshot!(told(&stack(), "/ada/hidden", true, false).await, @r#"
    404
    cache-control: no-store
    content-type: application/problem+json
    {"code":"unknown_tool","status":404,"title":"There is no such tool","type":"urn:aumos:secstack:unknown_tool"}
    "#);
    insta::assert_snapshot!(told(&stack(), "/ada/hidden", true, true).await, @r#"
    200
    content-type: application/grpc
    grpc-status: 12
    grpc-message: There is no such tool
    cache-control: no-store
    secstack-code: unknown_tool
    "#);
}

#[tokio::test]
async fn callers_that_nobody_knows_are_told_the_code_and_what_follows_from_it() {
    let stack = stack();
    assert!(
        told(&stack, "/ada/scarce", true, false)
            .await
            .starts_with("200")
    );
    for (path, status, code) in [
        ("/ada/profile", 403, "no_record"),
        ("/ada/asked", 403, "needs_approval"),
        ("/ada/scarce", 429, "exceeds_budget"),
        ("/ada/hidden", 404, "unknown_tool"),
        ("/%20/run", 404, "unknown_tool"),
        ("/ada%0A/", 400, "invalid_request"),
    ] {
        let told = told(&stack, path, false, false).await;
        let (head, body) = told.rsplit_once('\n').unwrap();
        assert_eq!(
            head.replace(": ", "\n").lines().collect::<Vec<_>>(),
            [
                status.to_string().as_str(),
                "cache-control",
                "no-store",
                "content-type",
                "application/problem+json",
            ]
        );
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let members: Vec<_> = body.as_object().unwrap().keys().collect();
        assert_eq!(members, ["code", "status", "title", "type"], "{path}");
        assert_eq!(body["code"], code, "{path}");
        assert_eq!(body["type"], format!("urn:aumos:secstack:{code}"));
        assert_eq!(body["status"], status);
        assert!(!body["title"].to_string().contains("ada"));
    }
}

#[tokio::test]
async fn grpc_callers_that_nobody_knows_are_told_the_code_and_what_follows_from_it() {
    insta::assert_snapshot!(told(&stack(), "/ada/asked", false, true).await, @r#"
    200
    content-type: application/grpc
    grpc-status: 7
    grpc-message: An operator has to approve this
    cache-control: no-store
    secstack-code: needs_approval
    "#);
}

#[tokio::test]
async fn without_a_credential_it_is_401_with_a_challenge() {
    let stack = stack();
    let nobody = |_: &security_bundle::Guard, _: &http::request::Parts| {
        Err::<security_tower::Asked, _>(NotAnAction::unauthenticated())
    };
    let layer = GovernanceLayer::new(stack.guard(), nobody);
    let answer = layer
        .layer(answers(200))
        .oneshot(request("/"))
        .await
        .unwrap();
    insta::assert_snapshot!(shown(answer).await, @r#"
    401
    cache-control: no-store
    www-authenticate: Bearer
    content-type: application/problem+json
    {"code":"unauthenticated","status":401,"title":"A credential is needed","type":"urn:aumos:secstack:unauthenticated"}
    "#);
    let grpc = Request::post("/").header("content-type", "application/grpc+proto");
    let grpc = grpc.body(http_body_util::Full::default()).unwrap();
    let answer = layer.layer(answers(200)).oneshot(grpc).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["grpc-status"], "16");
}

/// A log that is full once it is told so.
#[derive(Clone)]
struct Fills {
    log: AuditLog,
    full: Arc<AtomicBool>,
}

#[async_trait]
impl Recorder for Fills {
    fn record(&self, entry: Entry<'_>) -> Result<Recorded, RecordError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(RecordError("full".into()));
        }
        Recorder::record(&self.log, entry)
    }

    async fn acknowledged(&self, _: &Recorded) -> Result<(), RecordError> {
        Ok(())
    }

    fn wait(&self, _: &Recorded) -> Result<(), RecordError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_log_that_takes_nothing_is_503_and_nothing_is_run() {
    let recorder = Fills {
        log: AuditLog::builder().build().unwrap(),
        full: Arc::default(),
    };
    let stack = SecurityStack::builder(SecurityStackConfig::default())
        .recorder(recorder.clone())
        .build()
        .unwrap();
    recorder.full.store(true, Ordering::SeqCst);
    let any = |guard: &security_bundle::Guard, _: &http::request::Parts| {
        Ok(security_tower::Asked::by_authenticated(
            guard.action("ada").build()?,
        ))
    };
    let layer = GovernanceLayer::new(stack.guard(), any);
    let answer = layer
        .layer(answers(200))
        .oneshot(request("/"))
        .await
        .unwrap();
    insta::assert_snapshot!(shown(answer).await, @r#"
    503
    cache-control: no-store
    content-type: application/problem+json
    {"code":"audit_unavailable","detail":"The decision could not be recorded, so the action is denied.","status":503,"title":"The request cannot be decided now","type":"urn:aumos:secstack:audit_unavailable"}
    "#);
}
