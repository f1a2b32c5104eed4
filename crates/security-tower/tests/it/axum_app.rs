//! The example application as it is, in a real server under a real client; and the layer in bare hyper.

#[path = "../../examples/notes.rs"]
#[expect(dead_code, reason = "its `main` is for people")]
mod notes;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use security_bundle::SecurityStack;
use security_bundle::audit_trail::{Filter, Kind};
use security_tower::{GovernanceLayer, PermitHandle, Permitted};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::support::{by_path, endings, stack, tokens};

type Http = Client<HttpConnector, Full<Bytes>>;

fn client(http2: bool) -> Http {
    Client::builder(TokioExecutor::new())
        .http2_only(http2)
        .build_http()
}

async fn send(
    http: &Http,
    method: Method,
    uri: &str,
    bearer: &str,
    body: &'static str,
) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(uri);
    let request = request.header("authorization", format!("Bearer {bearer}"));
    let answer = http
        .request(request.body(Full::from(body)).unwrap())
        .await
        .unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

struct Running {
    stack: SecurityStack,
    address: String,
    assistant: String,
    clerk: String,
}

async fn running() -> Running {
    let (stack, issuer, agents) = notes::parts().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/notes/shopping", listener.local_addr().unwrap());
    let app = notes::app(stack.guard(), agents);
    tokio::spawn(async move { axum::serve(listener, app).await });
    let token = |agent| notes::token(&issuer, agent).unwrap();
    Running {
        stack,
        address,
        assistant: token("assistant"),
        clerk: token("clerk"),
    }
}

#[tokio::test]
async fn the_example_does_what_it_says() {
    let app = running().await;
    let http = client(false);
    let at = app.address.as_str();
    let (status, body) = send(&http, Method::GET, at, "", "").await;
    assert_eq!(status, 401, "{body}");
    let (status, body) = send(&http, Method::PUT, at, &app.clerk, "milk").await;
    assert_eq!(status, 404, "{body}");
    let (status, record) = send(&http, Method::PUT, at, &app.assistant, "milk and bread").await;
    assert_eq!(status, 200, "{record}");
    assert_eq!(record.len(), 36);
    let (status, note) = send(&http, Method::GET, at, &app.clerk, "").await;
    assert_eq!((status, note.as_str()), (StatusCode::OK, "milk and bread"));

    let (status, asked) = send(&http, Method::DELETE, at, &app.assistant, "").await;
    assert_eq!(status, 403);
    let asked: serde_json::Value = serde_json::from_str(&asked).unwrap();
    assert_eq!(asked["code"], "needs_approval");
    let approval = asked["approval"].as_str().unwrap().parse().unwrap();
    let operator = "ops@example.com".parse().unwrap();
    let queue = app.stack.admin().trust().approvals();
    queue.approve(approval, &operator, "it is eaten").unwrap();
    let (status, _) = send(&http, Method::DELETE, at, &app.assistant, "").await;
    assert_eq!(status, 204);
    let (status, _) = send(&http, Method::DELETE, at, &app.assistant, "").await;
    assert_eq!(status, 403, "an approval is used once");
    assert_eq!(endings(&app.stack), ["settled"; 3]);
    assert!(app.stack.audit.verify(None).unwrap().fully_covered());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_1000_concurrent_requests_at_a_limit_of_100_exactly_100_pass() {
    const CLIENTS: usize = 8;
    let app = running().await;
    let (status, _) = send(
        &client(false),
        Method::PUT,
        &app.address,
        &app.assistant,
        "milk",
    )
    .await;
    assert_eq!(status, 200);

    // HTTP/2, so that a thousand requests are under way at once over eight connections.
    let clients: Vec<_> = (0..CLIENTS).map(|_| client(true)).collect();
    let mut requests = JoinSet::new();
    for index in 0..1000 {
        let http = clients[index % CLIENTS].clone();
        let (address, clerk) = (app.address.clone(), app.clerk.clone());
        requests.spawn(async move { send(&http, Method::GET, &address, &clerk, "").await });
    }
    let (mut passed, mut exceeded) = (0, 0);
    while let Some(answer) = requests.join_next().await {
        match answer.unwrap() {
            (StatusCode::OK, note) => {
                assert_eq!(note, "milk");
                passed += 1;
            }
            (StatusCode::TOO_MANY_REQUESTS, problem) => {
                assert!(problem.contains(r#""code":"exceeds_budget""#), "{problem}");
                exceeded += 1;
            }
            other => panic!("neither passed nor over the limit: {other:?}"),
        }
    }
    assert_eq!((passed, exceeded), (100, 900));

    let count = |kind| {
        let filter = Filter::new().kind(kind).limit(10_000);
        app.stack.audit.query(&filter).unwrap().records.len()
    };
    assert_eq!(count(Kind::Decision), 1001);
    assert_eq!(count(Kind::Outcome), 101);
    assert_eq!(app.stack.guard().losses(), 0);
    assert!(app.stack.audit.verify(None).unwrap().fully_covered());
}

#[tokio::test]
async fn a_handler_that_asks_for_a_permit_does_not_run_without_the_layer() {
    use axum::routing::get;
    let app = axum::Router::new()
        .route("/permitted", get(async |_: Permitted| "ran"))
        .route("/handle", get(async |_: PermitHandle| "ran"));
    for path in ["/permitted", "/handle"] {
        let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
        let answer = app.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 500);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "");
    }
}

/// What hyper itself serves, governed: bodies of which the last word may never come.
async fn hyper_server(stack: &SecurityStack, body: fn() -> BoxBody<Bytes, Infallible>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let layer = GovernanceLayer::new(stack.guard(), by_path).settle_at_body_end();
    let service = layer.layer(service_fn(move |_: Request<Incoming>| async move {
        Ok::<_, Infallible>(Response::new(body()))
    }));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    format!("http://{address}/ada/run")
}

#[tokio::test]
async fn under_hyper_an_action_ends_with_its_body_and_with_the_head_where_none_is_asked_for() {
    let stack = stack();
    let at = hyper_server(&stack, || Full::from("done").boxed()).await;
    let http = client(false);
    for (method, body) in [(Method::GET, "done"), (Method::HEAD, "")] {
        let (status, text) = send(&http, method, &at, "", "").await;
        assert_eq!((status.as_u16(), text.as_str()), (200, body));
    }
    assert_eq!(endings(&stack), ["settled"; 2]);
}

#[tokio::test]
async fn under_hyper_a_caller_that_goes_before_the_end_leaves_an_abandoned_action() {
    let stack = stack();
    let at = hyper_server(&stack, || {
        let mut first = Some(Frame::data(Bytes::from_static(b"one")));
        let frames = std::future::poll_fn(move |_| first.take().map_or(Poll::Pending, Poll::Ready));
        Endless(Box::pin(frames)).boxed()
    })
    .await;
    let http = client(false);
    let request = Request::get(&at).body(Full::default()).unwrap();
    let mut answer = http.request(request).await.unwrap();
    let first = answer.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "one");
    assert_eq!(tokens(&stack), (0, 10));
    drop((answer, http));
    // The server notices on a task of its own.
    let noticed = async {
        while endings(&stack).is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), noticed)
        .await
        .unwrap();
    assert_eq!(endings(&stack), ["abandoned"]);
    assert_eq!(tokens(&stack), (10, 0));
}

/// One frame, and then nothing for as long as anybody waits.
struct Endless<F>(Pin<Box<F>>);

impl<F: Future<Output = Frame<Bytes>>> Body for Endless<F> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.as_mut().poll(cx).map(|frame| Some(Ok(frame)))
    }
}
