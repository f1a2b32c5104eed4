//! What every budget authority must do, whatever it is made of.
//!
//! An implementation of [`BudgetBackend`] runs these on itself: give [`verify`] a function that makes a [`BackendFixture`] over a fresh
//! authority with the budgets of [`budgets`]. Nothing here looks inside: figures are read from refusals.

mod holds;
mod leases;
mod returns;
mod trial;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use time::OffsetDateTime;

use crate::backend::BudgetBackend;
use crate::error::BudgetError;
use crate::spec::BudgetSpec;
use trial::Trial;

/// A fresh authority, and the hands of its clock.
pub trait BackendFixture: Sync {
    /// The authority, as it is now. It has the budgets of [`budgets`], remembers keys and ends for an hour at least, and lets what has expired be
    /// settled late for an hour.
    fn backend(&self) -> Arc<dyn BudgetBackend>;

    /// What its clock shows, which stands still but for [`advance`](Self::advance).
    fn now(&self) -> OffsetDateTime;

    /// Lets time pass for it.
    fn advance(&self, by: Duration);

    /// Takes the authority away as a crash would, and starts it again from what it has stored. False: it keeps nothing, and nothing has
    /// happened; then what a restart must bring back is not tested.
    fn restart(&self) -> bool {
        false
    }

    /// Runs one request to its end. Many threads call it at once. The default parks the thread while the request waits; an authority
    /// that needs a runtime enters it here.
    fn drive(&self, request: Pin<Box<dyn Future<Output = ()> + Send + '_>>) {
        block_on(request);
    }
}

/// The budgets that every check starts from, for a lifetime each and unused: `team` with 10 calls and 1000 tokens, `agent` below it with 8
/// calls, and `tool` beside them with 4 calls.
///
/// # Errors
/// None: the ids are valid.
pub fn budgets() -> Result<Vec<BudgetSpec>, BudgetError> {
    Ok(vec![
        BudgetSpec::new("team".parse()?).calls(10).tokens(1000),
        BudgetSpec::new("agent".parse()?)
            .calls(8)
            .parent("team".parse()?),
        BudgetSpec::new("tool".parse()?).calls(4),
    ])
}

/// One rule, and how to try it.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The rule.
    pub name: &'static str,
    run: fn(&Trial<'_>) -> Result<(), String>,
}

impl Check {
    /// Tries the rule on a fresh authority.
    ///
    /// # Errors
    /// What was seen instead.
    pub fn run(&self, fixture: &dyn BackendFixture) -> Result<(), String> {
        (self.run)(&Trial::new(fixture)?)
    }
}

/// All of them.
pub fn checks() -> impl Iterator<Item = Check> {
    let all = [holds::CHECKS, leases::CHECKS, returns::CHECKS];
    all.into_iter().flatten().copied()
}

/// Runs all checks, each on an authority of its own.
///
/// # Errors
/// The rules that were broken and what was seen, a line each.
pub fn verify<F: BackendFixture>(mut fresh: impl FnMut() -> F) -> Result<(), String> {
    let broken: Vec<String> = checks()
        .filter_map(|check| {
            let seen = check.run(&fresh()).err()?;
            Some(format!("{}: {seen}", check.name))
        })
        .collect();
    if broken.is_empty() {
        Ok(())
    } else {
        Err(broken.join("\n"))
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut work = pin!(work);
    loop {
        match work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}
