//! A small web server: bounded requests, one handler that may block, and a graceful end.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use super::interrupt;
use crate::failure::Failure;
use crate::{Answer, GOOD, paint};

/// The longest body that is read: what a witness takes at most (C2SP tlog-witness), and more than any other request has.
const MAX_BODY: usize = 256 * 1024;
/// How long a body may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests that are under way at the end may take.
const GRACE: Duration = Duration::from_secs(5);

/// What is served: it gets whole requests, and may block.
pub(super) trait Handle:
    Fn(Request<Vec<u8>>) -> Response<Vec<u8>> + Send + Sync + 'static
{
}
impl<F: Fn(Request<Vec<u8>>) -> Response<Vec<u8>> + Send + Sync + 'static> Handle for F {}

/// Serves until the process is asked to end, and prints the address first, with the port that the system chose where 0 was asked for.
pub(super) fn run(listen: SocketAddr, json: bool, handle: impl Handle) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve(listen, json, Arc::new(handle)));
    // What blocks is not waited for: it reads, or has its own way of being safe at any moment.
    runtime.shutdown_background();
    served
}

async fn serve(listen: SocketAddr, json: bool, handle: Arc<impl Handle>) -> Answer {
    let ended = interrupt::signal()?;
    let late = interrupt::signal()?;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(Failure::on(listen))?;
    announce(listener.local_addr()?, json)?;
    let app = Router::new().fallback(move |request: Request| {
        let handle = Arc::clone(&handle);
        async move { answer(request, handle).await }
    });
    let serving = axum::serve(listener, app).with_graceful_shutdown(ended);
    tokio::select! {
        served = serving => served?,
        () = async { late.await; sleep(GRACE).await } => {}
    }
    Ok(GOOD)
}

async fn answer(request: Request, handle: Arc<impl Handle>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let refuse = |status: StatusCode| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response
    };
    let body = match timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return refuse(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT),
    };
    let request = Request::from_parts(head, body.to_vec());
    match tokio::task::spawn_blocking(move || handle(request)).await {
        Ok(response) => response.map(Body::from),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn announce(address: SocketAddr, json: bool) -> io::Result<()> {
    if !address.ip().is_loopback() {
        let warn = paint::WARN;
        anstream::eprintln!("{warn}anybody who reaches {address} is answered, unencrypted{warn:#}");
    }
    let mut out = io::stdout().lock();
    if json {
        writeln!(
            out,
            "{}",
            json!({ "listening": format!("http://{address}") })
        )?;
    } else {
        writeln!(out, "http://{address}")?;
    }
    out.flush()
}
