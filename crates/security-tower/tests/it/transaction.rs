//! Identify → authorize → call → settle: in this order, each once, and never a call without a permit.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use security_bundle::Usage;
use security_tower::{GovernanceLayer, PermitEnded, PermitHandle, Permitted};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer as _, Service, ServiceBuilder, ServiceExt as _, service_fn};

use crate::support::{answers, by_path, decisions, endings, request, stack, text, tokens};

#[tokio::test]
async fn answers_settle_and_a_servers_fault_fails() {
    for (status, ending) in [
        (200, "settled"),
        (302, "settled"),
        (404, "settled"),
        (429, "settled"),
        (500, "failed"),
        (503, "failed"),
    ] {
        let stack = stack();
        let service = GovernanceLayer::new(stack.guard(), by_path).layer(answers(status));
        let response = service.oneshot(request("/ada/run")).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(text(response).await, "done");
        assert_eq!(endings(&stack), [ending], "{status}");
        assert_eq!(decisions(&stack), 1);
        assert_eq!(tokens(&stack), (10, 0));
    }
}

#[tokio::test]
async fn a_service_that_fails_without_an_answer_fails() {
    let stack = stack();
    let service = service_fn(async |_: Request<Full<Bytes>>| {
        Err::<Response<Full<Bytes>>, _>(std::io::Error::other("gone"))
    });
    let service = GovernanceLayer::new(stack.guard(), by_path).layer(service);
    let error = service.oneshot(request("/ada/run")).await.unwrap_err();
    assert_eq!(error.to_string(), "gone");
    assert_eq!(endings(&stack), ["failed"]);
    assert_eq!(tokens(&stack), (10, 0));
}

