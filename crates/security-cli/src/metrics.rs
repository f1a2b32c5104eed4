//! `--metrics`: what a running verb counts, over HTTP for Prometheus, beside whatever else the process does.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::str::FromStr;
use std::sync::Arc;
use std::thread;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use security_bundle::Metrics;

use crate::failure::Failure;
use crate::paint;

/// Where to listen: a port of the loopback interface, or an address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listen(SocketAddr);

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = text.parse().map(|port| (Ipv4Addr::LOCALHOST, port).into());
        port.or_else(|_| text.parse())
            .map(Self)
            .map_err(|_| "write a port, such as 9464, or an address, such as 127.0.0.1:9464")
    }
}

/// Answers `GET /metrics` with what is rendered then, on a thread of its own, as long as the process lives. Where it listens is told on standard error.
pub(crate) fn serve(
    listen: Listen,
    render: impl Fn() -> String + Send + Sync + 'static,
) -> Result<(), Failure> {
    let Listen(address) = listen;
    let listener = TcpListener::bind(address).map_err(Failure::on(address))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let warn = paint::WARN;
        anstream::eprintln!("{warn}anybody who reaches {address} is answered, unencrypted{warn:#}");
    }
    let render = Arc::new(render);
    let answer = get(move || {
        let text = render();
        async { ([(CONTENT_TYPE, Metrics::CONTENT_TYPE)], text) }
    });
    let app = Router::new().route("/metrics", answer);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("secstack-metrics".into())
        .spawn(move || {
            let served = runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, app).await
            });
            if let Err(error) = served {
                anstream::eprintln!("metrics are no longer served: {error}");
            }
        })?;
    anstream::eprintln!("metrics: http://{address}/metrics");
    Ok(())
}
