//! On whose word something is changed, and why: both go into the ledger.

use budget_enforcer::OperatorId;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Operator {
    /// On whose word
    #[arg(long, visible_alias = "by", value_name = "WHO")]
    pub(super) operator: OperatorId,
    /// Why, in at most 1024 bytes
    #[arg(long, value_name = "WHY")]
    pub(super) reason: Option<String>,
}
