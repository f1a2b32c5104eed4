//! What a call gives back: the provider's words, and what was booked for them.

use std::fmt;

use security_bundle::Settled;
use security_bundle::budget_enforcer::TokenUsage;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::end::End;
use crate::error::LlmError;

/// A whole answer. Its `Debug` leaves the body out, so that no completion gets into a log by accident.
#[derive(Clone)]
#[non_exhaustive]
pub struct Answer<T = Value> {
    /// What the provider answered, as it came.
    pub body: T,
    /// What it reports to have used; `None` where it reports nothing that can be read: then the hold was booked.
    pub usage: Option<TokenUsage>,
    /// What was booked, with what exceeded the hold; its `record_id` is the call's in the log.
    pub settled: Settled,
}

impl Answer {
    /// The body as a type of yours. The call is settled either way.
    ///
    /// # Errors
    /// [`LlmError::Unreadable`].
    ///
    /// ```
    /// # fn read(answer: security_llm::Answer) -> Result<(), security_llm::LlmError> {
    /// #[derive(serde::Deserialize)]
    /// struct Named { id: String }
    /// let named = answer.read::<Named>()?;
    /// println!("{}", named.body.id);
    /// # Ok(())
    /// # }
    /// ```
    pub fn read<T: DeserializeOwned>(self) -> Result<Answer<T>, LlmError> {
        Ok(Answer {
            body: serde_json::from_value(self.body).map_err(LlmError::Unreadable)?,
            usage: self.usage,
            settled: self.settled,
        })
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("usage", &self.usage)
            .field("settled", &self.settled)
            .finish_non_exhaustive()
    }
}

/// A whole answer whose call is not in the books. Whether to use it is the program's decision.
#[derive(Clone)]
pub struct Withheld(pub(crate) Value);

impl Withheld {
    /// What the provider answered.
    #[must_use]
    pub fn into_body(self) -> Value {
        self.0
    }
}

impl fmt::Debug for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Withheld").finish_non_exhaustive()
    }
}

/// One event of a stream. Its `Debug` leaves the data out.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The event's name, where the provider names it.
    pub name: Option<String>,
    /// The event's data.
    pub data: Value,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A stream that is over.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finished {
    /// How it ended.
    pub end: End,
    /// What the provider reported at the end; `None` where it did not get so far.
    pub usage: Option<TokenUsage>,
    /// What was booked.
    pub settled: Settled,
}
