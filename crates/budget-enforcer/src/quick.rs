//! The quick way of a hold that meets nothing special: taken, started, settled for no more than was held, or given back.
//!
//! Special is whatever needs more than comparing and adding: a refusal, an expiry, a new window, a debt, a journal. Then nothing is
//! changed, and the caller goes the long way ([`booking`](crate::booking)), which comes to the same.

use std::sync::MutexGuard;
use std::time::Duration;

use crate::alert::Alerts;
use crate::amounts::Amounts;
use crate::booking::Books;
use crate::decision::BudgetDecision;
use crate::hold::{Hold, ReservationId, Stage, TransactionId};
use crate::holds::Holds;
use crate::judge;
use crate::lane::{Lane, LaneSet};
use crate::lines::{Lines, Wants};
use crate::moment::Moment;
use crate::path::{GroupRef, Path, Step};
use crate::reading::COARSE;
use crate::row::{After, Row};
use crate::transaction::TransactionKind;
use crate::tree::TreeState;

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
    #[inline]
    fn mark(&self) -> Moment {
        match self {
            Self::Tree { state, .. } => state.mark,
            Self::Lane(lane) => lane.mark,
        }
    }

    #[inline]
    fn set_mark(&mut self, at: Moment) {
        match self {
            Self::Tree { state, .. } => state.mark = at,
            Self::Lane(lane) => lane.mark = at,
        }
    }

    #[inline]
    fn epoch(&self) -> u64 {
        match self {
            Self::Tree { state, .. } => state.epoch(),
            Self::Lane(lane) => lane.epoch,
        }
    }

    #[inline]
    fn hold(&self, id: ReservationId) -> Option<&Hold> {
        match self {
            Self::Tree { state, .. } => state.hold(id),
            Self::Lane(lane) => lane.holds.get(id),
        }
    }

    #[inline]
    fn holds_mut(&mut self) -> &mut Holds {
        match self {
            Self::Tree { state, .. } => state.holds_mut(),
            Self::Lane(lane) => &mut lane.holds,
        }
    }

    /// Whether nothing has happened by `by` that it does not know yet, and every step has room.
    #[expect(
        clippy::inline_always,
        reason = "written out for one tree, its kind is known"
    )]
    #[inline(always)]
    fn fits(&self, steps: &[Step], wants: &Wants, by: Moment) -> bool {
        match self {
            Self::Tree { state, .. } => {
                let nodes = state.nodes_at();
                for step in steps {
                    let want = wants.at(step.lines);
                    let fits = nodes.get(step.node).is_some_and(|node| {
                        node.takes_plainly(&want, step.is_named, by)
                            && node.plain.fits(&want, &node.caps.units)
                    });
                    if !fits {
                        return false;
                    }
                }
                !state.is_due(by)
            }
            Self::Lane(lane) => {
                let fits = |step: &Step| lane.fits(step.node, &wants.at(step.lines), step.is_named);
                lane.is_current(by) && lane.has_ids() && steps.iter().all(fits)
            }
        }
    }

    /// Whether nothing has happened by `by` that it does not know yet, and ending a hold changes nothing but what is spent and held.
    #[expect(
        clippy::inline_always,
        reason = "written out for one tree, its kind is known"
    )]
    #[inline(always)]
    fn ends_plainly(&self, steps: &[Step], by: Moment, alerts: Option<&Alerts>) -> bool {
        match self {
            Self::Tree { state, is_whole } => {
                let nodes = state.nodes_at();
                // What lanes have spent counts towards a threshold, too.
                let sees_all = *is_whole || alerts.is_none();
                for step in steps {
                    let is_plain = nodes.get(step.node).is_some_and(|node| {
                        node.owes_nothing()
                            && !node.is_over(by)
                            && (sees_all || node.passes_no_threshold(alerts))
                    });
                    if !is_plain {
                        return false;
                    }
                }
                !state.is_due(by)
            }
            Self::Lane(lane) => lane.is_current(by),
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "written out for one tree, its kind is known"
    )]
    #[inline(always)]
    fn hold_more(&mut self, steps: &[Step], wants: &Wants) {
        match self {
            Self::Tree { state, .. } => {
                let mut nodes = state.nodes_mut();
                for step in steps {
                    if let Some(node) = nodes.get(step.node) {
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

    #[expect(
        clippy::inline_always,
        reason = "written out for one tree, its kind is known"
    )]
    #[inline(always)]
    fn settle(&mut self, steps: &[Step], held: &Wants, spent: &Wants) {
        match self {
            Self::Tree { state, .. } => {
                let mut nodes = state.nodes_mut();
                for step in steps {
                    if let Some(node) = nodes.get(step.node) {
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

    #[inline]
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

    #[inline]
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
    fn is_of(&self, stage: Stage) -> bool {
        match (self, stage) {
            (_, Stage::Lapsed { .. }) => false,
            (Self::Released { may_have_started }, Stage::Started) => *may_have_started,
            (Self::Settled { .. } | Self::Released { .. }, Stage::Held | Stage::Started) => true,
        }
    }

    /// What of a hold is spent, ready to be compared.
    #[inline]
    fn spent(&self, held: &Lines) -> Wants {
        match self {
            Self::Settled {
                actual,
                at_least_hold,
            } => held.wants_by(|held| actual.settled(held, *at_least_hold)),
            Self::Released { .. } => Wants::NONE,
        }
    }

    /// The kind and the amounts of its row.
    fn row(&self, held: &Lines) -> (TransactionKind, Lines) {
        match self {
            Self::Settled {
                actual,
                at_least_hold,
            } => {
                let spent = held.map(|held| actual.settled(held, *at_least_hold));
                (TransactionKind::Settle, spent)
            }
            Self::Released { .. } => (TransactionKind::Release, held.clone()),
        }
    }
}

/// Locks what `path` touches, at the time there when a clock shows `wall`, and does `run`. That is written out twice, for the one tree
/// without lanes that nearly every path is in: there, the compiler sees through all of it.
macro_rules! with {
    ($books:expr, $path:expr, $which:expr, $wall:expr, |$sides:ident| $run:expr) => {
        match $path.one_or_two()? {
            (only, None) if !$which.may_be_lane(only) => {
                let mut locked = [tree_side(only, $which)?];
                let mut $sides = Sides::new($books, $path, &mut locked, $wall);
                $run
            }
            (first, second) => {
                let first = side(first, $which)?;
                let (mut one, mut two);
                let locked: &mut [Side<'_>] = if let Some(second) = second {
                    two = [first, side(second, $which)?];
                    &mut two
                } else {
                    one = [first];
                    &mut one
                };
                let mut $sides = Sides::new($books, $path, locked, $wall);
                $run
            }
        }
    };
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
    let wants = lines.wants();
    if !wants.are_plain() {
        return None;
    }
    let take = || {
        with!(books, path, Which::Reserving(lane), wall, |sides| sides
            .reserve(lines, &wants, ttl, stage))
    };
    take().or_else(|| {
        // A lane that runs out gets more from its tree, if that has it: then there is no need to disturb the other lanes.
        top_up(path, lines, lane, wall).then(take).flatten()
    })
}

/// [`reserve`], and into `told` the decision that admits it: the figures before. `None`: the long way.
pub(crate) fn reserve_explained(
    books: &Books,
    path: &Path,
    lines: &Lines,
    wall: Moment,
    ttl: Duration,
    stage: Stage,
    told: &mut BudgetDecision,
) -> Option<(ReservationId, Moment, Moment)> {
    let wants = lines.wants();
    if !wants.are_plain() {
        return None;
    }
    with!(books, path, Which::Whole, wall, |sides| {
        *told = sides.admission(lines)?;
        sides.reserve(lines, &wants, ttl, stage)
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
    with!(books, path, Which::Holding(lane, id), wall, |sides| sides
        .start(id))
}

/// Turns a hold into what was used of it, or gives it back. Returns the row's id and its time. `None`: the long way.
pub(crate) fn end(
    books: &Books,
    path: &Path,
    id: ReservationId,
    lane: usize,
    wall: Moment,
    end: &End,
) -> Option<(TransactionId, Moment)> {
    with!(books, path, Which::Holding(lane, id), wall, |sides| sides
        .end(id, end))
}

/// What of a tree to lock.
#[derive(Clone, Copy)]
enum Which {
    /// The lane, where there are lanes in use.
    Reserving(usize),
    /// Wherever the hold is.
    Holding(usize, ReservationId),
    /// The tree, with what its lanes and meters had: its figures are shown.
    Whole,
}

impl Which {
    /// Whether that can be a lane of the tree of `group`.
    #[inline]
    fn may_be_lane(self, group: GroupRef<'_>) -> bool {
        !matches!(self, Self::Whole) && is_sliced(group)
    }
}

/// Whether its tree's lanes are in use.
#[inline]
fn is_sliced(group: GroupRef<'_>) -> bool {
    let lanes = group.tree.home.lanes.as_ref();
    lanes.is_some_and(LaneSet::is_hot)
}

/// The tree: with what its lanes and meters had where all of it is asked for, else without.
#[inline]
fn tree_side(group: GroupRef<'_>, which: Which) -> Option<Side<'_>> {
    let (state, is_whole) = if matches!(which, Which::Whole) {
        (group.tree.lock().ok()?, true)
    } else {
        let state = group.tree.lock_rest().ok()?;
        let is_whole = !(state.has_meters() || is_sliced(group));
        (state, is_whole)
    };
    let part = Part::Tree { state, is_whole };
    Some(Side { group, part })
}

fn side(group: GroupRef<'_>, which: Which) -> Option<Side<'_>> {
    let lanes = group.tree.home.lanes.as_ref();
    let lane = match (lanes.filter(|lanes| lanes.is_hot()), which) {
        (None, _) | (_, Which::Whole) => None,
        (Some(lanes), Which::Reserving(lane)) => Some(lanes.lock(lane).ok()?),
        // Never a tree while a lane is held: where the hold is not in the lane, that is let go.
        (Some(lanes), Which::Holding(lane, id)) => {
            let lane = lanes.lock(lane).ok()?;
            lane.holds.get(id).is_some().then_some(lane)
        }
    };
    match lane {
        Some(lane) => Some(Side {
            group,
            part: Part::Lane(lane),
        }),
        None => tree_side(group, which),
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

impl<'a, 'g> Sides<'a, 'g> {
    #[inline]
    fn new(books: &'a Books, path: &'a Path, locked: &'a mut [Side<'g>], wall: Moment) -> Self {
        let mark = |at: Moment, side: &Side<'_>| at.max(side.part.mark());
        let at = locked.iter().fold(wall, mark);
        Self {
            path,
            locked,
            books,
            at,
            by: at.plus(COARSE),
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "written out for one tree, it needs no slices and no kinds of parts"
    )]
    #[inline(always)]
    fn reserve(
        &mut self,
        lines: &Lines,
        wants: &Wants,
        ttl: Duration,
        stage: Stage,
    ) -> Option<(ReservationId, Moment, Moment)> {
        let (at, by) = (self.at, self.by);
        for Side { group, part } in self.locked.iter() {
            if !part.fits(group.steps, wants, by) {
                return None;
            }
        }
        let due = at.plus(ttl);
        let first = self.locked.first_mut()?;
        let id = first.part.take_hold_id(first.group.tree.number);
        for Side { group, part } in self.locked.iter_mut() {
            part.hold_more(group.steps, wants);
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
        if self.books.ledger.keeps_rows() {
            self.push(row, TransactionKind::Reserve, lines.clone(), id);
        }
        Some((id, at, due))
    }

    /// What a charge that fits is told, as [`judge::admission`] tells it. Nothing has happened that the trees do not know yet, or it
    /// is not for the quick way anyhow.
    #[inline]
    fn admission(&self, lines: &Lines) -> Option<BudgetDecision> {
        self.locked.iter().find_map(|Side { group, part }| {
            let Part::Tree { state, .. } = part else {
                return None;
            };
            let step = group.steps.iter().find(|step| step.rank == 0)?;
            let node = state.node(step.node)?;
            judge::step_admission(
                *group,
                step,
                node.limits(),
                |dimension| node.counter(dimension),
                node.end(),
                &lines.at(step.lines),
            )
        })
    }

    #[expect(
        clippy::inline_always,
        reason = "written out for one tree, it needs no slices and no kinds of parts"
    )]
    #[inline(always)]
    fn start(&mut self, id: ReservationId) -> Option<Amounts> {
        let by = self.by;
        for side in self.locked.iter() {
            let hold = side.part.hold(id)?;
            if hold.stage != Stage::Held || by >= hold.due {
                return None;
            }
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
    #[expect(
        clippy::inline_always,
        reason = "written out for one tree, it needs no slices and no kinds of parts"
    )]
    #[inline(always)]
    fn end(&mut self, id: ReservationId, end: &End) -> Option<(TransactionId, Moment)> {
        let alerts = self.books.alerts.as_ref();
        // Every tree holds the same.
        let lines = &self.locked.first()?.part.hold(id)?.held;
        let (taken, spent) = (lines.wants(), end.spent(lines));
        if !spent.is_within(&taken) {
            return None;
        }
        for Side { group, part } in self.locked.iter() {
            let hold = part.hold(id)?;
            let is_plain = hold.epoch == part.epoch()
                && end.is_of(hold.stage)
                && part.ends_plainly(group.steps, self.by, alerts);
            if !is_plain {
                return None;
            }
        }
        let keeps_rows = self.books.ledger.keeps_rows();
        let mut ended = None;
        for Side { group, part } in self.locked.iter_mut() {
            let hold = part.holds_mut().remove(id)?;
            part.settle(group.steps, &taken, &spent);
            part.set_mark(self.at);
            if let Part::Tree { state, .. } = part {
                self.books.look(state, *group, self.at);
            }
            if keeps_rows {
                ended = Some(end.row(&hold.held));
            }
        }
        let row = self.take_row()?;
        if let Some((kind, lines)) = ended {
            self.push(row, kind, lines, id);
        }
        Some((row, self.at))
    }

    /// The id of the next row: the home tree numbers them.
    fn take_row(&mut self) -> Option<TransactionId> {
        let first = self.locked.first_mut()?;
        Some(first.part.take_row_id(first.group.tree.number))
    }

    #[inline(never)]
    fn push(
        &self,
        id: TransactionId,
        kind: TransactionKind,
        lines: Lines,
        reservation: ReservationId,
    ) {
        let steps = self.locked.iter().map(|side| side.group.steps.len());
        let mut after = After::of(steps.sum());
        for Side { group, part } in self.locked.iter() {
            part.note(group.steps, &mut after);
        }
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
