//! The state of consent in one document: what is in force, what ends soon, and what happened, for people and for programs.
//!
//! It counts and lists. It weighs nothing and judges no one.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::event::Event;
use crate::extent::Extent;
use crate::id::{AgentId, DataType, Purpose, Revision};
use crate::ledger::ConsentLedger;
use crate::markdown::{Cell, head, row};
use crate::queries::{Counts, expiring};
use crate::record::{ConsentRecord, RecordKind};

/// What a report holds. The default: every agent, all of the past, and what ends within 30 days.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportOptions {
    /// Only what bears on this agent; what names no agent does.
    pub agent: Option<AgentId>,
    /// Only acts made at this instant or later are in the timeline.
    pub since: Option<OffsetDateTime>,
    /// Only acts made before this instant are in the timeline.
    pub until: Option<OffsetDateTime>,
    /// How far ahead an end is soon.
    pub expiring_within: Duration,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            agent: None,
            since: None,
            until: None,
            expiring_within: Duration::from_secs(30 * 86_400),
        }
    }
}

/// A consent report, from [`ConsentLedger::report`]. As JSON through `serde`, as Markdown through
/// [`to_markdown`](Self::to_markdown).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConsentReport {
    /// When it was made, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The latest act that was known.
    pub revision: Revision,
    /// How many consents have come to what.
    pub totals: Counts,
    /// The same for each agent, purpose and kind of data that a consent or a refusal names, in that order.
    pub rows: Vec<ReportRow>,
    /// The consents that end soon, the earliest end first, as [`ConsentLedger::expiring`] lists them.
    #[serde(serialize_with = "records")]
    pub expiring: Vec<Arc<ConsentRecord>>,
    /// What happened, in order.
    pub timeline: Vec<Event>,
}

/// The consents of one agent for one purpose to one kind of data. `None` is *every*.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReportRow {
    /// Which agent.
    pub agent: Option<AgentId>,
    /// What for.
    pub purpose: Option<Purpose>,
    /// Which data.
    pub data_type: Option<DataType>,
    /// How many have come to what.
    pub counts: Counts,
}

impl ConsentLedger {
    /// Reports on consent as it is now. It reads the whole history.
    ///
    /// ```
    /// # use consent::{ConsentGate, Grant, ReportOptions};
    /// # let (_, ledger) = ConsentGate::builder().build()?;
    /// ledger.record(Grant::new("bot".parse()?, "user".parse()?, "support".parse()?, "ada".parse()?))?;
    /// let report = ledger.report(&ReportOptions::default());
    /// assert_eq!(report.totals.in_force, 1);
    /// assert!(report.to_markdown().contains("| bot | support | user | 1 |"));
    /// # Ok::<(), consent::ConsentError>(())
    /// ```
    #[must_use]
    pub fn report(&self, options: &ReportOptions) -> ConsentReport {
        let at = self.now();
        let book = self.book(); // held for all of it: a report is of one revision
        let mut expiring = expiring(&book, at, options.expiring_within);
        expiring.retain(|record| options.wants(&record.extent));
        let mut totals = Counts::default();
        let mut rows: BTreeMap<_, Counts> = BTreeMap::new();
        for (record, state) in book.states(at) {
            let extent = &record.extent;
            if options.wants(extent) && record.kind != RecordKind::Withdrawn {
                let names = (&extent.agent, &extent.purpose, &extent.data_type);
                rows.entry(names).or_default().add(record, state);
                totals.add(record, state);
            }
        }
        let rows = rows.into_iter().map(|(names, counts)| ReportRow {
            agent: names.0.clone(),
            purpose: names.1.clone(),
            data_type: names.2.clone(),
            counts,
        });
        let events = book.after(Revision::ZERO).iter();
        ConsentReport {
            at,
            revision: book.revision(),
            totals,
            rows: rows.collect(),
            expiring,
            timeline: events.filter(|act| options.tells(act)).cloned().collect(),
        }
    }
}

impl ReportOptions {
    fn wants(&self, extent: &Extent) -> bool {
        match (&self.agent, &extent.agent) {
            (Some(wanted), Some(agent)) => wanted == agent,
            _ => true,
        }
    }

    fn tells(&self, event: &Event) -> bool {
        self.since.is_none_or(|since| event.at() >= since)
            && self.until.is_none_or(|until| event.at() < until)
            && event
                .record()
                .is_none_or(|record| self.wants(&record.extent))
    }
}

