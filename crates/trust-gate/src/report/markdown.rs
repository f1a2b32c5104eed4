//! The report for people, as Markdown with GitHub's tables. Whatever agents and operators wrote stays text: it ends no
//! cell, makes no link, no heading and no HTML, and a mark of ours cannot be imitated.

use std::fmt::{self, Write};

use super::{Distribution, TimelineEntry, TrustReport};
use crate::approval::Approval;
use crate::explain::{AssignmentNow, When};
use crate::name::{AgentId, OperatorId};
use crate::plain::Plain;
use crate::scope::Scope;

impl TrustReport {
    /// The report as Markdown, everything that others wrote escaped. Allocates.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        Markdown(self).to_string()
    }
}

struct Markdown<'a>(&'a TrustReport);

impl fmt::Display for Markdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        writeln!(f, "# Trust report\n")?;
        writeln!(
            f,
            "- As of: {}, revision {}",
            When(report.at),
            report.revision
        )?;
        writeln!(
            f,
            "- Agent: {}",
            Or(report.agent.as_ref().map(name), "*all*")
        )?;
        writeln!(
            f,
            "- Window: {} to {}",
            Or(report.since.map(When), "*the beginning*"),
            Or(report.until.map(When), "*now*"),
        )?;

        writeln!(f, "\n## Levels\n")?;
        table(f, &["Scope", "L0", "L1", "L2", "L3", "L4", "L5"])?;
        for distribution in &report.levels {
            level_row(f, distribution)?;
        }
        writeln!(f, "\n## Assignments\n")?;
        assignments(f, &report.assignments)?;
        writeln!(f, "\n## Elevations\n")?;
        assignments(f, &report.elevations)?;
        writeln!(f, "\n## Open review\n")?;
        assignments(f, report.open_review.as_slice())?;

        writeln!(f, "\n## Open approvals\n")?;
        approvals(f, &report.open_approvals)?;
        writeln!(f, "\n## Approvals asked for in the window\n")?;
        table(f, &["State", "Count"])?;
        for (state, count) in report.approvals.by_state() {
            writeln!(f, "| {state} | {count} |")?;
        }

        writeln!(f, "\n## Timeline\n")?;
        timeline(f, &report.timeline)?;
        writeln!(f, "\n## Names\n")?;
        list(f, "Agents", report.agents.iter().map(AgentId::as_str))?;
        let scopes = report.scopes.iter().map(|scope| Place(Some(scope)));
        write_list(f, "Scopes", scopes)?;
        list(
            f,
            "Operators",
            report.operators.iter().map(OperatorId::as_str),
        )
    }
}

fn table(f: &mut fmt::Formatter<'_>, heads: &[&str]) -> fmt::Result {
    for head in heads {
        write!(f, "| {head} ")?;
    }
    f.write_str("|\n")?;
    for _ in heads {
        f.write_str("|---")?;
    }
    f.write_str("|\n")
}

fn level_row(f: &mut fmt::Formatter<'_>, distribution: &Distribution) -> fmt::Result {
    write!(f, "| {} |", Place(Some(&distribution.scope)))?;
    for count in &distribution.counts {
        write!(f, " {} |", count.agents)?;
    }
    f.write_char('\n')
}

fn assignments(f: &mut fmt::Formatter<'_>, records: &[AssignmentNow]) -> fmt::Result {
    if records.is_empty() {
        return f.write_str("None.\n");
    }
    table(
        f,
        &[
            "Act",
            "Agent",
            "Scope",
            "Kind",
            "Level",
            "Now",
            "Next fall",
            "Since",
            "By",
            "Reason",
        ],
    )?;
    for record in records {
        let assignment = &record.assignment;
        let fall = record
            .next_fall
            .map(|fall| format!("{} {}", fall.to, When(fall.at)));
        writeln!(
            f,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            assignment.revision,
            name(&assignment.agent),
            Place(Some(&assignment.scope)),
            assignment.kind.code().replace('_', " "),
            assignment.kind.level(),
            record.leaves,
            Or(fall, ""),
            When(assignment.assigned_at),
            By(Some(&assignment.assigned_by), assignment.second.as_ref()),
            Text(&assignment.reason),
        )?;
    }
    Ok(())
}

