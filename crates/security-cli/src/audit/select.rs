//! Which entries: the options that `query` and `export` share.

use clap::Args;
use security_bundle::audit_trail::{Filter, Kind, Outcome};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Options that repeat are alternatives; different options must all hold.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Entries of this agent
    #[arg(long)]
    agent: Vec<String>,
    /// Entries of this session
    #[arg(long)]
    session: Vec<String>,
    /// Decisions with this outcome: `allow`, `deny`, `allow_with_caveat`
    #[arg(long)]
    outcome: Vec<Outcome>,
    /// Entries of this kind: `decision`, `outcome`, `event`, `trust_change`, …
    #[arg(long)]
    kind: Vec<Kind>,
    /// Entries about this tool or action
    #[arg(long)]
    action: Vec<String>,
    /// Decisions with this code
    #[arg(long)]
    code: Vec<String>,
    /// Entries from this time on (RFC 3339)
    #[arg(long, value_parser = time)]
    since: Option<OffsetDateTime>,
    /// Entries before this time (RFC 3339)
    #[arg(long, value_parser = time)]
    until: Option<OffsetDateTime>,
}

impl Selection {
    pub(super) fn filter(&self) -> Filter {
        let mut filter = Filter::new();
        filter = self.agent.iter().fold(filter, Filter::agent);
        filter = self.session.iter().fold(filter, Filter::session);
        filter = self.outcome.iter().copied().fold(filter, Filter::outcome);
        filter = self.kind.iter().copied().fold(filter, Filter::kind);
        filter = self.action.iter().fold(filter, Filter::action);
        filter = self.code.iter().fold(filter, Filter::reason_code);
        filter = self.since.into_iter().fold(filter, Filter::since);
        self.until.into_iter().fold(filter, Filter::until)
    }
}

fn time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| format!("`{text}` is no time; write it as 2026-01-31T12:00:00Z"))
}
