//! Reads the components' state back out of the log.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use audit_trail::{AuditError, AuditReader};
use consent::ConsentStore as _;
use trust_gate::TrustStore as _;

use super::line::{self, Line};

/// Why the log cannot be read back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    #[error(transparent)]
    Log(#[from] AuditError),
    #[error("entry {index} carries something that is no change of state: {problem}")]
    Line {
        index: u64,
        problem: serde_json::Error,
    },
    #[error("entry {index} does not follow from those before it: {problem}")]
    Misfit { index: u64, problem: String },
}

/// What the log says besides budgets, which read it themselves.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    pub(crate) trust: trust_gate::MemoryStore,
    pub(crate) consent: consent::MemoryStore,
    trust_at: trust_gate::Revision,
    consent_at: consent::Revision,
    /// The parts of configurations that were applied.
    pub(crate) applied: BTreeSet<String>,
    /// The configuration that was in force last.
    pub(crate) activated: Option<String>,
}

impl Restored {
    /// What a snapshot holds.
    pub(crate) fn of(
        trust: Vec<trust_gate::Event>,
        consent: Vec<consent::Event>,
        applied: Vec<String>,
        activated: Option<String>,
    ) -> Result<Self, RestoreError> {
        let mut restored = Self::default();
        let trust = trust.into_iter().map(Box::new).map(Line::Trust);
        let consent = consent.into_iter().map(Box::new).map(Line::Consent);
        let rest = applied.into_iter().map(Line::Applied);
        let rest = rest.chain(activated.map(Line::Activated));
        for line in trust.chain(consent).chain(rest) {
            let taken = restored.take(line);
            taken.map_err(|problem| RestoreError::Misfit { index: 0, problem })?;
        }
        Ok(restored)
    }

    /// Takes in what stands in this part of the log, where everything before is in here already.
    pub(crate) fn take_up(
        &mut self,
        reader: &AuditReader,
        part: Range<u64>,
    ) -> Result<(), RestoreError> {
        let mut misfit = None;
        let read = each_line(reader, part, |index, line| match self.take(line) {
            Ok(()) => true,
            Err(problem) => {
                misfit = Some(RestoreError::Misfit { index, problem });
                false
            }
        });
        match misfit {
            Some(misfit) => Err(misfit),
            None => read,
        }
    }

    fn take(&mut self, line: Line) -> Result<(), String> {
        match line {
            Line::Trust(event) => {
                let (at, number) = (self.trust_at, event.revision.as_u64());
                if number <= at.as_u64() {
                    let mut known = false;
                    let read = self.trust.replay(trust_gate::Revision::ZERO, &mut |other| {
                        known |= other == *event;
                        Ok(())
                    });
                    read.map_err(|error| error.to_string())?;
                    return repeated(known, number);
                }
                following(at.as_u64(), number)?;
                let taken = self.trust.append(at, std::slice::from_ref(&event));
                taken.map_err(|error| error.to_string())?;
                self.trust_at = event.revision;
            }
            Line::Consent(event) => {
                let (at, number) = (self.consent_at, event.revision().as_u64());
                if number <= at.as_u64() {
                    let mut known = false;
                    let read = self.consent.replay(consent::Revision::ZERO, &mut |other| {
                        known |= other == *event;
                        Ok(())
                    });
                    read.map_err(|error| error.to_string())?;
                    return repeated(known, number);
                }
                following(at.as_u64(), number)?;
                let taken = self.consent.append(at, std::slice::from_ref(&event));
                taken.map_err(|error| error.to_string())?;
                self.consent_at = event.revision();
            }
            Line::TrustMark(mark) => self.trust.keep_mark(mark).map_err(|e| e.to_string())?,
            Line::ConsentMark(mark) => self.consent.keep_mark(mark).map_err(|e| e.to_string())?,
            Line::Applied(digest) => {
                self.applied.insert(digest);
            }
            Line::Activated(digest) => self.activated = Some(digest),
            Line::Budget(_) => {}
        }
        Ok(())
    }
}

/// What a snapshot holds already may stand after the place from which the log is read; anything else under its number was
/// written by nobody who held the state.
fn repeated(known: bool, number: u64) -> Result<(), String> {
    if known {
        return Ok(());
    }
    Err(format!(
        "there is another act of revision {number} before it"
    ))
}

fn following(at: u64, number: u64) -> Result<(), String> {
    if at.checked_add(1) == Some(number) {
        return Ok(());
    }
    Err(format!("it is of revision {number}, after revision {at}"))
}

/// Hands over the changes of state that stand in this part of the log, in order, with their index, for as long as `each` says.
pub(super) fn each_line(
    reader: &AuditReader,
    part: Range<u64>,
    mut each: impl FnMut(u64, Line) -> bool,
) -> Result<(), RestoreError> {
    let mut tail = reader.tail(part.start);
    while let Some(record) = tail.next(Duration::ZERO)? {
        let index = record.index();
        if index >= part.end {
            break;
        }
        match line::read(&record) {
            Ok(None) => {}
            Ok(Some(line)) => {
                if !each(index, line) {
                    break;
                }
            }
            Err(problem) => return Err(RestoreError::Line { index, problem }),
        }
    }
    Ok(())
}
