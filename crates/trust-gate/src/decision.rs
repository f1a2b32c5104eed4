//! What the gate answers: an outcome, a stable code, and a text that is only written when somebody reads it.

use std::fmt;
use std::num::NonZeroU8;

use time::OffsetDateTime;

use crate::approval::ApprovalId;
use crate::event::Revision;
use crate::level::TrustLevel;
use crate::moment::Moment;
use crate::name::{AgentId, ToolName};
use crate::scope::Scope;

/// The answer to one request. Owned; cloning and making it allocate nothing.
#[derive(Debug, Clone)]
#[must_use = "a decision that nobody looks at guards nothing"]
pub struct TrustDecision {
    pub(crate) agent: AgentId,
    pub(crate) scope: Scope,
    pub(crate) outcome: TrustOutcome,
    pub(crate) effective: TrustLevel,
    pub(crate) required: Option<TrustLevel>,
    pub(crate) elevated: Option<Elevated>,
    pub(crate) particular: Option<Particular>,
    pub(crate) revision: Revision,
    pub(crate) at: Moment,
}

/// What only some answers have to tell, and never both at once. One field for the two keeps a denial as an error small.
#[derive(Debug, Clone)]
pub(crate) enum Particular {
    /// The tool that no policy names, of which the reason speaks.
    Unknown(ToolName),
    /// What was used up so that the call may run.
    Approved(ApprovalId),
}

/// What may happen now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[expect(
    clippy::exhaustive_enums,
    reason = "enforcers match on it: a new outcome must break their build"
)]
pub enum TrustOutcome {
    /// The call may run.
    Permit {
        /// What the caller owes for it.
        obligations: Obligations,
    },
    /// The call may run once operators have approved it.
    NeedsApproval {
        /// How many distinct operators.
        approvers: NonZeroU8,
    },
    /// The agent may propose the call but not make it.
    ProposeOnly,
    /// The call may not run, and its tool need not be shown.
    Deny(DenyReason),
}

/// Why a call was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DenyReason {
    /// The effective level is below the required one.
    TrustTooLow,
    /// The level is high enough for the tool, but not for what the tool does.
    EffectNotAllowed,
    /// No tool policy names the tool.
    UnknownTool,
    /// The agent is quarantined.
    Quarantined,
}

impl DenyReason {
    /// The stable snake-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TrustTooLow => "trust_too_low",
            Self::EffectNotAllowed => "effect_not_allowed",
            Self::UnknownTool => "unknown_tool",
            Self::Quarantined => "quarantined",
        }
    }
}

/// An elevation under which a decision was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Elevated {
    /// The act that gave it.
    pub revision: Revision,
    /// Whether the glass was broken, in an emergency and by two operators.
    pub break_glass: bool,
}

/// What a permitted call owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Obligations {
    report: bool,
}

impl Obligations {
    pub(crate) const NONE: Self = Self { report: false };
    pub(crate) const REPORT: Self = Self { report: true };

    /// The call is to be reported to an operator afterwards.
    #[must_use]
    pub const fn report(self) -> bool {
        self.report
    }

    /// Nothing is owed.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        !self.report
    }
}

impl TrustDecision {
    /// What may happen now.
    pub const fn outcome(&self) -> TrustOutcome {
        self.outcome
    }

    /// Whether the call may run now: true for [`TrustOutcome::Permit`] alone.
    #[must_use]
    pub const fn allowed(&self) -> bool {
        matches!(self.outcome, TrustOutcome::Permit { .. })
    }

    /// Whether the tool may be shown to the agent: what it may not run now it may still propose or ask for.
    #[must_use]
    pub const fn visible(&self) -> bool {
        !matches!(self.outcome, TrustOutcome::Deny(_))
    }

