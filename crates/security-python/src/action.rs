//! What an agent wants to do, as Python describes it.

use std::sync::OnceLock;

use pyo3::prelude::*;
use security_bundle::{Action, Amounts, TrustLevel};

use crate::amounts::{self, Money};
use crate::argument::{Count, Level, Text};
use crate::failure::Failure;
use crate::json;
use crate::seat::Seat;
use crate::vocabulary;

/// One action of one agent. It never changes, and can be judged as often as one likes.
#[pyclass(module = "aumos_governance", frozen, eq)]
#[derive(Debug)]
pub(crate) struct GovernanceAction {
    described: Described,
    /// The action as the first engine that judged it reads it.
    read: OnceLock<(u64, Action)>,
}

#[derive(Debug, PartialEq)]
struct Described {
    agent: String,
    level: Option<TrustLevel>,
    budget: Option<String>,
    charged: Amounts,
    data_type: Option<String>,
    purpose: Option<String>,
    subject: Option<String>,
    operation: Option<String>,
    action_type: Option<String>,
    resource: Option<String>,
    scope: Option<String>,
    session: Option<String>,
    session_charged: Amounts,
    tool: Option<String>,
    args: Option<String>,
}

impl PartialEq for GovernanceAction {
    fn eq(&self, other: &Self) -> bool {
        self.described == other.described
    }
}

impl GovernanceAction {
    /// The action as the engine reads it.
    pub(crate) fn read(&self, seat: &Seat) -> Result<Action, Failure> {
        if let Some((number, action)) = self.read.get()
            && *number == seat.number()
        {
            // Whoever closed the engine or forked the process is told by what is asked next.
            return Ok(action.clone());
        }
        let action = seat.ask(|stack| self.described.build(stack))?;
        // Another engine may have been first; this one reads it each time then.
        drop(self.read.set((seat.number(), action.clone())));
        Ok(action)
    }
}

impl Described {
    fn build(&self, stack: &security_bundle::SecurityStack) -> Result<Action, Failure> {
        let mut builder = stack.action(&self.agent);
        if let Some(session) = &self.session {
            builder = builder.session(session);
        }
        if self.session_charged != Amounts::NONE {
            builder = builder.session_amounts(self.session_charged);
        }
        if let Some(tool) = &self.tool {
            builder = builder.tool(tool);
        }
        if let Some(scope) = &self.scope {
            builder = builder.scope(scope);
        }
        if let Some(level) = self.level {
            builder = builder.required_level(level);
        }
        if let Some(budget) = &self.budget {
            builder = builder.budget(budget, self.charged);
        }
        if let Some(data_type) = &self.data_type {
            builder = builder.data(data_type, self.purpose.as_deref());
        }
        if let Some(subject) = &self.subject {
            builder = builder.subject(subject);
        }
        if let Some(operation) = &self.operation {
            builder = builder.operation(operation);
        }
        if let Some(action_type) = &self.action_type {
            builder = builder.action_type(action_type);
        }
        if let Some(resource) = &self.resource {
            builder = builder.resource(resource);
        }
        if let Some(args) = &self.args {
            builder = builder.args_json(args);
        }
        Ok(builder.build()?)
    }

    /// What no engine would have to be asked about.
    fn check(&self) -> Result<(), Failure> {
        if self.budget.is_some() && self.charged == Amounts::NONE {
            return Err(Failure::argument(
                "budget_category was named without an amount; name budget_amount, budget_tokens or budget_calls",
            ));
        }
        if self.budget.is_none() && self.charged != Amounts::NONE {
            return Err(Failure::argument(
                "an amount was named without a budget; name budget_category",
            ));
        }
        let about_data =
            self.purpose.is_some() || self.subject.is_some() || self.operation.is_some();
        if self.data_type.is_none() && about_data {
            return Err(Failure::argument(
                "a purpose, subject or operation was named without data; name data_type",
            ));
        }
        Ok(())
    }
}

fn owned(text: Option<Text<'_>>) -> Option<String> {
    text.map(|text| text.0.to_owned())
}

