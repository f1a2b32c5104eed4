//! What an enforcer gets back from a journal after its process died.

use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;

use super::{JournalFixture, Shared, done, ensure, replayed, same};
use crate::{
    Amounts, BudgetAdmin, BudgetEnforcer, BudgetEnforcerConfig, BudgetError, BudgetId, BudgetSpec,
    CallOptions, Charge, Dimension, Envelope, Floor, IdempotencyKey, Limits, ManualClock,
    MemoryJournal, Period, ReservationId, Revision, SessionId, TransactionFilter, TransactionId,
};

const START: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

/// What requests were answered: the rows that were booked, or why not.
type Answers = Vec<Result<TransactionId, &'static str>>;

/// An enforcer over a journal, and the names that the checks use.
struct Stage {
    budget: BudgetEnforcer,
    admin: BudgetAdmin,
    team: BudgetId,
    session: SessionId,
}

impl Stage {
    fn over(journal: impl crate::BudgetJournal, clock: &ManualClock) -> Result<Self, String> {
        let config = BudgetEnforcerConfig::per_session().calls(10).tokens(100);
        let builder = BudgetEnforcer::builder()
            .config(config)
            .clock(clock.clone())
            .journal(journal);
        let (budget, admin) = done("build", builder.build())?;
        Ok(Self {
            budget,
            admin,
            team: done("id", "team".parse())?,
            session: done("id", "s".parse())?,
        })
    }

    /// Makes the budgets: a team of an organisation.
    fn furnish(&self) -> Result<(), String> {
        let org: BudgetId = done("id", "org".parse())?;
        let spec = BudgetSpec::new(org.clone())
            .calls(100)
            .period(Period::Daily);
        done("create", self.admin.create_budget(spec))?;
        let spec = BudgetSpec::new(self.team.clone())
            .calls(40)
            .cost(done("cost", "1.5".parse())?);
        done("create", self.admin.create_budget(spec.parent(org)))?;
        Ok(())
    }

    fn charge(&self, calls: u64) -> Charge {
        Charge::budget(&self.team).calls(calls)
    }

    /// Does something of every kind, and leaves two holds behind, of which the second has started.
    fn work(&self) -> Result<[ReservationId; 2], String> {
        self.furnish()?;
        let by = || done("id", "ops@example.com".parse());
        let ops = self.admin.acting_as(by()?);
        let asked = self.charge(4).and(Charge::session(&self.session).tokens(5));
        let noted = CallOptions::new()
            .note("why")
            .key(IdempotencyKey::at(START));
        let held = done("reserve", self.budget.reserve_with(&asked, &noted))?;
        let mut running = done("start", held.start(Floor::Hold))?;
        done("draw", running.draw(Amounts::NONE.calls(1)))?;
        done("renew", running.renew(Duration::from_secs(3600)))?;
        done("settle", running.settle(Amounts::NONE.calls(3)))?;
        let row = done("spend", self.budget.record_spending(&self.session, 7))?;
        done(
            "refund",
            self.budget.refund(row.id, Amounts::NONE.tokens(7)),
        )?;
        done(
            "release",
            done("reserve", self.budget.reserve(&self.charge(1)))?.release(),
        )?;
        done("record", self.budget.record(&self.charge(2)))?;
        done(
            "limits",
            ops.update_limit(&self.team, Limits::NONE.calls(30)),
        )?;
        done(
            "template",
            ops.set_session_limits(Some(Limits::NONE.calls(9))),
        )?;
        done("suspend", ops.suspend(&self.session))?;
        done("resume", ops.resume(&self.session))?;
        let gone: BudgetId = done("id", "gone".parse())?;
        done(
            "create",
            ops.create_budget(BudgetSpec::new(gone.clone()).calls(1)),
        )?;
        done("close", ops.close(&gone))?;
        done("accept", ops.accept_clock(by()?, "checked"))?;
        let key = CallOptions::new().key(IdempotencyKey::at(START));
        let refused = self.budget.record_with(&self.charge(1000), &key);
        ensure(refused.is_err(), || {
            "a thousand of thirty were spent".into()
        })?;
        let held = done("reserve", self.budget.reserve(&self.charge(5)))?.detach();
        let path = done("resolve", self.budget.resolve(&self.charge(6)))?;
        let started = self.budget.reserve_path_and_start(&path, Floor::Hold);
        Ok([held, done("start", started)?.detach()])
    }

    /// All that can be seen of it.
    fn seen(&self) -> String {
        let session = self.budget.utilization(&self.session).ok();
        let rows = self.budget.transactions(&TransactionFilter::default());
        format!("{:#?}\n{session:#?}\n{rows:#?}", self.budget.summary())
    }

    fn differs(&self, from: &Self) -> Result<(), String> {
        let (found, expected) = (self.seen(), from.seen());
        let line = found.lines().zip(expected.lines()).find(|(a, b)| a != b);
        ensure(found == expected, || match line {
            Some((found, expected)) => format!("{found:?} instead of {expected:?}"),
            None => "one has more to show than the other".into(),
        })
    }

    /// Spent and reserved calls of an envelope.
    fn calls(&self, envelope: impl Into<Envelope>) -> Result<(u64, u64), String> {
        let utilization = done("utilization", self.budget.utilization(envelope))?;
        let usage = utilization.usage(Dimension::Calls);
        Ok((usage.spent.units(), usage.reserved.units()))
    }
}

