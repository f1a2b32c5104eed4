//! What the configuration says about each tool: which budgets a call charges, and which consent it needs.

use std::sync::Arc;

use budget_enforcer::{Amounts, BudgetId, Charge, SessionId};
use consent::{AgentId, ConsentQuery, DataType, Operation, Purpose, SubjectId};
use trust_gate::{ToolName, ToolPattern, TrustLevel};

use crate::config::{
    AuditLevel, BudgetToolRule, ConfigError, ConsentToolRule, Mandatory, Mode, SecurityStackConfig,
};

/// What of a configuration decisions are made by, besides what the components hold. A reload puts another one in its place.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Of which stack they are; another stack's actions are not judged by them.
    stack: StackMark,
    sessions_have_budgets: bool,
    budget: Vec<BudgetToolRule>,
    consent: Vec<ConsentToolRule>,
    pub(crate) mandatory: Mandatory,
    pub(crate) audit_required: bool,
    pub(crate) audit_level: AuditLevel,
    minimum_level: Option<TrustLevel>,
    mode: Mode,
    /// Tools that are only watched, where the rest is enforced.
    watched: Vec<ToolPattern>,
    /// The digest of the configuration that they are from.
    pub(crate) policy: Arc<str>,
}

/// Tells the rules of one stack from those of all others, also after a reload.
#[derive(Debug, Clone, Default)]
pub(crate) struct StackMark(Arc<()>);

impl Rules {
    pub(crate) fn new(
        config: &SecurityStackConfig,
        stack: StackMark,
        sessions_have_budgets: bool,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            stack,
            sessions_have_budgets,
            budget: config.budget_tools.clone(),
            consent: config.consent_tools.clone(),
            mandatory: config.mandatory,
            audit_required: config.audit.required,
            audit_level: config.audit.level,
            minimum_level: config.least_level()?,
            mode: config.mode,
            watched: config.shadow.tools.clone(),
            policy: crate::policy::digest(config)?.into(),
        })
    }

    pub(crate) fn stack_mark(&self) -> StackMark {
        self.stack.clone()
    }

    /// Whether both are of one stack.
    pub(crate) fn are_kin(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.stack.0, &other.stack.0)
    }

    pub(crate) fn sessions_have_budgets(&self) -> bool {
        self.sessions_have_budgets
    }

    /// The level that every action needs at least.
    pub(crate) fn minimum_level(&self) -> Option<TrustLevel> {
        self.minimum_level
    }

    /// Whether this tool, or everything, is only watched: what would be denied is let through.
    pub(crate) fn only_watches(&self, tool: Option<&ToolName>) -> bool {
        self.mode == Mode::Shadow
            || tool.is_some_and(|tool| self.watched.iter().any(|pattern| pattern.matches(tool)))
    }

    /// Every consent rule that names the tool applies.
    pub(crate) fn consent_for<'a>(
        &'a self,
        tool: Option<&'a ToolName>,
        agent: &'a AgentId,
    ) -> impl Iterator<Item = ConsentQuery> + 'a {
        tool.into_iter().flat_map(move |tool| {
            self.consent
                .iter()
                .filter(move |rule| rule.tool.matches(tool))
                .map(|rule| {
                    consent_query(
                        agent,
                        &rule.data_type,
                        rule.purpose.as_ref(),
                        rule.subject.as_ref(),
                        rule.operation.as_ref(),
                    )
                })
        })
    }

    /// The session is charged one call and what each matching rule says; each budget that a rule names is charged that
    /// rule's amounts, and one call unless the rule says how many.
    pub(crate) fn charge_for(
        &self,
        tool: Option<&ToolName>,
        session: Option<&SessionId>,
        session_amounts: Amounts,
        budgets: &[(BudgetId, Amounts)],
    ) -> Option<Charge> {
        let rules: Vec<&BudgetToolRule> = tool
            .map(|tool| {
                self.budget
                    .iter()
                    .filter(|rule| rule.tool.matches(tool))
                    .collect()
            })
            .unwrap_or_default();
        let of_session = session
            .filter(|_| self.sessions_have_budgets)
            .into_iter()
            .flat_map(|session| {
                let calls = Amounts {
                    calls: session_amounts.calls.or(Some(1)),
                    ..session_amounts
                };
                std::iter::once(calls)
                    .chain(rules.iter().map(|rule| rule.amounts))
                    .filter(|amounts| *amounts != Amounts::default())
                    .map(|amounts| Charge::session(session).amounts(amounts))
            });
        let of_rules = rules.iter().filter_map(|rule| {
            let amounts = Amounts {
                calls: rule.amounts.calls.or(Some(1)),
                ..rule.amounts
            };
            Some(Charge::budget(rule.budget.as_ref()?).amounts(amounts))
        });
        let of_action = budgets
            .iter()
            .map(|(budget, amounts)| Charge::budget(budget).amounts(*amounts));
        of_session
            .chain(of_rules)
            .chain(of_action)
            .reduce(Charge::and)
    }
}

/// The question whether this is consented to, narrowed as far as anything is named.
pub(crate) fn consent_query(
    agent: &AgentId,
    data_type: &DataType,
    purpose: Option<&Purpose>,
    subject: Option<&SubjectId>,
    operation: Option<&Operation>,
) -> ConsentQuery {
    let query = ConsentQuery::new(agent.clone(), data_type.clone());
    let query = purpose
        .into_iter()
        .cloned()
        .fold(query, ConsentQuery::purpose);
    let query = subject
        .into_iter()
        .cloned()
        .fold(query, ConsentQuery::subject);
    operation
        .into_iter()
        .cloned()
        .fold(query, ConsentQuery::operation)
}
