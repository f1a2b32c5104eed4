//! What both handles share: the present state, the clock, and the one way in which an act changes the state.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use time::OffsetDateTime;

use crate::agent::Standing;
use crate::clock::Clock;
use crate::config::{Rules, TrustGateConfig};
use crate::error::TrustError;
use crate::event::{Act, Event, HistoryFilter, Revision};
use crate::moment::Moment;
use crate::name::{AgentId, OperatorId};
use crate::scope::Scope;
use crate::snapshot::Snapshot;
use crate::store::{ClockMark, StoreError, TrustStore};
use crate::timeline::Timeline;

pub(crate) struct Ledger {
    clock: Box<dyn Clock>,
    store: Box<dyn TrustStore>,
    present: ArcSwap<Present>,
    writer: Mutex<Writer>,
}

/// The state that decisions read, with the time they read it by.
#[derive(Debug, Clone)]
pub(crate) struct Present {
    pub(crate) snapshot: Snapshot,
    timeline: Arc<Timeline>,
}

/// How far the store has followed.
#[derive(Debug)]
struct Writer {
    stored: Revision,
    /// In force in memory, not yet in the store.
    unstored: Vec<Event>,
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
    /// Replays the store, then sets the rules if they are not the ones in force.
    pub(crate) fn open(
        clock: Box<dyn Clock>,
        store: Box<dyn TrustStore>,
        config: TrustGateConfig,
        by: &OperatorId,
    ) -> Result<Self, TrustError> {
        let config = Rules::new(config)?.config;
        let snapshot = replay(&*store)?;
        let (epoch, accepted) = snapshot.accepted.unzip();
        let epoch = epoch.unwrap_or_default();
        let kept = store
            .mark()?
            .filter(|mark| mark.epoch == epoch)
            .map(|mark| mark.at.into());
        let timeline = Timeline::new(
            epoch,
            kept.max(accepted),
            clock.now().into(),
            clock.elapsed(),
        );
        let writer = Writer {
            stored: snapshot.revision,
            unstored: Vec::new(),
        };
        let unchanged = snapshot.revision > Revision::ZERO && snapshot.rules.config == config;
        let ledger = Self {
            clock,
            store,
            present: ArcSwap::from_pointee(Present {
                snapshot,
                timeline: Arc::new(timeline),
            }),
            writer: Mutex::new(writer),
        };
        // The mark moves up to here at once: whoever opens the gate next begins no earlier.
        ledger.reading(&ledger.present(), ledger.wall().into());
        if !unchanged {
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

    pub(crate) fn wall(&self) -> OffsetDateTime {
        self.clock.now()
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
    #[inline]
    pub(crate) fn standing<'p>(
        &self,
        present: &'p Present,
        agent: &AgentId,
        scope: &Scope,
        wall: Moment,
    ) -> (Standing<'p>, Moment) {
        let found = present.snapshot.find(agent, scope);
        let glanced = if found.is_timeless() {
            present.timeline.glance(wall)
        } else {
            None
        };
        let at = glanced.unwrap_or_else(|| self.reading(present, wall));
        let standing = found.at(at);
        self.saw(&present.timeline, standing.fell_at);
        (standing, at)
    }

    /// Performs one act: `draft` says which, looking at the state it acts on and the time. Blocks while another act or
    /// the store takes its time.
    ///
    /// What narrows is in force before the store is asked, and stays so if the store fails; anything else is in force
    /// only once it is stored.
    pub(crate) fn act(
        &self,
        by: &OperatorId,
        reason: &str,
        raise: Raise,
        draft: impl FnOnce(&Snapshot, Now) -> Result<Act, TrustError>,
    ) -> Result<Event, TrustError> {
        check_reason(reason)?;
        let (mut writer, poisoned) = match self.writer.lock() {
            Ok(writer) => (writer, false),
            Err(poison) => (poison.into_inner(), true),
        };
        let present = self.present.load_full();
        let wall = Moment::from(self.clock.now());
        let at = self.reading(&present, wall);
        let act = draft(&present.snapshot, Now { at, wall })?;
        let narrows = act.narrows();
        if poisoned && !narrows {
            return Err(TrustError::Poisoned);
        }
        let mut event = Event {
            revision: present.snapshot.revision.next()?,
            at: at.to_datetime(),
            by: Some(by.clone()),
            reason: reason.to_owned(),
            act,
            before: None,
            after: None,
        };
        let mut next = Present::clone(&present);
        next.snapshot.apply(&event)?;
        self.compare(&mut event, &present, &next, at, raise)?;
        if let Act::AcceptClock { to, .. } = event.act {
            let to = Some(Moment::from(to));
            next.timeline = Arc::new(Timeline::new(
                event.revision,
                to,
                wall,
                self.clock.elapsed(),
            ));
        }

        if narrows {
            self.present.store(Arc::new(next));
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
            self.present.store(Arc::new(next));
        }
        Ok(event)
    }

    /// Tries again to store what is in force but not stored.
    pub(crate) fn flush(&self) -> Result<(), TrustError> {
        let mut writer = self.writer.lock().map_err(|_| TrustError::Poisoned)?;
        Ok(self.catch_up(&mut writer)?)
    }

    /// Every event wanted, those included that are in force but not stored.
    pub(crate) fn history(&self, filter: &HistoryFilter) -> Result<Vec<Event>, TrustError> {
        // What a panicking store left behind is still whole: events join `unstored` one at a time.
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events = Vec::new();
        self.store.replay(filter.after, &mut |event| {
            if filter.wants(&event) {
                events.push(event);
            }
            Ok(())
        })?;
        events.extend(
            writer
                .unstored
                .iter()
                .filter(|event| filter.wants(event))
                .cloned(),
        );
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
        if raise == Raise::Refuse && after.effective > before.effective {
            return Err(TrustError::WouldRaise {
                agent: agent.to_string(),
                scope: scope.to_string(),
                from: before.effective,
                to: after.effective,
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
    fn saw(&self, timeline: &Timeline, fell_at: Moment) {
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

fn replay(store: &dyn TrustStore) -> Result<Snapshot, TrustError> {
    let mut snapshot = Snapshot::empty()?;
    let mut refused = None;
    let replayed = store.replay(Revision::ZERO, &mut |event| {
        snapshot.apply(&event).map_err(|error| {
            refused = Some(error);
            StoreError::failed("an event was refused")
        })
    });
    match refused {
        Some(error) => Err(error),
        None => Ok(replayed.map(|()| snapshot)?),
    }
}

fn check_reason(reason: &str) -> Result<(), TrustError> {
    let problem = if reason.len() > 4096 {
        "is longer than 4096 bytes"
    } else if reason.chars().any(char::is_control) {
        "contains a control character"
    } else {
        return Ok(());
    };
    Err(TrustError::InvalidReason { problem })
}
