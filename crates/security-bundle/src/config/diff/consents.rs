//! Consent: what is given must have been given before, and what is demanded must still be.

use consent::{Extent, Grant};
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{ConfigPart, Direction, Rows, patterns};
use crate::config::{ConfigError, ConsentToolRule, SecurityStackConfig};

pub(super) fn compare(
    old: &SecurityStackConfig,
    new: &SecurityStackConfig,
    rows: &mut Rows,
) -> Result<(), ConfigError> {
    if old.grants != new.grants {
        let (before, after) = (read(&old.grants)?, read(&new.grants)?);
        let without = |from: &[Consent], those: &[Consent]| -> Vec<String> {
            let lost = from
                .iter()
                .filter(|one| !those.iter().any(|other| other.covers(one)));
            lost.map(Consent::text).collect()
        };
        for text in without(&after, &before) {
            rows.push(
                ConfigPart::Consent,
                "consent.grants",
                Direction::Loosens,
                (None, Some(text)),
            );
        }
        for text in without(&before, &after) {
            rows.push(
                ConfigPart::Consent,
                "consent.grants",
                Direction::Tightens,
                (Some(text), None),
            );
        }
    }
    rules(old, new, rows);
    Ok(())
}

/// Each rule that matches is asked; one that is altered is one removed and one added.
fn rules(old: &SecurityStackConfig, new: &SecurityStackConfig, rows: &mut Rows) {
    let (before, after) = (&old.consent_tools, &new.consent_tools);
    for rule in before.iter().filter(|rule| !is_asked(after, rule)) {
        push(rows, Direction::Loosens, Some(rule), None);
    }
    // Where every action must name the data that it uses, a rule more is a way to do so.
    let direction = if old.mandatory.consent {
        Direction::Loosens
    } else {
        Direction::Tightens
    };
    for rule in after.iter().filter(|rule| !is_asked(before, rule)) {
        push(rows, direction, None, Some(rule));
    }
}

fn push(
    rows: &mut Rows,
    direction: Direction,
    old: Option<&ConsentToolRule>,
    new: Option<&ConsentToolRule>,
) {
    let subject = old.or(new).map_or("", |rule| rule.tool.as_str());
    let sides = (old.map(text), new.map(text));
    rows.push(
        ConfigPart::Consent,
        format!("calls of {subject}"),
        direction,
        sides,
    );
}

fn is_asked(rules: &[ConsentToolRule], rule: &ConsentToolRule) -> bool {
    rules.iter().any(|other| {
        let same = ConsentToolRule {
            tool: rule.tool.clone(),
            ..other.clone()
        };
        same == *rule && patterns::covers(other.tool.as_str(), rule.tool.as_str())
    })
}

fn text(rule: &ConsentToolRule) -> String {
    let mut text = format!("need consent to {}", rule.data_type);
    match &rule.purpose {
        Some(purpose) => text = format!("{text} for {purpose}"),
        None => text.push_str(" for every purpose"),
    }
    if let Some(subject) = &rule.subject {
        text = format!("{text} of {subject}");
    }
    if let Some(operation) = &rule.operation {
        text = format!("{text} to {operation}");
    }
    text
}

/// A grant, read from how it is written: it tells nothing of itself otherwise.
#[derive(Debug, Deserialize)]
struct Consent {
    extent: Extent,
    #[serde(with = "time::serde::rfc3339::option")]
    valid_from: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    /// The notice may lapse, and the authority be refused.
    notice: Value,
    authority: Value,
}

fn read(grants: &[Grant]) -> Result<Vec<Consent>, ConfigError> {
    let read = |grant: &Grant| serde_json::from_value(serde_json::to_value(grant)?);
    let told = |(index, grant)| {
        read(grant).map_err(|error: serde_json::Error| {
            ConfigError::at(format!("consent.grants[{index}]"), error)
        })
    };
    grants.iter().enumerate().map(told).collect()
}

/// What a grant gives, in words.
pub(super) fn text_of(grant: &Grant) -> Option<String> {
    let read = read(std::slice::from_ref(grant)).ok()?;
    read.first().map(Consent::text)
}

impl Consent {
    /// Whether it permits all that the other permits. Without a beginning it began when it was recorded: the old one before, the new
    /// one after any time that is still to come.
    fn covers(&self, other: &Self) -> bool {
        let begins = match (self.valid_from, other.valid_from) {
            (None, _) => true,
            (Some(begin), Some(other)) => begin <= other,
            (Some(_), None) => false,
        };
        let lasts = match (self.expires_at, other.expires_at) {
            (None, _) => true,
            (Some(end), Some(other)) => end >= other,
            (Some(_), None) => false,
        };
        self.extent.covers(&other.extent)
            && begins
            && lasts
            && self.notice == other.notice
            && self.authority == other.authority
    }

    fn text(&self) -> String {
        let Extent {
            agent,
            data_type,
            purpose,
            subject,
            operation,
            ..
        } = &self.extent;
        let name = |name: Option<&str>| name.unwrap_or("any").to_owned();
        let mut text = format!(
            "{} may use {}",
            name(agent.as_ref().map(AsRef::as_ref)),
            name(data_type.as_ref().map(AsRef::as_ref)),
        );
        match purpose {
            Some(purpose) => text = format!("{text} for {purpose}"),
            None => text.push_str(" for every purpose"),
        }
        if let Some(subject) = subject {
            text = format!("{text} of {subject}");
        }
        if let Some(operation) = operation {
            text = format!("{text} to {operation}");
        }
        if let Some(from) = self.valid_from {
            text = format!("{text}, from {}", date(from));
        }
        if let Some(end) = self.expires_at {
            text = format!("{text}, until {}", date(end));
        }
        text
    }
}

fn date(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}
