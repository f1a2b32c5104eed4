//! Refunds: at most what was booked, and never a negative amount.

use std::sync::Arc;

use crate::amounts::{Amounts, Dimension};
use crate::engine::Engine;
use crate::error::BudgetError;
use crate::hold::TransactionId;
use crate::journal::{Revision, StoreError};
use crate::lines::Lines;
use crate::moment::Moment;
use crate::row::Row;
use crate::transaction::TransactionKind;

/// Refunds `amounts` of `transaction`; `allow` has the last word, with everything else checked and locked.
pub(crate) fn refund(
    engine: &Engine,
    transaction: TransactionId,
    amounts: Amounts,
    wall: Moment,
    note: Option<Arc<str>>,
    allow: impl FnOnce(Moment) -> Result<Revision, StoreError>,
) -> Result<(Row, Revision), BudgetError> {
    let find = || {
        engine
            .core
            .books
            .ledger
            .find(transaction)
            .ok_or(BudgetError::UnknownTransaction { id: transaction })
    };
    let path = find()?.path;
    engine.core.with(&path, wall, |locked| {
        // Again, for only now nobody else can refund it.
        let row = find()?;
        let (lines, refunded) = judge(&row, amounts)?;
        let written = allow(locked.at())?;
        Ok((locked.refund(&row, &lines, refunded, note), written))
    })?
}

/// What each line gets back, and how much of the row is refunded then.
fn judge(row: &Row, amounts: Amounts) -> Result<(Lines, Amounts), BudgetError> {
    let id = row.id;
    if !matches!(row.kind, TransactionKind::Settle | TransactionKind::Record) {
        return Err(BudgetError::NotRefundable {
            id,
            kind: row.kind.name(),
        });
    }
    for dimension in Dimension::ALL {
        let Some(requested) = amounts.units(dimension) else {
            continue;
        };
        let booked = row
            .lines
            .as_slice()
            .iter()
            .filter_map(|line| line.units(dimension))
            .min()
            .unwrap_or(0);
        let refundable = booked.saturating_sub(row.refunded().units(dimension).unwrap_or(0));
        if requested > refundable {
            return Err(BudgetError::RefundTooLarge {
                id,
                dimension,
                requested: dimension.quantity(requested),
                refundable: dimension.quantity(refundable),
            });
        }
    }
    let lines = row.lines.map(|line| {
        Amounts::from_units(|dimension| line.units(dimension).and(amounts.units(dimension)))
    });
    Ok((lines, row.refunded().saturating_add(&amounts)))
}
