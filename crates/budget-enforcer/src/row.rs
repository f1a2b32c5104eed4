//! A ledger row as it is kept: small, and turned into a [`Transaction`] only for whoever asks.

use std::sync::Arc;

use crate::amounts::{Amounts, Dimension, PerDimension};
use crate::cell::Cell;
use crate::charge::Envelope;
use crate::hold::{ReservationId, TransactionId};
use crate::lines::Lines;
use crate::moment::Moment;
use crate::path::Path;
use crate::snapshot::{ExtraShot, RowShot, StepShot};
use crate::transaction::{
    Balance, BalanceFigure, BalanceFigures, Transaction, TransactionFilter, TransactionKind,
};

#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: TransactionId,
    pub(crate) at: Moment,
    pub(crate) kind: TransactionKind,
    pub(crate) path: Path,
    pub(crate) lines: Lines,
    pub(crate) reservation: Option<ReservationId>,
    pub(crate) after: After,
    pub(crate) extra: Option<Box<Extra>>,
}

/// What few rows have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra {
    pub(crate) refund_of: Option<TransactionId>,
    pub(crate) refunded: Amounts,
    pub(crate) overspent: Amounts,
    pub(crate) late: bool,
    pub(crate) hold_spent: bool,
    pub(crate) note: Option<Arc<str>>,
}

/// The steps of the path afterwards, in the path's order.
#[derive(Debug, Clone, Default)]
pub(crate) enum After {
    #[default]
    None,
    One(StepAfter),
    Many(Vec<StepAfter>),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct StepAfter {
    /// The epoch of the cell that was booked in.
    pub(crate) epoch: u64,
    /// `None`: not known, for a lane had only a slice.
    figures: Option<BalanceFigures>,
}

impl After {
    /// For so many steps.
    pub(crate) fn of(steps: usize) -> Self {
        if steps > 1 {
            Self::Many(Vec::with_capacity(steps))
        } else {
            Self::None
        }
    }

    pub(crate) fn push(&mut self, cell: &Cell) {
        let figure = |dimension: Dimension| {
            let counter = cell.counters.get(dimension);
            BalanceFigure {
                spent: counter.spent,
                overspent: counter.overspent,
                reserved: counter.reserved,
            }
        };
        self.push_step(StepAfter {
            epoch: cell.epoch,
            figures: Some(PerDimension::from_fn(figure)),
        });
    }

    /// A step of which only a slice was seen, of the cell of that epoch.
    pub(crate) fn push_unseen(&mut self, epoch: u64) {
        self.push_step(StepAfter {
            epoch,
            figures: None,
        });
    }

    fn push_step(&mut self, step: StepAfter) {
        match self {
            Self::None => *self = Self::One(step),
            Self::One(first) => *self = Self::Many(vec![*first, step]),
            Self::Many(steps) => steps.push(step),
        }
    }

    pub(crate) fn as_slice(&self) -> &[StepAfter] {
        match self {
            Self::None => &[],
            Self::One(step) => std::slice::from_ref(step),
            Self::Many(steps) => steps,
        }
    }
}

impl Row {
    pub(crate) fn refunded(&self) -> Amounts {
        self.extra
            .as_ref()
            .map_or(Amounts::NONE, |extra| extra.refunded)
    }

    pub(crate) fn set_refunded(&mut self, refunded: Amounts) {
        self.extra.get_or_insert_default().refunded = refunded;
    }

    /// As it is written down.
    pub(crate) fn shot(&self) -> RowShot {
        let figures = |figures: &BalanceFigures| {
            figures
                .0
                .map(|figure| [figure.spent, figure.overspent, figure.reserved])
        };
        let after = self.after.as_slice().iter().map(|step| StepShot {
            epoch: step.epoch,
            figures: step.figures.as_ref().map(figures),
        });
        RowShot {
            id: self.id,
            at: self.at,
            kind: self.kind,
            charge: self.path.charge(&self.lines),
            reservation: self.reservation,
            after: after.collect(),
            extra: self.extra.as_ref().map(|extra| ExtraShot {
                refund_of: extra.refund_of,
                refunded: extra.refunded,
                overspent: extra.overspent,
                late: extra.late,
                hold_spent: extra.hold_spent,
                note: extra.note.as_deref().map(str::to_owned),
            }),
        }
    }

    /// The row that was written down, of the charge's `path`.
    pub(crate) fn restored(shot: RowShot, path: Path) -> Self {
        let figures = |[spent, overspent, reserved]: [u64; 3]| BalanceFigure {
            spent,
            overspent,
            reserved,
        };
        let mut after = After::None;
        for step in shot.after {
            after.push_step(StepAfter {
                epoch: step.epoch,
                figures: step.figures.map(|all| PerDimension(all.map(figures))),
            });
        }
        Self {
            id: shot.id,
            at: shot.at,
            kind: shot.kind,
            path,
            lines: Lines::of(&shot.charge),
            reservation: shot.reservation,
            after,
            extra: shot.extra.map(|extra| {
                Box::new(Extra {
                    refund_of: extra.refund_of,
                    refunded: extra.refunded,
                    overspent: extra.overspent,
                    late: extra.late,
                    hold_spent: extra.hold_spent,
                    note: extra.note.map(Arc::from),
                })
            }),
        }
    }

    pub(crate) fn transaction(&self) -> Transaction {
        let extra = self.extra.as_deref();
        Transaction {
            id: self.id,
            at: self.at.to_time(),
            kind: self.kind,
            charge: self.path.charge(&self.lines),
            reservation: self.reservation,
            refund_of: extra.and_then(|extra| extra.refund_of),
            overspent: extra.map_or(Amounts::NONE, |extra| extra.overspent),
            late: extra.is_some_and(|extra| extra.late),
            hold_spent: extra.is_some_and(|extra| extra.hold_spent),
            note: extra.and_then(|extra| extra.note.clone()),
            balances: self
                .path
                .envelopes()
                .zip(self.after.as_slice())
                .filter_map(|((envelope, step), after)| {
                    Some(Balance {
                        envelope: envelope.clone(),
                        period: step.period,
                        figures: after.figures?,
                    })
                })
                .collect(),
        }
    }

    pub(crate) fn matches(&self, filter: &TransactionFilter) -> bool {
        let touches = |envelope: &Envelope| {
            let mut envelopes = self.path.envelopes();
            envelopes.any(|(touched, _)| touched == envelope)
        };
        filter.kind.is_none_or(|kind| kind == self.kind)
            && filter
                .reservation
                .is_none_or(|id| self.reservation == Some(id))
            && filter
                .since
                .is_none_or(|since| self.at >= Moment::from(since))
            && filter
                .until
                .is_none_or(|until| self.at < Moment::from(until))
            && filter.envelope.as_ref().is_none_or(touches)
    }
}