    /// The stable code: `sufficient`, `approved` where an approval was used up, `needs_approval`, `propose_only`, or that of the [`DenyReason`].
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.outcome {
            TrustOutcome::Permit { .. } if self.approval().is_some() => "approved",
            TrustOutcome::Permit { .. } => "sufficient",
            TrustOutcome::NeedsApproval { .. } => "needs_approval",
            TrustOutcome::ProposeOnly => "propose_only",
            TrustOutcome::Deny(reason) => reason.code(),
        }
    }

    /// The reason as a sentence, written when it is displayed.
    #[must_use]
    pub const fn reason(&self) -> impl fmt::Display + '_ {
        Reason(self)
    }

    /// Who asked.
    #[must_use]
    pub const fn agent(&self) -> &AgentId {
        &self.agent
    }

    /// Where.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The level the agent has there, when everything is taken into account.
    #[must_use]
    pub const fn effective(&self) -> TrustLevel {
        self.effective
    }

    /// The level that was asked for; `None` for an unknown tool.
    #[must_use]
    pub const fn required(&self) -> Option<TrustLevel> {
        self.required
    }

    /// The elevation that was active there, whether the call needed it or not.
    #[must_use]
    pub const fn elevated(&self) -> Option<Elevated> {
        self.elevated
    }

    /// Whether the glass was broken for the agent there: every decision meanwhile carries this mark.
    #[must_use]
    pub const fn break_glass(&self) -> bool {
        matches!(self.elevated, Some(elevated) if elevated.break_glass)
    }

    /// The approval that was used up so that the call may run.
    #[must_use]
    pub const fn approval(&self) -> Option<ApprovalId> {
        match self.particular {
            Some(Particular::Approved(approval)) => Some(approval),
            _ => None,
        }
    }

    /// The last administrative act that this takes into account.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// The reading on which it was judged.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        self.at.to_datetime()
    }

    /// The decision as a result, for those who want `?`.
    ///
    /// # Errors
    /// [`Denied`], which carries the decision, unless the call may run now.
    pub fn require(self) -> Result<(), Denied> {
        if self.allowed() {
            Ok(())
        } else {
            Err(Denied(self))
        }
    }
}

/// A call that may not run now.
#[derive(Debug, Clone)]
pub struct Denied(TrustDecision);

impl Denied {
    /// The decision.
    pub const fn decision(&self) -> &TrustDecision {
        &self.0
    }

    /// Its code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.0.code()
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.reason().fmt(f)
    }
}

impl std::error::Error for Denied {}

/// The texts, with the first two exactly as the Python face shows them (design: trust-gate, Decision).
struct Reason<'a>(&'a TrustDecision);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = self.0;
        if let Some(Particular::Unknown(tool)) = &decision.particular {
            return write!(f, "Tool '{tool}' is not named by any tool policy.");
        }
        write!(f, "Agent '{}'", decision.agent)?;
        if !decision.scope.is_root() {
            write!(f, " in scope '{}'", decision.scope)?;
        }
        if decision.outcome == TrustOutcome::Deny(DenyReason::Quarantined) {
            return f.write_str(" is quarantined until an operator lifts it.");
        }
        write!(f, " has trust level {}", Level(decision.effective))?;
        let required = Level(decision.required.unwrap_or_default());
        match decision.outcome {
            TrustOutcome::Permit { .. } => {
                write!(f, ", which satisfies the required level {required}")?;
                match decision.approval() {
                    Some(approval) => {
                        write!(f, ", and approval {approval} lets the call run once.")
                    }
                    None => f.write_str("."),
                }
            }
            TrustOutcome::NeedsApproval { approvers } => {
                let operators = if approvers == NonZeroU8::MIN {
                    "operator"
                } else {
                    "operators"
                };
                write!(
                    f,
                    ", which satisfies the required level {required}, but the call needs approval by {approvers} {operators} first."
                )
            }
            TrustOutcome::ProposeOnly => {
                write!(
                    f,
                    ", which satisfies the required level {required}, but such a call may only be proposed."
                )
            }
            TrustOutcome::Deny(DenyReason::EffectNotAllowed) => {
                write!(
                    f,
                    ", which satisfies the required level {required}, but is too low for what the tool does."
                )
            }
            TrustOutcome::Deny(_) => write!(f, ", which is below the required level {required}."),
        }
    }
}

/// `Suggest (2)`
struct Level(TrustLevel);

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.label(), self.0.as_u8())
    }
}
