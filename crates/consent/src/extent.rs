//! What an act of consent names: agent, data, purpose, subject, operation; and when one naming holds or meets another.

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, DataType, Operation, Purpose, SubjectId};

/// What a grant, a refusal or a withdrawal names. What is left out (`None`) means *every*.
///
/// ```
/// # use consent::Extent;
/// let letters = Extent::new("desk-assistant".parse()?, "user.contact".parse()?).purpose("marketing".parse()?);
/// let one_person = Extent::of_subject("ada".parse()?);
/// assert!(letters.overlaps(&one_person)); // Ada's contact data, for marketing
/// assert!(!letters.covers(&one_person));
/// # Ok::<(), consent::IdError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Extent {
    /// Which agent; `None`: every agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// Which data, with all below it; `None`: all data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_type: Option<DataType>,
    /// What for, with all below it; `None`: every purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// Whose data; `None`: everyone's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectId>,
    /// Which operation; `None`: every operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
}

impl Extent {
    /// One agent and one kind of data, for every purpose.
    #[must_use]
    pub fn new(agent: AgentId, data_type: DataType) -> Self {
        Self {
            agent: Some(agent),
            data_type: Some(data_type),
            ..Self::default()
        }
    }

    /// Everything that one agent might do.
    #[must_use]
    pub fn of_agent(agent: AgentId) -> Self {
        Self {
            agent: Some(agent),
            ..Self::default()
        }
    }

    /// Everything that any agent might do with one subject's data.
    #[must_use]
    pub fn of_subject(subject: SubjectId) -> Self {
        Self {
            subject: Some(subject),
            ..Self::default()
        }
    }

    /// Narrows to one purpose.
    #[must_use]
    pub fn purpose(self, purpose: Purpose) -> Self {
        Self {
            purpose: Some(purpose),
            ..self
        }
    }

    /// Narrows to one kind of data.
    #[must_use]
    pub fn data_type(self, data_type: DataType) -> Self {
        Self {
            data_type: Some(data_type),
            ..self
        }
    }

    /// Narrows to one subject.
    #[must_use]
    pub fn subject(self, subject: SubjectId) -> Self {
        Self {
            subject: Some(subject),
            ..self
        }
    }

    /// Narrows to one operation.
    #[must_use]
    pub fn operation(self, operation: Operation) -> Self {
        Self {
            operation: Some(operation),
            ..self
        }
    }

    /// Whether all that `other` names is named here.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        covers(self.agent.as_ref(), other.agent.as_ref(), AgentId::eq)
            && covers(
                self.data_type.as_ref(),
                other.data_type.as_ref(),
                DataType::covers,
            )
            && covers(
                self.purpose.as_ref(),
                other.purpose.as_ref(),
                Purpose::covers,
            )
            && covers(self.subject.as_ref(), other.subject.as_ref(), SubjectId::eq)
            && covers(
                self.operation.as_ref(),
                other.operation.as_ref(),
                Operation::eq,
            )
    }

    /// Whether something is named by both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        overlaps(self.agent.as_ref(), other.agent.as_ref(), AgentId::eq)
            && overlaps(
                self.data_type.as_ref(),
                other.data_type.as_ref(),
                DataType::covers,
            )
            && overlaps(
                self.purpose.as_ref(),
                other.purpose.as_ref(),
                Purpose::covers,
            )
            && overlaps(self.subject.as_ref(), other.subject.as_ref(), SubjectId::eq)
            && overlaps(
                self.operation.as_ref(),
                other.operation.as_ref(),
                Operation::eq,
            )
    }

    /// What is named by both, if anything is.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        self.overlaps(other).then(|| Self {
            agent: narrower(self.agent.as_ref(), other.agent.as_ref(), AgentId::eq),
            data_type: narrower(
                self.data_type.as_ref(),
                other.data_type.as_ref(),
                DataType::covers,
            ),
            purpose: narrower(
                self.purpose.as_ref(),
                other.purpose.as_ref(),
                Purpose::covers,
            ),
            subject: narrower(self.subject.as_ref(), other.subject.as_ref(), SubjectId::eq),
            operation: narrower(
                self.operation.as_ref(),
                other.operation.as_ref(),
                Operation::eq,
            ),
        })
    }
}

/// In one dimension, of two that meet.
fn narrower<T: Clone>(
    one: Option<&T>,
    other: Option<&T>,
    within: impl Fn(&T, &T) -> bool,
) -> Option<T> {
    if covers(one, other, within) {
        other.cloned()
    } else {
        one.cloned()
    }
}

/// In one dimension: nothing named is everything, and everything holds whatever the other names.
pub(crate) fn covers<T>(
    wide: Option<&T>,
    narrow: Option<&T>,
    within: impl Fn(&T, &T) -> bool,
) -> bool {
    match (wide, narrow) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => within(wide, narrow),
    }
}

/// In one dimension. Names form trees, so two of them meet only where one holds the other.
pub(crate) fn overlaps<T>(
    one: Option<&T>,
    other: Option<&T>,
    within: impl Fn(&T, &T) -> bool,
) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => within(one, other) || within(other, one),
        (None, _) | (_, None) => true,
    }
}
