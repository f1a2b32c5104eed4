//! Which entries: the options that `query`, `tail` and `export` share.

use audit_trail::{Filter, Kind, Outcome};
use clap::Args;
use serde_json::Value;
use time::OffsetDateTime;

use crate::times;

/// Options that repeat are alternatives, but for `--ext`; different options must all hold.
#[derive(Debug, Default, PartialEq, Args)]
#[command(
    next_help_heading = "Which entries (repeated options are alternatives, different ones must all hold)"
)]
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
    /// Entries about actions of this type
    #[arg(long, value_name = "TYPE")]
    action_type: Vec<String>,
    /// Entries about this resource
    #[arg(long)]
    resource: Vec<String>,
    /// Entries in exactly this scope
    #[arg(long)]
    scope: Vec<String>,
    /// Decisions with this code
    #[arg(long)]
    code: Vec<String>,
    /// Entries of this namespace
    #[arg(long)]
    namespace: Vec<String>,
    /// Acts of this operator
    #[arg(long)]
    operator: Vec<String>,
    /// Events and endings of this name
    #[arg(long)]
    event: Vec<String>,
    /// Entries whose `ext` has this JSON value under this key: `--ext region='"eu"'`; all that are given must hold
    #[arg(long, value_name = "KEY=JSON", value_parser = pair)]
    ext: Vec<(String, Value)>,
    /// Entries from this time on (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    since: Option<OffsetDateTime>,
    /// Entries before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    until: Option<OffsetDateTime>,
    /// Entries from this index on
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,
    /// Entries up to this index, it included
    #[arg(long, value_name = "INDEX")]
    to: Option<u64>,
}

impl Selection {
    pub(super) fn filter(&self) -> Filter {
        self.filter_by(&self.outcome)
    }

    /// With these outcomes in place of those that were asked for.
    pub(super) fn filter_by(&self, outcomes: &[Outcome]) -> Filter {
        let mut filter = Filter::new();
        filter = self.agent.iter().fold(filter, Filter::agent);
        filter = self.session.iter().fold(filter, Filter::session);
        filter = outcomes.iter().copied().fold(filter, Filter::outcome);
        filter = self.kind.iter().copied().fold(filter, Filter::kind);
        filter = self.action.iter().fold(filter, Filter::action);
        filter = self.action_type.iter().fold(filter, Filter::action_type);
        filter = self.resource.iter().fold(filter, Filter::resource);
        filter = self.scope.iter().fold(filter, Filter::scope);
        filter = self.code.iter().fold(filter, Filter::reason_code);
        filter = self.namespace.iter().fold(filter, Filter::namespace);
        filter = self.operator.iter().fold(filter, Filter::operator);
        filter = self.event.iter().fold(filter, Filter::event);
        let ext = self.ext.iter();
        filter = ext.fold(filter, |filter, (key, value)| {
            filter.ext(key, value.clone())
        });
        filter = self.since.into_iter().fold(filter, Filter::since);
        filter = self.until.into_iter().fold(filter, Filter::until);
        match (self.from, self.to) {
            (None, None) => filter,
            (from, Some(to)) => filter.indexes(from.unwrap_or(0)..=to),
            (Some(from), None) => filter.indexes(from..),
        }
    }

    /// The outcomes that were asked for; all where none was.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        let mut outcomes = Outcome::ALL.to_vec();
        outcomes.retain(|outcome| self.outcome.is_empty() || self.outcome.contains(outcome));
        outcomes
    }

    /// Whether every entry is meant.
    pub(super) fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

fn pair(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=JSON")?;
    let value = serde_json::from_str(value).map_err(|error| {
        format!("`{value}` is not JSON ({error}); a text stands in quotation marks: {key}='\"…\"'")
    })?;
    Ok((key.to_owned(), value))
}
