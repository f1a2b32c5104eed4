//! `secstack audit serve`: the log as others' tools read it, over HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;

use audit_trail::serve_log;
use clap::Args;

use super::{prove, server, source};
use crate::Answer;

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
    /// Print the address as one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let log = source::reader_by_own_key(&arguments.dir, arguments.vkey.as_deref())?;
    let dir = arguments.dir.clone();
    server::run(arguments.listen, arguments.json, move |request| {
        // Read before the log is looked at again, so that it is not ahead of what can be served.
        let published = prove::published(&dir, &log);
        // Should that fail, what was there before is served, or the handler meets with the same.
        drop(log.refresh());
        serve_log(&log, published.as_ref(), &request)
    })
}
