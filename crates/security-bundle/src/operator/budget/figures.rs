//! What is told of envelopes: their windows in figures, how they were set up, and what is held on them.

use budget_enforcer::{
    Amounts, BudgetId, Dimension, Envelope, EnvelopeState, OpenHold, OperatorId, Period, Quantity,
    ReservationId, Usage, Usd, Utilization, WindowUsage, Zone,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

use super::history::lines;

/// An envelope with its windows as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EnvelopeNow {
    /// Which.
    pub envelope: Envelope,
    /// Whether it admits anything.
    pub state: EnvelopeState,
    /// The first one first.
    pub windows: Vec<WindowNow>,
    /// How a budget was set up; unknown where nothing keeps the acts of operators.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub set_up: Option<SetUp>,
    /// When a session was opened, where that is known.
    #[serde(
        default,
        with = "rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub opened_at: Option<OffsetDateTime>,
}

/// How a budget was set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SetUp {
    /// The budget that is charged along with it.
    pub parent: Option<BudgetId>,
    /// Of its days, weeks, months and years.
    pub zone: Zone,
    /// What a window leaves goes into the next one.
    pub rollover: Option<bool>,
    /// Spending may go beyond the limit, as debt.
    pub overdraft: Option<bool>,
    /// When.
    #[serde(with = "rfc3339")]
    pub created_at: OffsetDateTime,
    /// By whom.
    pub created_by: Option<OperatorId>,
}

/// One window of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WindowNow {
    /// How often it starts again.
    pub period: Period,
    /// Since when; a lifetime has no such time.
    #[serde(with = "rfc3339::option")]
    pub start_at: Option<OffsetDateTime>,
    /// When it starts again.
    #[serde(with = "rfc3339::option")]
    pub resets_at: Option<OffsetDateTime>,
    /// Of what is limited, or was used.
    #[serde(flatten)]
    pub figures: ByDimension<Figures<u64>, Figures<Usd>>,
}

/// Tokens, calls and money, as far as there is something to say about each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ByDimension<Counted, Paid> {
    /// Tokens.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Counted>,
    /// Calls.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub calls: Option<Counted>,
    /// Money: amounts are texts with all their digits.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub cost: Option<Paid>,
}

/// `Default` of an option needs none of what is in it.
const fn none<T>() -> Option<T> {
    None
}

/// The figures of one dimension of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Figures<T> {
    /// `None`: unlimited.
    pub limit: Option<T>,
    /// From the window before.
    pub rolled_over: T,
    /// Overspent in the window before.
    pub debt: T,
    /// Settled within what could be used.
    pub spent: T,
    /// Beyond it.
    pub overspent: T,
    /// In open holds.
    pub reserved: T,
    /// `None`: unlimited.
    pub available: Option<T>,
    /// What was spent, and the debt, in whole percent of what the window allows, rounded down. `None`: no limit, or one of zero.
    pub used_percent: Option<u64>,
}

/// The balance of one dimension after an entry of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Booked<T> {
    /// Within what could be used.
    pub spent: T,
    /// Beyond it.
    pub overspent: T,
    /// In open holds.
    pub reserved: T,
}

/// The sums of one dimension of a window, by kind of booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sums<T> {
    /// Taken in holds.
    pub reserved: T,
    /// Settled from holds.
    pub settled: T,
    /// Recorded in one step.
    pub recorded: T,
    /// Given back from holds.
    pub released: T,
    /// Of holds that expired before their call left.
    pub expired: T,
    /// Of holds that expired after it left, and were not settled later.
    pub expired_spent: T,
    /// Given back of what was spent.
    pub refunded: T,
    /// `settled` + `recorded` + `expired_spent` - `refunded`.
    pub spent: T,
    /// Of that, what was beyond the limit in the end.
    pub overspent: T,
}

/// An envelope and what is charged to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Line {
    /// Which.
    pub envelope: Envelope,
    /// How much.
    pub amounts: Amounts,
}

