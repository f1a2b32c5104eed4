//! The quick way of a hold that meets nothing special: taken, started, settled for no more than was held, or given back.
//!
//! Special is whatever needs more than comparing and adding: a refusal, an expiry, a new window, a debt, a journal. Then nothing is
//! changed, and the caller goes the long way ([`booking`](crate::booking)), which comes to the same.

use std::sync::MutexGuard;
use std::time::Duration;

use crate::alert::Alerts;
use crate::amounts::Amounts;
use crate::booking::Books;
use crate::hold::{Hold, ReservationId, Stage, TransactionId};
use crate::holds::Holds;
use crate::lane::{Lane, LaneSet};
use crate::lines::{Lines, Wants};
use crate::moment::Moment;
use crate::path::{GroupRef, Path, Step};
use crate::row::{After, Row};
use crate::transaction::{Settlement, TransactionKind};
use crate::tree::TreeState;

/// How far the time may be ahead of a cheap reading, generously: closer than this to an end it is read precisely, on the long way.
const COARSE: Duration = Duration::from_secs(1);

/// What is locked of one tree.
enum Part<'a> {
    /// All of it, or at least all that is not in its lanes.
    Tree {
        state: MutexGuard<'a, TreeState>,
        is_whole: bool,
    },
    Lane(MutexGuard<'a, Lane>),
}

impl Part<'_> {
    fn mark(&self) -> Moment {
        match self {
            Self::Tree { state, .. } => state.mark,
            Self::Lane(lane) => lane.mark,
        }
    }

    fn set_mark(&mut self, at: Moment) {
        match self {
            Self::Tree { state, .. } => state.mark = at,
            Self::Lane(lane) => lane.mark = at,
        }
    }

    fn epoch(&self) -> u64 {
        match self {
            Self::Tree { state, .. } => state.epoch(),
            Self::Lane(lane) => lane.epoch,
        }
    }

    fn hold(&self, id: ReservationId) -> Option<&Hold> {
        match self {
            Self::Tree { state, .. } => state.hold(id),
            Self::Lane(lane) => lane.holds.get(id),
        }
    }

    fn holds_mut(&mut self) -> &mut Holds {
        match self {
            Self::Tree { state, .. } => state.holds_mut(),
            Self::Lane(lane) => &mut lane.holds,
        }
    }

    /// Whether nothing has happened by `by` that it does not know yet, and every step has room.
    fn fits(&self, steps: &[Step], wants: &Wants<'_>, by: Moment) -> bool {
        match self {
            Self::Tree { state, .. } => {
                let fits = |step: &Step| {
                    let want = wants.at(step.lines);
                    state.node(step.node).is_some_and(|node| {
                        node.is_plain()
                            && !node.is_over(by)
                            && !(step.is_named && want.evades(node.caps.must_touch))
                            && node.plain.fits(&want, &node.caps.units)
                    })
                };
                !state.is_due(by) && steps.iter().all(fits)
            }
            Self::Lane(lane) => {
                let fits = |step: &Step| lane.fits(step.node, &wants.at(step.lines), step.is_named);
                lane.is_current(by) && lane.has_ids() && steps.iter().all(fits)
            }
        }
    }

    /// Whether nothing has happened by `by` that it does not know yet, and ending a hold changes nothing but what is spent and held.
    fn ends_plainly(&self, steps: &[Step], by: Moment, alerts: Option<&Alerts>) -> bool {
        match self {
            Self::Tree { state, is_whole } => {
                let is_plain = |step: &Step| {
                    state.node(step.node).is_some_and(|node| {
                        // What lanes have spent counts towards a threshold, too.
                        node.owes_nothing()
                            && !node.is_over(by)
                            && (*is_whole || node.passes_no_threshold(alerts))
                    })
                };
                !state.is_due(by) && steps.iter().all(is_plain)
            }
            Self::Lane(lane) => lane.is_current(by),
        }
    }

    fn hold_more(&mut self, steps: &[Step], wants: &Wants<'_>) {
        match self {
            Self::Tree { state, .. } => {
                for step in steps {
                    if let Some(node) = state.node_mut(step.node) {
                        node.plain.hold(&wants.at(step.lines));
                    }
                }
            }
            Self::Lane(lane) => {
                for step in steps {
                    if let Some(plain) = lane.plain_mut(step.node) {
                        plain.hold(&wants.at(step.lines));
                    }
                }
            }
        }
    }

    fn settle(&mut self, steps: &[Step], held: &Wants<'_>, spent: &Wants<'_>) {
        match self {
            Self::Tree { state, .. } => {
                for step in steps {
                    if let Some(node) = state.node_mut(step.node) {
                        node.plain.release(&held.at(step.lines));
                        node.plain.spend(&spent.at(step.lines));
                    }
                }
            }
            Self::Lane(lane) => {
                for step in steps {
                    if let Some(plain) = lane.plain_mut(step.node) {
                        plain.release(&held.at(step.lines));
                        plain.spend(&spent.at(step.lines));
                    }
                }
            }
        }
    }

    /// What the ledger shows of the nodes afterwards: of a slice no figures, for it is not the whole.
    fn note(&self, steps: &[Step], after: &mut After) {
        for step in steps {
            match self {
                Self::Tree { state, is_whole } => match state.node(step.node) {
                    Some(node) if *is_whole => after.push(&node.current()),
                    Some(node) => after.push_unseen(node.epoch()),
                    None => {}
                },
                Self::Lane(lane) => after.push_unseen(lane.node_epoch(step.node)),
            }
        }
    }

    fn take_hold_id(&mut self, tree: u64) -> ReservationId {
        match self {
            Self::Tree { state, .. } => {
                let id = state.next_hold();
                state.next_hold = state.next_hold.saturating_add(1);
                id
            }
            Self::Lane(lane) => lane.take_hold_id(tree),
        }
    }

    fn take_row_id(&mut self, tree: u64) -> TransactionId {
        match self {
            Self::Tree { state, .. } => state.take_row(),
            Self::Lane(lane) => lane.take_row_id(tree),
        }
    }
}

