//! What a booking does to the trees of one path, once they are locked. Live calls and the replay of a journal both come here.
//!
//! Nothing in here can fail half-way: whoever calls has looked first.

use std::iter;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use crate::alert::{Alerts, Booked};
use crate::amounts::{Amounts, Limits};
use crate::decision::BudgetDecision;
use crate::hold::{ReservationId, Stage, TransactionId};
use crate::judge::{self, Question};
use crate::ledger::Ledger;
use crate::lines::Lines;
use crate::moment::Moment;
use crate::node::{Node, State};
use crate::path::{GroupRef, Path};
use crate::period::Period;
use crate::plain::{Caps, touched};
use crate::row::{After, Extra, Row};
use crate::transaction::TransactionKind;
use crate::tree::{Lapse, TreeState};

/// Where rows go, and how long an expired hold is remembered.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) ledger: Ledger,
    pub(crate) late: Duration,
    /// The longest that a hold can be asked for.
    pub(crate) longest: Duration,
    pub(crate) alerts: Option<Alerts>,
}

impl Books {
    /// Says which thresholds the nodes of `group` have passed.
    pub(crate) fn look(&self, tree: &mut TreeState, group: GroupRef<'_>, at: Moment) {
        let Some(alerts) = &self.alerts else {
            return;
        };
        for step in group.steps {
            if let Some(node) = tree.node_mut(step.node) {
                let booked = Booked {
                    envelope: group.envelope(step),
                    period: step.period,
                    at,
                };
                alerts.look(node, booked);
            }
        }
    }
}

/// The trees of a path, locked, at one time.
pub(crate) struct Locked<'a, 'g> {
    pub(crate) path: &'a Path,
    pub(crate) trees: &'a mut [MutexGuard<'g, TreeState>],
    books: &'a Books,
    pub(crate) at: Moment,
}

