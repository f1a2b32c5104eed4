//! Bearer tokens: who calls is what a verified token says, bounded by its ceiling, and nothing else.

use agent_identity::{
    Ceiling, Replay, SigningKey, TokenAuthenticator, TokenIssuer, TokenRequest, VerifiedAgent,
};
use http::request::Parts;
use http::{Request, Response};
use security_bundle::{ActionBuilder, SecurityStack, TrustLevel};
use security_tower::{BearerTokens, GovernanceLayer, NotAnAction};
use tower::{Layer as _, ServiceExt as _};

use crate::support::{answers, decisions, request, stack, text};

fn issuer() -> TokenIssuer {
    let key = SigningKey::from_seed(&[7; 32]);
    TokenIssuer::new("launcher".parse().unwrap(), "k".parse().unwrap(), key)
}

fn token(agent: &str, ceiling: Option<u8>) -> String {
    let mut request = TokenRequest::new(agent.parse().unwrap(), "here".parse().unwrap());
    if let Some(ceiling) = ceiling {
        request = request.ceiling(Ceiling::try_from(ceiling).unwrap());
    }
    issuer().issue(&request).unwrap().into_string()
}

fn by_path(
    action: ActionBuilder,
    _: &VerifiedAgent,
    request: &Parts,
) -> Result<ActionBuilder, NotAnAction> {
    Ok(match request.uri.path() {
        // What a request claims lifts nothing: the ceiling counts whatever is said here.
        "/level" => action
            .at_most(TrustLevel::Autonomous)
            .required_level(TrustLevel::ActAndReport),
        "/bad" => action.tool(" "),
        path => match path.strip_prefix('/') {
            Some(tool) if !tool.is_empty() => action.tool(tool),
            _ => return Err(NotAnAction::unknown()),
        },
    })
}

async fn ask(stack: &SecurityStack, path: &str, headers: &[&str]) -> (u16, String) {
    let (agents, _admin) = TokenAuthenticator::builder("here".parse().unwrap())
        .trust(
            "launcher".parse().unwrap(),
            "k".parse().unwrap(),
            issuer().verifying_key(),
        )
        .replay(Replay::Allow)
        .build()
        .unwrap();
    let mut request: Request<_> = request(path);
    for header in headers {
        request
            .headers_mut()
            .append("authorization", header.parse().unwrap());
    }
    let layer = GovernanceLayer::new(stack.guard(), BearerTokens::new(agents, by_path));
    let answer: Response<_> = layer.layer(answers(200)).oneshot(request).await.unwrap();
    (answer.status().as_u16(), text(answer).await)
}

#[tokio::test]
async fn a_token_says_who_calls() {
    let stack = stack();
    for bearer in ["Bearer", "bearer", "BEARER"] {
        let header = format!("{bearer} {}", token("ada", None));
        assert_eq!(ask(&stack, "/run", &[&header]).await.0, 200);
    }
    let stranger = format!("Bearer {}", token("stranger", None));
    assert_eq!(ask(&stack, "/run", &[&stranger]).await.0, 404);
}

#[tokio::test]
async fn without_exactly_one_good_token_it_is_401_with_the_code_alone() {
    let stack = stack();
    let good = format!("Bearer {}", token("ada", None));
    let other_audience = {
        let request = TokenRequest::new("ada".parse().unwrap(), "elsewhere".parse().unwrap());
        format!("Bearer {}", issuer().issue(&request).unwrap().as_str())
    };
    let cut = good[..good.len() - 2].to_owned();
    let doubled = good.replace("Bearer ", "Bearer  ");
    for headers in [
        &[][..],
        &["Basic YTpi"],
        &["Bearer"],
        &["Bearer "],
        &["Bearer ada"],
        &[&cut],
        &[&doubled],
        &[&other_audience],
        &[&good, &good],
    ] {
        let (status, body) = ask(&stack, "/run", headers).await;
        assert_eq!(status, 401, "{headers:?}");
        assert_eq!(
            body,
            r#"{"code":"unauthenticated","status":401,"title":"A credential is needed","type":"urn:aumos:secstack:unauthenticated"}"#
        );
    }
    assert_eq!(decisions(&stack), 0);
}

#[tokio::test]
async fn a_tokens_ceiling_lowers_what_trust_gives_for_tools_and_for_levels() {
    let stack = stack();
    for (path, ceiling, status) in [
        ("/run", None, 200),
        ("/run", Some(1), 200),
        ("/run", Some(0), 404),
        ("/level", None, 200),
        ("/level", Some(5), 200),
        ("/level", Some(4), 200),
        ("/level", Some(3), 403),
    ] {
        let header = format!("Bearer {}", token("ada", ceiling));
        assert_eq!(
            ask(&stack, path, &[&header]).await.0,
            status,
            "{path} {ceiling:?}"
        );
    }
    // And raises nothing.
    let header = format!("Bearer {}", token("low", Some(5)));
    assert_eq!(ask(&stack, "/level", &[&header]).await.0, 403);
}

#[tokio::test]
async fn a_caller_that_is_known_is_told_what_was_wrong_with_its_request() {
    let stack = stack();
    let header = format!("Bearer {}", token("ada", None));
    assert_eq!(ask(&stack, "/", &[&header]).await.0, 404);
    let (status, body) = ask(&stack, "/bad", &[&header]).await;
    assert_eq!(status, 400);
    assert!(body.contains(r#""detail":"#), "{body}");
}
