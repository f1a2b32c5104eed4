//! A use of data, whoever it may be that uses it.

use crate::id::{AgentId, DataType, Operation, Purpose, SubjectId};
use crate::query::ConsentQuery;

/// What could be done with data, for asking who may. What is left out is meant as a whole, as in a
/// [`ConsentQuery`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a usage is a question; ask it"]
pub struct Usage {
    data_type: DataType,
    purpose: Option<Purpose>,
    subject: Option<SubjectId>,
    operation: Option<Operation>,
}

impl Usage {
    /// Of this kind of data, for every purpose.
    pub fn new(data_type: DataType) -> Self {
        Self {
            data_type,
            purpose: None,
            subject: None,
            operation: None,
        }
    }

    /// For this purpose only.
    pub fn purpose(self, purpose: Purpose) -> Self {
        Self {
            purpose: Some(purpose),
            ..self
        }
    }

    /// Of this subject's data only.
    pub fn subject(self, subject: SubjectId) -> Self {
        Self {
            subject: Some(subject),
            ..self
        }
    }

    /// In this operation only.
    pub fn operation(self, operation: Operation) -> Self {
        Self {
            operation: Some(operation),
            ..self
        }
    }

    /// The question whether this agent may.
    #[must_use]
    pub fn asked_by(&self, agent: AgentId) -> ConsentQuery {
        let mut query = ConsentQuery::new(agent, self.data_type.clone());
        if let Some(purpose) = &self.purpose {
            query = query.purpose(purpose.clone());
        }
        if let Some(subject) = &self.subject {
            query = query.subject(subject.clone());
        }
        if let Some(operation) = &self.operation {
            query = query.operation(operation.clone());
        }
        query
    }
}