impl ConsentReport {
    /// The report as Markdown with tables (GFM). Whatever others chose, names and reasons, is escaped: it is text in its
    /// cell and nothing else.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        // A string takes whatever is written to it, and every time in a ledger has a year that can be written.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, f: &mut String) -> fmt::Result {
        writeln!(f, "# Consent report\n")?;
        writeln!(f, "At {}, revision {}.\n", time(self.at), self.revision)?;
        writeln!(f, "## Consents\n")?;
        head(
            f,
            &[
                "agent",
                "purpose",
                "data",
                "in force",
                "narrowed",
                "not yet valid",
                "expired",
                "superseded",
                "withdrawn",
                "refusals",
            ],
        )?;
        for line in &self.rows {
            let names = [
                name(line.agent.as_ref()),
                name(line.purpose.as_ref()),
                name(line.data_type.as_ref()),
            ];
            row(f, &[&names[..], &figures(line.counts)].concat())?;
        }
        let sums = ["**all**".to_owned(), String::new(), String::new()];
        row(f, &[&sums[..], &figures(self.totals)].concat())?;
        writeln!(f, "\n## Ending soon\n")?;
        head(
            f,
            &[
                "end",
                "agent",
                "data",
                "purpose",
                "subject",
                "operation",
                "given by",
                "record",
            ],
        )?;
        for record in &self.expiring {
            let end = record.expires_at.map(time).unwrap_or_default();
            let last = [name(record.by.as_ref()), record.record_id.to_string()];
            row(f, &[&[end][..], &names(&record.extent), &last].concat())?;
        }
        writeln!(f, "\n## Timeline\n")?;
        head(
            f,
            &[
                "revision",
                "at",
                "what",
                "agent",
                "data",
                "purpose",
                "subject",
                "operation",
                "by",
                "remarks",
            ],
        )?;
        for event in &self.timeline {
            let first = [event.revision().to_string(), time(event.at())];
            row(f, &[&first[..], &told(event)].concat())?;
        }
        Ok(())
    }
}

fn figures(counts: Counts) -> [String; 7] {
    [
        counts.in_force,
        counts.narrowed,
        counts.not_yet_valid,
        counts.expired,
        counts.superseded,
        counts.withdrawn,
        counts.refusals,
    ]
    .map(|count| count.to_string())
}

/// What happened, to what, by whom, and what else there is to say.
fn told(event: &Event) -> Vec<String> {
    let nothing = || names(&Extent::default()).map(|_| String::new());
    let (what, extent, by, remarks) = match event {
        Event::Recorded(record) => {
            let what = match record.renews {
                Some(_) => "renewed",
                None => record.kind.code(),
            };
            let by = record
                .by
                .as_ref()
                .map_or(String::new(), |by| name(Some(by)));
            (what, names(&record.extent), by, remarks(record))
        }
        Event::ClockAccepted(act) => {
            let remarks = Cell(&act.reason).to_string();
            ("clock accepted", nothing(), name(Some(&act.by)), remarks)
        }
        Event::NoticePublished(act) => {
            let renewal = if act.requires_renewal {
                "earlier consents end"
            } else {
                "earlier consents stay good"
            };
            let (notice, version) = (Cell(act.notice.as_str()), Cell(act.version.as_str()));
            let remarks = format!("{notice} {version}, {renewal}: {}", Cell(&act.reason));
            ("notice published", nothing(), name(Some(&act.by)), remarks)
        }
    };
    [&[what.to_owned()][..], &extent, &[by, remarks]].concat()
}

fn remarks(record: &ConsentRecord) -> String {
    let mut remarks = Vec::new();
    if let Some(from) = record.valid_from {
        remarks.push(format!("from {}", time(from)));
    }
    if let Some(end) = record.expires_at {
        remarks.push(format!("until {}", time(end)));
    }
    if let Some(notice) = &record.notice {
        let id = notice
            .id()
            .map_or(String::new(), |id| format!("{} ", Cell(id.as_str())));
        let version = Cell(notice.version().as_str());
        remarks.push(format!("notice {id}{version}"));
    }
    if let Some(method) = &record.method {
        remarks.push(format!("method {}", Cell(method.as_str())));
    }
    if let Some(authority) = &record.authority {
        let authority = Cell(authority.as_str());
        remarks.push(format!("on behalf of the subject, {authority}"));
    }
    if let Some(renewed) = record.renews {
        remarks.push(format!("renews {renewed}"));
    }
    remarks.join("; ")
}

fn names(extent: &Extent) -> [String; 5] {
    [
        name(extent.agent.as_ref()),
        name(extent.data_type.as_ref()),
        name(extent.purpose.as_ref()),
        name(extent.subject.as_ref()),
        name(extent.operation.as_ref()),
    ]
}

fn name<T: AsRef<str>>(id: Option<&T>) -> String {
    id.map_or_else(|| "*every*".to_owned(), |id| Cell(id.as_ref()).to_string())
}

fn time(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

fn records<S: Serializer>(
    records: &[Arc<ConsentRecord>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(records.iter().map(AsRef::as_ref))
}
