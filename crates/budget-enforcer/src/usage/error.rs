//! What can be wrong with a provider's report. Whoever gets one of these settles at what was held: unknown is not zero.

/// Why a report of usage cannot be charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// The report does not say how much. Zero would have been said.
    #[error("the usage has no `{field}`: settle the call at what was held")]
    Missing {
        /// The provider's name for it.
        field: &'static str,
    },
    /// A part that is larger than what it is a part of, or parts that do not add up.
    #[error("the usage contradicts itself: {parts} tokens in `{part}`, {whole} in `{of}`")]
    Inconsistent {
        /// The provider's name for the part, or for the parts together.
        part: &'static str,
        /// How many tokens it has.
        parts: u64,
        /// The provider's name for the whole.
        of: &'static str,
        /// How many tokens it has.
        whole: u64,
    },
    /// Tokens of a class that has a price of its own, which is not kept.
    #[error("the usage has {tokens} tokens in `{field}`, which are not priced")]
    Unpriced {
        /// The provider's name for it.
        field: &'static str,
        /// How many.
        tokens: u64,
    },
    /// More tokens than can be counted.
    #[error("the usage has more than 18446744073709551615 tokens")]
    TooLarge,
}

/// `whole` without `part`.
pub(super) fn rest(
    of: &'static str,
    whole: u64,
    part: &'static str,
    parts: u64,
) -> Result<u64, UsageError> {
    whole.checked_sub(parts).ok_or(UsageError::Inconsistent {
        part,
        parts,
        of,
        whole,
    })
}

/// That `parts` are the `whole`.
pub(super) fn equal(
    of: &'static str,
    whole: u64,
    part: &'static str,
    parts: u64,
) -> Result<(), UsageError> {
    if whole == parts {
        Ok(())
    } else {
        Err(UsageError::Inconsistent {
            part,
            parts,
            of,
            whole,
        })
    }
}
