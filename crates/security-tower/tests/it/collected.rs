//! `CollectBodyLayer`: actions that depend on the body, which is read up to a limit and no further.

use std::convert::Infallible;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use security_bundle::Guard;
use security_tower::{Asked, CollectBodyLayer, CollectedBody, GovernanceLayer, NotAnAction};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::support::{endings, stack, text};

fn by_body(guard: &Guard, request: &Parts) -> Result<Asked, NotAnAction> {
    let body = request
        .extensions
        .get::<CollectedBody>()
        .ok_or_else(|| NotAnAction::invalid("the body was not read"))?;
    let tool = std::str::from_utf8(body.bytes()).map_err(NotAnAction::invalid)?;
    Ok(Asked::by_anyone(guard.action("ada").tool(tool).build()?))
}

#[tokio::test]
async fn an_action_may_depend_on_the_body_and_the_service_gets_it_whole() {
    let stack = stack();
    let echo = service_fn(async |request: Request<Full<Bytes>>| {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Ok::<_, Infallible>(Response::new(Full::from(body)))
    });
    let service = ServiceBuilder::new()
        .layer(CollectBodyLayer::new(8))
        .layer(GovernanceLayer::new(stack.guard(), by_body))
        .service(echo);
    for (body, status) in [
        ("run", 200),
        ("hidden", 404),
        ("12345678", 404),
        ("123456789", 413),
    ] {
        let request = Request::post("/").body(Full::<Bytes>::from(body)).unwrap();
        let answer = service.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status, "{body}");
        if status == 200 {
            assert_eq!(text(answer).await, body);
        }
    }
    assert_eq!(endings(&stack), ["settled"]);
}
