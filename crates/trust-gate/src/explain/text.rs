//! An explanation in plain sentences, a line each.

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Considered, DecidedBy, Explanation, Part};
use crate::assignment::AssignmentKind;
use crate::plain::Plain;
use crate::span;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", Plain(&self.reason))?;
        writeln!(f, "Decision: {}, by {}.", self.code, self.decided_by)?;
        self.write_policy(f)?;
        self.write_level(f)?;
        for considered in &self.records {
            writeln!(f, "{considered}")?;
        }
        match self.next_change {
            Some(change) => {
                writeln!(
                    f,
                    "The level next falls at {}, to {}.",
                    When(change.at),
                    change.to
                )?;
            }
            None => writeln!(f, "The level does not fall by itself.")?,
        }
        if let Some(approval) = self.approval {
            let operators = match approval.approvers.get() {
                1 => "operator",
                _ => "distinct operators",
            };
            writeln!(
                f,
                "Approval takes {} {operators}, within {} of the request.",
                approval.approvers,
                span::write(approval.ttl)
            )?;
        }
        write!(f, "As of revision {}, at {}.", self.revision, When(self.at))
    }
}

impl Explanation {
    fn write_policy(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.policy, self.required) {
            (Some(matched), Some(required)) => {
                let pattern = Plain(matched.policy.tool.as_str());
                write!(
                    f,
                    "Tool policy {}, '{pattern}', requires {}",
                    matched.position, required
                )?;
                if self.asked.is_some_and(|asked| asked == required) {
                    f.write_str(", which the code at the tool asked for")?;
                }
                match self.effect {
                    Some(effect) => writeln!(f, ", for the effect {}.", effect.code()),
                    None => writeln!(f, " and looks at no effect."),
                }
            }
            (_, Some(required)) => {
                writeln!(
                    f,
                    "No tool policy matches; the code at the tool requires {required}."
                )
            }
            (_, None) => writeln!(f, "No tool policy matches."),
        }
    }

    fn write_level(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Level: {}, by {}.", self.effective, self.level_by)?;
        if self.break_glass {
            writeln!(f, "The glass is broken.")?;
        }
        if let Some(most) = self.at_most {
            writeln!(f, "The agent's credential lets it have {most} at most.")?;
        }
        writeln!(
            f,
            "The default level is {}; the highest is {}.",
            self.default_level, self.max_level
        )
    }
}

impl fmt::Display for DecidedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPolicy => f.write_str("there being no tool policy"),
            Self::Quarantine { revision } => write!(f, "quarantine {revision}"),
            Self::Grant { revision } => write!(f, "grant {revision}"),
            Self::Tombstone { revision } => write!(f, "revocation {revision}"),
            Self::DefaultLevel => f.write_str("the default level"),
            Self::Cap { revision } => write!(f, "cap {revision}"),
            Self::MaxLevel => f.write_str("the gate's highest level"),
            Self::AtMost => f.write_str("the agent's credential"),
            Self::Elevation { revision } => write!(f, "elevation {revision}"),
            Self::EffectTable => f.write_str("what the level may do"),
            Self::ApprovalRule => f.write_str("the tool policy's approval rule"),
        }
    }
}

/// `Grant 3 on 'payments' gives L4 now, falls to L2 at …, by ops@example.com: pilot`
impl fmt::Display for Considered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = &self.record;
        let assignment = &record.assignment;
        let (name, verb) = match assignment.kind {
            AssignmentKind::Grant(_) => ("Grant", "gives"),
            AssignmentKind::Tombstone => ("Revocation", "leaves"),
            AssignmentKind::Cap(_) => ("Cap", "holds the level down to"),
            AssignmentKind::Quarantine => ("Quarantine", "leaves"),
            AssignmentKind::Elevation(_) => ("Elevation", "gives"),
            AssignmentKind::BreakGlass(_) => ("Broken glass", "gives"),
        };
        write!(f, "{name} {} on ", assignment.revision)?;
        if assignment.scope.is_root() {
            f.write_str("the root")?;
        } else {
            write!(f, "'{}'", Plain(assignment.scope.as_str()))?;
        }
        match self.part {
            Part::Counts => {}
            Part::Hidden => f.write_str(", hidden by a nearer one,")?,
            Part::Elsewhere => f.write_str(", which does not reach here,")?,
            Part::Over => f.write_str(", which is over,")?,
        }
        write!(f, " {verb} {}", record.leaves)?;
        match (record.next_fall, assignment.kind) {
            (Some(end), AssignmentKind::Elevation(_) | AssignmentKind::BreakGlass(_)) => {
                write!(f, " until {}", When(end.at))?;
            }
            (Some(fall), _) => write!(f, ", and {} from {}", fall.to, When(fall.at))?,
            (None, _) => {}
        }
        write!(f, "; by {}", Plain(assignment.assigned_by.as_str()))?;
        if let Some(second) = &assignment.second {
            write!(f, " and {}", Plain(second.as_str()))?;
        }
        if assignment.reason.is_empty() {
            f.write_str(", without a reason.")
        } else {
            write!(f, ", because '{}'.", Plain(&assignment.reason))
        }
    }
}

/// A time as RFC 3339 writes it.
pub(crate) struct When(pub(crate) OffsetDateTime);

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A year that RFC 3339 has no room for is still told somehow.
        match self.0.format(&Rfc3339) {
            Ok(text) => f.write_str(&text),
            Err(_) => self.0.fmt(f),
        }
    }
}
