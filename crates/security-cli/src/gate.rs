//! `secstack mcp`: the gate in front of an MCP server, over standard input and output.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use security_bundle::audit_trail::NdjsonSink;
use security_bundle::trust_gate::AgentId;
use security_bundle::{Metrics, SecurityStack, SecurityStackConfig, SessionId};
use security_mcp::{Ended, Gate, GuardJudge, ServerCommand};

use crate::failure::Failure;
use crate::{Answer, GOOD, metrics, no};

/// How many entries `--audit-out` writes between two signed checkpoints: what a crash can leave unsigned.
const CHECKPOINT_EVERY: u64 = 16;

/// How many entries the gate keeps in memory where the configuration does not say.
const MAX_RECORDS: usize = 10_000;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Whom the gate acts for, instead of `agent.id` in the configuration
    #[arg(long, value_name = "ID")]
    agent: Option<AgentId>,
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
    let mut config = SecurityStackConfig::from_path(&arguments.config)?;
    // What is older stays provable, and stands in the file.
    config.audit.max_records.get_or_insert(MAX_RECORDS);
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
    let mut builder = SecurityStack::builder(config);
    if let Some(counts) = &counts {
        builder = builder.observer(counts.clone());
    }
    if let Some(path) = &arguments.audit_out {
        builder = builder.audit_sink(NdjsonSink::new(fresh_file(path)?), CHECKPOINT_EVERY);
    }
    let stack = builder.build()?;
    if let Some((listen, counts)) = arguments.metrics.zip(counts) {
        metrics::serve(listen, move || counts.render())?;
    }
    // With a key of its own, too: this is what the auditor needs, and it is no secret.
    let key = stack.audit.verifier_key();
    anstream::eprintln!(
        "verifier key: {}",
        key.map(ToString::to_string).unwrap_or_default()
    );
    let session = match configured.and_then(|agent| agent.session) {
        Some(session) => session,
        None => SessionId::try_from(stack.audit.next_id()?.to_string())?,
    };
    let judge = GuardJudge::new(
        stack.guard(),
        agent,
        session,
        &stack.config().trust_gate,
        &stack.config().mcp,
    )?;
    // One thread: a call passes from the client to the server without changing hands.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let session = runtime.block_on(Gate::new(judge).serve_stdio(command));
    // Reading standard input blocks a thread that nothing can wake.
    runtime.shutdown_background();
    let lost = stack.guard().losses();
    if lost > 0 {
        anstream::eprintln!("{lost} audit entries could not be recorded");
    }
    if arguments.audit_out.is_some() {
        stack.audit.publish_checkpoint()?;
    }
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
