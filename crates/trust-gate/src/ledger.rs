//! What both handles share: the present state, the clock, and the one way in which an act changes the state.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::act::Act;
use crate::agent::{Found, Standing};
use crate::approval::{Approval, ApprovalError, ApprovalId, ApprovalState, Bell, Board};
use crate::clock::Timepiece;
use crate::config::{Rules, TrustGateConfig};
use crate::error::TrustError;
use crate::event::{Event, HistoryFilter, Revision};
use crate::moment::Moment;
use crate::name::{AgentId, OperatorId};
use crate::scope::Scope;
use crate::snapshot::{Snapshot, corrupt};
use crate::store::{ClockMark, StoreError, TrustStore};
use crate::timeline::Timeline;

pub(crate) struct Ledger {
    clock: Timepiece,
    store: Box<dyn TrustStore>,
    present: ArcSwap<Present>,
    writer: Mutex<Writer>,
    /// Changed by whoever holds the writer, and held by nobody for long.
    board: Mutex<Board>,
    pub(crate) bell: Arc<Bell>,
}

/// The state that decisions read, with the time they read it by.
#[derive(Debug, Clone)]
pub(crate) struct Present {
    pub(crate) snapshot: Snapshot,
    pub(crate) timeline: Arc<Timeline>,
}

/// How far the store has followed.
#[derive(Debug)]
struct Writer {
    /// The newest act, in the store or not.
    last: Revision,
    stored: Revision,
    /// In force in memory, not yet in the store.
    unstored: Vec<Event>,
}

/// What a draft comes to.
#[derive(Debug)]
pub(crate) enum Step<T> {
    /// This is to be done.
    Do(Act),
    /// There is nothing to do, and why.
    Nothing(T),
}

/// What came of a draft.
#[derive(Debug)]
pub(crate) enum Done<T> {
    Event(Box<Event>),
    Nothing(T),
}

/// The time of an act.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// The safe reading.
    pub(crate) at: Moment,
    /// What the clock says.
    pub(crate) wall: Moment,
}

/// Whether an act may raise the level of the agent it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "input: it may or it may not")]
pub enum Raise {
    /// Refuse the act if it would.
    Refuse,
    /// The operator means it.
    Allow,
}

impl Ledger {
    /// Replays the store, then sets the rules if they are not the ones in force. Without rules, those in force stay; where
    /// there are none, the default ones are set.
    pub(crate) fn open(
        clock: Timepiece,
        store: Box<dyn TrustStore>,
        config: Option<TrustGateConfig>,
        by: &OperatorId,
    ) -> Result<Self, TrustError> {
        let config = config.map(Rules::new).transpose()?;
        let (snapshot, board, last) = replay(&*store)?;
        let (epoch, accepted) = snapshot.accepted.unzip();
        let epoch = epoch.unwrap_or_default();
        let kept = store
            .mark()?
            .filter(|mark| mark.epoch == epoch)
            .map(|mark| mark.at.into());
        let timeline = Timeline::new(epoch, kept.max(accepted), clock.wall(), clock.elapsed());
        let writer = Writer {
            last,
            stored: last,
            unstored: Vec::new(),
        };
        let is_configured = snapshot.policy > Revision::ZERO;
        let to_set = match config {
            None if is_configured => None,
            None => Some(TrustGateConfig::default()),
            Some(rules) => {
                let is_set = is_configured && snapshot.rules.config == rules.config;
                (!is_set).then_some(rules.config)
            }
        };
        let ledger = Self {
            clock,
            store,
            present: ArcSwap::from_pointee(Present {
                snapshot,
                timeline: Arc::new(timeline),
            }),
            writer: Mutex::new(writer),
            board: Mutex::new(board),
            bell: Arc::default(),
        };
        // The mark moves up to here at once: whoever opens the gate next begins no earlier.
        ledger.reading(&ledger.present(), ledger.wall());
        if let Some(config) = to_set {
            let reason = "configuration at start";
            ledger.act(by, reason, Raise::Allow, |_, _| {
                Ok(Act::Configure {
                    config: Box::new(config),
                })
            })?;
        }
        Ok(ledger)
    }

