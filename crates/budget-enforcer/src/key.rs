//! Idempotency keys: the time inside lets an old one be refused, where otherwise it would be taken as new.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::{NoContext, Timestamp, Uuid};

use crate::error::BudgetError;
use crate::moment::Moment;

/// A UUID of version 7 that stands for one request, however often it is sent.
///
/// ```
/// # use budget_enforcer::IdempotencyKey;
/// # use time::macros::datetime;
/// let key = IdempotencyKey::at(datetime!(2026-11-22 10:00 UTC));
/// assert_eq!(key.to_string().parse::<IdempotencyKey>()?, key);
/// assert!("67e55044-10b1-426f-9247-bb680e5fe0c8".parse::<IdempotencyKey>().is_err()); // version 4 tells no time
/// # Ok::<(), budget_enforcer::BudgetError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Uuid", into = "Uuid")]
pub struct IdempotencyKey(Uuid);

impl IdempotencyKey {
    /// A new one, made at `at` (not before 1970), with 74 random bits. Asks the operating system for randomness.
    #[must_use]
    pub fn at(at: OffsetDateTime) -> Self {
        let seconds = u64::try_from(at.unix_timestamp()).unwrap_or(0);
        Self(Uuid::new_v7(Timestamp::from_unix(
            NoContext,
            seconds,
            at.nanosecond(),
        )))
    }

    /// When it was made, to the millisecond.
    pub(crate) fn made_at(self) -> Moment {
        let millis = self.0.as_u128() >> 80;
        Moment::from_micros(i64::try_from(millis.saturating_mul(1_000)).unwrap_or(i64::MAX))
    }
}

impl TryFrom<Uuid> for IdempotencyKey {
    type Error = BudgetError;

    fn try_from(uuid: Uuid) -> Result<Self, BudgetError> {
        if uuid.get_version_num() == 7 {
            Ok(Self(uuid))
        } else {
            Err(BudgetError::invalid_id(
                "idempotency key",
                &uuid.to_string(),
                "it is not a UUID of version 7",
            ))
        }
    }
}

impl From<IdempotencyKey> for Uuid {
    fn from(key: IdempotencyKey) -> Self {
        key.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let uuid = Uuid::try_parse(text)
            .map_err(|_| BudgetError::invalid_id("idempotency key", text, "it is not a UUID"))?;
        Self::try_from(uuid)
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
