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
use crate::lane::Lane;
use crate::lines::Lines;
use crate::moment::Moment;
use crate::path::{GroupRef, Path, Step};
use crate::plain::{Plain, Want};
use crate::row::{After, Row};
use crate::transaction::{Settlement, TransactionKind};
use crate::tree::TreeState;

/// How far the time may be ahead of a cheap reading, generously: closer than this to an end it is read precisely, on the long way.
const COARSE: Duration = Duration::from_secs(1);

/// What is locked of one tree.
enum Side<'a> {
    /// All of it, or at least all that is not in its lanes.
    Tree {
        state: MutexGuard<'a, TreeState>,
        is_whole: bool,
    },
    Lane(MutexGuard<'a, Lane>),
}

impl Side<'_> {
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

    /// Whether nothing has happened by `at` that it does not know yet.
    fn is_current(&self, at: Moment) -> bool {
        match self {
            Self::Tree { state, .. } => !state.is_due(at),
            Self::Lane(lane) => lane.is_current(at),
        }
    }

    fn holds_mut(&mut self) -> &mut Holds {
        match self {
            Self::Tree { state, .. } => state.holds_mut(),
            Self::Lane(lane) => &mut lane.holds,
        }
    }

    fn hold(&self, id: ReservationId) -> Option<&Hold> {
        match self {
            Self::Tree { state, .. } => state.hold(id),
            Self::Lane(lane) => lane.holds.get(id),
        }
    }

    fn take_hold(&mut self, id: ReservationId) -> Option<Hold> {
        match self {
            Self::Tree { state, .. } => state.take_hold(id),
            Self::Lane(lane) => lane.holds.remove(id),
        }
    }

    fn fits(&self, step: &Step, want: &Want, at: Moment) -> bool {
        match self {
            Self::Tree { state, .. } => state.node(step.node).is_some_and(|node| {
                node.is_plain()
                    && !node.is_over(at)
                    && !(step.is_named && want.evades(node.caps.must_touch))
                    && node.plain.fits(want, &node.caps.units)
            }),
            Self::Lane(lane) => lane.has_ids() && lane.fits(step.node, want, step.is_named),
        }
    }

    /// Whether ending a hold changes nothing at this node but what is spent and held.
    fn ends_plainly(&self, step: &Step, at: Moment, alerts: Option<&Alerts>) -> bool {
        match self {
            Self::Tree { state, is_whole } => state.node(step.node).is_some_and(|node| {
                // What lanes have spent counts towards a threshold, too.
                node.owes_nothing()
                    && !node.is_over(at)
                    && (*is_whole || node.passes_no_threshold(alerts))
            }),
            Self::Lane(_) => true,
        }
    }

    fn plain_mut(&mut self, step: &Step) -> Option<&mut Plain> {
        match self {
            Self::Tree { state, .. } => state.node_mut(step.node).map(|node| &mut node.plain),
            Self::Lane(lane) => lane.plain_mut(step.node),
        }
    }

    /// What the ledger shows of a node afterwards: of a slice no figures, for it is not the whole.
    fn note(&self, step: &Step, after: &mut After) {
        match self {
            Self::Tree { state, is_whole } => match state.node(step.node) {
                Some(node) if *is_whole => after.push(&node.current()),
                Some(node) => after.push_unseen(node.epoch()),
                None => {}
            },
            Self::Lane(lane) => after.push_unseen(lane.node_epoch(step.node)),
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

/// What is locked of all trees of a path, at one time.
struct Sides<'a, 'g> {
    path: &'a Path,
    sides: &'a mut [Side<'g>],
    books: &'a Books,
    at: Moment,
    /// The latest that it can really be.
    by: Moment,
}

/// Takes a hold. `None`: the long way.
pub(crate) fn reserve(
    books: &Books,
    path: &Path,
    lines: &Lines,
    lane: usize,
    wall: Moment,
    ttl: Duration,
) -> Option<(ReservationId, Moment, Moment)> {
    if !lines
        .as_slice()
        .iter()
        .all(|line| Want::of(line).is_plain())
    {
        return None;
    }
    let take = || {
        with(books, path, Which::Reserving(lane), wall, |sides| {
            sides.reserve(lines, ttl)
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

/// Turns a hold into what was used of it. `None`: the long way.
pub(crate) fn settle(
    books: &Books,
    path: &Path,
    id: ReservationId,
    lane: usize,
    wall: Moment,
    used: impl Fn(&Amounts) -> Amounts,
) -> Option<Settlement> {
    with(books, path, Which::Holding(lane, id), wall, |sides| {
        sides.settle(id, used)
    })
}

/// Gives a hold back. `None`: the long way.
pub(crate) fn release(
    books: &Books,
    path: &Path,
    id: ReservationId,
    lane: usize,
    wall: Moment,
    may_have_started: bool,
) -> Option<()> {
    with(books, path, Which::Holding(lane, id), wall, |sides| {
        sides.release(id, may_have_started)
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

fn side<'a>(group: GroupRef<'a>, which: Which) -> Option<Side<'a>> {
    let lanes = group.tree.home.lanes.as_ref();
    match (lanes, which) {
        (Some(lanes), Which::Reserving(lane)) if lanes.is_hot() => {
            Some(Side::Lane(lanes.lock(lane).ok()?))
        }
        (Some(lanes), Which::Holding(lane, id)) if lanes.is_hot() => {
            let lane = lanes.lock(lane).ok()?;
            if lane.holds.get(id).is_some() {
                return Some(Side::Lane(lane));
            }
            // Never a tree while a lane is held.
            drop(lane);
            let state = group.tree.lock_rest().ok()?;
            let is_whole = false;
            Some(Side::Tree { state, is_whole })
        }
        _ => {
            let state = group.tree.lock_rest().ok()?;
            let is_whole = !state.has_meters();
            Some(Side::Tree { state, is_whole })
        }
    }
}

fn with<R>(
    books: &Books,
    path: &Path,
    which: Which,
    wall: Moment,
    f: impl FnOnce(&mut Sides<'_, '_>) -> Option<R>,
) -> Option<R> {
    let run = |sides: &mut [Side<'_>]| {
        let at = sides.iter().fold(wall, |at, side| at.max(side.mark()));
        let mut sides = Sides {
            path,
            sides,
            books,
            at,
            by: at.plus(COARSE),
        };
        f(&mut sides)
    };
    let mut groups = path.groups();
    let first = side(groups.next()?, which)?;
    match (groups.next(), groups.next()) {
        (None, _) => run(&mut [first]),
        (Some(second), None) => run(&mut [first, side(second, which)?]),
        (Some(_), Some(_)) => None,
    }
}

/// Gives the lanes in use that `path` meets more of their trees. Whether that is worth another try.
fn top_up(path: &Path, lines: &Lines, lane: usize, wall: Moment) -> bool {
    let mut has_enough = false;
    for group in path.groups() {
        let Some(lanes) = group
            .tree
            .home
            .lanes
            .as_ref()
            .filter(|lanes| lanes.is_hot())
        else {
            continue;
        };
        let Ok(mut state) = group.tree.lock_rest() else {
            return false;
        };
        let at = state.time(wall);
        match lanes.grant(lane, &mut state, group, lines, at) {
            Ok(true) => has_enough = true,
            Ok(false) | Err(_) => return false,
        }
    }
    has_enough
}

impl Sides<'_, '_> {
    fn reserve(&mut self, lines: &Lines, ttl: Duration) -> Option<(ReservationId, Moment, Moment)> {
        let (at, wants) = (self.at, lines.wants());
        for (group, side) in self.path.groups().zip(self.sides.iter()) {
            if !side.is_current(self.by) {
                return None;
            }
            for step in group.steps {
                if !side.fits(step, &wants.at(step.lines), self.by) {
                    return None;
                }
            }
        }
        let due = at.plus(ttl);
        let tree = self.path.home()?.number;
        let id = self.sides.first_mut()?.take_hold_id(tree);
        let mut after = After::None;
        let keeps_rows = self.books.ledger.keeps_rows();
        for (group, side) in self.path.groups().zip(self.sides.iter_mut()) {
            for step in group.steps {
                if let Some(plain) = side.plain_mut(step) {
                    plain.hold(&wants.at(step.lines));
                }
                if keeps_rows {
                    side.note(step, &mut after);
                }
            }
            side.set_mark(at);
            let epoch = side.epoch();
            let hold = Hold {
                path: self.path.clone(),
                held: lines.clone(),
                due,
                epoch,
                stage: Stage::Held,
                is_attached: true,
            };
            side.holds_mut().insert(id, hold);
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
            side.hold(id)
                .is_some_and(|hold| hold.stage == Stage::Held && hold.lapses_by(by).is_none())
        };
        if !self.sides.iter().all(is_held) {
            return None;
        }
        let mut held = None;
        for side in self.sides.iter_mut() {
            let hold = side.holds_mut().get_mut(id)?;
            hold.stage = Stage::Started;
            hold.is_attached = true;
            held = Some(hold.held.least());
        }
        held
    }

    /// Whether hold `id` can end plainly: it is open, in the current windows, and nothing is due.
    fn can_end(&self, id: ReservationId, fits: impl Fn(&Hold) -> bool) -> bool {
        let alerts = self.books.alerts.as_ref();
        let by = self.by;
        self.path
            .groups()
            .zip(self.sides.iter())
            .all(|(group, side)| {
                let hold = side.hold(id);
                hold.is_some_and(|hold| {
                    hold.epoch == side.epoch()
                        && !matches!(hold.stage, Stage::Lapsed { .. })
                        && fits(hold)
                }) && side.is_current(by)
                    && group
                        .steps
                        .iter()
                        .all(|step| side.ends_plainly(step, by, alerts))
            })
    }

    fn settle(
        &mut self,
        id: ReservationId,
        used: impl Fn(&Amounts) -> Amounts,
    ) -> Option<Settlement> {
        let fits = |hold: &Hold| {
            let mut lines = hold.held.as_slice().iter();
            lines.all(|held| Want::of(&used(held)).is_within(&Want::of(held)))
        };
        if !self.can_end(id, fits) {
            return None;
        }
        let (booked, after) = self.end(id, |held| Some(used(held)))?;
        let transaction = self.take_row()?;
        if self.books.ledger.keeps_rows() {
            self.push(transaction, TransactionKind::Settle, booked, id, after);
        }
        Some(Settlement {
            transaction,
            at: self.at,
            overspent: Amounts::NONE,
            late: false,
        })
    }

    fn release(&mut self, id: ReservationId, may_have_started: bool) -> Option<()> {
        if !self.can_end(id, |hold| may_have_started || hold.stage == Stage::Held) {
            return None;
        }
        let (held, after) = self.end(id, |_| None)?;
        let row = self.take_row()?;
        if self.books.ledger.keeps_rows() {
            self.push(row, TransactionKind::Release, held, id, after);
        }
        Some(())
    }

    /// Ends hold `id`, of whose lines `used` was spent. Returns what was spent of it, or held where nothing was.
    fn end(
        &mut self,
        id: ReservationId,
        used: impl Fn(&Amounts) -> Option<Amounts>,
    ) -> Option<(Lines, After)> {
        let mut after = After::None;
        let mut ended = None;
        let keeps_rows = self.books.ledger.keeps_rows();
        for (group, side) in self.path.groups().zip(self.sides.iter_mut()) {
            let hold = side.take_hold(id)?;
            let spent = hold.held.map(|held| used(held).unwrap_or_default());
            let (was_held, was_spent) = (hold.held.wants(), spent.wants());
            for step in group.steps {
                if let Some(plain) = side.plain_mut(step) {
                    plain.release(&was_held.at(step.lines));
                    plain.spend(&was_spent.at(step.lines));
                }
                if keeps_rows {
                    side.note(step, &mut after);
                }
            }
            side.set_mark(self.at);
            if let Side::Tree { state, .. } = side {
                self.books.look(state, group, self.at);
            }
            ended = Some((hold.held, spent));
        }
        let (held, spent) = ended?;
        let is_spent = spent.as_slice().iter().any(|line| !line.is_none());
        Some((if is_spent { spent } else { held }, after))
    }

    /// The id of the next row: the home tree numbers them.
    fn take_row(&mut self) -> Option<TransactionId> {
        let tree = self.path.home()?.number;
        Some(self.sides.first_mut()?.take_row_id(tree))
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
