//! Spending without a hold, and giving spending back.

use crate::amounts::Amounts;
use crate::charge::Charge;
use crate::claims::Answer;
use crate::decision::BudgetDenied;
use crate::enforcer::BudgetEnforcer;
use crate::engine::Done;
use crate::error::BudgetError;
use crate::event::{Act, Request};
use crate::hold::TransactionId;
use crate::id::SessionId;
use crate::judge::Question;
use crate::lines::Lines;
use crate::moment::Moment;
use crate::options::CallOptions;
use crate::refund;
use crate::transaction::Transaction;

impl BudgetEnforcer {
    /// Spends `charge` in one step. Refused beyond a limit, unless every envelope in the way allows overdraft: then the excess is overspent.
    ///
    /// # Errors
    /// [`BudgetError::Denied`] as for [`reserve`](Self::reserve), [`BudgetError::Store`]; nothing was changed.
    pub fn record(&self, charge: &Charge) -> Result<Transaction, BudgetError> {
        self.record_with(charge, &CallOptions::default())
    }

    /// [`record`](Self::record) with options. A repeated request gets the first answer.
    ///
    /// # Errors
    /// As for [`record`](Self::record), and as for the key of [`reserve_with`](Self::reserve_with).
    pub fn record_with(
        &self,
        charge: &Charge,
        options: &CallOptions,
    ) -> Result<Transaction, BudgetError> {
        options.validate(self.engine.config.max_ttl)?;
        let wall = self.engine.reading(options.wall);
        let request = || Request::Record {
            charge: charge.clone(),
        };
        booked(
            self.engine
                .once(options.key, wall, request, || {
                    self.record_now(charge, wall, options)
                })?
                .0,
        )
    }

    /// Books what a session has used, after the fact: `tokens` and one call. Always booked; what is beyond the limits is overspent. Opens the session on first use.
    ///
    /// # Errors
    /// [`BudgetError::Denied`] where the session cannot be opened: nothing was booked.
    /// [`BudgetError::NotStored`]: booked, but only in memory.
    pub fn record_spending(
        &self,
        session: &SessionId,
        tokens: u64,
    ) -> Result<Transaction, BudgetError> {
        self.record_spending_with(session, tokens, &CallOptions::default())
    }

    /// [`record_spending`](Self::record_spending) with options. A repeated request gets the first answer and books nothing.
    ///
    /// # Errors
    /// As for [`record_spending`](Self::record_spending), and as for the key of [`reserve_with`](Self::reserve_with).
    pub fn record_spending_with(
        &self,
        session: &SessionId,
        tokens: u64,
        options: &CallOptions,
    ) -> Result<Transaction, BudgetError> {
        options.validate(self.engine.config.max_ttl)?;
        let wall = self.engine.reading(options.wall);
        let request = || Request::RecordSpending {
            session: session.clone(),
            tokens,
        };
        let run = || {
            let path = self.engine.open_session(session, wall)?;
            let lines = Lines::One(Amounts::NONE.tokens(tokens).calls(1));
            let done = self.engine.core.with(&path, wall, |locked| {
                let act = || Act::Spent {
                    session: session.clone(),
                    tokens,
                };
                let written = self
                    .engine
                    .core
                    .writer
                    .write(locked.at(), || options.meta(), act);
                let booked = Answer::Booked(locked.spend(&lines, options.note.clone()));
                Done::written(booked, written)
            })?;
            Ok(done)
        };
        booked(self.engine.once(options.key, wall, request, run)?.0)
    }

    /// Gives back `amounts` of what a settle or record booked, in every envelope of its charge that booked in those dimensions.
    /// In a window that is over it pays off debt and never becomes new budget.
    ///
    /// # Errors
    /// [`BudgetError::UnknownTransaction`] where the row has left the ledger; [`BudgetError::NotRefundable`]; [`BudgetError::RefundTooLarge`]:
    /// at most what was booked, less what was refunded before; [`BudgetError::Store`]. Nothing was changed.
    pub fn refund(
        &self,
        transaction: TransactionId,
        amounts: Amounts,
    ) -> Result<Transaction, BudgetError> {
        self.refund_with(transaction, amounts, &CallOptions::default())
    }

    /// [`refund`](Self::refund) with options. A repeated request gets the first answer.
    ///
    /// # Errors
    /// As for [`refund`](Self::refund), and as for the key of [`reserve_with`](Self::reserve_with).
    pub fn refund_with(
        &self,
        transaction: TransactionId,
        amounts: Amounts,
        options: &CallOptions,
    ) -> Result<Transaction, BudgetError> {
        options.validate(self.engine.config.max_ttl)?;
        let wall = self.engine.reading(options.wall);
        let request = || Request::Refund {
            transaction,
            amounts,
        };
        let run = || {
            let act = || Act::Refunded {
                transaction,
                amounts,
            };
            let allow = |at| self.engine.core.writer.write(at, || options.meta(), act);
            let (row, written) = refund::refund(
                &self.engine,
                transaction,
                amounts,
                wall,
                options.note.clone(),
                allow,
            )?;
            Ok(Done::written(Answer::Booked(row), Ok(written)))
        };
        booked(self.engine.once(options.key, wall, request, run)?.0)
    }

    fn record_now(
        &self,
        charge: &Charge,
        wall: Moment,
        options: &CallOptions,
    ) -> Result<Done, BudgetError> {
        let lines = Lines::of(charge);
        let path = self.open_if_it_fits(charge, &lines, wall, Question::OverdraftPasses)?;
        self.engine.core.with(&path, wall, |locked| {
            if let Some(refusal) = locked.refusal(&lines, Question::OverdraftPasses) {
                return Err(BudgetDenied::from(refusal).into());
            }
            let act = || Act::Recorded {
                charge: charge.clone(),
            };
            let written = self
                .engine
                .core
                .writer
                .write(locked.at(), || options.meta(), act)?;
            let booked = Answer::Booked(locked.spend(&lines, options.note.clone()));
            Ok(Done::written(booked, Ok(written)))
        })?
    }
}

fn booked(answer: Answer) -> Result<Transaction, BudgetError> {
    match answer {
        Answer::Booked(row) => Ok(row.transaction()),
        Answer::Refused(decision) => Err(BudgetDenied::from(decision).into()),
        Answer::Reserved { .. } => Err(BudgetError::KeyConflict { field: "operation" }),
    }
}