    #[inline]
    pub(crate) fn present(&self) -> arc_swap::Guard<Arc<Present>> {
        self.present.load()
    }

    #[inline]
    pub(crate) fn wall(&self) -> Moment {
        self.clock.wall()
    }

    /// The safe reading for a wall time.
    pub(crate) fn reading(&self, present: &Present, wall: Moment) -> Moment {
        let elapsed = self.clock.elapsed();
        let timeline = &*present.timeline;
        let at = timeline.read(wall, elapsed);
        if let Some(mark) = timeline.worth_storing(wall, elapsed) {
            self.keep(timeline, mark);
        }
        at
    }

    /// How an agent stands in a scope, and the reading on which that was found. What is seen to have fallen stays so.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "measured: what it returns is large, and copying that is a tenth of a check"
    )]
    pub(crate) fn standing<'p>(
        &self,
        present: &'p Present,
        agent: &AgentId,
        scope: &Scope,
        wall: Moment,
    ) -> (Standing<'p>, Moment) {
        let found = present.snapshot.find(agent, scope);
        let at = self.time_for(present, &found, wall);
        let standing = found.at(at);
        self.saw(&present.timeline, standing.fell_at);
        (standing, at)
    }

    /// The reading on which to judge what was found. Of what time does not change it asks no more than it must.
    #[inline]
    fn time_for(&self, present: &Present, found: &Found<'_>, wall: Moment) -> Moment {
        if found.is_timeless()
            && let Some(at) = present.timeline.glance(wall)
        {
            return at;
        }
        self.reading(present, wall)
    }

    /// Performs one act of an operator: `draft` says which, looking at the state it acts on and the time. Blocks while
    /// another act or the store takes its time.
    pub(crate) fn act(
        &self,
        by: &OperatorId,
        reason: &str,
        raise: Raise,
        draft: impl FnOnce(&Snapshot, Now) -> Result<Act, TrustError>,
    ) -> Result<Event, TrustError> {
        let done = self.step::<Infallible>(Some(by), reason, raise, |present, now| {
            draft(&present.snapshot, now).map(Step::Do)
        })?;
        match done {
            Done::Event(event) => Ok(*event),
            Done::Nothing(never) => match never {},
        }
    }

    /// Performs one act, if the draft finds that there is one to perform.
    ///
    /// What narrows is in force before the store is asked, and stays so if the store fails; anything else is in force
    /// only once it is stored.
    pub(crate) fn step<T>(
        &self,
        by: Option<&OperatorId>,
        reason: &str,
        raise: Raise,
        draft: impl FnOnce(&Present, Now) -> Result<Step<T>, TrustError>,
    ) -> Result<Done<T>, TrustError> {
        check_reason(reason)?;
        let done = self.step_alone(by, reason, raise, draft);
        let event = match &done {
            Ok(Done::Event(event)) | Err(TrustError::NotStored { event, .. }) => Some(event),
            Ok(Done::Nothing(_)) | Err(_) => None,
        };
        if event.is_some_and(|event| event.act.is_about_approval()) {
            // Only now that nothing is locked: whoever is woken may act at once, on this very thread.
            self.bell.ring();
        }
        done
    }

    /// The same while nobody else acts.
    fn step_alone<T>(
        &self,
        by: Option<&OperatorId>,
        reason: &str,
        raise: Raise,
        draft: impl FnOnce(&Present, Now) -> Result<Step<T>, TrustError>,
    ) -> Result<Done<T>, TrustError> {
        let (mut writer, poisoned) = match self.writer.lock() {
            Ok(writer) => (writer, false),
            Err(poison) => (poison.into_inner(), true),
        };
        let present = self.present.load_full();
        let wall = self.clock.wall();
        let at = self.reading(&present, wall);
        let act = match draft(&present, Now { at, wall })? {
            Step::Do(act) => act,
            Step::Nothing(why) => return Ok(Done::Nothing(why)),
        };
        let narrows = act.narrows();
        if poisoned && !narrows {
            return Err(TrustError::Poisoned);
        }
        let mut event = Event {
            revision: writer.last.next()?,
            at: at.to_datetime(),
            by: by.cloned(),
            reason: reason.to_owned(),
            act,
            before: None,
            after: None,
        };
        let next = self.next(&mut event, &present, Now { at, wall }, raise)?;

        if narrows {
            self.enforce(&mut writer, &event, next)?;
            writer.unstored.push(event.clone());
            let stored = if poisoned {
                Err(StoreError::failed(TrustError::Poisoned))
            } else {
                self.catch_up(&mut writer)
            };
            if let Err(source) = stored {
                let event = Box::new(event);
                return Err(TrustError::NotStored { event, source });
            }
        } else {
            self.catch_up(&mut writer)?;
            self.store
                .append(writer.stored, std::slice::from_ref(&event))?;
            writer.stored = event.revision;
            self.enforce(&mut writer, &event, next)?;
        }
        Ok(Done::Event(Box::new(event)))
    }

    /// The state after an act, unless it is about an approval, which leaves levels and rules as they are.
    fn next(
        &self,
        event: &mut Event,
        present: &Present,
        now: Now,
        raise: Raise,
    ) -> Result<Option<Present>, TrustError> {
        if event.act.is_about_approval() {
            return Ok(None);
        }
        let mut next = Present::clone(present);
        next.snapshot.apply(event)?;
        self.compare(event, present, &next, now.at, raise)?;
        if let Act::AcceptClock { to, .. } = event.act {
            let to = Some(Moment::from(to));
            let elapsed = self.clock.elapsed();
            next.timeline = Arc::new(Timeline::new(event.revision, to, now.wall, elapsed));
        }
        Ok(Some(next))
    }

    /// Makes an act count.
    fn enforce(
        &self,
        writer: &mut Writer,
        event: &Event,
        next: Option<Present>,
    ) -> Result<(), TrustError> {
        match next {
            Some(next) => self.present.store(Arc::new(next)),
            None => self.board().apply(event)?,
        }
        writer.last = event.revision;
        Ok(())
    }

    /// All approvals. Nobody keeps it while a store or a clock is asked, or while the bell is held by another.
    pub(crate) fn board(&self) -> MutexGuard<'_, Board> {
        // Each act changes it whole or not at all.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The approval of this number as it is at that time, to be acted on.
    pub(crate) fn approval(&self, id: ApprovalId, now: Now) -> Result<Approval, TrustError> {
        let approval = self.board().get(id).map(|one| one.seen_at(now.at));
        let approval = approval.ok_or(ApprovalError::NotFound(id))?;
        self.told(&approval);
        Ok(approval)
    }

    /// That an approval's time was up, once somebody has been told, stays so, whatever the clock does.
    pub(crate) fn told(&self, approval: &Approval) {
        if approval.state == ApprovalState::Expired {
            self.saw(&self.present().timeline, approval.expires_at.into());
        }
    }

    /// Whether an approval is pending though its time is up.
    pub(crate) fn has_overdue_approvals(&self) -> bool {
        let at = self.reading(&self.present(), self.wall());
        self.board().has_overdue(at)
    }

    /// Tries again to store what is in force but not stored.
    pub(crate) fn flush(&self) -> Result<(), TrustError> {
        let mut writer = self.writer.lock().map_err(|_| TrustError::Poisoned)?;
        Ok(self.catch_up(&mut writer)?)
    }

    /// Every event wanted, those included that are in force but not stored.
    pub(crate) fn history(&self, filter: &HistoryFilter) -> Result<Vec<Event>, TrustError> {
        let unstored = {
            // What a panicking store left behind is still whole: events join `unstored` one at a time.
            let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.unstored.clone()
        };
        // Nobody has to wait with a quarantine until somebody else has read all of the history.
        let (mut events, mut last) = (Vec::new(), filter.after);
        self.store.replay(filter.after, &mut |event| {
            last = event.revision;
            if filter.wants(&event) {
                events.push(event);
            }
            Ok(())
        })?;
        // Those that were stored meanwhile have been read.
        let unstored = unstored.into_iter().filter(|event| event.revision > last);
        events.extend(unstored.filter(|event| filter.wants(event)));
        Ok(events)
    }

    /// Stores what is in force but not stored.
    fn catch_up(&self, writer: &mut Writer) -> Result<(), StoreError> {
        if let Some(last) = writer.unstored.last() {
            let revision = last.revision;
            self.store.append(writer.stored, &writer.unstored)?;
            writer.stored = revision;
            writer.unstored.clear();
        }
        Ok(())
    }

    /// Notes the levels before and after, and refuses what would raise one without leave.
    fn compare(
        &self,
        event: &mut Event,
        present: &Present,
        next: &Present,
        at: Moment,
        raise: Raise,
    ) -> Result<(), TrustError> {
        let Some((agent, scope)) = event.act.subject() else {
            return Ok(());
        };
        let before = present.snapshot.find(agent, scope).at(at);
        let after = next.snapshot.find(agent, scope).at(at);
        self.saw(&present.timeline, before.fell_at.max(after.fell_at));
        // An elevation must not hide what the act does to the scopes within, or to what comes after it.
        let raised = [
            (before.effective, after.effective),
            (before.lasting(), after.lasting()),
        ]
        .into_iter()
        .find(|(from, to)| to > from);
        if let Some((from, to)) = raised.filter(|_| raise == Raise::Refuse) {
            return Err(TrustError::WouldRaise {
                agent: agent.to_string(),
                scope: scope.to_string(),
                from,
                to,
            });
        }
        if event.act.must_raise() && after.effective <= before.effective {
            return Err(TrustError::RaisesNothing {
                agent: agent.to_string(),
                scope: scope.to_string(),
                effective: before.effective,
            });
        }
        event.before = Some(before.effective);
        event.after = Some(after.effective);
        Ok(())
    }

    /// A fall that was seen cannot be unseen, in this process or the next.
    #[inline]
    pub(crate) fn saw(&self, timeline: &Timeline, fell_at: Moment) {
        timeline.advance(fell_at);
        if timeline.must_store(fell_at) {
            self.keep(timeline, fell_at);
        }
    }

    fn keep(&self, timeline: &Timeline, at: Moment) {
        // A mark that cannot be stored still stands in memory, and is offered again at the next occasion.
        if self
            .store
            .keep_mark(ClockMark {
                epoch: timeline.epoch,
                at: at.to_datetime(),
            })
            .is_ok()
        {
            timeline.has_stored(at);
        }
    }
}

/// What the acts of a journal add up to, and the last of them.
fn replay(store: &dyn TrustStore) -> Result<(Snapshot, Board, Revision), TrustError> {
    let (mut snapshot, mut board) = (Snapshot::empty()?, Board::default());
    let mut last = Revision::ZERO;
    let mut refused = None;
    let mut fold = |event: &Event| {
        if last.next()? != event.revision {
            return Err(corrupt(event, "the events are not numbered in sequence"));
        }
        last = event.revision;
        snapshot.apply(event)?;
        board.apply(event)
    };
    let replayed = store.replay(Revision::ZERO, &mut |event| {
        fold(&event).map_err(|error| {
            refused = Some(error);
            StoreError::failed("an event was refused")
        })
    });
    match refused {
        Some(error) => Err(error),
        None => Ok(replayed.map(|()| (snapshot, board, last))?),
    }
}

pub(crate) fn check_reason(reason: &str) -> Result<(), TrustError> {
    let problem = if reason.len() > 4096 {
        "is longer than 4096 bytes"
    } else if reason.chars().any(char::is_control) {
        "contains a control character"
    } else {
        return Ok(());
    };
    Err(TrustError::InvalidReason { problem })
}
