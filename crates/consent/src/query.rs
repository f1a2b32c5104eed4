//! The question that an agent's action asks.

use std::slice;
use std::sync::Arc;

use crate::id::{AgentId, DataType, Operation, Purpose, SubjectId};

/// May this agent use these kinds of data, for this purpose, about this subject, in this operation?
///
/// What a query leaves out it asks for as a whole: without a purpose it asks for every purpose, without a subject for
/// everyone's data. So naming less never permits more. A query is made with one allocation and cloned without any:
/// make it once where the question stays the same.
///
/// ```
/// # use consent::ConsentQuery;
/// let query = ConsentQuery::new("desk-assistant".parse()?, "user.contact".parse()?)
///     .and("user.orders".parse()?)
///     .purpose("support".parse()?);
/// assert_eq!(query.data_types().count(), 2);
/// # Ok::<(), consent::IdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentQuery(Arc<Asked>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    agent: AgentId,
    first: DataType,
    rest: Vec<DataType>,
    purpose: Option<Purpose>,
    subject: Option<SubjectId>,
    operation: Option<Operation>,
}

impl ConsentQuery {
    /// Asks for one kind of data, for every purpose.
    #[must_use]
    pub fn new(agent: AgentId, data_type: DataType) -> Self {
        Self(Arc::new(Asked {
            agent,
            first: data_type,
            rest: Vec::new(),
            purpose: None,
            subject: None,
            operation: None,
        }))
    }

    /// Asks for a further kind of data. All of them must be permitted.
    #[must_use]
    pub fn and(self, data_type: DataType) -> Self {
        self.with(|asked| asked.rest.push(data_type))
    }

    /// Asks for this purpose only.
    #[must_use]
    pub fn purpose(self, purpose: Purpose) -> Self {
        self.with(|asked| asked.purpose = Some(purpose))
    }

    /// Asks for this subject's data only.
    #[must_use]
    pub fn subject(self, subject: SubjectId) -> Self {
        self.with(|asked| asked.subject = Some(subject))
    }

    /// Asks for this operation only.
    #[must_use]
    pub fn operation(self, operation: Operation) -> Self {
        self.with(|asked| asked.operation = Some(operation))
    }

    /// Who asks.
    #[must_use]
    pub fn agent_id(&self) -> &AgentId {
        &self.0.agent
    }

    /// The kinds of data asked for, at least one.
    pub fn data_types(&self) -> impl Iterator<Item = &DataType> {
        slice::from_ref(&self.0.first).iter().chain(&self.0.rest)
    }

    /// The purpose asked for.
    #[must_use]
    pub fn purpose_asked(&self) -> Option<&Purpose> {
        self.0.purpose.as_ref()
    }

    /// The subject asked about.
    #[must_use]
    pub fn subject_asked(&self) -> Option<&SubjectId> {
        self.0.subject.as_ref()
    }

    /// The operation asked for.
    #[must_use]
    pub fn operation_asked(&self) -> Option<&Operation> {
        self.0.operation.as_ref()
    }

    fn with(mut self, change: impl FnOnce(&mut Asked)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}