/// What a path touches in one tree, and what is locked of that.
struct Side<'a> {
    group: GroupRef<'a>,
    part: Part<'a>,
}

/// What is locked of all trees of a path, at one time.
struct Sides<'a, 'g> {
    path: &'a Path,
    locked: &'a mut [Side<'g>],
    books: &'a Books,
    at: Moment,
    /// The latest that it can really be.
    by: Moment,
}

/// How a hold ends.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Settled {
        actual: Amounts,
        at_least_hold: bool,
    },
    Released {
        may_have_started: bool,
    },
}

impl End {
    fn is_of(self, stage: Stage) -> bool {
        match (self, stage) {
            (_, Stage::Lapsed { .. }) => false,
            (Self::Released { may_have_started }, Stage::Started) => may_have_started,
            (Self::Settled { .. } | Self::Released { .. }, Stage::Held | Stage::Started) => true,
        }
    }

    fn spent(self, held: &Lines) -> Lines {
        match self {
            Self::Settled {
                actual,
                at_least_hold,
            } => held.map(|held| actual.settled(held, at_least_hold)),
            Self::Released { .. } => Lines::One(Amounts::NONE),
        }
    }
}

/// Takes a hold, which is in `stage` from the beginning. `None`: the long way.
pub(crate) fn reserve(
    books: &Books,
    path: &Path,
    lines: &Lines,
    lane: usize,
    wall: Moment,
    ttl: Duration,
    stage: Stage,
) -> Option<(ReservationId, Moment, Moment)> {
    if !lines.are_plain() {
        return None;
    }
    let take = || {
        with(books, path, Which::Reserving(lane), wall, |sides| {
            sides.reserve(lines, ttl, stage)
        })
    };
    take().or_else(|| {
        // A lane that runs out gets more from its tree, if that has it: then there is no need to disturb the other lanes.
        top_up(path, lines, lane, wall).then(take).flatten()
    })
}

