//! The answer to one question, and why.

use std::fmt;
use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::id::{DataType, RecordId, Revision};
use crate::mark::instant;
use crate::query::ConsentQuery;
use crate::record::ConsentRecord;

/// What to do with the action that was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an enforcer must not compile until it handles a new outcome"
)]
pub enum ConsentOutcome {
    /// A consent on record permits it.
    Permit,
    /// No consent permits it, but the gate is permissive and nothing forbids it.
    PermitByDefault,
    /// It must not happen.
    Deny(DenyReason),
}

/// Why there is no consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DenyReason {
    /// No record bears on the question.
    NoRecord,
    /// Part of what was asked for was withdrawn, and not given again.
    Withdrawn,
    /// Part of what was asked for was refused, and not given since.
    Refused,
    /// Consent was given and is over.
    Expired,
    /// Consent was given and does not yet begin.
    NotYetValid,
    /// Consent was given under a version of a notice that a later one superseded.
    NoticeSuperseded,
    /// Consent was given for other purposes only.
    PurposeNotCovered,
    /// Consent was given for named purposes only, and the query names none.
    PurposeMissing,
}

impl DenyReason {
    /// The reason as a stable machine code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoRecord => "no_record",
            Self::Withdrawn => "withdrawn",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::NoticeSuperseded => "notice_superseded",
            Self::PurposeNotCovered => "purpose_not_covered",
            Self::PurposeMissing => "purpose_missing",
        }
    }
}

/// The answer of a [`ConsentGate`](crate::ConsentGate) to one query.
#[derive(Debug, Clone)]
#[must_use = "an action that does not look at its decision is not governed"]
pub struct ConsentDecision {
    pub(crate) query: ConsentQuery,
    pub(crate) outcome: ConsentOutcome,
    pub(crate) record: Option<Arc<ConsentRecord>>,
    /// Which of the query's data types decided.
    pub(crate) nth: usize,
    /// The data types were granted by more than one grantor.
    pub(crate) several_grantors: bool,
    pub(crate) at: i64,
    pub(crate) revision: Revision,
}

impl ConsentDecision {
    /// Whether the action may happen.
    #[must_use]
    pub fn allowed(&self) -> bool {
        match self.outcome {
            ConsentOutcome::Permit | ConsentOutcome::PermitByDefault => true,
            ConsentOutcome::Deny(_) => false,
        }
    }

    /// What to do.
    #[must_use]
    pub fn outcome(&self) -> ConsentOutcome {
        self.outcome
    }

    /// The outcome as a stable machine code: `consent_granted`, `permissive_mode`, or a [`DenyReason::code`].
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.outcome {
            ConsentOutcome::Permit => "consent_granted",
            ConsentOutcome::PermitByDefault => "permissive_mode",
            ConsentOutcome::Deny(reason) => reason.code(),
        }
    }

    /// The outcome in words, rendered when it is displayed. Ids appear in it as they are.
    #[must_use]
    pub fn reason(&self) -> impl fmt::Display + '_ {
        Reason(self)
    }

    /// Whether permissive mode allowed what no consent permits.
    #[must_use]
    pub fn permissive(&self) -> bool {
        self.outcome == ConsentOutcome::PermitByDefault
    }

    /// The record that decided: the consent that permits, or what stands in the way. `None` where no record does.
    ///
    /// Of several data types it is the first one's, or the one's that decided otherwise.
    #[must_use]
    pub fn record(&self) -> Option<&ConsentRecord> {
        self.record.as_deref()
    }

    /// The id of [`record`](Self::record).
    #[must_use]
    pub fn record_id(&self) -> Option<RecordId> {
        self.record().map(ConsentRecord::record_id)
    }

    /// What was asked.
    #[must_use]
    pub fn query(&self) -> &ConsentQuery {
        &self.query
    }

    /// The instant at which it was judged, UTC: the gate's safe reading of its clock.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        instant(self.at)
    }

    /// The ledger's revision on which it was judged.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Turns a denial into an error, for those who want `?`.
    ///
    /// # Errors
    /// [`Denied`] unless the action is allowed.
    pub fn require(&self) -> Result<(), Denied> {
        if self.allowed() {
            Ok(())
        } else {
            Err(Denied(self.clone()))
        }
    }

    fn data_type(&self) -> Option<&DataType> {
        self.query.data_types().nth(self.nth)
    }
}

