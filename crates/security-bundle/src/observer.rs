//! Whoever wants to see what the stack decides, without having a say in it.

mod gauges;
#[cfg(any(feature = "metrics", feature = "opentelemetry"))]
mod labels;
#[cfg(feature = "opentelemetry")]
mod opentelemetry;
#[cfg(feature = "metrics")]
mod prometheus;
#[cfg(feature = "tracing")]
mod spans;
#[cfg(any(feature = "metrics", feature = "opentelemetry", feature = "tracing"))]
mod units;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use budget_enforcer::Settlement;

use crate::action::Action;
use crate::decision::Decision;

pub use self::gauges::{Gauges, Readings};
#[cfg(feature = "opentelemetry")]
pub use self::opentelemetry::OpenTelemetryMetrics;
#[cfg(feature = "metrics")]
pub use self::prometheus::Metrics;
pub(crate) use self::watch::{Observers, Watch};

/// Sees decisions and how permitted actions ended. Given to
/// [`SecurityStackBuilder::observer`](crate::SecurityStackBuilder::observer); without one nothing is measured.
///
/// It is called by the thread that decides, after everything is done and recorded, so it must be quick and must not call the stack
/// back. It changes nothing: a panic in it is caught, and whatever it does comes too late for the decision. What it sees is for
/// machines to count, not for the record: the audit log alone is complete. A call whose future is dropped before it is answered
/// is in the log and is not seen here.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use security_bundle::{DecisionSeen, Observer, SecurityStack, SecurityStackConfig};
///
/// #[derive(Default)]
/// struct Denials(AtomicU64);
///
/// impl Observer for Denials {
///     fn decided(&self, seen: &DecisionSeen<'_>) {
///         self.0.fetch_add(u64::from(!seen.decision.allowed()), Ordering::Relaxed);
///     }
/// }
///
/// let denials = Arc::new(Denials::default());
/// let stack = SecurityStack::builder(SecurityStackConfig::default())
///     .observer(Arc::clone(&denials))
///     .build()?;
/// let action = stack.action("my-agent").tool("erase").build()?;
/// assert!(!stack.evaluate_sync(&action).allowed());
/// assert_eq!(denials.0.load(Ordering::Relaxed), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Observer: Send + Sync + 'static {
    /// The stack is made, and this can be read off it at any time. Called once, before the first decision.
    fn attached(&self, gauges: Gauges) {
        drop(gauges);
    }

    /// A question was answered.
    fn decided(&self, seen: &DecisionSeen<'_>) {
        let _ = seen;
    }

    /// A permitted action has ended.
    fn ended(&self, seen: &EndSeen<'_>) {
        let _ = seen;
    }

    /// The log did not take an entry. [`Guard::losses`](crate::Guard::losses) counts them.
    fn lost(&self) {}
}

/// A question and its answer.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct DecisionSeen<'a> {
    /// What was asked about.
    pub action: &'a Action,
    /// The answer, as the caller gets it.
    pub decision: &'a Decision,
    /// Whether something is held for it.
    pub asked: Asked,
    /// From the question to the answer, waiting for the log included.
    pub took: Duration,
}

/// The end of a permitted action.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct EndSeen<'a> {
    /// What was permitted.
    pub action: &'a Action,
    /// The decision that permitted it, with the id that intent and outcome share in the log.
    pub decision: &'a Decision,
    /// `settled`, `failed`, `cancelled` or `abandoned`, as in the log.
    pub ending: &'static str,
    /// What the budget booked; `None` where the action charged nothing or never started.
    pub settlement: Option<&'a Settlement>,
    /// From the permit to its end.
    pub ran: Duration,
}

/// The two ways to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Asked {
    /// Without holding anything.
    Evaluate,
    /// For a permit.
    Authorize,
}

impl Asked {
    /// `evaluate` or `authorize`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evaluate => "evaluate",
            Self::Authorize => "authorize",
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// For an observer that somebody else reads from.
impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn attached(&self, gauges: Gauges) {
        (**self).attached(gauges);
    }

    fn decided(&self, seen: &DecisionSeen<'_>) {
        (**self).decided(seen);
    }

    fn ended(&self, seen: &EndSeen<'_>) {
        (**self).ended(seen);
    }

    fn lost(&self) {
        (**self).lost();
    }
}
