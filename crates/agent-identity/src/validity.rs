//! When a token is valid: from its beginning, up to and not at its end, and never for longer than is accepted.

use std::time::Duration;

use time::OffsetDateTime;

use crate::error::IdentityError;
use crate::reading::Reading;

/// What a token says about its time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) issued_at: OffsetDateTime,
    pub(crate) not_before: Option<OffsetDateTime>,
    pub(crate) expires_at: OffsetDateTime,
}

/// What is accepted of that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeRules {
    pub(crate) leeway: Duration,
    pub(crate) max_lifetime: Duration,
}

impl TimeRules {
    pub(crate) const MAX_LEEWAY: Duration = Duration::from_secs(60);
    pub(crate) const DAY: Duration = Duration::from_secs(86_400);

    pub(crate) fn check_config(self) -> Result<Self, IdentityError> {
        if self.leeway > Self::MAX_LEEWAY {
            return Err(IdentityError::config(format!(
                "a leeway of {:?} is more than the 60 s that clocks may differ; set the clocks right",
                self.leeway
            )));
        }
        if self.max_lifetime < Duration::from_secs(1) {
            return Err(IdentityError::config(format!(
                "a maximum lifetime of {:?} lets no token in; write at least 1 s",
                self.max_lifetime
            )));
        }
        Ok(self)
    }

    /// Checks one token, and says until when it is valid.
    pub(crate) fn check(
        self,
        validity: &Validity,
        reading: Reading,
    ) -> Result<OffsetDateTime, IdentityError> {
        let Validity {
            issued_at,
            not_before,
            expires_at,
        } = *validity;
        let begins_at = not_before.map_or(issued_at, |not_before| not_before.max(issued_at));
        if expires_at <= begins_at {
            return Err(IdentityError::malformed("it ends before it begins"));
        }
        let seconds = expires_at
            .unix_timestamp()
            .saturating_sub(issued_at.unix_timestamp());
        let limit = self.max_lifetime.as_secs();
        if u64::try_from(seconds).is_ok_and(|seconds| seconds > limit) {
            return Err(IdentityError::LivesTooLong { seconds, limit });
        }
        let leeway = time::Duration::try_from(self.leeway).unwrap_or_default();
        let valid_from = begins_at.saturating_sub(leeway);
        if reading.wall < valid_from {
            return Err(IdentityError::NotYetValid {
                valid_from,
                now: reading.wall,
            });
        }
        let valid_until = expires_at.saturating_add(leeway);
        if reading.latest >= valid_until {
            return Err(IdentityError::Expired {
                valid_until,
                now: reading.latest,
            });
        }
        Ok(valid_until)
    }
}

/// The instant that a claim of whole seconds since 1970 means.
pub(crate) fn instant(claim: &str, seconds: i64) -> Result<OffsetDateTime, IdentityError> {
    OffsetDateTime::from_unix_timestamp(seconds)
        .map_err(|_| IdentityError::claim(claim, "is outside the years -9999 to 9999"))
}
