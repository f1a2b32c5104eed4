//! `secstack audit serve`: the log as others' tools read it, over HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use audit_trail::serve_log;
use clap::Args;

use super::{prove, server, source};
use crate::{Answer, metrics};

/// Serve the log over HTTP, read-only (C2SP tlog-tiles)
///
/// Serves `/checkpoint` and `/tile/…` and nothing else, read-only, from the log as it grows. It takes no lock and needs no secret. Put a web server in front of
/// it for encryption, or serve the directory's `checkpoint` and `tile` as static files instead: they are the same bytes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The log's directory
    dir: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7380")]
    listen: SocketAddr,
    /// The log's verifier key, or a file that holds it [default: the key that the log names itself]
    #[arg(long, value_name = "KEY|FILE")]
    vkey: Option<String>,
    /// Answer `GET /metrics` for Prometheus on this port of the loopback interface, or on this address; port 0 takes a free one
    #[arg(long, value_name = "PORT|ADDR")]
    metrics: Option<metrics::Listen>,
    /// Print the address as one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let log = source::reader_by_own_key(&arguments.dir, arguments.vkey.as_deref())?;
    let dir = arguments.dir.clone();
    let requests = Arc::new(AtomicU64::new(0));
    if let Some(listen) = arguments.metrics {
        let (dir, log, requests) = (dir.clone(), log.clone(), Arc::clone(&requests));
        metrics::serve(listen, move || {
            let published = prove::published(&dir, &log).map(|checkpoint| checkpoint.size());
            drop(log.refresh());
            let entries = log.size().ok();
            figures(entries, published, requests.load(Ordering::Relaxed))
        })?;
    }
    server::run(arguments.listen, arguments.json, move |request| {
        requests.fetch_add(1, Ordering::Relaxed);
        // Read before the log is looked at again, so that it is not ahead of what can be served.
        let published = prove::published(&dir, &log);
        // Should that fail, what was there before is served, or the handler meets with the same.
        drop(log.refresh());
        serve_log(&log, published.as_ref(), &request)
    })
}

/// The log's figures as Prometheus reads them. One that cannot be read is left out.
fn figures(entries: Option<u64>, published: Option<u64>, requests: u64) -> String {
    let mut text = String::new();
    let figures = [
        ("entries", "", "gauge", "Entries of the log.", entries),
        (
            "published",
            "",
            "gauge",
            "Entries that the published checkpoint covers.",
            published,
        ),
        (
            "requests",
            "_total",
            "counter",
            "Requests for the log.",
            Some(requests),
        ),
    ];
    for (name, suffix, kind, help, figure) in figures {
        let Some(figure) = figure else {
            continue;
        };
        let name = format!("secstack_log_{name}");
        text.extend([
            format!("# HELP {name} {help}\n"),
            format!("# TYPE {name} {kind}\n"),
            format!("{name}{suffix} {figure}\n"),
        ]);
    }
    text.push_str("# EOF\n");
    text
}
