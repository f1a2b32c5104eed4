//! The example application as it is, in a real server under a real client; and the layer in bare hyper.

#[path = "../../examples/notes.rs"]
#[expect(dead_code, reason = "its `main` is for people")]
mod notes;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use security_bundle::SecurityStack;
use security_bundle::audit_trail::{Filter, Kind};
use security_tower::{GovernanceLayer, PermitHandle, Permitted};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::{Layer as _, ServiceExt as _};

use crate::support::{answers, by_path, endings, stack};

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

#[tokio::test]
async fn under_hyper_bodies_settle_at_their_end_and_a_caller_that_goes_abandons() {
    use hyper::server::conn::http1;
    use hyper_util::service::TowerToHyperService;
    use tower::util::MapRequestLayer;

    let stack = stack();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let layer = GovernanceLayer::new(stack.guard(), by_path).settle_at_body_end();
    let service = MapRequestLayer::new(|request: Request<hyper::body::Incoming>| {
        request.map(|_| Full::<Bytes>::default())
    })
    .layer(layer.layer(answers(200)));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    let http = client(false);
    for (method, body) in [(Method::GET, "done"), (Method::HEAD, "")] {
        let uri = format!("http://{address}/ada/run");
        let (status, text) = send(&http, method, &uri, "", "").await;
        assert_eq!((status.as_u16(), text.as_str()), (200, body));
    }
    assert_eq!(endings(&stack), ["settled"; 2]);
}