#[pymethods]
impl GovernanceAction {
    #[new]
    #[pyo3(signature = (
        agent_id, required_trust_level=None, budget_category=None, budget_amount=None, data_type=None, purpose=None,
        action_type=None, resource=None, *, scope=None, session_id=None, tool=None, args=None, subject=None, operation=None,
        budget_tokens=None, budget_calls=None, session_amount=None, session_tokens=None, session_calls=None
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "keyword arguments, each of which may be left out"
    )]
    fn new(
        agent_id: Text<'_>,
        required_trust_level: Option<Level>,
        budget_category: Option<Text<'_>>,
        budget_amount: Option<Money>,
        data_type: Option<Text<'_>>,
        purpose: Option<Text<'_>>,
        action_type: Option<Text<'_>>,
        resource: Option<Text<'_>>,
        scope: Option<Text<'_>>,
        session_id: Option<Text<'_>>,
        tool: Option<Text<'_>>,
        args: Option<&Bound<'_, PyAny>>,
        subject: Option<Text<'_>>,
        operation: Option<Text<'_>>,
        budget_tokens: Option<Count>,
        budget_calls: Option<Count>,
        session_amount: Option<Money>,
        session_tokens: Option<Count>,
        session_calls: Option<Count>,
    ) -> PyResult<Self> {
        let described = Described {
            agent: agent_id.0.to_owned(),
            level: required_trust_level.map(|level| level.0),
            budget: owned(budget_category),
            charged: amounts::amounts(budget_amount, budget_tokens, budget_calls),
            data_type: owned(data_type),
            purpose: owned(purpose),
            subject: owned(subject),
            operation: owned(operation),
            action_type: owned(action_type),
            resource: owned(resource),
            scope: owned(scope),
            session: owned(session_id),
            session_charged: amounts::amounts(session_amount, session_tokens, session_calls),
            tool: owned(tool),
            args: args.map(json::written).transpose()?,
        };
        described.check()?;
        Ok(Self {
            described,
            read: OnceLock::new(),
        })
    }

    #[getter]
    fn agent_id(&self) -> &str {
        &self.described.agent
    }

    #[getter]
    fn required_trust_level<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let level = self.described.level;
        level.map(|level| vocabulary::level(py, level)).transpose()
    }

    #[getter]
    fn budget_category(&self) -> Option<&str> {
        self.described.budget.as_deref()
    }

    #[getter]
    fn budget_amount(&self) -> Option<f64> {
        self.described.charged.cost.map(amounts::float)
    }

    #[getter]
    fn budget_amount_exact<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let cost = self.described.charged.cost;
        cost.map(|cost| amounts::exact(py, cost)).transpose()
    }

    #[getter]
    fn budget_tokens(&self) -> Option<u64> {
        self.described.charged.tokens
    }

    #[getter]
    fn budget_calls(&self) -> Option<u64> {
        self.described.charged.calls
    }

    #[getter]
    fn data_type(&self) -> Option<&str> {
        self.described.data_type.as_deref()
    }

    #[getter]
    fn purpose(&self) -> Option<&str> {
        self.described.purpose.as_deref()
    }

    #[getter]
    fn subject(&self) -> Option<&str> {
        self.described.subject.as_deref()
    }

    #[getter]
    fn operation(&self) -> Option<&str> {
        self.described.operation.as_deref()
    }

    #[getter]
    fn action_type(&self) -> Option<&str> {
        self.described.action_type.as_deref()
    }

    #[getter]
    fn resource(&self) -> Option<&str> {
        self.described.resource.as_deref()
    }

    #[getter]
    fn scope(&self) -> Option<&str> {
        self.described.scope.as_deref()
    }

    #[getter]
    fn session_id(&self) -> Option<&str> {
        self.described.session.as_deref()
    }

    #[getter]
    fn session_amount(&self) -> Option<f64> {
        self.described.session_charged.cost.map(amounts::float)
    }

    #[getter]
    fn session_tokens(&self) -> Option<u64> {
        self.described.session_charged.tokens
    }

    #[getter]
    fn session_calls(&self) -> Option<u64> {
        self.described.session_charged.calls
    }

    #[getter]
    fn tool(&self) -> Option<&str> {
        self.described.tool.as_deref()
    }

    fn __repr__(&self) -> String {
        let described = &self.described;
        let mut text = format!("GovernanceAction(agent_id={:?}", described.agent);
        let level = described.level.map(|level| level.as_u8().to_string());
        let cost = described.charged.cost;
        let named = [
            ("required_trust_level", level),
            ("budget_category", quoted(described.budget.as_ref())),
            ("budget_amount", cost.map(|cost| cost.exact().to_string())),
            ("data_type", quoted(described.data_type.as_ref())),
            ("purpose", quoted(described.purpose.as_ref())),
            ("action_type", quoted(described.action_type.as_ref())),
            ("resource", quoted(described.resource.as_ref())),
            ("session_id", quoted(described.session.as_ref())),
            ("tool", quoted(described.tool.as_ref())),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                text.push_str(", ");
                text.push_str(name);
                text.push('=');
                text.push_str(&value);
            }
        }
        text.push(')');
        text
    }
}

fn quoted(text: Option<&String>) -> Option<String> {
    text.map(|text| format!("{text:?}"))
}
