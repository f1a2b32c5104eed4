//! The enforcing handle: it answers questions, and has no method that gives or takes consent.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use time::OffsetDateTime;

use crate::builder::ConsentBuilder;
use crate::clock::Timepiece;
use crate::config::ConsentConfig;
use crate::decide::judge_all;
use crate::decision::ConsentDecision;
use crate::explain::{Explanation, explain};
use crate::id::Revision;
use crate::index::Index;
use crate::mark::{Mark, instant, nanos};
use crate::query::ConsentQuery;
use crate::rules::View;
use crate::store::{ClockMark, ConsentStore};

/// Checks whether there is consent. Cheap to clone, to be given to the code that an agent drives.
///
/// It cannot give consent:
/// ```compile_fail,E0599
/// # fn f(gate: consent::ConsentGate, grant: consent::Grant) {
/// gate.record(grant);
/// # }
/// ```
/// nor does it lead to anything that can:
/// ```compile_fail,E0599
/// # fn f(gate: consent::ConsentGate) {
/// gate.ledger();
/// # }
/// ```
///
/// # Concurrency
/// A check takes no lock, does not wait and allocates nothing. It sees every act that was acknowledged before it began.
/// Once a minute, and when it first tells of a lapse, it hands the store a [`ClockMark`] to keep.
#[derive(Clone)]
pub struct ConsentGate(pub(crate) Arc<Shared>);

/// What both handles share. With the store it keeps the time; only the ledger writes acts.
pub(crate) struct Shared {
    pub(crate) published: ArcSwap<Published>,
    pub(crate) clock: Timepiece,
    pub(crate) store: Box<dyn ConsentStore>,
    pub(crate) config: ConsentConfig,
}

/// One consistent view for one decision.
pub(crate) struct Published {
    pub(crate) index: Index,
    pub(crate) mark: Arc<Mark>,
}

impl ConsentGate {
    /// Starts making a gate and its ledger.
    pub fn builder() -> ConsentBuilder {
        ConsentBuilder::new()
    }

    /// Answers one query, now.
    pub fn check(&self, query: &ConsentQuery) -> ConsentDecision {
        self.ask(query, self.0.clock.wall())
    }

    /// Answers one query at a wall time that the caller has read, so that one reading can serve several gates.
    ///
    /// Elapsed time is still the gate's own, and so is its memory: a `wall` earlier than what this gate has already
    /// seen, or knows to have passed, counts as that later instant. So no lapsed consent revives.
    ///
    /// A later `wall` is believed as the clock's own reading is, by every check from then on: consent that is to begin
    /// begins, and what ends by then is over. So it must come from a clock, never from an agent.
    pub fn check_at(&self, query: &ConsentQuery, wall: OffsetDateTime) -> ConsentDecision {
        self.ask(query, nanos(wall))
    }

    fn ask(&self, query: &ConsentQuery, wall: i64) -> ConsentDecision {
        let published = self.0.published.load();
        let index = &published.index;
        let view = index.view(query.agent_id(), query.subject_asked());
        let now = self.0.time_for(&published.mark, &view, wall);
        let (decision, lapsed_at) = judge_all(&view, index.revision, self.0.config, query, now);
        if let Some(lapsed_at) = lapsed_at {
            self.0.saw_lapse(&published.mark, lapsed_at);
        }
        decision
    }

    /// Answers one query, now, and says why: every rule that was looked at, and when the answer will change by itself.
    ///
    /// The decision is the one that [`check`](Self::check) makes. It allocates, and its cost grows with the square of
    /// the agent's consents: it is for people, not for the path of an action.
    ///
    /// ```
    /// # use consent::{ConsentGate, ConsentQuery, Finding, Grant};
    /// # let (gate, ledger) = ConsentGate::builder().build()?;
    /// ledger.record(Grant::new("bot".parse()?, "user".parse()?, "support".parse()?, "ada".parse()?))?;
    /// let query = ConsentQuery::new("bot".parse()?, "user".parse()?).purpose("marketing".parse()?);
    /// let explanation = gate.explain(&query);
    /// assert_eq!(explanation.code, "purpose_not_covered");
    /// assert_eq!(explanation.data[0].rules[0].finding, Finding::OtherPurpose);
    /// # Ok::<(), consent::ConsentError>(())
    /// ```
    pub fn explain(&self, query: &ConsentQuery) -> Explanation {
        self.explain_at(query, self.0.clock.now())
    }

    /// Like [`explain`](Self::explain), at a wall time that the caller has read, as in [`check_at`](Self::check_at).
    pub fn explain_at(&self, query: &ConsentQuery, wall: OffsetDateTime) -> Explanation {
        let published = self.0.published.load();
        let now = self.0.read_at(&published.mark, nanos(wall));
        let (explanation, lapsed_at) = explain(&published.index, self.0.config, query, now);
        if let Some(lapsed_at) = lapsed_at {
            self.0.saw_lapse(&published.mark, lapsed_at);
        }
        explanation
    }

    /// The revision of the latest act that a check now would see. It does not block.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.0.published.load().index.revision
    }

    /// The safe reading of the clock that a check now would use, UTC.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        instant(self.0.read())
    }
}

impl fmt::Debug for ConsentGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsentGate")
            .field("revision", &self.revision())
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn read(&self) -> i64 {
        self.read_at(&self.published.load().mark, self.clock.wall())
    }

    /// The reading on which to judge by these rules. Where time does not bear on them, elapsed time is asked once a
    /// millisecond; but each time of a clock that was handed in, for such a one can be set to the very same instant.
    #[inline]
    fn time_for(&self, mark: &Mark, view: &View<'_>, wall: i64) -> i64 {
        let may_glance = !view.timed && self.clock.is_system();
        let glanced = may_glance.then(|| mark.glance(wall)).flatten();
        glanced.unwrap_or_else(|| self.read_at(mark, wall))
    }

    fn read_at(&self, mark: &Mark, wall: i64) -> i64 {
        let elapsed = self.clock.elapsed();
        let reading = mark.read(wall, elapsed);
        if let Some(at) = mark.due(reading, wall, elapsed) {
            self.keep_mark(mark, at);
        }
        reading
    }

    /// A lapse that was told of is not undone, in this process or the next.
    fn saw_lapse(&self, mark: &Mark, lapsed_at: i64) {
        mark.keep(lapsed_at);
        if !mark.is_stored(lapsed_at) {
            self.keep_mark(mark, lapsed_at);
        }
    }

    fn keep_mark(&self, mark: &Mark, at: i64) {
        // What cannot be stored stands in memory, and is offered again by the next check to which it matters.
        if self
            .store
            .keep_mark(ClockMark {
                epoch: mark.epoch,
                at: instant(at),
            })
            .is_ok()
        {
            mark.has_stored(at);
        }
    }
}
