//! The end of an action: what is booked for it, and waiting until that is stored, here or where the state is.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use budget_enforcer::{Amounts, BudgetError, Running, Settlement};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{SettleError, Settled, Usage};
use crate::blocking;
use crate::core::Core;
use crate::far::Reply;
use crate::recorder::{RecordError, Recorded};

/// What an action used, as far as somebody said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spent {
    /// It never ran.
    Nothing,
    /// This; what is not named, as it was held.
    Exactly(Usage),
    /// The larger of this and what was held.
    AtLeast(Usage),
}

impl Spent {
    pub(super) fn book(self, running: Running) -> Result<Option<Settlement>, BudgetError> {
        match self {
            Self::Nothing => running.cancel().map(|()| None),
            Self::Exactly(usage) => running.settle(usage).map(Some),
            Self::AtLeast(usage) => running.settle_at_least(usage).map(Some),
        }
    }

    /// What is booked on an envelope of which this was held; `None` where nothing is.
    pub(crate) fn of(self, held: &Amounts) -> Option<Amounts> {
        let (usage, floor) = match self {
            Self::Nothing => return None,
            Self::Exactly(usage) => (usage, None),
            Self::AtLeast(usage) => (usage, Some(held)),
        };
        Some(Amounts {
            tokens: usage
                .tokens
                .max(floor.and_then(|held| held.tokens))
                .or(held.tokens),
            calls: usage
                .calls
                .max(floor.and_then(|held| held.calls))
                .or(held.calls),
            cost: usage
                .cost
                .max(floor.and_then(|held| held.cost))
                .or(held.cost),
        })
    }
}

/// An action whose end is on its way.
pub(super) enum Ending {
    Here(EndingHere),
    There {
        record: Uuid,
        told: Pin<Box<dyn Future<Output = Reply> + Send>>,
    },
    /// It had ended before.
    Before(Option<Uuid>),
}

impl Ending {
    pub(super) async fn acknowledged(self) -> Result<Settled, SettleError> {
        match self {
            Self::Here(here) => here.acknowledged().await,
            Self::There { record, told } => confirmed(record, told.await),
            Self::Before(record_id) => Ok(Settled {
                settlement: None,
                record_id,
            }),
        }
    }

    pub(super) fn wait(self) -> Result<Settled, SettleError> {
        match self {
            Self::Here(here) => here.wait(),
            Self::There { record, told } => confirmed(record, blocking::wait_for(told)),
            Self::Before(record_id) => Ok(Settled {
                settlement: None,
                record_id,
            }),
        }
    }
}

fn confirmed(record: Uuid, reply: Reply) -> Result<Settled, SettleError> {
    match reply {
        Reply::Ended(settlement) => Ok(Settled {
            settlement,
            record_id: Some(record),
        }),
        Reply::Failed { message, .. } => Err(SettleError::Unconfirmed(message)),
        other => Err(SettleError::Unconfirmed(format!(
            "it answered with something else: {other:?}"
        ))),
    }
}

/// An action whose end is booked and handed to the log, and that only waits for the log's acknowledgement.
pub(super) struct EndingHere {
    pub(super) core: Arc<Core>,
    pub(super) record_id: Option<Uuid>,
    pub(super) booked: Result<Option<Settlement>, BudgetError>,
    pub(super) recorded: Result<Option<Recorded>, RecordError>,
}

impl EndingHere {
    async fn acknowledged(mut self) -> Result<Settled, SettleError> {
        if let Some(entry) = self.to_be_stored()
            && let Err(error) = self.core.recorder.acknowledged(&entry).await
        {
            self.lost(error);
        }
        self.result()
    }

    fn wait(mut self) -> Result<Settled, SettleError> {
        if let Some(entry) = self.to_be_stored()
            && let Err(error) = self.core.recorder.wait(&entry)
        {
            self.lost(error);
        }
        self.result()
    }

    fn to_be_stored(&self) -> Option<Recorded> {
        let recorded = self.recorded.as_ref().ok().copied().flatten();
        recorded.filter(|entry| !entry.stored)
    }

    fn lost(&mut self, error: RecordError) {
        self.core.count_loss();
        self.recorded = Err(error);
    }

    fn result(self) -> Result<Settled, SettleError> {
        let is_required = self.core.is_journal || self.core.rules.load().audit_required;
        match (self.booked, self.recorded) {
            (_, Err(error)) if is_required => Err(SettleError::Record(error)),
            (Err(error), _) => Err(SettleError::Budget(error)),
            (Ok(settlement), _) => Ok(Settled {
                settlement,
                record_id: self.record_id,
            }),
        }
    }
}