fn approvals(f: &mut fmt::Formatter<'_>, open: &[Approval]) -> fmt::Result {
    if open.is_empty() {
        return f.write_str("None.\n");
    }
    table(
        f,
        &[
            "Approval",
            "Agent",
            "Scope",
            "Tool",
            "State",
            "Approved by",
            "Of",
            "Asked at",
            "Runs out at",
        ],
    )?;
    for approval in open {
        writeln!(
            f,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            approval.id,
            name(&approval.agent),
            Place(Some(&approval.scope)),
            Text(approval.tool.as_str()),
            approval.state,
            approval.approved_by.len(),
            approval.approvers,
            When(approval.requested_at),
            When(approval.expires_at),
        )?;
    }
    Ok(())
}

fn timeline(f: &mut fmt::Formatter<'_>, entries: &[TimelineEntry]) -> fmt::Result {
    if entries.is_empty() {
        return f.write_str("None.\n");
    }
    table(
        f,
        &[
            "Act", "At", "What", "Agent", "Scope", "Tool", "Level", "By", "Reason",
        ],
    )?;
    for entry in entries {
        let level = entry
            .before
            .zip(entry.after)
            .map(|(before, after)| format!("{before} → {after}"));
        writeln!(
            f,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            entry.revision,
            When(entry.at),
            entry.act.replace('_', " "),
            Or(entry.agent.as_ref().map(name), ""),
            Place(entry.scope.as_ref()),
            Or(entry.tool.as_ref().map(|tool| Text(tool.as_str())), ""),
            Or(level, ""),
            By(entry.by.as_ref(), entry.second.as_ref()),
            Text(&entry.reason),
        )?;
    }
    Ok(())
}

fn list<'a>(
    f: &mut fmt::Formatter<'_>,
    head: &str,
    names: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    write_list(f, head, names.map(Text))
}

fn write_list(
    f: &mut fmt::Formatter<'_>,
    head: &str,
    items: impl Iterator<Item = impl fmt::Display>,
) -> fmt::Result {
    writeln!(f, "{head}:\n")?;
    let mut is_empty = true;
    for item in items {
        is_empty = false;
        writeln!(f, "- {item}")?;
    }
    f.write_str(if is_empty { "None.\n\n" } else { "\n" })
}

fn name(agent: &AgentId) -> Text<'_> {
    Text(agent.as_str())
}

/// What there is, or our own words for there being nothing.
struct Or<T>(Option<T>, &'static str);

impl<T: fmt::Display> fmt::Display for Or<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(there) => there.fmt(f),
            None => f.write_str(self.1),
        }
    }
}

/// A scope; the root in emphasis, which no scope's name can be in.
struct Place<'a>(Option<&'a Scope>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(scope) if scope.is_root() => f.write_str("*root*"),
            Some(scope) => Text(scope.as_str()).fmt(f),
            None => Ok(()),
        }
    }
}

/// One operator, or two.
struct By<'a>(Option<&'a OperatorId>, Option<&'a OperatorId>);

impl fmt::Display for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(by) = self.0 else {
            return f.write_str("*the agent*");
        };
        Text(by.as_str()).fmt(f)?;
        match self.1 {
            Some(second) => write!(f, " *and* {}", Text(second.as_str())),
            None => Ok(()),
        }
    }
}

/// What others wrote, as text and nothing but text.
///
/// What could end a cell or begin HTML becomes an entity, for splitters of tables do not agree about backslashes; other
/// punctuation gets a backslash (section 2.4 of the `CommonMark` specification), which also keeps `www.` and `https:` from
/// becoming links. A mail address stays text here; some viewers look for those in the finished page.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = Plain(self.0).to_string();
        let mut is_first = true;
        for character in plain.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '|' => f.write_str("&#124;")?,
                '\\' => f.write_str("&#92;")?,
                '-' | ',' | '/' | ';' | '\'' | '"' | '%' | '?' if !is_first => {
                    f.write_char(character)?;
                }
                _ if character.is_ascii_punctuation() => write!(f, "\\{character}")?,
                _ => f.write_char(character)?,
            }
            is_first = false;
        }
        Ok(())
    }
}
