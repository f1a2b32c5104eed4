//! `secstack demo`: a guarded agent session in the terminal, from permit to verified log.
//!
//! Everything in it is real: this program again as the gate, the demo's MCP server behind it, an MCP client in front.

mod log;
mod script;
mod show;

use std::fs;
use std::path::Path;

use rmcp::ServiceExt;
use rmcp::transport::TokioChildProcess;
use security_bundle::audit_trail::SigningKey;
use security_mcp::demo::DemoServer;
use tempfile::TempDir;
use tokio::process::Command;

use crate::failure::Failure;
use crate::{Answer, GOOD, no};

/// The demo's rules, written the way an operator would write them.
const CONFIG: &str = include_str!("demo/demo.toml");

pub(crate) fn run() -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(session())
}

/// The server behind the demo's gate, on standard input and output.
pub(crate) fn serve(folder: &Path) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(DemoServer::new(folder)?.serve_stdio())?;
    runtime.shutdown_background();
    Ok(GOOD)
}

async fn session() -> Answer {
    let folder = TempDir::new()?;
    let at = |name: &str| folder.path().join(name);
    let (config, key_file, log_file, files) = (
        at("gate.toml"),
        at("log.key"),
        at("calls.ndjson"),
        at("files"),
    );
    fs::create_dir(&files)?;
    fs::write(
        files.join("report.txt"),
        "Sales rose by 4 %. Costs did not.\n",
    )?;
    let key = SigningKey::generate("secstack.demo")?;
    fs::write(&key_file, key.to_secret_text())?;
    let path = toml::Value::from(key_file.to_string_lossy().into_owned());
    fs::write(&config, CONFIG.replace("\"log.key\"", &path.to_string()))?;

    let this = std::env::current_exe()?;
    let mut gate = Command::new(&this);
    gate.arg("mcp")
        .arg("--config")
        .arg(&config)
        .arg("--audit-out")
        .arg(&log_file)
        .arg("--")
        .arg(&this)
        .arg("demo-server")
        .arg(&files);
    show::beginning(CONFIG);
    let client =
        ().serve(TokioChildProcess::new(gate)?)
            .await
            .map_err(Failure::on("the gate did not open a session"))?;
    let mut log = log::Tail::of(&log_file);
    script::play(&client, &mut log).await?;
    client.cancel().await?;

    let verified = show::evidence(&log_file, key.verifier_key())?;
    Ok(if verified { GOOD } else { no() })
}
