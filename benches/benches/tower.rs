//! What the layer adds to a request: the same service with nothing, with the whole transaction by hand, and with the layer.

use std::convert::Infallible;
use std::hint::black_box;

use criterion::Criterion;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::Full;
use security_bundle::{
    Action, Guard, SecurityStack, SecurityStackConfig, Usage, create_security_stack,
};
use security_tower::{Asked, GovernanceLayer, NotAnAction};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

const CONFIG: &str = r#"
[[trust.assignments]]
agent = "bench"
level = "L4"
assigned_by = "ops@example.com"
[[trust.tools]]
tool = "*"
required_level = "L1"
effect = "read_public"
[budget.session]
calls = 1000000000
[audit]
max_records = 10000
"#;

fn stack() -> SecurityStack {
    create_security_stack(SecurityStackConfig::from_toml_str(CONFIG).unwrap()).unwrap()
}

fn action(guard: &Guard) -> Action {
    let action = guard.action("bench").session("s-1").tool("read_note");
    action.build().unwrap()
}

fn by_path(guard: &Guard, request: &Parts) -> Result<Asked, NotAnAction> {
    let tool = request.uri.path().strip_prefix('/');
    let tool = tool.ok_or_else(NotAnAction::unknown)?;
    let action = guard.action("bench").session("s-1").tool(tool).build()?;
    Ok(Asked::by_authenticated(action))
}

fn request() -> Request<String> {
    Request::get("/read_note").body(String::new()).unwrap()
}

fn service() -> impl Service<
    Request<String>,
    Response = Response<Full<bytes::Bytes>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ 'static {
    service_fn(async |request: Request<String>| {
        black_box(request);
        Ok::<_, Infallible>(Response::new(Full::from("done")))
    })
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("tower/no layer", |bencher| {
        bencher.iter(|| runtime.block_on(service().oneshot(request())).unwrap());
    });
    for at_body_end in [false, true] {
        let stack = stack();
        let mut layer = GovernanceLayer::new(stack.guard(), by_path);
        let mut name = "tower/layer";
        if at_body_end {
            layer = layer.settle_at_body_end();
            name = "tower/layer, settled at the body's end";
        }
        let governed = layer.layer(service());
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let answer = governed.clone().oneshot(request()).await.unwrap();
                    http_body_util::BodyExt::collect(answer.into_body())
                        .await
                        .unwrap()
                })
            });
        });
    }
    let by_hand = stack();
    let guard = by_hand.guard();
    criterion.bench_function("tower/authorize and settle by hand", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let permit = guard.authorize(&action(&guard)).await.unwrap();
                let answer = service().oneshot(request()).await.unwrap();
                permit.settle(Usage::default()).await.unwrap();
                answer
            })
        });
    });
    criterion.final_summary();
}