/// Notes that the call of a hold left. Returns what is held, of several lines the least. `None`: the long way.
pub(crate) fn start(
    books: &Books,
    path: &Path,
    id: ReservationId,
    lane: usize,
    wall: Moment,
) -> Option<Amounts> {
    with(books, path, Which::Holding(lane, id), wall, |sides| {
        sides.start(id)
    })
}

/// Turns a hold into what was used of it, or gives it back. `None`: the long way.
pub(crate) fn end(
    books: &Books,
    path: &Path,
    id: ReservationId,
    lane: usize,
    wall: Moment,
    end: End,
) -> Option<Settlement> {
    with(books, path, Which::Holding(lane, id), wall, |sides| {
        sides.end(id, end)
    })
}

/// What of a tree to lock.
#[derive(Clone, Copy)]
enum Which {
    /// The lane, where there are lanes in use.
    Reserving(usize),
    /// Wherever the hold is.
    Holding(usize, ReservationId),
}

#[inline]
fn side(group: GroupRef<'_>, which: Which) -> Option<Side<'_>> {
    let lanes = group.tree.home.lanes.as_ref();
    let lane = match (lanes.filter(|lanes| lanes.is_hot()), which) {
        (None, _) => None,
        (Some(lanes), Which::Reserving(lane)) => Some(lanes.lock(lane).ok()?),
        // Never a tree while a lane is held: where the hold is not in the lane, that is let go.
        (Some(lanes), Which::Holding(lane, id)) => {
            let lane = lanes.lock(lane).ok()?;
            lane.holds.get(id).is_some().then_some(lane)
        }
    };
    let part = if let Some(lane) = lane {
        Part::Lane(lane)
    } else {
        let state = group.tree.lock_rest().ok()?;
        let is_whole = !(state.has_meters() || lanes.is_some_and(LaneSet::is_hot));
        Part::Tree { state, is_whole }
    };
    Some(Side { group, part })
}

#[inline]
fn with<R>(
    books: &Books,
    path: &Path,
    which: Which,
    wall: Moment,
    f: impl FnOnce(&mut Sides<'_, '_>) -> Option<R>,
) -> Option<R> {
    let run = |sides: &mut [Side<'_>]| {
        let mark = |at: Moment, side: &Side<'_>| at.max(side.part.mark());
        let at = sides.iter().fold(wall, mark);
        let mut sides = Sides {
            path,
            locked: sides,
            books,
            at,
            by: at.plus(COARSE),
        };
        f(&mut sides)
    };
    match path.one_or_two()? {
        (first, None) => run(&mut [side(first, which)?]),
        (first, Some(second)) => run(&mut [side(first, which)?, side(second, which)?]),
    }
}

/// Gives the lanes in use that `path` meets more of their trees. Whether that is worth another try.
fn top_up(path: &Path, lines: &Lines, lane: usize, wall: Moment) -> bool {
    let mut has_enough = false;
    for group in path.groups() {
        let set = group.tree.home.lanes.as_ref();
        let Some(set) = set.filter(|set| set.is_hot()) else {
            continue;
        };
        let Ok(mut state) = group.tree.lock_rest() else {
            return false;
        };
        let at = state.time(wall);
        match set.grant(lane, &mut state, group, lines, at) {
            Ok(true) => has_enough = true,
            Ok(false) | Err(_) => return false,
        }
    }
    has_enough
}

impl Sides<'_, '_> {
    fn reserve(
        &mut self,
        lines: &Lines,
        ttl: Duration,
        stage: Stage,
    ) -> Option<(ReservationId, Moment, Moment)> {
        let (at, by) = (self.at, self.by);
        let wants = lines.wants();
        let fits = |side: &Side<'_>| side.part.fits(side.group.steps, &wants, by);
        if !self.locked.iter().all(fits) {
            return None;
        }
        let due = at.plus(ttl);
        let keeps_rows = self.books.ledger.keeps_rows();
        let first = self.locked.first_mut()?;
        let id = first.part.take_hold_id(first.group.tree.number);
        let mut after = self.after(keeps_rows);
        for Side { group, part } in self.locked.iter_mut() {
            part.hold_more(group.steps, &wants);
            if keeps_rows {
                part.note(group.steps, &mut after);
            }
            part.set_mark(at);
            let epoch = part.epoch();
            let hold = Hold {
                path: self.path.clone(),
                held: lines.clone(),
                due,
                epoch,
                stage,
                is_attached: true,
            };
            part.holds_mut().insert(id, hold);
        }
        let row = self.take_row()?;
        if keeps_rows {
            self.push(row, TransactionKind::Reserve, lines.clone(), id, after);
        }
        Some((id, at, due))
    }

    fn start(&mut self, id: ReservationId) -> Option<Amounts> {
        let by = self.by;
        let is_held = |side: &Side<'_>| {
            let hold = side.part.hold(id);
            hold.is_some_and(|hold| hold.stage == Stage::Held && by < hold.due)
        };
        if !self.locked.iter().all(is_held) {
            return None;
        }
        let mut held = None;
        for side in self.locked.iter_mut() {
            let entry = side.part.holds_mut().get_mut(id)?;
            entry.stage = Stage::Started;
            entry.is_attached = true;
            held = Some(entry.held.least());
        }
        held
    }

    /// Ends hold `id` where that is plain: it is open, in the current windows, nothing is due, and it was enough.
    fn end(&mut self, id: ReservationId, end: End) -> Option<Settlement> {
        let alerts = self.books.alerts.as_ref();
        let mut spent = None;
        for Side { group, part } in self.locked.iter() {
            let hold = part.hold(id)?;
            // Every tree holds the same.
            let spent = spent.get_or_insert_with(|| end.spent(&hold.held));
            let is_plain = hold.epoch == part.epoch()
                && end.is_of(hold.stage)
                && spent.is_within(&hold.held)
                && part.ends_plainly(group.steps, self.by, alerts);
            if !is_plain {
                return None;
            }
        }
        let spent = spent?;
        let wants = spent.wants();
        let keeps_rows = self.books.ledger.keeps_rows();
        let mut after = self.after(keeps_rows);
        let mut ended = None;
        for Side { group, part } in self.locked.iter_mut() {
            let hold = part.holds_mut().remove(id)?;
            part.settle(group.steps, &hold.held.wants(), &wants);
            if keeps_rows {
                part.note(group.steps, &mut after);
            }
            part.set_mark(self.at);
            if let Part::Tree { state, .. } = part {
                self.books.look(state, *group, self.at);
            }
            ended = Some(hold.held);
        }
        let transaction = self.take_row()?;
        if keeps_rows {
            let (kind, lines) = match end {
                End::Settled { .. } => (TransactionKind::Settle, spent),
                End::Released { .. } => (TransactionKind::Release, ended?),
            };
            self.push(transaction, kind, lines, id, after);
        }
        Some(Settlement {
            transaction,
            at: self.at,
            overspent: Amounts::NONE,
            late: false,
        })
    }

    /// Where to note what the nodes have afterwards.
    fn after(&self, keeps_rows: bool) -> After {
        let steps = self.locked.iter().map(|side| side.group.steps.len());
        After::of(if keeps_rows { steps.sum() } else { 0 })
    }

    /// The id of the next row: the home tree numbers them.
    fn take_row(&mut self) -> Option<TransactionId> {
        let first = self.locked.first_mut()?;
        Some(first.part.take_row_id(first.group.tree.number))
    }

    fn push(
        &self,
        id: TransactionId,
        kind: TransactionKind,
        lines: Lines,
        reservation: ReservationId,
        after: After,
    ) {
        self.books.ledger.push(Row {
            id,
            at: self.at,
            kind,
            path: self.path.clone(),
            lines,
            reservation: Some(reservation),
            after,
            extra: None,
        });
    }
}
