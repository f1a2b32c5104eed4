//! The trust report: who has which level now, what is raised, what waits for operators, and what was done in a window of
//! time. Counts and records only; nothing is scored, compared over time or concluded.

mod approvals;
mod distribution;
mod markdown;
mod timeline;

use std::collections::BTreeSet;

use serde::Serialize;
use time::OffsetDateTime;
use time::serde::rfc3339;

pub use self::approvals::ApprovalCounts;
pub use self::distribution::{Distribution, LevelCount};
pub use self::timeline::TimelineEntry;
use crate::admin::TrustAdmin;
use crate::agent::AgentRecord;
use crate::approval::{Approval, ApprovalFilter, ApprovalState};
use crate::assignment::{Assignment, AssignmentKind};
use crate::error::TrustError;
use crate::event::{Event, HistoryFilter, Revision};
use crate::explain::AssignmentNow;
use crate::name::{AgentId, OperatorId};
use crate::scope::Scope;

/// What a report is about. The default is everything; every field narrows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "plain input, written with `..Default::default()`"
)]
pub struct ReportOptions {
    /// This agent alone, in every part of the report.
    pub agent: Option<AgentId>,
    /// The timeline, and the approvals that are counted, from this time on.
    pub since: Option<OffsetDateTime>,
    /// The same before this time, not at it.
    pub until: Option<OffsetDateTime>,
}

/// What operators have decided, as it stands and as it came about. Serialises to JSON;
/// [`to_markdown`](Self::to_markdown) writes it for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TrustReport {
    /// The gate's reading when it was made.
    #[serde(with = "rfc3339")]
    pub at: OffsetDateTime,
    /// The last administrative act taken into account.
    pub revision: Revision,
    /// The agent it is about; all of them where there is none.
    pub agent: Option<AgentId>,
    /// Where the window begins.
    #[serde(with = "rfc3339::option")]
    pub since: Option<OffsetDateTime>,
    /// Where the window ends: before this time.
    #[serde(with = "rfc3339::option")]
    pub until: Option<OffsetDateTime>,
    /// Every agent with an assignment in force.
    pub agents: BTreeSet<AgentId>,
    /// Every scope with an assignment in force.
    pub scopes: BTreeSet<Scope>,
    /// Every operator whom this report names.
    pub operators: BTreeSet<OperatorId>,
    /// How many of the agents have which level at the root; then, for each scope with something assigned on it, how many of
    /// the agents that it is assigned to have which level there.
    pub levels: Vec<Distribution>,
    /// Every assignment in force, by agent and scope. A lapsed grant is in force: it decides that nothing wider does.
    pub assignments: Vec<AssignmentNow>,
    /// The elevations and broken glasses that are active.
    pub elevations: Vec<AssignmentNow>,
    /// The broken glass that nobody has looked into yet.
    pub open_review: Option<AssignmentNow>,
    /// The approvals that are pending, or approved and not used. Without the arguments.
    pub open_approvals: Vec<Approval>,
    /// The approvals that were asked for in the window, by what has become of them.
    pub approvals: ApprovalCounts,
    /// What was done in the window, oldest first.
    pub timeline: Vec<TimelineEntry>,
}