/// A hold that nobody has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HoldNow {
    /// Its id.
    pub reservation: ReservationId,
    /// When it was taken, where that is known.
    #[serde(
        default,
        with = "rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub at: Option<OffsetDateTime>,
    /// When it ends by itself.
    #[serde(with = "rfc3339")]
    pub expires_at: OffsetDateTime,
    /// Its call has left: when it expires it is spent, not given back.
    pub started: bool,
    /// What it holds.
    pub charge: Vec<Line>,
}

/// What has a value for each dimension, in counts or in money.
macro_rules! in_dimensions {
    ($name:ident { $($plain:ident),* } $({ $($option:ident),* } $kept:ident)?) => {
        impl<T> $name<T> {
            fn map<U>(self, f: impl Fn(T) -> U) -> $name<U> {
                $name {
                    $($plain: f(self.$plain),)*
                    $($($option: self.$option.map(&f),)*
                    $kept: self.$kept,)?
                }
            }
        }

        impl ByDimension<$name<u64>, $name<Usd>> {
            /// By units: of money, billionths of a dollar.
            pub(crate) fn of(units: impl Fn(Dimension) -> Option<$name<u64>>) -> Self {
                Self {
                    tokens: units(Dimension::Tokens),
                    calls: units(Dimension::Calls),
                    cost: units(Dimension::Cost).map(|units| units.map(Usd::from_nanos)),
                }
            }

            /// Those that there are, in the order in which dimensions are judged.
            pub fn rows(&self) -> impl Iterator<Item = (Dimension, $name<Quantity>)> + use<> {
                let rows = [
                    (Dimension::Tokens, self.tokens.map(|counts| counts.map(Quantity::Tokens))),
                    (Dimension::Calls, self.calls.map(|counts| counts.map(Quantity::Calls))),
                    (Dimension::Cost, self.cost.map(|paid| paid.map(Quantity::Cost))),
                ];
                rows.into_iter()
                    .filter_map(|(dimension, row)| Some((dimension, row?)))
            }
        }
    };
}

in_dimensions! { Figures { rolled_over, debt, spent, overspent, reserved } { limit, available } used_percent }
in_dimensions! { Booked { spent, overspent, reserved } }
in_dimensions! { Sums { reserved, settled, recorded, released, expired, expired_spent, refunded, spent, overspent } }

impl EnvelopeNow {
    pub(crate) fn of(usage: &Utilization) -> Self {
        Self {
            envelope: usage.envelope.clone(),
            state: usage.state,
            windows: usage.windows().map(WindowNow::of).collect(),
            set_up: None,
            opened_at: None,
        }
    }
}

impl HoldNow {
    pub(crate) fn of(hold: &OpenHold) -> Self {
        Self {
            reservation: hold.id,
            at: None,
            expires_at: hold.expires_at,
            started: hold.started,
            charge: lines(&hold.charge),
        }
    }
}

impl WindowNow {
    fn of(usage: &WindowUsage) -> Self {
        let end = usage.window.end_at;
        Self {
            period: usage.period,
            start_at: end.map(|_| usage.window.start_at),
            resets_at: end,
            figures: ByDimension::<Figures<u64>, _>::of(|dimension| {
                let usage = usage.usage(dimension);
                let used = [usage.spent, usage.overspent, usage.reserved];
                let touched =
                    usage.limit.is_some() || used.iter().any(|quantity| quantity.units() > 0);
                touched.then(|| figures(usage))
            }),
        }
    }
}

fn figures(usage: &Usage) -> Figures<u64> {
    Figures {
        limit: usage.limit.map(Quantity::units),
        rolled_over: usage.rolled_over.units(),
        debt: usage.debt.units(),
        spent: usage.spent.units(),
        overspent: usage.overspent.units(),
        reserved: usage.reserved.units(),
        available: usage.available.map(Quantity::units),
        used_percent: used_percent(usage),
    }
}

fn used_percent(usage: &Usage) -> Option<u64> {
    let wide = |quantities: &[Quantity]| -> u128 {
        let units = quantities
            .iter()
            .map(|quantity| u128::from(quantity.units()));
        units.fold(0, u128::saturating_add)
    };
    let allowed = wide(&[usage.limit?, usage.rolled_over]);
    let percent = wide(&[usage.spent, usage.overspent, usage.debt])
        .saturating_mul(100)
        .checked_div(allowed)?;
    u64::try_from(percent).ok()
}
