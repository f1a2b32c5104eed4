//! Limits as they are written on the command line, and amounts as they are shown: exact, never rounded.

use std::str::FromStr;

use budget_enforcer::{Amounts, BudgetError, BudgetSpec, Limits, Period, Usd};
use clap::Args;

use crate::paint;

/// What one window allows.
#[derive(Debug, Args)]
#[group(multiple = true)]
pub(super) struct LimitArguments {
    /// The most tokens in one window
    #[arg(id = "limit_tokens", long = "limit-tokens", value_name = "N", value_parser = count, allow_negative_numbers = true)]
    tokens: Option<u64>,
    /// The most calls in one window
    #[arg(id = "limit_calls", long = "limit-calls", value_name = "N", value_parser = count, allow_negative_numbers = true)]
    calls: Option<u64>,
    /// The most money in one window, such as `12.50`, with at most nine digits behind the point
    #[arg(
        id = "limit_cost",
        long = "limit-cost",
        value_name = "USD",
        allow_negative_numbers = true
    )]
    cost: Option<Usd>,
}

impl LimitArguments {
    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits::NONE;
        limits.tokens = self.tokens;
        limits.calls = self.calls;
        limits.cost = self.cost;
        limits
    }
}

/// A further window: `monthly cost=1000`, `every 36h calls=10 tokens=5000`.
#[derive(Debug, Clone)]
pub(super) struct AlsoWindow {
    pub(super) period: Period,
    pub(super) limits: Limits,
}

impl FromStr for AlsoWindow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (given, period): (Vec<_>, Vec<_>) =
            text.split_whitespace().partition(|word| word.contains('='));
        let period = period.join(" ");
        let period = period
            .parse()
            .map_err(|error: BudgetError| error.to_string())?;
        let mut limits = Limits::NONE;
        for word in given {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let is_first = match name {
                "tokens" => limits.tokens.replace(count(value)?).is_none(),
                "calls" => limits.calls.replace(count(value)?).is_none(),
                "cost" => {
                    let cost = value
                        .parse()
                        .map_err(|error: BudgetError| error.to_string())?;
                    limits.cost.replace(cost).is_none()
                }
                _ => {
                    return Err(format!(
                        "`{}` is none of tokens, calls and cost",
                        paint::cut(name, 40)
                    ));
                }
            };
            if !is_first {
                return Err(format!("{name} is given twice"));
            }
        }
        if limits.is_none() {
            return Err("it limits nothing; write it as `monthly cost=1000`".to_owned());
        }
        Ok(Self { period, limits })
    }
}

fn count(text: &str) -> Result<u64, String> {
    let is_count = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let count = is_count.then(|| text.parse().ok()).flatten();
    count.ok_or_else(|| {
        format!(
            "`{}` is not a count: write digits alone, up to {}",
            paint::cut(text, 40),
            u64::MAX
        )
    })
}

/// `tokens 500, calls 1, cost 0.01`.
pub(super) fn shown(amounts: &Amounts) -> String {
    let count = |name, count: Option<u64>| count.map(|count| format!("{name} {count}"));
    let parts = [
        count("tokens", amounts.tokens),
        count("calls", amounts.calls),
        amounts.cost.map(|cost| format!("cost {}", cost.exact())),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join(", ")
    }
}

/// The same of limits.
pub(super) fn shown_limits(limits: &Limits) -> String {
    let mut amounts = Amounts::NONE;
    amounts.tokens = limits.tokens;
    amounts.calls = limits.calls;
    amounts.cost = limits.cost;
    shown(&amounts)
}

/// `daily cost 50.00; monthly cost 1000.00`.
pub(super) fn shown_windows(spec: &BudgetSpec) -> String {
    let mut windows = format!("{} {}", spec.period, shown_limits(&spec.limits));
    for window in &spec.also {
        let limits = shown_limits(&window.limits);
        let period = window.period;
        windows = format!("{windows}; {period} {limits}");
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_a_period_and_what_it_allows() {
        let also: AlsoWindow = "every 36h calls=10 cost=0.5".parse().unwrap();
        assert_eq!(also.period.to_string(), "every 36h");
        assert_eq!(shown_limits(&also.limits), "calls 10, cost 0.50");
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for text in [
            "",
            "monthly",
            "cost=1",
            "monthly cost=",
            "monthly cost=1e3",
            "monthly cost=1 cost=2",
            "monthly calls=-1",
            "monthly calls=1.5",
            "monthly calls=18446744073709551616",
            "monthly price=1",
            "monthly weekly cost=1",
            "monthly cost = 1",
        ] {
            assert!(text.parse::<AlsoWindow>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn counts_are_digits_alone() {
        assert_eq!(count("18446744073709551615"), Ok(u64::MAX));
        for text in [
            "",
            "+1",
            "-1",
            "1e3",
            "NaN",
            "1_000",
            "１",
            " 1",
            "18446744073709551616",
        ] {
            assert!(count(text).is_err(), "{text:?}");
        }
    }
}