impl TrustAdmin {
    /// The trust report, as of now. Reads the whole history.
    ///
    /// ```
    /// # use trust_gate::{Grant, ReportOptions, TrustGate, TrustLevel};
    /// let (_gate, admin) = TrustGate::builder().build()?;
    /// admin.assign(Grant::new("desk-assistant".parse()?, TrustLevel::Suggest, "ops@example.com".parse()?))?;
    /// let report = admin.report(&ReportOptions::default())?;
    /// assert_eq!(report.assignments[0].leaves, TrustLevel::Suggest);
    /// assert!(report.to_markdown().contains("| desk-assistant |"));
    /// # Ok::<(), trust_gate::TrustError>(())
    /// ```
    ///
    /// # Errors
    /// [`TrustError::Store`] if the store cannot be read.
    ///
    /// # Concurrency
    /// Waits for an act that is under way. Levels and assignments are of one revision; what is done about approvals
    /// meanwhile may show in one part of the report and not in another.
    pub fn report(&self, options: &ReportOptions) -> Result<TrustReport, TrustError> {
        let ledger = &self.0;
        let present = ledger.present();
        let snapshot = &present.snapshot;
        let at = ledger.reading(&present, ledger.wall());
        let wanted = |agent: &AgentId| options.agent.as_ref().is_none_or(|only| only == agent);

        let mut records: Vec<(&AgentId, &AgentRecord)> = snapshot
            .agents()
            .filter(|(agent, _)| wanted(agent))
            .collect();
        records.sort_unstable_by_key(|(agent, _)| *agent);
        let scopes: BTreeSet<Scope> = records
            .iter()
            .flat_map(|(_, record)| record.scopes().cloned())
            .collect();
        let (levels, fell_at) = Distribution::all(snapshot, &records, at);
        // What is told once stays so, whatever the clock does.
        ledger.saw(&present.timeline, fell_at);

        let default_level = snapshot.rules.default_level;
        let now = |assignment: &Assignment| AssignmentNow::new(assignment, at, default_level);
        let (elevations, assignments): (Vec<_>, Vec<_>) = records
            .iter()
            .flat_map(|(_, record)| record.assignments())
            .filter(|assignment| !is_over(assignment, at.to_datetime()))
            .map(now)
            .partition(|record| raises(&record.assignment));
        let review = snapshot.review.as_deref();
        let open_review = review.filter(|review| wanted(&review.agent)).map(now);

        let events = self.history(&HistoryFilter {
            agent: options.agent.clone(),
            ..HistoryFilter::default()
        })?;
        // Acts that came after the state that is told here are left to the next report.
        let events: Vec<Event> = events
            .into_iter()
            .filter(|event| event.revision <= snapshot.revision || event.act.is_about_approval())
            .collect();
        let in_window = |event: &&Event| {
            options.since.is_none_or(|since| event.at >= since)
                && options.until.is_none_or(|until| event.at < until)
        };
        let approvals = ApprovalCounts::of(&events, in_window, at);
        let timeline: Vec<_> = events
            .iter()
            .filter(in_window)
            .map(TimelineEntry::of)
            .collect();
        let mut report = TrustReport {
            at: at.to_datetime(),
            revision: snapshot.revision,
            agent: options.agent.clone(),
            since: options.since,
            until: options.until,
            agents: records.iter().map(|(agent, _)| (*agent).clone()).collect(),
            scopes,
            operators: BTreeSet::new(),
            levels,
            assignments,
            elevations,
            open_review,
            open_approvals: self.open_approvals(options.agent.clone()),
            approvals,
            timeline,
        };
        report.operators = report.named_operators().cloned().collect();
        Ok(report)
    }

    fn open_approvals(&self, agent: Option<AgentId>) -> Vec<Approval> {
        let kept = self.approvals().list(&ApprovalFilter { agent, all: true });
        kept.into_iter()
            .filter(|approval| {
                matches!(
                    approval.state,
                    ApprovalState::Pending | ApprovalState::Approved
                )
            })
            .map(|approval| Approval {
                shown: None,
                ..approval
            })
            .collect()
    }
}

impl TrustReport {
    fn named_operators(&self) -> impl Iterator<Item = &OperatorId> {
        let records = self
            .assignments
            .iter()
            .chain(&self.elevations)
            .chain(&self.open_review)
            .map(|record| &record.assignment);
        records
            .flat_map(|assignment| {
                std::iter::once(&assignment.assigned_by).chain(&assignment.second)
            })
            .chain(
                self.open_approvals
                    .iter()
                    .flat_map(|approval| &approval.approved_by),
            )
            .chain(
                self.timeline
                    .iter()
                    .flat_map(|entry| entry.by.iter().chain(&entry.second)),
            )
    }
}

fn raises(assignment: &Assignment) -> bool {
    matches!(
        assignment.kind,
        AssignmentKind::Elevation(_) | AssignmentKind::BreakGlass(_)
    )
}

/// An elevation whose time is up is in force no more; a grant whose time is up still stands in the way of wider ones.
fn is_over(assignment: &Assignment, at: OffsetDateTime) -> bool {
    raises(assignment) && assignment.expires_at.is_some_and(|until| at >= until)
}
