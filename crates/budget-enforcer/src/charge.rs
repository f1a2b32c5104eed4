//! What one action touches: a set of envelopes, and the amounts.

use std::fmt;
use std::iter;

use serde::{Deserialize, Serialize};

use crate::amounts::Amounts;
use crate::id::{BudgetId, SessionId};
use crate::usd::Usd;

/// Something that has limits: a session or a named budget.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever turns an envelope into text or a key must see a new sort"
)]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    /// A session, opened on first use from the template.
    Session(SessionId),
    /// A budget that an operator created.
    Budget(BudgetId),
}

impl Envelope {
    /// As errors name it: budget `llm-calls`.
    pub(crate) fn plain(&self) -> impl fmt::Display {
        Plain(self)
    }
}

struct Plain<'a>(&'a Envelope);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Envelope::Session(id) => write!(f, "session `{id}`"),
            Envelope::Budget(id) => write!(f, "budget `{id}`"),
        }
    }
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(id) => write!(f, "Session '{id}'"),
            Self::Budget(id) => write!(f, "Category '{id}'"),
        }
    }
}

impl From<&SessionId> for Envelope {
    fn from(id: &SessionId) -> Self {
        Self::Session(id.clone())
    }
}

impl From<&BudgetId> for Envelope {
    fn from(id: &BudgetId) -> Self {
        Self::Budget(id.clone())
    }
}

/// The envelopes that an action touches and what it takes from each. Ancestors are charged along with the budgets named.
///
/// [`tokens`](Self::tokens), [`calls`](Self::calls) and [`cost`](Self::cost) speak of the envelope named last.
/// Amounts for the same envelope add up.
///
/// ```
/// # use budget_enforcer::{BudgetId, Charge, SessionId};
/// # let (session, budget): (SessionId, BudgetId) = ("s-1".parse()?, "llm-calls".parse()?);
/// let charge = Charge::session(&session).calls(1).tokens(500).and(Charge::budget(&budget).cost("0.01".parse()?));
/// assert_eq!(charge.lines().count(), 2);
/// # Ok::<(), budget_enforcer::BudgetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Line>", into = "Vec<Line>")]
pub struct Charge {
    first: Line,
    rest: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    pub(crate) envelope: Envelope,
    pub(crate) amounts: Amounts,
}

impl Charge {
    /// A charge to a session.
    #[must_use]
    pub fn session(id: &SessionId) -> Self {
        Self::of(id.into())
    }

    /// A charge to a named budget and to its ancestors.
    #[must_use]
    pub fn budget(id: &BudgetId) -> Self {
        Self::of(id.into())
    }

    /// This many tokens from the envelope named last.
    #[must_use]
    pub fn tokens(mut self, tokens: u64) -> Self {
        self.last().tokens = Some(tokens);
        self
    }

    /// This many calls from the envelope named last.
    #[must_use]
    pub fn calls(mut self, calls: u64) -> Self {
        self.last().calls = Some(calls);
        self
    }

    /// This much money from the envelope named last.
    #[must_use]
    pub fn cost(mut self, cost: Usd) -> Self {
        self.last().cost = Some(cost);
        self
    }

    /// These amounts from the envelope named last, in place of any that it had.
    #[must_use]
    pub fn amounts(mut self, amounts: Amounts) -> Self {
        *self.last() = amounts;
        self
    }

    /// Both charges in one: taken together or not at all. An envelope that is named again adds to the line that it has.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for line in iter::once(other.first).chain(other.rest) {
            let known = iter::once(&mut self.first)
                .chain(&mut self.rest)
                .find(|known| known.envelope == line.envelope);
            match known {
                // One line an envelope: what an envelope settles at must not be counted once for each time it was named.
                Some(known) => known.amounts = known.amounts.saturating_add(&line.amounts),
                None => self.rest.push(line),
            }
        }
        self
    }

    /// What is charged to which envelope, in the order of naming.
    pub fn lines(&self) -> impl Iterator<Item = (&Envelope, &Amounts)> {
        iter::once(&self.first)
            .chain(&self.rest)
            .map(|line| (&line.envelope, &line.amounts))
    }

    pub(crate) fn of(envelope: Envelope) -> Self {
        Self {
            first: Line {
                envelope,
                amounts: Amounts::NONE,
            },
            rest: Vec::new(),
        }
    }

    /// The envelope named first.
    pub(crate) const fn first_envelope(&self) -> &Envelope {
        &self.first.envelope
    }

    /// The only line, where there is just one.
    pub(crate) fn single(&self) -> Option<(&Envelope, &Amounts)> {
        self.rest
            .is_empty()
            .then_some((&self.first.envelope, &self.first.amounts))
    }

    /// The same envelopes with these amounts, and none where there are no more.
    pub(crate) fn filled(&self, amounts: &[Amounts]) -> Self {
        let mut amounts = amounts.iter().copied();
        let mut fill = |line: &Line| Line {
            envelope: line.envelope.clone(),
            amounts: amounts.next().unwrap_or_default(),
        };
        Self {
            first: fill(&self.first),
            rest: self.rest.iter().map(fill).collect(),
        }
    }

    fn last(&mut self) -> &mut Amounts {
        &mut self.rest.last_mut().unwrap_or(&mut self.first).amounts
    }
}

impl TryFrom<Vec<Line>> for Charge {
    type Error = &'static str;

    fn try_from(lines: Vec<Line>) -> Result<Self, Self::Error> {
        let charges = lines.into_iter().map(|line| Self {
            first: line,
            rest: Vec::new(),
        });
        charges
            .reduce(Self::and)
            .ok_or("a charge names at least one envelope")
    }
}

impl From<Charge> for Vec<Line> {
    fn from(charge: Charge) -> Self {
        iter::once(charge.first).chain(charge.rest).collect()
    }
}
