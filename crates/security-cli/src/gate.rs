//! `secstack mcp`: the gate in front of an MCP server, over standard input and output.

mod place;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

use clap::Args;
use security_bundle::trust_gate::AgentId;
use security_bundle::{Metrics, SecurityStackConfig};
use security_mcp::{Ended, Gate, GuardJudge, ServerCommand};

use self::place::Place;
use crate::failure::Failure;
use crate::{Answer, GOOD, metrics, no};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Whom the gate acts for, instead of `agent.id` in the configuration
    #[arg(long, value_name = "ID")]
    agent: Option<AgentId>,
    /// Keep log and state in this directory, instead of `data_dir` in the configuration; gates on one directory share all budgets
    #[arg(long, value_name = "DIR", conflicts_with = "audit_out")]
    data_dir: Option<PathBuf>,
    /// Write the audit log here as it grows; a file that is there already is kept beside it under a number
    #[arg(long, value_name = "FILE")]
    audit_out: Option<PathBuf>,
    /// Answer `GET /metrics` for Prometheus on this port of the loopback interface, or on this address; port 0 takes a free one
    #[arg(long, value_name = "PORT|ADDR")]
    metrics: Option<metrics::Listen>,
    /// The MCP server and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    server: Vec<OsString>,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let (placing, placed) = channel();
    let watcher = place::watch(&arguments.config, placed)?;
    // Dropped before the watcher, which may be waiting for it.
    let placing = placing;
    let mut config = SecurityStackConfig::from_path(&arguments.config)?;
    if arguments.data_dir.is_some() {
        config.data_dir = arguments.data_dir;
    }
    let mut server = arguments.server.into_iter();
    let program = server
        .next()
        .ok_or_else(|| Failure::new("name the server's command after `--`"))?;
    let command = ServerCommand::new(program, server).inherit(&config.mcp.child_env);
    let configured = config.agent.clone();
    let agent = arguments
        .agent
        .or_else(|| configured.as_ref().map(|agent| agent.id.clone()))
        .ok_or_else(|| {
            Failure::new("no agent is named; set `agent.id` in the configuration or give --agent")
        })?;

    let counts = arguments.metrics.map(|_| Metrics::new(&config));
    let (trust, mcp) = (config.trust_gate.clone(), config.mcp.clone());
    let place = Place::take(config, arguments.audit_out.as_deref(), counts.clone())?;
    if let Some((listen, counts)) = arguments.metrics.zip(counts) {
        metrics::serve(listen, move || counts.render())?;
    }
    // The watcher is there for as long as this.
    placing.send(place.ruled()).ok();
    // With a key of its own, too: this is what the auditor needs, and it is no secret.
    anstream::eprintln!("verifier key: {}", place.verifier_key()?);
    let session = match configured.and_then(|agent| agent.session) {
        Some(session) => session,
        None => place.session()?,
    };
    let guard = place.guard();
    let judge = GuardJudge::new(guard.clone(), agent, session, &trust, &mcp)?;
    // One thread: a call passes from the client to the server without changing hands.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let session = runtime.block_on(Gate::new(judge).serve_stdio(command));
    // Reading standard input blocks a thread that nothing can wake.
    runtime.shutdown_background();
    let lost = guard.losses();
    if lost > 0 {
        anstream::eprintln!("{lost} audit entries could not be recorded");
    }
    drop(watcher);
    place.leave()?;
    let session = session?;
    Ok(match session.ended {
        Ended::Server if !session.status.success() => no(),
        _ => GOOD,
    })
}

/// Opens a new file; what stands there already is moved aside, never cut or continued: it is another log.
fn fresh_file(path: &Path) -> Result<File, Failure> {
    let new = || OpenOptions::new().write(true).create_new(true).open(path);
    match new() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        opened => return opened.map_err(Failure::on(path.display())),
    }
    let mut name = OsString::new();
    for number in 1_u32.. {
        path.as_os_str().clone_into(&mut name);
        name.push(format!(".{number}"));
        // A hard link fails where the name is taken, which a renaming would not.
        match fs::hard_link(path, &name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            linked => {
                linked.map_err(Failure::on(path.display()))?;
                break;
            }
        }
    }
    fs::remove_file(path).map_err(Failure::on(path.display()))?;
    anstream::eprintln!("the earlier log is now {}", Path::new(&name).display());
    new().map_err(Failure::on(path.display()))
}
