//! Who may give consent for somebody else. The ledger cannot know; it asks, and without anyone to ask it refuses.

use std::fmt;

use crate::error::ConsentError;
use crate::extent::Extent;
use crate::id::{Authority, GrantorId, SubjectId};

/// Decides whether someone may give consent on behalf of a subject. Any closure of this signature is one.
///
/// The ledger asks before it takes its lock, once for every consent and renewal that is given on behalf of someone. It
/// does not ask about withdrawals: those are always taken, and say who claimed to act for whom.
///
/// ```
/// # use consent::{AuthorityClaim, ConsentGate, Grant, NotEntitled};
/// let (_, ledger) = ConsentGate::builder()
///     .authority_check(|claim: &AuthorityClaim<'_>| match (claim.by.as_str(), claim.subject.as_str()) {
///         ("ada", "ada's child") if claim.authority.as_str() == "parental" => Ok(()),
///         _ => Err(NotEntitled::because("not in the register of guardians")),
///     })
///     .build()?;
/// let grant = Grant::new("tutor".parse()?, "user.homework".parse()?, "teaching".parse()?, "ada".parse()?);
/// let record = ledger.record(grant.clone().on_behalf_of("ada's child".parse()?, "parental".parse()?))?;
/// assert_eq!(record.authority().map(|authority| authority.as_str()), Some("parental"));
/// assert!(ledger.record(grant.on_behalf_of("bob".parse()?, "parental".parse()?)).is_err());
/// # Ok::<(), consent::ConsentError>(())
/// ```
pub trait AuthorityCheck: Send + Sync + 'static {
    /// Allows what is claimed. It may block; the caller of the ledger waits.
    ///
    /// # Errors
    /// [`NotEntitled`] where the claim does not hold or cannot be looked up. Nothing is recorded then.
    fn check(&self, claim: &AuthorityClaim<'_>) -> Result<(), NotEntitled>;
}

impl<F> AuthorityCheck for F
where
    F: Fn(&AuthorityClaim<'_>) -> Result<(), NotEntitled> + Send + Sync + 'static,
{
    fn check(&self, claim: &AuthorityClaim<'_>) -> Result<(), NotEntitled> {
        self(claim)
    }
}

/// What someone claims who gives consent for another.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct AuthorityClaim<'a> {
    /// Who gives it.
    pub by: &'a GrantorId,
    /// On whose behalf.
    pub subject: &'a SubjectId,
    /// What entitles them, by their own account.
    pub authority: &'a Authority,
    /// What the consent would name.
    pub extent: &'a Extent,
}

/// Why someone may not act for a subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotEntitled(String);

impl NotEntitled {
    /// For this reason, in words that end in no full stop.
    pub fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Asks, or refuses where there is no one to ask.
pub(crate) fn ask(
    check: Option<&dyn AuthorityCheck>,
    claim: &AuthorityClaim<'_>,
) -> Result<(), ConsentError> {
    let answer = match check {
        Some(check) => check.check(claim),
        None => Err(NotEntitled::because(
            "no authority check is configured; give the builder one",
        )),
    };
    answer.map_err(|source| ConsentError::NotEntitled {
        by: shortened(claim.by),
        subject: shortened(claim.subject),
        source,
    })
}

/// As much of an id as an error quotes.
pub(crate) fn shortened(id: impl fmt::Display) -> String {
    id.to_string().chars().take(40).collect()
}
