//! Budgets: what operators do about them, and what was booked.

mod books;
mod figures;
mod history;
mod ledger;
mod sums;

use std::collections::BTreeSet;

use budget_enforcer::{
    BudgetAdmin, BudgetError, BudgetId, BudgetSpec, Dimension, Envelope, Limits, OperatorId,
    Period, Quantity, ReservationId, Revision, WindowUsage,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

pub use self::books::Books;
pub use self::figures::{
    Booked, ByDimension, EnvelopeNow, Figures, HoldNow, Line, SetUp, Sums, WindowNow,
};
pub use self::ledger::{BalanceNow, EntryKind, LedgerEntry};
pub use self::sums::WindowSums;
use super::OperatorError;

/// What is asked about budgets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "fields are called what they are: which envelope, on whose word, and why"
)]
pub enum BudgetRequest {
    /// A new budget; its first window is that of now.
    Create {
        spec: Box<BudgetSpec>,
        by: OperatorId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Limits of one window; those that are not given stay, and so does what was spent.
    Update {
        budget: BudgetId,
        #[serde(default)]
        limits: Limits,
        /// Limits that are taken away.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        unlimited: BTreeSet<Dimension>,
        /// Which of its windows, if not the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<Period>,
        by: OperatorId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Refuses everything on an envelope and what is under it, until it is resumed.
    Suspend(EnvelopeAct),
    /// Ends a suspension.
    Resume(EnvelopeAct),
    /// Refuses everything for good.
    Close(EnvelopeAct),
    /// The owner's time counts, even if a later one was read before.
    AcceptClock { by: OperatorId, reason: String },
    /// The budgets with the figures of now.
    List {
        /// The sessions, too.
        #[serde(default)]
        sessions: bool,
    },
    /// One envelope with everything that bears on what it admits now.
    Show { envelope: Envelope },
    /// Everything that was ever booked, and what operators did; the oldest first.
    Ledger {
        /// What concerns this envelope or one under it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        envelope: Option<Envelope>,
        /// Of these kinds; of all where there are none.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        kinds: BTreeSet<EntryKind>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reservation: Option<ReservationId>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        since: Option<OffsetDateTime>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        until: Option<OffsetDateTime>,
        /// Of those that match, the newest so many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        newest: Option<usize>,
    },
    /// What was booked in each window, summed up by kind.
    Report {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        envelope: Option<Envelope>,
        /// The sessions, too.
        #[serde(default)]
        sessions: bool,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        since: Option<OffsetDateTime>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        until: Option<OffsetDateTime>,
    },
}

/// An act about one envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeAct {
    /// Which.
    pub envelope: Envelope,
    /// On whose word.
    pub by: OperatorId,
    /// Why, in at most 1024 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is told about budgets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BudgetAnswer {
    /// As it was asked for.
    Created {
        /// It.
        created: Box<BudgetSpec>,
        /// Of the act.
        revision: Revision,
    },
    /// The limits before and after.
    Updated {
        /// Which budget.
        updated: BudgetId,
        /// Which window.
        window: Period,
        /// Before.
        before: Limits,
        /// Now.
        after: Limits,
        /// Of the act.
        revision: Revision,
    },
    /// It was done.
    Done {
        /// Of the act.
        revision: Revision,
    },
    /// Each before those under it, then the sessions.
    Listed(Vec<EnvelopeNow>),
    /// One envelope.
    Envelope {
        /// It.
        #[serde(flatten)]
        now: Box<EnvelopeNow>,
        /// The nearest budget above that admits nothing.
        blocked_by: Option<Envelope>,
        /// The open holds that touch it.
        holds: Vec<HoldNow>,
    },
    /// The entries that were asked for.
    Ledger(Vec<LedgerEntry>),
    /// The windows that were asked for.
    Report(Vec<WindowSums>),
}

impl BudgetRequest {
    /// Does it on budgets, of which questions are answered from what is in memory now. Blocks until an act is stored.
    ///
    /// # Errors
    /// What the enforcer refused, and [`OperatorError::NoJournal`] for what only a journal can tell.
    pub fn perform(&self, admin: &BudgetAdmin) -> Result<BudgetAnswer, OperatorError> {
        self.perform_with(admin, || Ok(Books::running(admin)))
    }

