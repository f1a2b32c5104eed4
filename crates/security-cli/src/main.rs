//! The `secstack` command: the MCP gate, the demo, configuration checks, and the auditor's and the operator's verbs.
//!
//! Exit status everywhere: 0 done and good, 1 the answer is no, 2 bad usage or input (design: faces).

mod approvals;
mod audit;
mod budget;
mod check_config;
mod completions;
mod config;
mod consent;
mod database;
mod demo;
mod desk;
mod doctor;
mod explain;
mod failure;
mod gate;
mod man;
mod metrics;
mod output;
mod paint;
mod secret;
mod stack;
mod status;
mod table;
mod times;
mod trust;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

/// The security stack that stands between AI agents and what they can do.
#[derive(Debug, Parser)]
#[command(name = "secstack", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// A guarded agent session in the terminal, from permit to verified log
    Demo,
    /// The gate in front of an MCP server, over standard input and output
    Mcp(gate::Arguments),
    /// Check a configuration and say what each limit and rule does
    CheckConfig(check_config::Arguments),
    /// Compare configurations, and print the schema of their files
    #[command(subcommand)]
    Config(config::Verb),
    /// Why a call would be permitted or denied
    Explain(explain::Arguments),
    /// Keep, verify, query, prove, export and serve an audit log
    #[command(subcommand)]
    Audit(Box<audit::Verb>),
    /// Create, list, change and suspend budgets, and see what was spent
    #[command(subcommand)]
    Budget(budget::Verb),
    /// Say which agents are trusted how far: assign, cap, quarantine, elevate, and see why
    #[command(subcommand)]
    Trust(Box<trust::Verb>),
    /// Answer the calls that wait for an operator
    #[command(subcommand)]
    Approvals(approvals::Verb),
    /// Record what people agreed to, refused and withdrew, and look back
    #[command(subcommand)]
    Consent(Box<consent::Verb>),
    Status(status::Arguments),
    Doctor(doctor::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    /// The demo's own MCP server
    #[command(hide = true)]
    DemoServer {
        /// The one folder that its file tools reach
        folder: PathBuf,
    },
}

fn main() -> ExitCode {
    let verb = Arguments::parse().verb;
    let answer = match verb {
        Verb::Demo => demo::run(),
        Verb::Mcp(arguments) => gate::run(arguments),
        Verb::CheckConfig(arguments) => check_config::run(&arguments),
        Verb::Config(verb) => config::run(&verb),
        Verb::Explain(arguments) => explain::run(&arguments),
        Verb::Audit(verb) => audit::run(*verb),
        Verb::Budget(verb) => budget::run(verb),
        Verb::Trust(verb) => trust::run(*verb),
        Verb::Approvals(verb) => approvals::run(verb),
        Verb::Consent(verb) => consent::run(*verb),
        Verb::Status(arguments) => status::run(&arguments),
        Verb::Doctor(arguments) => doctor::run(&arguments),
        Verb::Completions(arguments) => completions::run(&arguments),
        Verb::Man(arguments) => man::run(&arguments),
        Verb::DemoServer { folder } => demo::serve(&folder),
    };
    answer.unwrap_or_else(|failure| failure.tell())
}

/// What a verb answers: done and good, or no.
type Answer = Result<ExitCode, Failure>;

const GOOD: ExitCode = ExitCode::SUCCESS;

/// The answer is no.
fn no() -> ExitCode {
    ExitCode::from(1)
}
