//! Whom an act is about, and on whose word it is done: what the verbs ask for alike.

use std::path::PathBuf;

use clap::Args;
use trust_gate::{AgentId, OperatorId, Scope};

/// On whose word, and why: both go into the history.
#[derive(Debug, Args)]
pub(crate) struct By {
    /// On whose word
    #[arg(long, value_name = "WHO")]
    pub(crate) by: OperatorId,
    /// Why, in at most 4096 bytes
    #[arg(long, value_name = "WHY")]
    pub(crate) reason: String,
}

/// An agent in a scope of a gate.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The directory that trust is kept in
    pub(super) dir: PathBuf,
    /// The agent
    pub(super) agent: AgentId,
    /// Where, such as `payments/eu` [default: everywhere]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) scope: Scope,
}