    /// The same, where `books` knows more.
    ///
    /// # Errors
    /// The same, and what `books` says.
    pub fn perform_with(
        &self,
        admin: &BudgetAdmin,
        books: impl FnOnce() -> Result<Books, OperatorError>,
    ) -> Result<BudgetAnswer, OperatorError> {
        let revision = match self {
            Self::Create { spec, by, reason } => {
                let revision =
                    acting(admin, by, reason.as_deref())?.create_budget(BudgetSpec::clone(spec))?;
                return Ok(BudgetAnswer::Created {
                    created: spec.clone(),
                    revision,
                });
            }
            Self::Update {
                budget,
                limits,
                unlimited,
                window,
                by,
                reason,
            } => {
                let admin = acting(admin, by, reason.as_deref())?;
                return update(&admin, budget, *limits, unlimited, *window);
            }
            Self::Suspend(act) => act.admin(admin)?.suspend(act.envelope.clone())?,
            Self::Resume(act) => act.admin(admin)?.resume(act.envelope.clone())?,
            Self::Close(act) => act.admin(admin)?.close(act.envelope.clone())?,
            Self::AcceptClock { by, reason } => {
                // It takes any reason, so its length is checked by hand.
                admin.because(reason)?.accept_clock(by.clone(), reason)?
            }
            Self::List { .. } | Self::Show { .. } | Self::Ledger { .. } | Self::Report { .. } => {
                return self.look(&books()?);
            }
        };
        Ok(BudgetAnswer::Done { revision })
    }

    /// Answers a question from the books alone.
    ///
    /// # Errors
    /// Envelopes that there are not; [`OperatorError::NoJournal`] for what only a journal can tell;
    /// [`OperatorError::Unsupported`] for acts.
    pub fn look(&self, books: &Books) -> Result<BudgetAnswer, OperatorError> {
        match self {
            Self::List { sessions } => Ok(BudgetAnswer::Listed(books.list(*sessions)?)),
            Self::Show { envelope } => Ok(BudgetAnswer::Envelope {
                now: Box::new(books.now(envelope)?),
                blocked_by: books.blocked(envelope)?,
                holds: books.holds(envelope)?,
            }),
            Self::Ledger {
                envelope,
                kinds,
                reservation,
                since,
                until,
                newest,
            } => {
                let mut entries = entries(books, envelope.as_ref())?;
                entries.retain(|entry| {
                    (kinds.is_empty() || kinds.contains(&entry.kind))
                        && (reservation.is_none() || *reservation == entry.reservation)
                        && since.is_none_or(|since| entry.at >= since)
                        && until.is_none_or(|until| entry.at < until)
                });
                if let Some(newest) = newest {
                    entries.drain(..entries.len().saturating_sub(*newest));
                }
                Ok(BudgetAnswer::Ledger(entries))
            }
            Self::Report {
                envelope,
                sessions,
                since,
                until,
            } => report(books, envelope.as_ref(), *sessions, *since, *until),
            _ => Err(OperatorError::Unsupported {
                what: "it is no question",
            }),
        }
    }

    pub(super) const fn verb(&self) -> &'static str {
        match self {
            Self::Create { .. } => "budget.create",
            Self::Update { .. } => "budget.update",
            Self::Suspend(_) => "budget.suspend",
            Self::Resume(_) => "budget.resume",
            Self::Close(_) => "budget.close",
            Self::AcceptClock { .. } => "budget.accept_clock",
            Self::List { .. } => "budget.list",
            Self::Show { .. } => "budget.show",
            Self::Ledger { .. } => "budget.ledger",
            Self::Report { .. } => "budget.report",
        }
    }

    pub(super) fn by(&self) -> Option<&str> {
        match self {
            Self::Create { by, .. } | Self::Update { by, .. } | Self::AcceptClock { by, .. } => {
                Some(by.as_str())
            }
            Self::Suspend(act) | Self::Resume(act) | Self::Close(act) => Some(act.by.as_str()),
            Self::List { .. } | Self::Show { .. } | Self::Ledger { .. } | Self::Report { .. } => {
                None
            }
        }
    }