/// Lets `act` do something to an enforcer over the journal of `fixture`, whose process then dies, and gives the enforcer after that.
fn restored<R>(
    fixture: &dyn JournalFixture,
    clock: &ManualClock,
    act: impl FnOnce(&Stage) -> Result<R, String>,
) -> Result<(Stage, R), String> {
    let journal = Shared::new(fixture.open());
    let stage = Stage::over(journal.clone(), clock)?;
    let result = act(&stage)?;
    let revision = done("revision", stage.admin.revision())?;
    drop(stage);
    done("sync", crate::BudgetJournal::sync(&journal, revision))?;
    fixture.crash(journal.take()?);
    Ok((Stage::over(Shared::new(fixture.open()), clock)?, result))
}

pub(super) fn every_form_of_event_survives(fixture: &dyn JournalFixture) -> Result<(), String> {
    let (memory, clock) = (MemoryJournal::new(), ManualClock::new(START));
    Stage::over(memory.clone(), &clock)?.work()?;
    let expected = done("events", memory.events())?;
    let journal = fixture.open();
    let mut last = Revision::ZERO;
    for event in &expected {
        done("append", journal.append(last, std::slice::from_ref(event)))?;
        last = event.revision;
    }
    done("sync", journal.sync(last))?;
    fixture.crash(journal);
    same(
        "of every form",
        &replayed(&*fixture.open(), Revision::ZERO)?,
        &expected,
    )
}

pub(super) fn an_enforcer_is_restored_to_the_same_state(
    fixture: &dyn JournalFixture,
) -> Result<(), String> {
    let clock = ManualClock::new(START);
    let reference = Stage::over(MemoryJournal::new(), &clock)?;
    reference.work()?;
    let (again, _) = restored(fixture, &clock, Stage::work)?;
    again.differs(&reference)?;
    for wait in [60, 300, 86_400] {
        clock.advance(Duration::from_secs(wait));
        again.differs(&reference)?;
    }
    done("record", reference.budget.record(&reference.charge(1)))?;
    done("record", again.budget.record(&again.charge(1)))?;
    again.differs(&reference)
}

pub(super) fn keys_give_their_first_answers_again(
    fixture: &dyn JournalFixture,
) -> Result<(), String> {
    let clock = ManualClock::new(START);
    let answer = |stage: &Stage, key: &CallOptions, calls| -> Result<_, String> {
        match stage.budget.record_with(&stage.charge(calls), key) {
            Ok(row) => Ok(Ok(row.id)),
            Err(BudgetError::Denied(denied)) => Ok(Err(denied.code())),
            Err(error) => Err(format!("record: {error:?}")),
        }
    };
    let keys: Vec<_> = [3, 1000, 4, 2000]
        .map(|calls| (CallOptions::new().key(IdempotencyKey::at(START)), calls))
        .into();
    let ask = |stage: &Stage| -> Result<Answers, String> {
        keys.iter()
            .map(|(key, calls)| answer(stage, key, *calls))
            .collect()
    };
    let (again, first) = restored(fixture, &clock, |stage| {
        stage.furnish()?;
        ask(stage)
    })?;
    let before = again.seen();
    let second = ask(&again)?;
    ensure(first == second, || {
        format!("{second:?} instead of {first:?}")
    })?;
    ensure(before == again.seen(), || {
        "something was done for a repeated request".into()
    })
}

pub(super) fn holds_outlive_the_process(fixture: &dyn JournalFixture) -> Result<(), String> {
    let clock = ManualClock::new(START);
    let (again, [held, started]) = restored(fixture, &clock, Stage::work)?;
    let (spent, reserved) = again.calls(&again.team)?;
    ensure((spent, reserved) == (5, 11), || {
        format!("{spent} spent and {reserved} reserved instead of 5 and 11")
    })?;
    done("release", again.budget.release_id(held))?;
    done(
        "settle",
        again.budget.settle_id(started, Amounts::NONE.calls(2)),
    )?;
    let (spent, reserved) = again.calls(&again.team)?;
    ensure((spent, reserved) == (7, 0), || {
        format!("{spent} spent and {reserved} reserved instead of 7 and 0")
    })
}

pub(super) fn callers_beside_each_other_lose_nothing(
    fixture: &dyn JournalFixture,
) -> Result<(), String> {
    let clock = ManualClock::new(START);
    let work = |stage: &Stage| -> u64 {
        (0..20_u64)
            .filter(|n| {
                let Ok(held) = stage.budget.reserve(&stage.charge(1)) else {
                    return false;
                };
                let settled = held
                    .start(Floor::Hold)
                    .and_then(|running| running.settle(Amounts::NONE.calls(n % 2)));
                settled.is_ok() && n % 2 == 1
            })
            .count()
            .try_into()
            .unwrap_or(u64::MAX)
    };
    let (again, spent) = restored(fixture, &clock, |stage| {
        stage.furnish()?;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| work(stage))).collect();
            threads.into_iter().try_fold(0_u64, |sum, thread| {
                let more = thread.join().map_err(|_| "a thread panicked".to_owned())?;
                Ok::<_, String>(sum.saturating_add(more))
            })
        })
    })?;
    let found = again.calls(&again.team)?;
    ensure(found == (spent, 0), || {
        format!("{found:?} instead of {spent} spent and nothing reserved")
    })?;
    ensure((1..=40).contains(&spent), || {
        format!("{spent} of 40 were spent")
    })
}
