//! What the configuration says about each tool: which budgets a call charges, and which consent it needs.

use budget_enforcer::{Amounts, BudgetId, Charge, SessionId};
use consent::{AgentId, ConsentQuery};
use trust_gate::ToolName;

use crate::config::{BudgetToolRule, ConsentToolRule, SecurityStackConfig};

#[derive(Debug, Default)]
pub(crate) struct Rules {
    sessions_have_budgets: bool,
    budget: Vec<BudgetToolRule>,
    consent: Vec<ConsentToolRule>,
}

impl Rules {
    pub(crate) fn new(config: &SecurityStackConfig, sessions_have_budgets: bool) -> Self {
        Self {
            sessions_have_budgets,
            budget: config.budget_tools.clone(),
            consent: config.consent_tools.clone(),
        }
    }

    pub(crate) fn sessions_have_budgets(&self) -> bool {
        self.sessions_have_budgets
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
                    let query = ConsentQuery::new(agent.clone(), rule.data_type.clone());
                    let query = rule
                        .purpose
                        .iter()
                        .cloned()
                        .fold(query, ConsentQuery::purpose);
                    let query = rule
                        .subject
                        .iter()
                        .cloned()
                        .fold(query, ConsentQuery::subject);
                    rule.operation
                        .iter()
                        .cloned()
                        .fold(query, ConsentQuery::operation)
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
