//! The figures of an envelope's windows, for tables and as JSON.

use budget_enforcer::{
    Dimension, Envelope, EnvelopeState, Quantity, Usage, Utilization, WindowUsage,
};
use serde_json::{Map, Value, json};

use super::history::History;
use crate::failure::Failure;
use crate::times;

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

/// A number where JSON has exact ones, and money as its exact text.
pub(super) fn json_of(quantity: Quantity) -> Value {
    match quantity {
        Quantity::Tokens(units) | Quantity::Calls(units) => units.into(),
        Quantity::Cost(usd) => usd.exact().to_string().into(),
    }
}

/// The dimensions that a window limits, or that something was used of.
pub(super) fn touched(window: &WindowUsage) -> impl Iterator<Item = (Dimension, &Usage)> {
    let all = Dimension::ALL.into_iter();
    all.map(|dimension| (dimension, window.usage(dimension)))
        .filter(|(_, usage)| {
            let used = [usage.spent, usage.overspent, usage.reserved];
            usage.limit.is_some() || used.iter().any(|quantity| quantity.units() > 0)
        })
}

/// All that was spent, covered or not.
pub(super) fn spent(dimension: Dimension, usage: &Usage) -> Result<Quantity, Failure> {
    let sum = usage.spent.units().checked_add(usage.overspent.units());
    let sum = sum.ok_or_else(|| Failure::new(format!("more {dimension} than can be counted")))?;
    Ok(quantity(dimension, sum))
}

pub(super) const fn quantity(dimension: Dimension, units: u64) -> Quantity {
    match dimension {
        Dimension::Tokens => Quantity::Tokens(units),
        Dimension::Calls => Quantity::Calls(units),
        Dimension::Cost => Quantity::Cost(budget_enforcer::Usd::from_nanos(units)),
    }
}

/// What was spent, and the debt, in whole percent of what the window allows, rounded down. `None`: no limit, or one of zero.
pub(super) fn used_percent(usage: &Usage) -> Option<u128> {
    let wide = |quantities: &[Quantity]| -> u128 {
        let units = quantities
            .iter()
            .map(|quantity| u128::from(quantity.units()));
        units.fold(0, u128::saturating_add)
    };
    let allowed = wide(&[usage.limit?, usage.rolled_over]);
    wide(&[usage.spent, usage.overspent, usage.debt])
        .saturating_mul(100)
        .checked_div(allowed)
}

pub(super) fn percent(usage: &Usage) -> String {
    used_percent(usage).map_or_else(|| "-".to_owned(), |percent| format!("{percent}%"))
}

/// `unlimited` where there is none.
pub(super) fn limit(quantity: Option<Quantity>) -> String {
    quantity.map_or_else(|| "unlimited".to_owned(), exact)
}

fn json(window: &WindowUsage) -> Value {
    let mut said = Map::new();
    let end = window.window.end_at;
    said.insert("period".into(), window.period.to_string().into());
    // A lifetime has neither.
    said.insert(
        "start_at".into(),
        end.map(|_| times::shown(window.window.start_at)).into(),
    );
    said.insert("resets_at".into(), end.map(times::shown).into());
    for (dimension, usage) in touched(window) {
        let figures = json!({
            "limit": usage.limit.map(json_of),
            "rolled_over": json_of(usage.rolled_over),
            "debt": json_of(usage.debt),
            "spent": json_of(usage.spent),
            "overspent": json_of(usage.overspent),
            "reserved": json_of(usage.reserved),
            "available": usage.available.map(json_of),
            "used_percent": used_percent(usage).and_then(|percent| u64::try_from(percent).ok()),
        });
        said.insert(dimension.name().into(), figures);
    }
    said.into()
}

/// An envelope with its windows, as `list` and `show` say it.
pub(super) fn envelope_json(usage: &Utilization, history: &History) -> Value {
    let windows: Vec<_> = usage.windows().map(json).collect();
    let mut said = json!({
        "envelope": usage.envelope,
        "state": state(usage.state),
        "windows": windows,
    });
    let created = match &usage.envelope {
        Envelope::Budget(id) => history.budgets.get(id),
        Envelope::Session(_) => None,
    };
    if let (Some(said), Some(created)) = (said.as_object_mut(), created) {
        let spec = &created.spec;
        said.insert("parent".into(), json!(spec.parent));
        said.insert("zone".into(), spec.zone.name().into());
        said.insert("rollover".into(), spec.rollover.into());
        said.insert("overdraft".into(), spec.overdraft.into());
        said.insert("created_at".into(), times::shown(created.at).into());
        said.insert("created_by".into(), json!(created.by));
    }
    said
}
