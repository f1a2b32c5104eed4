//! What an agent wants to do, with everything that the gates will ask about it already read and checked.

use std::sync::{Arc, OnceLock};

use budget_enforcer::{Amounts, BudgetId, BudgetPath, Charge, SessionId};
use consent::ConsentQuery;
use trust_gate::{AgentId, ArgsDigest, ArgsError, Scope, ToolHints, ToolName, TrustLevel};

use crate::request::ToolRequest;
use crate::rules::Rules;

/// One action of one agent. Made by [`Guard::action`](crate::Guard::action), cheap to clone, and reusable: judging the same
/// action again reads nothing anew.
#[derive(Debug, Clone)]
pub struct Action(pub(crate) Arc<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) rules: Arc<Rules>,
    pub(crate) agent: AgentId,
    pub(crate) session: Option<SessionId>,
    pub(crate) scope: Scope,
    pub(crate) trust: TrustQuestion,
    pub(crate) consent: Vec<ConsentQuery>,
    pub(crate) charge: Option<Charge>,
    /// The charge's envelopes, found once; an action that is only evaluated never looks for them.
    pub(crate) path: OnceLock<BudgetPath>,
    pub(crate) action_type: Option<Box<str>>,
    pub(crate) resource: Option<Box<str>>,
    pub(crate) args: Option<String>,
}

#[derive(Debug)]
pub(crate) enum TrustQuestion {
    Nothing,
    Level(TrustLevel),
    Tool(trust_gate::ToolRequest),
}

impl Action {
    /// Who acts.
    #[must_use]
    pub fn agent(&self) -> &AgentId {
        &self.0.agent
    }

    /// In which session.
    #[must_use]
    pub fn session(&self) -> Option<&SessionId> {
        self.0.session.as_ref()
    }

    /// The tool, where the action is a tool call.
    #[must_use]
    pub fn tool(&self) -> Option<&ToolName> {
        match &self.0.trust {
            TrustQuestion::Tool(request) => Some(&request.tool),
            TrustQuestion::Nothing | TrustQuestion::Level(_) => None,
        }
    }

    /// What the action charges, where it charges anything.
    #[must_use]
    pub fn charge(&self) -> Option<&Charge> {
        self.0.charge.as_ref()
    }

    /// The consent that it needs.
    #[must_use]
    pub fn consent_queries(&self) -> &[ConsentQuery] {
        &self.0.consent
    }
}

/// Describes an action; the first thing that is wrong is told by [`build`](Self::build).
#[derive(Debug, Clone)]
#[must_use = "an action is complete only after `build`"]
pub struct ActionBuilder {
    rules: Arc<Rules>,
    problem: Option<ActionError>,
    agent: Option<AgentId>,
    session: Option<SessionId>,
    scope: Scope,
    tool: Option<ToolName>,
    hints: ToolHints,
    required_level: Option<TrustLevel>,
    data: Vec<(consent::DataType, Option<consent::Purpose>)>,
    subject: Option<consent::SubjectId>,
    operation: Option<consent::Operation>,
    charges: Vec<(BudgetId, Amounts)>,
    session_amounts: Amounts,
    action_type: Option<Box<str>>,
    resource: Option<Box<str>>,
    args: Option<String>,
}