/// A denial as an error. It displays as the decision's reason.
#[derive(Debug, Clone)]
pub struct Denied(ConsentDecision);

impl Denied {
    /// The decision that denies.
    pub fn decision(&self) -> &ConsentDecision {
        &self.0
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.reason().fmt(f)
    }
}

impl std::error::Error for Denied {}

/// The texts of the design (consent, Check).
struct Reason<'a>(&'a ConsentDecision);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = self.0;
        match decision.outcome {
            ConsentOutcome::Permit => {
                write!(
                    f,
                    "Consent granted for agent '{}' to access ",
                    decision.query.agent_id()
                )?;
                for (nth, data_type) in decision.query.data_types().enumerate() {
                    write!(f, "{}'{data_type}'", if nth == 0 { "" } else { ", " })?;
                }
                self.purpose(f)?;
                if let Some(grantor) = decision.record().and_then(ConsentRecord::by) {
                    let others = if decision.several_grantors {
                        " and others"
                    } else {
                        ""
                    };
                    write!(f, " (granted by '{grantor}'{others})")?;
                }
                f.write_str(".")
            }
            ConsentOutcome::PermitByDefault => {
                f.write_str("No explicit consent record for agent ")?;
                self.access(f)?;
                f.write_str("; permissive mode allows by default.")
            }
            ConsentOutcome::Deny(reason) => {
                f.write_str("No valid consent record found for agent ")?;
                self.access(f)?;
                self.cause(reason, f)?;
                f.write_str(". Defaulting to deny.")
            }
        }
    }
}

impl Reason<'_> {
    fn access(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' accessing ", self.0.query.agent_id())?;
        if let Some(data_type) = self.0.data_type() {
            write!(f, "'{data_type}'")?;
        }
        self.purpose(f)
    }

    fn purpose(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.query.purpose_asked() {
            Some(purpose) => write!(f, " for purpose '{purpose}'"),
            None => f.write_str(" for any purpose"),
        }
    }

    /// What a denial adds to the plain text, from the record that stands in the way.
    fn cause(&self, reason: DenyReason, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(record) = self.0.record() else {
            return Ok(());
        };
        match reason {
            DenyReason::NoRecord => Ok(()),
            DenyReason::Withdrawn => act(f, "withdrawn", record),
            DenyReason::Refused => act(f, "refused", record),
            DenyReason::Expired => on(f, "expired", record.expires_at()),
            DenyReason::NotYetValid => on(f, "not valid before", record.valid_from()),
            DenyReason::NoticeSuperseded => {
                let Some(notice) = record.notice() else {
                    return Ok(());
                };
                let version = notice.version();
                write!(
                    f,
                    " (given under version '{version}' of a notice that was superseded)"
                )
            }
            DenyReason::PurposeNotCovered => f.write_str(" (granted for another purpose)"),
            DenyReason::PurposeMissing => {
                f.write_str(" (granted for named purposes only; name one)")
            }
        }
    }
}

fn act(f: &mut fmt::Formatter<'_>, verb: &str, record: &ConsentRecord) -> fmt::Result {
    write!(f, " ({verb}")?;
    if let Some(by) = record.by() {
        write!(f, " by '{by}'")?;
    }
    f.write_str(" at ")?;
    time(f, record.at())?;
    f.write_str(")")
}

fn on(f: &mut fmt::Formatter<'_>, what: &str, at: Option<OffsetDateTime>) -> fmt::Result {
    let Some(at) = at else { return Ok(()) };
    write!(f, " ({what} ")?;
    time(f, at)?;
    f.write_str(")")
}

fn time(f: &mut fmt::Formatter<'_>, at: OffsetDateTime) -> fmt::Result {
    f.write_str(&at.format(&Rfc3339).map_err(|_| fmt::Error)?)
}
