//! Describes an action, name by name, and tells the first thing that is wrong.

use std::sync::Arc;

use budget_enforcer::Amounts;
use trust_gate::{Arguments, ToolHints, TrustLevel};

use super::description::{Description, label};
use super::{Action, ActionError};
use crate::request::ToolRequest;
use crate::rules::Rules;

/// Describes an action; the first thing that is wrong is told by [`build`](Self::build).
#[derive(Debug, Clone)]
#[must_use = "an action is complete only after `build`"]
pub struct ActionBuilder {
    rules: Arc<Rules>,
    described: Result<Description, ActionError>,
}

impl ActionBuilder {
    pub(crate) fn new(rules: Arc<Rules>, agent: &str) -> Self {
        Self {
            rules,
            described: read(agent).map(Description::of),
        }
    }

    pub(crate) fn of_request(rules: Arc<Rules>, request: &ToolRequest) -> Self {
        let trust = request.trust();
        let described = Description {
            session: Some(request.session().clone()),
            scope: trust.scope.clone(),
            tool: Some(trust.tool.clone()),
            hints: trust.hints,
            required_level: trust.required_level,
            at_most: trust.at_most,
            arguments: request.arguments().cloned(),
            ..Description::of(trust.agent.clone())
        };
        Self {
            rules,
            described: Ok(described),
        }
    }

    /// The session in which the agent acts; it is charged one call, where the configuration has a budget for sessions.
    pub fn session(self, session: impl AsRef<str>) -> Self {
        self.with(|described| {
            described.session = Some(read(session.as_ref())?);
            Ok(())
        })
    }

    /// What the session is charged besides the one call.
    pub fn session_amounts(self, amounts: Amounts) -> Self {
        self.with(|described| {
            described.session_amounts = amounts;
            Ok(())
        })
    }

    /// The tool that is called; the configured rules for it apply.
    pub fn tool(self, tool: impl AsRef<str>) -> Self {
        self.with(|described| {
            described.tool = Some(read(tool.as_ref())?);
            Ok(())
        })
    }

    /// What the tool's server says of it; it can only make the rule stricter.
    pub fn hints(self, hints: ToolHints) -> Self {
        self.with(|described| {
            described.hints = hints;
            Ok(())
        })
    }

    /// The scope in which the agent acts, such as `payments/eu`.
    pub fn scope(self, scope: impl AsRef<str>) -> Self {
        self.with(|described| {
            described.scope = read(scope.as_ref())?;
            Ok(())
        })
    }

    /// The level that the action needs where no tool policy names one; where one does, the higher of the two counts.
    pub fn required_level(self, level: TrustLevel) -> Self {
        self.with(|described| {
            described.required_level = Some(level);
            Ok(())
        })
    }

    /// The most that the agent's credential lets it have, whatever operators gave it. Said twice, the lower counts.
    pub fn at_most(self, level: TrustLevel) -> Self {
        self.with(|described| {
            described.at_most = Some(described.at_most.map_or(level, |most| most.min(level)));
            Ok(())
        })
    }

    /// A named budget and what the action takes from it. Without any amount the action is denied: it is an error, not zero.
    pub fn budget(self, budget: impl AsRef<str>, amounts: Amounts) -> Self {
        self.with(|described| {
            described.charges.push((read(budget.as_ref())?, amounts));
            Ok(())
        })
    }

    /// Data that the action uses and what for. Without a purpose only blanket consent will do.
    pub fn data<'a>(self, data_type: impl AsRef<str>, purpose: impl Into<Option<&'a str>>) -> Self {
        self.with(|described| {
            let purpose = purpose.into().map(read).transpose()?;
            described.data.push((read(data_type.as_ref())?, purpose));
            Ok(())
        })
    }

    /// Whose data it is.
    pub fn subject(self, subject: impl AsRef<str>) -> Self {
        self.with(|described| {
            described.subject = Some(read(subject.as_ref())?);
            Ok(())
        })
    }

    /// What is done with the data.
    pub fn operation(self, operation: impl AsRef<str>) -> Self {
        self.with(|described| {
            described.operation = Some(read(operation.as_ref())?);
            Ok(())
        })
    }

    /// What kind of action it is, for the log: `llm_completion`.
    pub fn action_type(self, action_type: impl AsRef<str>) -> Self {
        self.with(|described| {
            described.action_type = Some(label("action type", action_type.as_ref())?);
            Ok(())
        })
    }

    /// What the action is done to, for the log.
    pub fn resource(self, resource: impl AsRef<str>) -> Self {
        self.with(|described| {
            described.resource = Some(label("resource", resource.as_ref())?);
            Ok(())
        })
    }

    /// The call's arguments as JSON text; the log gets their digest, never the arguments. An operator whose approval is
    /// needed is shown them.
    pub fn args_json(self, arguments: &str) -> Self {
        self.with(|described| {
            described.arguments = Some(Arguments::of_json(arguments)?);
            Ok(())
        })
    }

    /// The action, complete with what the configuration says about its tool.
    ///
    /// # Errors
    /// The first name, amount or argument that was refused.
    pub fn build(self) -> Result<Action, ActionError> {
        Action::of(self.described?, self.rules)
    }

    fn with(mut self, describe: impl FnOnce(&mut Description) -> Result<(), ActionError>) -> Self {
        if let Ok(described) = &mut self.described
            && let Err(problem) = describe(described)
        {
            self.described = Err(problem);
        }
        self
    }
}

fn read<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str) -> Result<T, ActionError> {
    name.parse()
        .map_err(|error: T::Err| ActionError::Invalid(error.to_string()))
}