#[tokio::test]
async fn nothing_reaches_the_service_without_a_permit() {
    let stack = stack();
    let called = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&called);
    let service = service_fn(move |_: Request<Full<Bytes>>| {
        seen.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let service = GovernanceLayer::new(stack.guard(), by_path).layer(service);
    for path in [
        "/ada/none",
        "/nobody/run",
        "/ada/asked",
        "/ada/profile",
        "/",
        "/ada/run/x",
    ] {
        let response = service.clone().oneshot(request(path)).await.unwrap();
        assert!(response.status().is_client_error(), "{path}");
    }
    assert_eq!(called.load(Ordering::SeqCst), 0);
    assert_eq!(endings(&stack), [""; 0]);
    assert_eq!(tokens(&stack), (0, 0));
    service.oneshot(request("/ada/run")).await.unwrap();
    assert_eq!(called.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_response_that_nobody_waits_for_is_abandoned_and_costs_what_was_held() {
    let stack = stack();
    let service = service_fn(|_: Request<Full<Bytes>>| {
        std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()
    });
    let service = GovernanceLayer::new(stack.guard(), by_path).layer(service);
    let mut running = Box::pin(service.clone().oneshot(request("/ada/run")));
    assert!(futures_poll(&mut running).is_pending());
    assert_eq!(tokens(&stack), (0, 10));
    drop(running);
    assert_eq!(endings(&stack), ["abandoned"]);
    assert_eq!(tokens(&stack), (10, 0));
    // One that was never polled asked for nothing.
    drop(service.oneshot(request("/ada/run")));
    assert_eq!(decisions(&stack), 1);
}

fn futures_poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test]
async fn a_service_that_panics_leaves_an_abandoned_action() {
    let stack = stack();
    let service = service_fn(
        async |_: Request<Full<Bytes>>| -> Result<Response<Full<Bytes>>, Infallible> {
            panic!("planted")
        },
    );
    let service = GovernanceLayer::new(stack.guard(), by_path).layer(service);
    let ended = tokio::spawn(service.oneshot(request("/ada/run"))).await;
    assert!(ended.unwrap_err().is_panic());
    assert_eq!(endings(&stack), ["abandoned"]);
    assert_eq!(tokens(&stack), (10, 0));
}

#[tokio::test]
async fn usage_is_what_the_handler_says_then_what_the_layer_reads_then_what_was_held() {
    let handler = |said: Option<u64>| {
        service_fn(move |request: Request<Full<Bytes>>| async move {
            let permitted = request.extensions().get::<Permitted>().unwrap();
            if let Some(said) = said {
                let handle = permitted.handle();
                handle.set_usage(Usage::default().tokens(999)).unwrap();
                handle.set_usage(Usage::default().tokens(said)).unwrap();
            }
            let mut response = Response::new(Full::<Bytes>::default());
            response.headers_mut().insert("x-tokens", 7.into());
            Ok::<_, Infallible>(response)
        })
    };
    let read = |head: &http::response::Parts| {
        let tokens = head.headers["x-tokens"].to_str().unwrap().parse().unwrap();
        Usage::default().tokens(tokens)
    };
    for (said, reads, only_raises, spent) in [
        (None, false, false, 10),
        (None, true, false, 7),
        (Some(3), true, false, 3),
        (Some(3), false, false, 3),
        (Some(3), true, true, 10),
        (Some(30), true, true, 30),
    ] {
        let stack = stack();
        let mut layer = GovernanceLayer::new(stack.guard(), by_path);
        if reads {
            layer = layer.usage(read);
        }
        if only_raises {
            layer = layer.usage_only_raises();
        }
        let service = layer.layer(handler(said));
        service.oneshot(request("/ada/run")).await.unwrap();
        assert_eq!(tokens(&stack), (spent, 0), "{said:?} {reads} {only_raises}");
    }
}

#[tokio::test]
async fn usage_that_is_said_too_late_is_refused_and_changes_nothing() {
    let stack = stack();
    let kept: Arc<std::sync::Mutex<Option<PermitHandle>>> = Arc::default();
    let keeps = Arc::clone(&kept);
    let service = service_fn(move |request: Request<Full<Bytes>>| {
        let permitted = request.extensions().get::<Permitted>().unwrap();
        *keeps.lock().unwrap() = Some(permitted.handle());
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let service = GovernanceLayer::new(stack.guard(), by_path).layer(service);
    service.oneshot(request("/ada/run")).await.unwrap();
    let handle = kept.lock().unwrap().take().unwrap();
    let late: Result<(), PermitEnded> = handle.set_usage(Usage::default().tokens(1));
    late.unwrap_err();
    assert_eq!(tokens(&stack), (10, 0));
}

/// Panics unless it was asked whether it is ready, as tower's contract lets it.
#[derive(Default)]
struct Strict {
    ready: bool,
    calls: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            calls: Arc::clone(&self.calls),
        }
    }
}

impl Service<Request<Full<Bytes>>> for Strict {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being ready"
        );
        self.calls.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(Response::new(Full::default())))
    }
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    let stack = stack();
    let strict = Strict::default();
    let calls = Arc::clone(&strict.calls);
    let mut service = GovernanceLayer::new(stack.guard(), by_path).layer(strict);
    for _ in 0..3 {
        let ready = service.ready().await.unwrap();
        ready.call(request("/ada/run")).await.unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_denied_request_gives_its_place_in_the_service_back() {
    let stack = stack();
    let mut service = ServiceBuilder::new()
        .layer(GovernanceLayer::new(stack.guard(), by_path))
        .layer(ConcurrencyLimitLayer::new(1))
        .service(answers(200));
    for path in ["/ada/hidden", "/ada/run", "/ada/none", "/ada/run"] {
        let ready = futures_poll(&mut Box::pin(service.ready()));
        assert!(ready.is_ready(), "{path}");
        service.call(request(path)).await.unwrap();
    }
    assert_eq!(endings(&stack), ["settled"; 2]);
}

#[tokio::test]
async fn the_service_sees_who_was_permitted_what_and_under_which_record() {
    let stack = stack();
    let service = service_fn(async |request: Request<Full<Bytes>>| {
        let permitted = request.extensions().get::<Permitted>().unwrap();
        let told = format!(
            "{} {} {} {:?} {}",
            permitted.action().agent(),
            permitted.action().tool().unwrap(),
            permitted.decision().outcome(),
            permitted.obligations().collect::<Vec<_>>(),
            permitted.record_id().unwrap(),
        );
        Ok::<_, Infallible>(Response::new(Full::from(told)))
    });
    let service = GovernanceLayer::new(stack.guard(), by_path).layer(service);
    let told = text(service.oneshot(request("/ada/run")).await.unwrap()).await;
    let record = stack
        .audit
        .query(&security_bundle::Filter::new().kind(security_bundle::audit_trail::Kind::Decision))
        .unwrap();
    let id = record.records[0].id().to_string();
    let (rest, told_id) = told.rsplit_once(' ').unwrap();
    assert_eq!(told_id, id);
    assert!(rest.starts_with("ada run allow"), "{rest}");
}
