//! What is common to all that is drawn: exact amounts as floating point numbers, and a decision's one code. Nothing is decided or booked by them.

use budget_enforcer::Quantity;

use crate::decision::Decision;

const NANOS_PER_USD: f64 = 1e9;

/// Tokens, calls or dollars. Exact up to 2⁵³ tokens or calls, and to nine million dollars in nano-dollars.
#[expect(
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    reason = "drawn, not counted"
)]
pub(super) fn in_units(quantity: Quantity) -> f64 {
    match quantity {
        Quantity::Tokens(units) | Quantity::Calls(units) => units as f64,
        Quantity::Cost(usd) => usd.nanos() as f64 / NANOS_PER_USD,
    }
}

/// The decision's code; where the stack only watches, the code with which it would have denied.
pub(super) fn reason(decision: &Decision) -> &str {
    decision.would_deny().unwrap_or_else(|| decision.code())
}
