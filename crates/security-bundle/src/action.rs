//! What an agent wants to do, with everything that the gates will ask about it already read and checked.

mod builder;
mod description;

use std::sync::{Arc, OnceLock};

use budget_enforcer::{BudgetPath, Charge, SessionId};
use consent::ConsentQuery;
use trust_gate::{AgentId, ArgsError, ToolName, TrustLevel};

pub use self::builder::ActionBuilder;
pub(crate) use self::description::Description;

use crate::rules::{Rules, consent_query};

/// One action of one agent. Made by [`Guard::action`](crate::Guard::action), cheap to clone, and reusable: judging the same
/// action again reads nothing anew.
#[derive(Debug, Clone)]
pub struct Action(pub(crate) Arc<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) rules: Arc<Rules>,
    pub(crate) described: Description,
    pub(crate) trust: TrustQuestion,
    pub(crate) consent: Vec<ConsentQuery>,
    pub(crate) charge: Option<Charge>,
    /// The charge's envelopes, found once; an action that is only evaluated never looks for them.
    pub(crate) path: OnceLock<BudgetPath>,
    /// The digest of the arguments, as the log has it.
    pub(crate) args: Option<String>,
}

#[derive(Debug)]
pub(crate) enum TrustQuestion {
    Nothing,
    Level(TrustLevel),
    Tool(trust_gate::ToolRequest),
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

impl Action {
    /// Who acts.
    #[must_use]
    pub fn agent(&self) -> &AgentId {
        &self.0.described.agent
    }

    /// In which session.
    #[must_use]
    pub fn session(&self) -> Option<&SessionId> {
        self.0.described.session.as_ref()
    }

    /// The tool, where the action is a tool call.
    #[must_use]
    pub fn tool(&self) -> Option<&ToolName> {
        self.0.described.tool.as_ref()
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

    /// What was described, with what these rules say of it.
    pub(crate) fn of(described: Description, rules: Arc<Rules>) -> Result<Self, ActionError> {
        described.check()?;
        if described.session_amounts != budget_enforcer::Amounts::default()
            && !(described.session.is_some() && rules.sessions_have_budgets())
        {
            return Err(ActionError::NoSessionBudget);
        }
        let consent = consent_questions(&described, &rules)?;
        let charge = rules.charge_for(
            described.tool.as_ref(),
            described.session.as_ref(),
            described.session_amounts,
            &described.charges,
        );
        Ok(Self(Arc::new(Parts {
            trust: trust_question(&described, &rules),
            args: described
                .arguments
                .as_ref()
                .map(|arguments| arguments.digest().to_string()),
            rules,
            described,
            consent,
            charge,
            path: OnceLock::new(),
        })))
    }

    /// The same action under other rules.
    pub(crate) fn under(&self, rules: &Arc<Rules>) -> Result<Self, ActionError> {
        Self::of(self.0.described.clone(), Arc::clone(rules))
    }
}

fn trust_question(described: &Description, rules: &Rules) -> TrustQuestion {
    let least = rules.minimum_level();
    let named = described
        .required_level
        .map(|level| Some(level).max(least).unwrap_or(level));
    let Some(tool) = &described.tool else {
        return match named {
            Some(level) => TrustQuestion::Level(level),
            // What must name something for the gate is denied for naming nothing, and not measured by the least level.
            None if rules.mandatory.trust => TrustQuestion::Nothing,
            None => least.map_or(TrustQuestion::Nothing, TrustQuestion::Level),
        };
    };
    // The tool policies ask for the least level already. A level that nobody named would have a tool without a policy pass.
    let mut request = trust_gate::ToolRequest::new(described.agent.clone(), tool.clone())
        .scope(described.scope.clone())
        .hints(described.hints);
    request.required_level = named;
    request.at_most = described.at_most;
    TrustQuestion::Tool(request)
}

fn consent_questions(
    described: &Description,
    rules: &Rules,
) -> Result<Vec<ConsentQuery>, ActionError> {
    let agent = consent::AgentId::try_from(described.agent.as_str())
        .map_err(|error| ActionError::Invalid(error.to_string()))?;
    let own = described.data.iter().map(|(data_type, purpose)| {
        consent_query(
            &agent,
            data_type,
            purpose.as_ref(),
            described.subject.as_ref(),
            described.operation.as_ref(),
        )
    });
    Ok(own
        .chain(rules.consent_for(described.tool.as_ref(), &agent))
        .collect())
}