    pub(super) fn is_act(&self) -> bool {
        self.by().is_some()
    }
}

impl EnvelopeAct {
    fn admin(&self, admin: &BudgetAdmin) -> Result<BudgetAdmin, BudgetError> {
        acting(admin, &self.by, self.reason.as_deref())
    }
}

fn acting(
    admin: &BudgetAdmin,
    by: &OperatorId,
    reason: Option<&str>,
) -> Result<BudgetAdmin, BudgetError> {
    let admin = admin.acting_as(by.clone());
    match reason {
        Some(reason) => admin.because(reason),
        None => Ok(admin),
    }
}

fn update(
    admin: &BudgetAdmin,
    budget: &BudgetId,
    given: Limits,
    unlimited: &BTreeSet<Dimension>,
    window: Option<Period>,
) -> Result<BudgetAnswer, OperatorError> {
    let usage = admin.enforcer().utilization(budget)?;
    let found = match window {
        None => &usage.main,
        Some(period) => usage
            .windows()
            .find(|usage| usage.period == period)
            .ok_or_else(|| BudgetError::NoWindow {
                id: budget.clone(),
                period,
            })?,
    };
    let before = limits_of(found);
    let mut after = before;
    for dimension in unlimited {
        match dimension {
            Dimension::Tokens => after.tokens = None,
            Dimension::Calls => after.calls = None,
            Dimension::Cost => after.cost = None,
        }
    }
    after.tokens = given.tokens.or(after.tokens);
    after.calls = given.calls.or(after.calls);
    after.cost = given.cost.or(after.cost);
    let revision = match window {
        None => admin.update_limit(budget, after)?,
        Some(period) => admin.update_window(budget, period, after)?,
    };
    Ok(BudgetAnswer::Updated {
        updated: budget.clone(),
        window: found.period,
        before,
        after,
        revision,
    })
}

fn limits_of(window: &WindowUsage) -> Limits {
    let mut limits = Limits::NONE;
    for dimension in Dimension::ALL {
        match window.usage(dimension).limit {
            Some(Quantity::Tokens(tokens)) => limits.tokens = Some(tokens),
            Some(Quantity::Calls(calls)) => limits.calls = Some(calls),
            Some(Quantity::Cost(cost)) => limits.cost = Some(cost),
            None => {}
        }
    }
    limits
}

/// Of one envelope and those under it, or of all.
fn entries(books: &Books, wanted: Option<&Envelope>) -> Result<Vec<LedgerEntry>, OperatorError> {
    let history = books.history()?;
    let mut entries = ledger::all(books)?;
    if let Some(wanted) = wanted {
        // Silence about one that there is not would pass for an answer.
        books.now(wanted)?;
        entries.retain(|entry| {
            let mut lines = entry.charge.iter();
            lines.any(|line| {
                history
                    .and_above(&line.envelope)
                    .any(|above| above == *wanted)
            })
        });
    }
    Ok(entries)
}

fn report(
    books: &Books,
    envelope: Option<&Envelope>,
    sessions: bool,
    since: Option<OffsetDateTime>,
    until: Option<OffsetDateTime>,
) -> Result<BudgetAnswer, OperatorError> {
    let history = books.history()?;
    if let Some(wanted) = envelope {
        books.now(wanted)?;
    }
    let entries = ledger::all(books)?;
    let mut sections = sums::of(books, history, &entries)?;
    sections.retain(|section| {
        let wanted = match (envelope, &section.envelope) {
            (Some(wanted), found) => history.and_above(found).any(|above| above == *wanted),
            (None, Envelope::Session(_)) => sessions,
            (None, Envelope::Budget(_)) => true,
        };
        let window = &section.window;
        wanted
            && since.is_none_or(|since| window.end_at.is_none_or(|end| end > since))
            && until.is_none_or(|until| window.start_at < until)
    });
    let windows = sections.iter().map(sums::Section::told);
    Ok(BudgetAnswer::Report(windows.collect::<Result<_, _>>()?))
}
