//! Thresholds that an operator set, and the word that one was passed. They inform; nothing is decided by them.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::amounts::{Dimension, Quantity};
use crate::charge::Envelope;
use crate::error::{BudgetError, Shown};
use crate::moment::Moment;
use crate::node::Node;
use crate::period::Period;

/// The most thresholds.
const MOST: usize = 32;

/// A part of a limit, in thousandths: 0.001 to 10 times the limit.
///
/// ```
/// # use budget_enforcer::Threshold;
/// assert_eq!(Threshold::percent(75)?, "0.75".parse()?);
/// assert_eq!("0.9".parse::<Threshold>()?.to_string(), "0.9");
/// assert!("75".parse::<Threshold>().is_err()); // 75 times the limit
/// # Ok::<(), budget_enforcer::BudgetError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Threshold(u16);

/// A budget has used a part of its limit for the first time in this window.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alert {
    /// When: that of the booking, which comes with its time.
    pub at: OffsetDateTime,
    /// Which envelope.
    pub envelope: Envelope,
    /// Which of its windows.
    pub period: Period,
    /// When that window began.
    pub window_start_at: OffsetDateTime,
    /// The threshold that was passed.
    pub threshold: Threshold,
    /// What was spent in this window, overspending included.
    pub spent: Quantity,
    /// What one window allows.
    pub limit: Quantity,
}

impl Threshold {
    /// In percent, 1 to 1000.
    ///
    /// # Errors
    /// [`BudgetError::InvalidThreshold`].
    pub fn percent(percent: u16) -> Result<Self, BudgetError> {
        let thousandths = percent
            .checked_mul(10)
            .filter(|thousandths| is_in_range(*thousandths));
        let invalid = || BudgetError::invalid_threshold(&format!("{percent} %"));
        thousandths.map(Self).ok_or_else(invalid)
    }

    /// In thousandths of the limit, 1 to 10 000.
    #[must_use]
    pub const fn thousandths(self) -> u16 {
        self.0
    }

    /// The least that must have been spent of a limit.
    fn of(self, limit: u64) -> u64 {
        let part = u128::from(limit)
            .saturating_mul(u128::from(self.0))
            .div_ceil(1000);
        u64::try_from(part).unwrap_or(u64::MAX).max(1)
    }
}

const fn is_in_range(thousandths: u16) -> bool {
    thousandths > 0 && thousandths <= 10_000
}

impl FromStr for Threshold {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let read = || {
            let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
            let is_number = |digits: &str, most| {
                (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
            };
            if !is_number(whole, 2) || !is_number(part, 3) {
                return None;
            }
            let part: u16 = format!("{part:0<3}").parse().ok()?;
            let whole: u16 = whole.parse().ok()?;
            let thousandths = whole.checked_mul(1000)?.checked_add(part)?;
            is_in_range(thousandths).then_some(Self(thousandths))
        };
        read().ok_or_else(|| BudgetError::invalid_threshold(text))
    }
}

impl TryFrom<String> for Threshold {
    type Error = BudgetError;

    fn try_from(text: String) -> Result<Self, BudgetError> {
        text.parse()
    }
}

impl From<Threshold> for String {
    fn from(threshold: Threshold) -> Self {
        threshold.to_string()
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0.div_euclid(1000), self.0.rem_euclid(1000));
        let part = format!("{part:03}");
        let part = part.trim_end_matches('0');
        write!(f, "{whole}.{}", if part.is_empty() { "0" } else { part })
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dimension = match self.limit {
            Quantity::Tokens(_) => Dimension::Tokens,
            Quantity::Calls(_) => Dimension::Calls,
            Quantity::Cost(_) => Dimension::Cost,
        };
        write!(
            f,
            "{}: {} of {} {dimension} spent ({}), {}",
            self.envelope, self.spent, self.limit, self.threshold, self.period
        )
    }
}

impl BudgetError {
    fn invalid_threshold(value: &str) -> Self {
        Self::InvalidThreshold {
            value: Shown(value).to_string(),
        }
    }
}

/// Who is told, and of what.
pub(crate) struct Alerts {
    /// Ascending, each once.
    thresholds: Vec<Threshold>,
    channel: SyncSender<Alert>,
    /// Not while a journal is replayed: that was told when it happened.
    is_live: AtomicBool,
    lost: AtomicU64,
}

/// A booking's place: which node of which envelope, and when.
#[derive(Clone, Copy)]
pub(crate) struct Booked<'a> {
    pub(crate) envelope: &'a Envelope,
    pub(crate) period: Period,
    pub(crate) at: Moment,
}

impl Alerts {
    pub(crate) fn new(
        thresholds: impl IntoIterator<Item = Threshold>,
        channel: SyncSender<Alert>,
    ) -> Self {
        let mut thresholds: Vec<_> = thresholds.into_iter().collect();
        thresholds.sort_unstable();
        thresholds.dedup();
        thresholds.truncate(MOST);
        Self {
            thresholds,
            channel,
            is_live: AtomicBool::new(false),
            lost: AtomicU64::new(0),
        }
    }

    pub(crate) fn go_live(&self) {
        self.is_live.store(true, Ordering::Release);
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// What may be used of a limit before the next threshold is passed: so much can be spent without a look.
    pub(crate) fn next(&self, passed: u8, limit: u64) -> u64 {
        let next = self.thresholds.get(usize::from(passed));
        next.map_or(u64::MAX, |threshold| threshold.of(limit).saturating_sub(1))
    }

    /// Says which thresholds `node` has passed since it was looked at before.
    pub(crate) fn look(&self, node: &mut Node, booked: Booked<'_>) {
        for dimension in Dimension::ALL {
            let Some(limit) = node.limits().units(dimension) else {
                continue;
            };
            let cell = node.current();
            let counter = cell.counters.get(dimension);
            let spent = counter.spent.saturating_add(counter.overspent);
            let passed = node.alerted.get_mut(dimension);
            for threshold in self.thresholds.iter().skip(usize::from(*passed)) {
                if spent < threshold.of(limit) {
                    break;
                }
                *passed = passed.saturating_add(1);
                self.tell(Alert {
                    at: booked.at.to_time(),
                    envelope: booked.envelope.clone(),
                    period: booked.period,
                    window_start_at: cell.span.start.to_time(),
                    threshold: *threshold,
                    spent: dimension.quantity(spent),
                    limit: dimension.quantity(limit),
                });
            }
        }
    }

    /// Never waits: what does not get through is counted.
    fn tell(&self, alert: Alert) {
        if self.is_live.load(Ordering::Acquire) && self.channel.try_send(alert).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alerts")
            .field("thresholds", &self.thresholds)
            .finish_non_exhaustive()
    }
}
