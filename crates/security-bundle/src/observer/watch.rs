//! One question's way through the stack, seen from beside it: everything that the pipeline itself has to say to observers.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use budget_enforcer::{BudgetError, Settlement};

use crate::action::Action;
use crate::core::Core;
use crate::decision::{Decision, Denied};
#[cfg(feature = "tracing")]
use crate::observer::spans;
use crate::observer::{Asked, DecisionSeen, EndSeen, Gauges, Observer};
use crate::permit::Permit;

/// Everybody who observes a stack.
#[derive(Default, Clone)]
pub(crate) struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    pub(crate) fn add(&mut self, observer: impl Observer) {
        self.0.push(Arc::new(observer));
    }

    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn of(observers: Vec<Box<dyn Observer>>) -> Self {
        Self(observers.into_iter().map(Arc::from).collect())
    }

    pub(crate) fn attached(core: &Arc<Core>) {
        core.observers
            .each(|observer| observer.attached(Gauges::of(core)));
    }

    pub(crate) fn lost(&self) {
        #[cfg(feature = "tracing")]
        spans::lost();
        self.each(Observer::lost);
    }

    /// One that panics changes nothing, for the others neither.
    fn each(&self, mut tell: impl FnMut(&dyn Observer)) {
        for observer in &self.0 {
            let told = catch_unwind(AssertUnwindSafe(|| tell(&**observer)));
            drop(told);
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observers").field(&self.0.len()).finish()
    }
}

/// Goes with a question to its answer, and with the permit to its end. Dropped before, it tells nobody.
#[derive(Debug)]
pub(crate) struct Watch {
    /// `None`: nobody looks, so nothing is measured.
    seen: Option<Seen>,
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

#[derive(Debug)]
struct Seen {
    observers: Arc<Observers>,
    action: Action,
    asked: Asked,
    /// The question, and later the permit.
    since: Instant,
}

impl Watch {
    /// One that sees nothing.
    pub(crate) const fn off() -> Self {
        Self {
            seen: None,
            #[cfg(feature = "tracing")]
            span: tracing::Span::none(),
        }
    }

    pub(crate) fn begin(observers: &Arc<Observers>, asked: Asked, action: &Action) -> Self {
        let watched = !observers.0.is_empty();
        #[cfg(feature = "tracing")]
        let span = spans::question(asked, action);
        #[cfg(feature = "tracing")]
        let watched = watched || !span.is_disabled();
        Self {
            seen: watched.then(|| Seen {
                observers: Arc::clone(observers),
                action: action.clone(),
                asked,
                since: now(),
            }),
            #[cfg(feature = "tracing")]
            span,
        }
    }

    /// The question has its final answer, and nothing comes after it.
    pub(crate) fn answered(mut self, decision: Decision) -> Decision {
        self.decided(&decision);
        decision
    }

    /// `authorize` has its final answer. The permit takes the watch along.
    pub(crate) fn permitted(mut self, answer: Result<Permit, Denied>) -> Result<Permit, Denied> {
        match answer {
            Ok(mut permit) => {
                self.decided(permit.decision());
                permit.watch = self;
                Ok(permit)
            }
            Err(denied) => {
                self.decided(denied.decision());
                Err(denied)
            }
        }
    }

    fn decided(&mut self, decision: &Decision) {
        let Some(seen) = &mut self.seen else {
            return;
        };
        let now = now();
        let told = DecisionSeen {
            action: &seen.action,
            decision,
            asked: seen.asked,
            took: now.saturating_duration_since(seen.since),
        };
        #[cfg(feature = "tracing")]
        {
            self.span = spans::answer(&self.span, &told);
        }
        seen.observers.each(|observer| observer.decided(&told));
        seen.since = now;
    }

    /// The permitted action has ended.
    pub(crate) fn ended(
        &self,
        decision: &Decision,
        ending: &'static str,
        booked: &Result<Option<Settlement>, BudgetError>,
    ) {
        let Some(seen) = &self.seen else {
            return;
        };
        let told = EndSeen {
            action: &seen.action,
            decision,
            ending,
            settlement: booked.as_ref().ok().and_then(Option::as_ref),
            ran: now().saturating_duration_since(seen.since),
        };
        #[cfg(feature = "tracing")]
        spans::end(&self.span, &told);
        seen.observers.each(|observer| observer.ended(&told));
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn span(&self) -> &tracing::Span {
        &self.span
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that measures durations; nothing is decided by them"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SecurityStack, SecurityStackConfig};

    struct Looks;
    impl Observer for Looks {}

    #[test]
    fn nothing_is_measured_where_nobody_looks() {
        let of = |stack: SecurityStack| {
            let action = stack.action("a").tool("t").build().unwrap();
            let watch = Watch::begin(&stack.core().observers, Asked::Evaluate, &action);
            watch.seen.is_some()
        };
        let builder = || SecurityStack::builder(SecurityStackConfig::default());
        assert!(!of(builder().build().unwrap()));
        assert!(of(builder().observer(Looks).build().unwrap()));
    }
}
