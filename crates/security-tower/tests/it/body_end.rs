//! `settle_at_body_end`: an action that runs while its body is read ends with it, once, however it ends.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use security_bundle::SecurityStack;
use security_tower::GovernanceLayer;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::support::{by_path, endings, request, stack, tokens};

#[derive(Debug)]
struct Broken;

/// A body of these steps; what `None` means to a server that looks at lengths, `known` decides.
struct Script {
    steps: Vec<Result<Frame<Bytes>, Broken>>,
    known: Option<u64>,
}

impl Body for Script {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.steps.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(self.steps.remove(0)))
    }

    fn size_hint(&self) -> SizeHint {
        self.known.map(SizeHint::with_exact).unwrap_or_default()
    }
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(text.into())
}

fn trailers(status: &'static str) -> Frame<Bytes> {
    let status = HeaderValue::from_static(status);
    let name = http::HeaderName::from_static("grpc-status");
    Frame::trailers(HeaderMap::from_iter([(name, status)]))
}

async fn respond<B>(
    stack: &SecurityStack,
    method: Method,
    head: u16,
    body: B,
) -> Response<impl Body<Data = Bytes, Error = B::Error>>
where
    B: Body<Data = Bytes> + Send + Sync + 'static,
{
    let slot = std::sync::Arc::new(std::sync::Mutex::new(Some(body)));
    let service = service_fn(move |_: Request<Full<Bytes>>| {
        let mut response = Response::new(slot.lock().unwrap().take().unwrap());
        *response.status_mut() = StatusCode::from_u16(head).unwrap();
        async { Ok::<_, Infallible>(response) }
    });
    let layer = GovernanceLayer::new(stack.guard(), by_path).settle_at_body_end();
    let mut request = request("/ada/run");
    *request.method_mut() = method;
    layer.layer(service).oneshot(request).await.unwrap()
}

fn script(frames: Vec<Frame<Bytes>>, known: Option<u64>) -> Script {
    let steps = frames.into_iter().map(Ok).collect();
    Script { steps, known }
}

#[tokio::test]
async fn settles_when_the_body_has_ended_and_not_before() {
    let stack = stack();
    let steps = vec![data("one"), data("two")];
    let mut body = respond(&stack, Method::GET, 200, script(steps, None))
        .await
        .into_body();
    for expected in ["one", "two"] {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame, expected);
        assert_eq!(endings(&stack), [""; 0]);
        assert_eq!(tokens(&stack), (0, 10));
        assert!(!body.is_end_stream());
    }
    assert!(body.frame().await.is_none());
    assert_eq!(endings(&stack), ["settled"]);
    assert_eq!(tokens(&stack), (10, 0));
    drop(body);
    assert_eq!(endings(&stack), ["settled"]);
}

#[tokio::test]
async fn settles_with_the_last_byte_where_the_length_is_known() {
    // Servers drop such a body without asking for what comes after its last byte.
    let stack = stack();
    let steps = vec![data("one"), data("two")];
    let mut body = respond(&stack, Method::GET, 200, script(steps, Some(6)))
        .await
        .into_body();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "one"
    );
    assert_eq!(endings(&stack), [""; 0]);
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "two"
    );
    drop(body);
    assert_eq!(endings(&stack), ["settled"]);
}

#[tokio::test]
async fn a_body_that_says_that_it_is_at_its_end_has_ended() {
    let stack = stack();
    let mut body = respond(&stack, Method::GET, 200, Full::<Bytes>::from("all"))
        .await
        .into_body();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "all"
    );
    assert!(body.is_end_stream());
    assert_eq!(endings(&stack), ["settled"]);
}

#[tokio::test]
async fn where_no_body_is_to_come_the_head_is_the_end() {
    for (method, status) in [(Method::HEAD, 200), (Method::GET, 204), (Method::GET, 304)] {
        let stack = stack();
        let response = respond(&stack, method, status, script(vec![data("x")], None)).await;
        assert_eq!(endings(&stack), ["settled"], "{status}");
        drop(response);
    }
    let stack = stack();
    drop(respond(&stack, Method::GET, 200, Full::<Bytes>::default()).await);
    assert_eq!(endings(&stack), ["settled"]);
}

#[tokio::test]
async fn a_body_that_is_dropped_on_the_way_is_abandoned() {
    let stack = stack();
    let steps = vec![data("one"), data("two")];
    let mut body = respond(&stack, Method::GET, 200, script(steps, Some(6)))
        .await
        .into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(endings(&stack), ["abandoned"]);
    assert_eq!(tokens(&stack), (10, 0));
}

#[tokio::test]
async fn a_body_that_breaks_fails() {
    let stack = stack();
    let mut broken = script(vec![data("one")], None);
    broken.steps.push(Err(Broken));
    let mut body = respond(&stack, Method::GET, 200, broken).await.into_body();
    body.frame().await.unwrap().unwrap();
    body.frame().await.unwrap().unwrap_err();
    drop(body);
    assert_eq!(endings(&stack), ["failed"]);
    assert_eq!(tokens(&stack), (10, 0));
}

#[tokio::test]
async fn the_head_or_the_trailers_may_say_that_it_failed() {
    for (head, status, ending) in [
        (200, "0", "settled"),
        (200, "5", "settled"),
        (200, "13", "failed"),
        (500, "0", "failed"),
    ] {
        let stack = stack();
        let steps = vec![data("one"), trailers(status)];
        let response = respond(&stack, Method::GET, head, script(steps, None)).await;
        let collected = response.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["grpc-status"], status);
        assert_eq!(collected.to_bytes(), "one");
        assert_eq!(endings(&stack), [ending], "{head} {status}");
    }
}

proptest::proptest! {
    /// However many frames, of whatever length, known or not, read up to wherever: one ending, and `settled` only where
    /// everything was read.
    #[test]
    fn a_body_ends_its_action_once(
        lengths in proptest::collection::vec(0..4_usize, 0..6),
        known: bool,
        read in 0..8_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let stack = stack();
            let total: usize = lengths.iter().sum();
            let steps = lengths.iter().map(|len| Frame::data(vec![b'x'; *len].into())).collect();
            let known = known.then_some(total as u64);
            let mut body = respond(&stack, Method::GET, 200, script(steps, known)).await.into_body();
            let mut bytes = 0;
            let mut ended = false;
            for _ in 0..read {
                match body.frame().await {
                    Some(frame) => bytes += frame.unwrap().into_data().unwrap().len(),
                    None => ended = true,
                }
            }
            drop(body);
            let whole = ended || (known.is_some() && bytes == total && read > 0);
            let ending = if whole { "settled" } else { "abandoned" };
            assert_eq!(endings(&stack), [ending], "{bytes} of {total}");
            assert_eq!(tokens(&stack), (10, 0));
        });
    }
}