/// Why an action cannot be described; nothing was decided or recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ActionError {
    /// A name or an amount that a component refuses.
    #[error("{0}")]
    Invalid(String),
    /// The arguments have no digest.
    #[error(transparent)]
    Arguments(#[from] ArgsError),
    /// Amounts for a session that no budget limits.
    #[error("amounts were named for a session, and there is no session or sessions have no budget")]
    NoSessionBudget,
    /// A purpose, subject or operation without data.
    #[error("a {0} was named without data; name the data first")]
    NoData(&'static str),
}

impl ActionBuilder {
    pub(crate) fn new(rules: Arc<Rules>, agent: &str) -> Self {
        let mut builder = Self {
            rules,
            problem: None,
            agent: None,
            session: None,
            scope: Scope::root(),
            tool: None,
            hints: ToolHints::default(),
            required_level: None,
            data: Vec::new(),
            subject: None,
            operation: None,
            charges: Vec::new(),
            session_amounts: Amounts::default(),
            action_type: None,
            resource: None,
            args: None,
        };
        builder.agent = builder.read(agent.parse());
        builder
    }

    pub(crate) fn of_request(rules: Arc<Rules>, request: &ToolRequest) -> Self {
        let mut builder = Self::new(rules, request.agent().as_str());
        builder.session = Some(request.session().clone());
        builder.scope = request.trust().scope.clone();
        builder.tool = Some(request.trust().tool.clone());
        builder.hints = request.trust().hints;
        builder.required_level = request.trust().required_level;
        builder.args = request.args().map(ToString::to_string);
        builder
    }

    /// The session in which the agent acts; it is charged one call, where the configuration has a budget for sessions.
    pub fn session(mut self, session: impl AsRef<str>) -> Self {
        self.session = self.read(session.as_ref().parse());
        self
    }

    /// What the session is charged besides the one call.
    pub fn session_amounts(mut self, amounts: Amounts) -> Self {
        self.session_amounts = amounts;
        self
    }

    /// The tool that is called; the configured rules for it apply.
    pub fn tool(mut self, tool: impl AsRef<str>) -> Self {
        self.tool = self.read(tool.as_ref().parse());
        self
    }

    /// What the tool's server says of it; it can only make the rule stricter.
    pub fn hints(mut self, hints: ToolHints) -> Self {
        self.hints = hints;
        self
    }

    /// The scope in which the agent acts, such as `payments/eu`.
    pub fn scope(mut self, scope: impl AsRef<str>) -> Self {
        if let Some(scope) = self.read(scope.as_ref().parse()) {
            self.scope = scope;
        }
        self
    }

    /// The level that the action needs where no tool policy names one.
    pub fn required_level(mut self, level: TrustLevel) -> Self {
        self.required_level = Some(level);
        self
    }

    /// A named budget and what the action takes from it. Without any amount the action is denied: it is an error, not zero.
    pub fn budget(mut self, budget: impl AsRef<str>, amounts: Amounts) -> Self {
        if let Some(budget) = self.read(budget.as_ref().parse()) {
            self.charges.push((budget, amounts));
        }
        self
    }

    /// Data that the action uses and what for. Without a purpose only blanket consent will do.
    pub fn data<'a>(
        mut self,
        data_type: impl AsRef<str>,
        purpose: impl Into<Option<&'a str>>,
    ) -> Self {
        let data_type = self.read(data_type.as_ref().parse());
        let purpose = purpose.into().map(|purpose| self.read(purpose.parse()));
        if let (Some(data_type), None | Some(Some(_))) = (data_type, &purpose) {
            self.data.push((data_type, purpose.flatten()));
        }
        self
    }

    /// Whose data it is.
    pub fn subject(mut self, subject: impl AsRef<str>) -> Self {
        self.subject = self.read(subject.as_ref().parse());
        self
    }

    /// What is done with the data.
    pub fn operation(mut self, operation: impl AsRef<str>) -> Self {
        self.operation = self.read(operation.as_ref().parse());
        self
    }

    /// What kind of action it is, for the log: `llm_completion`.
    pub fn action_type(mut self, action_type: impl AsRef<str>) -> Self {
        self.action_type = self.label("action type", action_type.as_ref());
        self
    }

    /// What the action is done to, for the log.
    pub fn resource(mut self, resource: impl AsRef<str>) -> Self {
        self.resource = self.label("resource", resource.as_ref());
        self
    }

    /// The call's arguments as JSON text; the log gets their digest, never the arguments.
    pub fn args_json(mut self, arguments: &str) -> Self {
        match ArgsDigest::of_json(arguments) {
            Ok(digest) => self.args = Some(digest.to_string()),
            Err(error) => self.note(error.into()),
        }
        self
    }

    /// The action, complete with what the configuration says about its tool.
    ///
    /// # Errors
    /// The first name, amount or argument that was refused.
    pub fn build(mut self) -> Result<Action, ActionError> {
        if self.data.is_empty() {
            let orphan = [
                ("subject", self.subject.is_some()),
                ("operation", self.operation.is_some()),
            ];
            if let Some((what, _)) = orphan.into_iter().find(|(_, named)| *named) {
                self.note(ActionError::NoData(what));
            }
        }
        if self.session_amounts != Amounts::default()
            && !(self.session.is_some() && self.rules.sessions_have_budgets())
        {
            self.note(ActionError::NoSessionBudget);
        }
        if let Some(problem) = self.problem.take() {
            return Err(problem);
        }
        let agent = self
            .agent
            .ok_or_else(|| ActionError::Invalid("the action names no agent".to_owned()))?;
        let consent_agent = consent::AgentId::try_from(agent.as_str())
            .map_err(|error| ActionError::Invalid(error.to_string()))?;
        let mut queries: Vec<ConsentQuery> = self
            .data
            .drain(..)
            .map(|(data_type, purpose)| {
                let query = ConsentQuery::new(consent_agent.clone(), data_type);
                let query = purpose.into_iter().fold(query, ConsentQuery::purpose);
                let query = self
                    .subject
                    .iter()
                    .cloned()
                    .fold(query, ConsentQuery::subject);
                self.operation
                    .iter()
                    .cloned()
                    .fold(query, ConsentQuery::operation)
            })
            .collect();
        let tool = self.tool.as_ref();
        queries.extend(self.rules.consent_for(tool, &consent_agent));
        let charge = self.rules.charge_for(
            tool,
            self.session.as_ref(),
            self.session_amounts,
            &self.charges,
        );
        let trust = match (self.tool, self.required_level) {
            (Some(tool), level) => {
                let request = trust_gate::ToolRequest::new(agent.clone(), tool)
                    .scope(self.scope.clone())
                    .hints(self.hints);
                TrustQuestion::Tool(
                    level
                        .into_iter()
                        .fold(request, trust_gate::ToolRequest::required_level),
                )
            }
            (None, Some(level)) => TrustQuestion::Level(level),
            (None, None) => TrustQuestion::Nothing,
        };
        Ok(Action(Arc::new(Parts {
            rules: self.rules,
            agent,
            session: self.session,
            scope: self.scope,
            trust,
            consent: queries,
            charge,
            path: OnceLock::new(),
            action_type: self.action_type,
            resource: self.resource,
            args: self.args,
        })))
    }

    fn read<T, E: std::fmt::Display>(&mut self, value: Result<T, E>) -> Option<T> {
        value
            .map_err(|error| self.note(ActionError::Invalid(error.to_string())))
            .ok()
    }

    /// Labels go into the log as they are, so what the log would refuse is refused here.
    fn label(&mut self, what: &str, text: &str) -> Option<Box<str>> {
        if text.is_empty() || text.len() > 256 || text.contains(char::is_control) {
            self.note(ActionError::Invalid(format!(
                "the {what} is empty, longer than 256 bytes or holds control characters"
            )));
            return None;
        }
        Some(text.into())
    }

    fn note(&mut self, problem: ActionError) {
        self.problem.get_or_insert(problem);
    }
}
