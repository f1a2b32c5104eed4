//! Figures as they are shown: with all their digits.

use budget_enforcer::{Dimension, EnvelopeState, Quantity};
use security_bundle::operator::Figures;

use crate::failure::Failure;

pub(super) fn state(state: EnvelopeState) -> &'static str {
    match state {
        EnvelopeState::Active => "active",
        EnvelopeState::Suspended => "suspended",
        EnvelopeState::Closed => "closed",
    }
}

/// All digits: `12.50`, `0.0000025`, `420`.
pub(super) fn exact(quantity: Quantity) -> String {
    match quantity {
        Quantity::Tokens(units) | Quantity::Calls(units) => units.to_string(),
        Quantity::Cost(usd) => usd.exact().to_string(),
    }
}

/// All that was spent, covered or not.
pub(super) fn spent(dimension: Dimension, usage: &Figures<Quantity>) -> Result<Quantity, Failure> {
    let sum = usage.spent.units().checked_add(usage.overspent.units());
    let sum = sum.ok_or_else(|| Failure::new(format!("more {dimension} than can be counted")))?;
    Ok(quantity(dimension, sum))
}

const fn quantity(dimension: Dimension, units: u64) -> Quantity {
    match dimension {
        Dimension::Tokens => Quantity::Tokens(units),
        Dimension::Calls => Quantity::Calls(units),
        Dimension::Cost => Quantity::Cost(budget_enforcer::Usd::from_nanos(units)),
    }
}

pub(super) fn percent(used: Option<u64>) -> String {
    used.map_or_else(|| "-".to_owned(), |percent| format!("{percent}%"))
}

/// `unlimited` where there is none.
pub(super) fn limit(quantity: Option<Quantity>) -> String {
    quantity.map_or_else(|| "unlimited".to_owned(), exact)
}
