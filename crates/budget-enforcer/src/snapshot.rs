//! The whole state at one revision, so that opening need not replay every event that ever was.
//!
//! These are mirrors: what the engine keeps for speed is written down here for good. A snapshot that does not read is passed
//! over, for the events that it stands for stay.

use serde::{Deserialize, Serialize};

use crate::amounts::{Amounts, Limits, PerDimension};
use crate::cell::Cell;
use crate::charge::Charge;
use crate::counter::Counter;
use crate::decision::BudgetDecision;
use crate::event::Request;
use crate::hold::{ReservationId, Stage, TransactionId};
use crate::id::{BudgetId, SessionId};
use crate::journal::Revision;
use crate::key::IdempotencyKey;
use crate::moment::Moment;
use crate::node::State as NodeState;
use crate::period::Period;
use crate::transaction::TransactionKind;
use crate::window::{Span, Zone};

/// The state after the event of its revision. What is inside is for an enforcer of the same version to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    pub(crate) revision: Revision,
    pub(crate) state: State,
}

impl Snapshot {
    /// The revision of the newest event that it contains.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// Where an operator set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) template: Option<TemplateShot>,
    /// By number.
    pub(crate) trees: Vec<TreeShot>,
    pub(crate) holds: Vec<HoldShot>,
    pub(crate) claims: ClaimsShot,
    pub(crate) rows: Vec<RowShot>,
    pub(crate) rows_dropped: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateShot {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limits: Option<Limits>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TreeShot {
    pub(crate) mark: Moment,
    pub(crate) epoch: u64,
    pub(crate) next_hold: u64,
    pub(crate) next_row: u64,
    pub(crate) whose: Whose,
    pub(crate) nodes: Vec<NodeShot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Whose {
    Session(SessionId),
    /// In the order in which they were created: parents first.
    Budgets(Vec<BudgetShot>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetShot {
    pub(crate) id: BudgetId,
    pub(crate) parent: Option<BudgetId>,
    /// Its nodes: the first, and how many.
    pub(crate) first: usize,
    pub(crate) windows: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeShot {
    pub(crate) limits: Limits,
    pub(crate) must_touch: u8,
    pub(crate) state: NodeState,
    pub(crate) overdraft: bool,
    pub(crate) alerted: [u8; 3],
    pub(crate) counters: [Counter; 3],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) windows: Option<WindowsShot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowsShot {
    pub(crate) period: Period,
    pub(crate) zone: Zone,
    pub(crate) anchor: Moment,
    pub(crate) rollover: bool,
    pub(crate) span: Span,
    pub(crate) epoch: u64,
    pub(crate) earlier: Vec<CellShot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CellShot {
    pub(crate) span: Span,
    pub(crate) epoch: u64,
    pub(crate) counters: [Counter; 3],
}

/// A hold's entry in one tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldShot {
    pub(crate) tree: u64,
    pub(crate) id: ReservationId,
    pub(crate) held: Charge,
    pub(crate) due: Moment,
    pub(crate) epoch: u64,
    pub(crate) stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimsShot {
    pub(crate) floor: Option<IdempotencyKey>,
    pub(crate) mark: Moment,
    pub(crate) claims: Vec<ClaimShot>,
}

impl Default for ClaimsShot {
    fn default() -> Self {
        Self {
            floor: None,
            mark: Moment::DAWN,
            claims: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimShot {
    pub(crate) key: IdempotencyKey,
    pub(crate) request: Request,
    pub(crate) answer: AnswerShot,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum AnswerShot {
    Reserved {
        id: ReservationId,
        charge: Charge,
        at: Moment,
        due: Moment,
    },
    Booked(RowShot),
    Refused(BudgetDecision),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowShot {
    pub(crate) id: TransactionId,
    pub(crate) at: Moment,
    pub(crate) kind: TransactionKind,
    pub(crate) charge: Charge,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reservation: Option<ReservationId>,
    pub(crate) after: Vec<StepShot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) extra: Option<ExtraShot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepShot {
    pub(crate) epoch: u64,
    /// Spent, overspent and reserved of each dimension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) figures: Option<[[u64; 3]; 3]>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtraShot {
    pub(crate) refund_of: Option<TransactionId>,
    pub(crate) refunded: Amounts,
    pub(crate) overspent: Amounts,
    pub(crate) late: bool,
    pub(crate) hold_spent: bool,
    pub(crate) note: Option<String>,
}

impl CellShot {
    pub(crate) const fn of(cell: &Cell) -> Self {
        Self {
            span: cell.span,
            epoch: cell.epoch,
            counters: cell.counters.0,
        }
    }

    pub(crate) const fn cell(&self) -> Cell {
        Cell {
            span: self.span,
            epoch: self.epoch,
            counters: PerDimension(self.counters),
        }
    }
}
