//! What one gate said about one action, so that "not asked" and "broken" cannot be mistaken for "yes".

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::decision::Stage;

/// One gate's part in a decision.
#[derive(Debug, Clone)]
pub(crate) enum Gate<T> {
    /// The action names nothing for it, and the configuration does not insist.
    Unasked,
    /// The action names nothing for it, though the configuration says that it must.
    Missing,
    /// It answered.
    Said(T),
    /// The action needs more than the agent's credential lets it have.
    Beyond,
    /// It panicked. A broken gate is closed.
    Broken,
}

impl<T> Gate<T> {
    /// Asks a gate, and survives its panic.
    pub(crate) fn ask(question: impl FnOnce() -> T) -> Self {
        // The gate is used again afterwards: each component keeps its own state whole across a panic, or refuses.
        catch_unwind(AssertUnwindSafe(question)).map_or(Self::Broken, Self::Said)
    }

    /// The answer for a gate that is not named: a refusal only where the configuration insists.
    pub(crate) fn unnamed(mandatory: bool) -> Self {
        if mandatory {
            Self::Missing
        } else {
            Self::Unasked
        }
    }

    pub(crate) fn said(&self) -> Option<&T> {
        match self {
            Self::Said(decision) => Some(decision),
            Self::Unasked | Self::Missing | Self::Beyond | Self::Broken => None,
        }
    }
}

/// The shape that the components' decisions share.
pub(crate) trait Answer {
    fn allowed(&self) -> bool;
    fn code(&self) -> &'static str;
    fn write_reason(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

macro_rules! answer {
    ($($decision:ty),*) => {$(
        impl Answer for $decision {
            fn allowed(&self) -> bool {
                self.allowed()
            }
            fn code(&self) -> &'static str {
                self.code()
            }
            fn write_reason(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.reason(), f)
            }
        }
    )*};
}
answer!(
    trust_gate::TrustDecision,
    budget_enforcer::BudgetDecision,
    consent::ConsentDecision
);

impl<T: Answer> Gate<T> {
    /// Whether it lets the action through.
    pub(crate) fn open(&self) -> bool {
        match self {
            Self::Unasked => true,
            Self::Said(decision) => decision.allowed(),
            Self::Missing | Self::Beyond | Self::Broken => false,
        }
    }

    /// The stable code, where it was asked.
    pub(crate) fn code(&self, stage: Stage) -> Option<&'static str> {
        match self {
            Self::Unasked => None,
            Self::Said(decision) => Some(decision.code()),
            Self::Missing => Some(match stage {
                Stage::Trust => "trust_required",
                Stage::Budget => "budget_required",
                _ => "consent_required",
            }),
            Self::Beyond => Some("beyond_credential"),
            Self::Broken => Some("internal_error"),
        }
    }

    /// The reason in words; nothing where it was not asked.
    pub(crate) fn write_reason(&self, stage: Stage, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unasked => Ok(()),
            Self::Said(decision) => decision.write_reason(f),
            Self::Missing => write!(
                f,
                "Every action must name something for the {stage} gate, and this one names nothing."
            ),
            Self::Beyond => f.write_str(
                "The action needs a higher level than the agent's credential lets it have.",
            ),
            Self::Broken => write!(f, "The {stage} gate failed, so the action is denied."),
        }
    }
}