impl<'a, 'g> Locked<'a, 'g> {
    pub(crate) fn new(
        path: &'a Path,
        trees: &'a mut [MutexGuard<'g, TreeState>],
        books: &'a Books,
        wall: Moment,
    ) -> Self {
        let at = trees.iter().fold(wall, |at, tree| tree.time(at));
        Self {
            path,
            trees,
            books,
            at,
        }
    }

    pub(crate) const fn at(&self) -> Moment {
        self.at
    }

    /// Why `lines` do not fit. `None`: they do.
    pub(crate) fn refusal(&self, lines: &Lines, question: Question) -> Option<BudgetDecision> {
        judge::refusal(
            self.path,
            self.trees.iter().map(|tree| (&**tree, question)),
            lines,
            self.at,
        )
    }

    /// Why hold `id` cannot grow by `more`.
    pub(crate) fn draw_refusal(&self, id: ReservationId, more: &Amounts) -> Option<BudgetDecision> {
        let lines = self.trees.first()?.hold(id)?.held.map(|_| *more);
        let trees = self.trees.iter().map(|tree| {
            let epoch = tree.hold(id).map_or(tree.epoch(), |hold| hold.epoch);
            (&**tree, Question::Draw { epoch })
        });
        judge::refusal(self.path, trees, &lines, self.at)
    }

    pub(crate) fn admission(&self, lines: &Lines) -> BudgetDecision {
        judge::admission(
            self.path,
            self.trees.iter().map(|tree| &**tree),
            lines,
            self.at,
        )
    }

    /// The id that the next reservation gets.
    pub(crate) fn next_hold(&self) -> ReservationId {
        self.trees
            .first()
            .map_or(ReservationId::new(0, 0), |tree| tree.next_hold())
    }

    /// Whether any of the trees has a hold of that name, whatever has become of it.
    pub(crate) fn knows(&self, id: ReservationId) -> bool {
        self.trees.iter().any(|tree| tree.hold(id).is_some())
    }

    /// The stage of hold `id` now. `None`: there is none.
    pub(crate) fn stage(&self, id: ReservationId) -> Option<Stage> {
        self.trees
            .first()?
            .hold(id)?
            .stage_at(self.at, self.books.late)
    }

    /// Spends `lines`, whether they fit or not.
    pub(crate) fn spend(&mut self, lines: &Lines, note: Option<Arc<str>>) -> Row {
        self.advance();
        let mut overspent = Amounts::NONE;
        let mut after = After::None;
        for (group, tree) in self.path.groups().zip(self.trees.iter_mut()) {
            for step in group.steps {
                if let Some(node) = tree.node_mut(step.node) {
                    overspent = overspent.larger(&node.spend(&lines.at(step.lines)));
                    after.push(&node.current());
                }
            }
        }
        self.look();
        let extra = Extra {
            overspent,
            note,
            ..Extra::default()
        };
        self.push_shown(TransactionKind::Record, lines.clone(), after, extra)
    }

    /// Gives back `lines` of what `row` booked.
    pub(crate) fn refund(
        &mut self,
        row: &Row,
        lines: &Lines,
        refunded: Amounts,
        note: Option<Arc<str>>,
    ) -> Row {
        self.advance();
        let mut after = After::None;
        let mut cells = row.after.as_slice().iter();
        for (group, tree) in self.path.groups().zip(self.trees.iter_mut()) {
            for (step, cell) in group.steps.iter().zip(cells.by_ref()) {
                if let Some(node) = tree.node_mut(step.node) {
                    node.refund(cell.epoch, &lines.at(step.lines));
                    after.push(&node.current());
                }
            }
        }
        self.books.ledger.set_refunded(row.id, refunded);
        let extra = Extra {
            refund_of: Some(row.id),
            note,
            ..Extra::default()
        };
        self.push_shown(TransactionKind::Refund, lines.clone(), after, extra)
    }

    /// Sets the limits of a window of the envelope that the path names: of the first one, or of that of `period`.
    pub(crate) fn set_limits(&mut self, period: Option<Period>, limits: Limits) {
        self.advance();
        let mut after = After::None;
        let (Some(group), Some(tree)) = (self.path.groups().next(), self.trees.first_mut()) else {
            return;
        };
        let mut must_touch = 0;
        for (number, step) in group.own_steps().enumerate() {
            if let Some(node) = tree.node_mut(step.node) {
                if period.map_or(number == 0, |period| period == step.period) {
                    node.set_limits(limits);
                }
                must_touch |= touched(|dimension| node.limits().units(dimension));
                after.push(&node.current());
            }
        }
        if let Some(node) = self.named_node() {
            node.caps = Arc::new(node.caps.touching(must_touch));
        }
        self.look();
        let shown = Amounts {
            tokens: limits.tokens,
            calls: limits.calls,
            cost: limits.cost,
        };
        let path = self.path.clone();
        self.push(
            TransactionKind::Adjust,
            path,
            Lines::One(shown),
            None,
            after,
            None,
        );
    }

    /// Lowers the limits of the session that the path is. No row tells of it: there may be very many sessions.
    pub(crate) fn lower(&mut self, caps: Arc<Caps>) {
        self.advance();
        if let Some(node) = self.named_node() {
            node.caps = caps;
        }
        self.look();
    }

    /// Sets the state of the envelope that the path names.
    pub(crate) fn set_state(&mut self, state: State) {
        if let Some(node) = self.named_node() {
            node.state = state;
        }
    }

    /// The limits of a window of the envelope that the path names, and the envelope's state.
    pub(crate) fn named(&self, period: Option<Period>) -> Option<(Limits, State)> {
        let group = self.path.groups().next()?;
        let tree = self.trees.first()?;
        let mut own = group.own_steps();
        let first = own.next()?;
        let state = tree.node(first.node)?.state;
        let window = match period {
            None => first,
            Some(period) => iter::once(first)
                .chain(own)
                .find(|step| step.period == period)?,
        };
        Some((*tree.node(window.node)?.limits(), state))
    }

    fn named_node(&mut self) -> Option<&mut Node> {
        let step = self.path.groups().next()?.steps.first()?;
        self.trees.first_mut()?.node_mut(step.node)
    }

    /// Says which thresholds the path's nodes have passed.
    pub(crate) fn look(&mut self) {
        for (group, tree) in self.path.groups().zip(self.trees.iter_mut()) {
            self.books.look(tree, group, self.at);
        }
    }

    /// Brings the trees up to now.
    pub(crate) fn advance(&mut self) {
        for (group, tree) in self.path.groups().zip(self.trees.iter_mut()) {
            if tree.is_due(self.at) {
                for lapse in tree.lapse_due(self.at, self.books.late) {
                    if let Some(group) = lapse.path.group(group.tree.number) {
                        self.books.look(tree, group, lapse.at);
                    }
                    if lapse.is_at_home {
                        write_lapse(&self.books.ledger, tree, lapse);
                    }
                }
            }
            tree.advance(group, self.at);
        }
    }

    pub(crate) fn push(
        &mut self,
        kind: TransactionKind,
        path: Path,
        lines: Lines,
        reservation: Option<ReservationId>,
        after: After,
        extra: Option<Extra>,
    ) -> TransactionId {
        let id = self.next_row();
        let (at, extra) = (self.at, extra.map(Box::new));
        self.books.ledger.push(Row {
            id,
            at,
            kind,
            path,
            lines,
            reservation,
            after,
            extra,
        });
        id
    }

    /// For callers who want to see the row: it may leave the ledger before they ask.
    fn push_shown(
        &mut self,
        kind: TransactionKind,
        lines: Lines,
        after: After,
        extra: Extra,
    ) -> Row {
        let (id, path) = (self.next_row(), self.path.clone());
        let (at, extra) = (self.at, Some(Box::new(extra)));
        let row = Row {
            id,
            at,
            kind,
            path,
            lines,
            reservation: None,
            after,
            extra,
        };
        self.books.ledger.push(row.clone());
        row
    }

    /// The id of the next row: the home tree numbers them.
    fn next_row(&mut self) -> TransactionId {
        self.trees
            .first_mut()
            .map_or(TransactionId::new(0, 0), |tree| tree.take_row())
    }
}

/// An expiry is written by the tree that numbers the reservation, and shows that tree alone: the others are not locked.
fn write_lapse(ledger: &Ledger, tree: &mut TreeState, lapse: Lapse) {
    let extra = lapse.started.then(|| {
        Box::new(Extra {
            hold_spent: true,
            ..Extra::default()
        })
    });
    ledger.push(Row {
        id: tree.take_row(),
        at: lapse.at,
        kind: TransactionKind::Expire,
        path: lapse.path,
        lines: lapse.held,
        reservation: Some(lapse.id),
        after: lapse.after,
        extra,
    });
}
