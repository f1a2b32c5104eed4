//! A stack, an agent for each answer, services that behave as told, and what the log says afterwards.

use std::convert::Infallible;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use security_bundle::audit_trail::{Filter, Kind};
use security_bundle::budget_enforcer::Dimension;
use security_bundle::{Guard, SecurityStack, SecurityStackConfig, SessionId};
use security_tower::{Asked, NotAnAction};
use time::OffsetDateTime;
use time::macros::datetime;

pub(crate) const CONFIG: &str = r#"
[[trust.assignments]]
agent = "ada"
level = "L4"
assigned_by = "ops@example.com"
[[trust.assignments]]
agent = "low"
level = "L1"
assigned_by = "ops@example.com"
[[trust.tools]]
tool = "run"
required_level = "L1"
effect = "read_public"
[[trust.tools]]
tool = "hidden"
required_level = "L5"
effect = "read_public"
[[trust.tools]]
tool = "asked"
required_level = "L1"
effect = "read_public"
approval = "always"
[[trust.tools]]
tool = "profile"
required_level = "L1"
effect = "read_public"
[[consent.tools]]
tool = "profile"
data_type = "user_profile"
purpose = "help"
[budget.session]
calls = 3
tokens = 1000
[[budget.budgets]]
id = "hourly"
calls = 1
period = "hourly"
[[budget.tools]]
tool = "run"
tokens = 10
[[budget.tools]]
tool = "scarce"
budget = "hourly"
[[trust.tools]]
tool = "scarce"
required_level = "L1"
effect = "read_public"
"#;

pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

pub(crate) fn stack() -> SecurityStack {
    let config = SecurityStackConfig::from_toml_str(CONFIG).unwrap();
    SecurityStack::builder(config)
        .clock(|| NOW)
        .build()
        .unwrap()
}

/// `/AGENT/TOOL`, by somebody who is known if they say so: the tests' own sort of credential.
pub(crate) fn by_path(guard: &Guard, request: &Parts) -> Result<Asked, NotAnAction> {
    let mut parts = request.uri.path().split('/').skip(1);
    let (Some(agent), Some(tool), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NotAnAction::unknown());
    };
    let action = guard.action(agent).session("s").tool(tool).build()?;
    Ok(if request.headers.contains_key("x-known") {
        Asked::by_authenticated(action)
    } else {
        Asked::by_anyone(action)
    })
}

pub(crate) fn request(path: &str) -> Request<Full<Bytes>> {
    Request::get(path).body(Full::default()).unwrap()
}

/// Answers with this status and a body.
pub(crate) fn answers(
    status: u16,
) -> impl tower::Service<
    Request<Full<Bytes>>,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ 'static {
    tower::service_fn(move |_: Request<Full<Bytes>>| async move {
        let mut response = Response::new(Full::from("done"));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        Ok::<_, Infallible>(response)
    })
}

/// How each action ended, in order.
pub(crate) fn endings(stack: &SecurityStack) -> Vec<String> {
    let page = stack
        .audit
        .query(&Filter::new().kind(Kind::Outcome).limit(10_000))
        .unwrap();
    page.records
        .iter()
        .map(|record| record.event().unwrap_or("-").to_owned())
        .collect()
}

pub(crate) fn decisions(stack: &SecurityStack) -> usize {
    let page = stack
        .audit
        .query(&Filter::new().kind(Kind::Decision).limit(10_000))
        .unwrap();
    page.records.len()
}

/// Tokens that session `s` has spent, and those that it holds.
pub(crate) fn tokens(stack: &SecurityStack) -> (u64, u64) {
    let session: SessionId = "s".parse().unwrap();
    let Ok(used) = stack.budget.utilization(&session) else {
        // Nobody has used the session yet.
        return (0, 0);
    };
    let usage = used.usage(Dimension::Tokens);
    let count = |amount: &dyn ToString| amount.to_string().replace(" tokens", "").parse().unwrap();
    (count(&usage.spent), count(&usage.reserved))
}

pub(crate) async fn text<B: http_body::Body>(response: Response<B>) -> String
where
    B::Error: std::fmt::Debug,
{
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}
