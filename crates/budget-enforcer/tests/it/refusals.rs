//! A refusal changes nothing: beside an engine that nobody refused anything, one that was refused is the same to the last bit.

use budget_enforcer::{
    Amounts, BudgetEnforcer, BudgetEnforcerConfig, BudgetError, BudgetId, BudgetSpec, Charge,
    Dimension, Floor, Limits, MemoryJournal, Period, Running, TransactionFilter,
};

use crate::keeping::Keeping;
use crate::stage::{DAY, Stage, budget, calls, charge, session, stage, stage_with, usd, used};

const NAMES: [&str; 4] = ["org", "team", "agent", "side"];
const PLENTY: u64 = 1_000_000_000_000;

/// Of the position-th counter there is little, and of all others plenty: five envelopes of three dimensions each.
fn limits(envelope: usize, position: usize) -> Limits {
    let of = |number: usize| {
        if position == envelope * 3 + number {
            100
        } else {
            PLENTY
        }
    };
    let cost = budget_enforcer::Usd::from_nanos(of(2));
    Limits::NONE.tokens(of(0)).calls(of(1)).cost(cost)
}

fn config(position: usize) -> BudgetEnforcerConfig {
    BudgetEnforcerConfig {
        session: Some(limits(4, position)),
        ..BudgetEnforcerConfig::default()
    }
}

fn create(admin: &budget_enforcer::BudgetAdmin, position: usize) {
    let mut parent: Option<BudgetId> = None;
    for (number, name) in NAMES.into_iter().enumerate() {
        let mut spec = BudgetSpec::new(budget(name)).period(Period::Daily);
        spec.limits = limits(number, position);
        // The first three are under each other.
        spec.parent = parent.take().filter(|_| number < 3);
        parent = Some(spec.id.clone());
        admin.create_budget(spec).unwrap();
    }
}

fn each(amount: u64) -> Amounts {
    let cost = budget_enforcer::Usd::from_nanos(amount);
    Amounts::NONE.tokens(amount).calls(amount).cost(cost)
}

/// Five envelopes, of which two are charged along.
fn wide(amount: u64) -> Charge {
    let agent = Charge::budget(&budget("agent")).amounts(each(amount));
    agent
        .and(Charge::budget(&budget("side")).amounts(each(amount)))
        .and(Charge::session(&session("s")).amounts(each(amount)))
}

/// The part of it that is in one tree, where a meter can be.
fn narrow(amount: u64, position: usize) -> Charge {
    let charge = match position / 3 {
        0..=2 => Charge::budget(&budget("agent")),
        3 => Charge::budget(&budget("side")),
        _ => Charge::session(&session("s")),
    };
    charge.amounts(each(amount))
}

/// Something spent, something held, something on its way.
fn begin(enforcer: &BudgetEnforcer) -> (budget_enforcer::Reservation, Running) {
    enforcer.record(&wide(7)).unwrap();
    let held = enforcer.reserve(&wide(11)).unwrap();
    let running = enforcer.reserve(&wide(13)).unwrap();
    (held, running.start(Floor::Hold).unwrap())
}

/// All that can be seen.
fn seen(enforcer: &BudgetEnforcer) -> String {
    let session = enforcer.utilization(&session("s")).unwrap();
    let rows = enforcer.transactions(&TransactionFilter::default());
    format!(
        "{:#?}\n{session:#?}\n{rows:#?}",
        enforcer.summary().unwrap()
    )
}

/// Asks in every way for more than the 69 that are left of the one counter.
fn be_refused(enforcer: &BudgetEnforcer, running: &mut Running, position: usize) {
    let envelope = ["org", "team", "agent", "side", "s"][position / 3];
    let dimension = Dimension::ALL[position % 3];
    let is_told = |denied: &budget_enforcer::BudgetDenied, by: u64| {
        let decision = denied.decision();
        let told = (decision.code(), decision.dimension());
        assert_eq!(told, ("exceeds_budget", Some(dimension)));
        let name = decision.envelope().unwrap().to_string();
        assert!(name.ends_with(&format!("'{envelope}'")), "{name}");
        assert_eq!(decision.requested().unwrap().units(), by);
        assert_eq!(decision.available().unwrap().units(), 69);
    };
    let of = |error: BudgetError, by| match error {
        BudgetError::Denied(denied) => is_told(&denied, by),
        error => panic!("{error}"),
    };
    for amount in [70, 5_000] {
        is_told(&enforcer.reserve(&wide(amount)).unwrap_err(), amount);
        let path = enforcer.resolve(&wide(amount)).unwrap();
        is_told(&enforcer.reserve_path(&path).unwrap_err(), amount);
        let path = enforcer.resolve(&wide(1)).unwrap();
        let refused = enforcer.reserve_path_amounts(&path, each(amount));
        is_told(&refused.unwrap_err(), amount);
        of(enforcer.record(&wide(amount)).unwrap_err(), amount);
        of(running.draw(each(amount)).unwrap_err(), amount);
        is_told(
            &enforcer.check(&wide(amount)).require().unwrap_err(),
            amount,
        );
    }
    let meter = enforcer.meter(&narrow(10, position)).unwrap();
    for times in [7, 500] {
        meter.spend(times).unwrap_err();
    }
}

/// What was begun can go on just as well.
fn go_on(
    enforcer: &BudgetEnforcer,
    held: budget_enforcer::Reservation,
    running: Running,
) -> String {
    let next = enforcer.reserve(&wide(69)).unwrap();
    let ids = format!(
        "{:?} {:?}",
        next.id(),
        enforcer.record(&wide(0)).unwrap().id
    );
    next.release().unwrap();
    held.release().unwrap();
    running.settle(each(12)).unwrap();
    ids
}

#[test]
fn at_each_of_fifteen_positions_it_leaves_every_counter_and_row_as_it_was() {
    for position in 0..15 {
        let (plain, refused) = (stage_with(config(position)), stage_with(config(position)));
        for stage in [&plain, &refused] {
            create(&stage.admin, position);
        }
        let (held, running) = begin(&plain.budget);
        let (also_held, mut also_running) = begin(&refused.budget);
        let before = seen(&refused.budget);
        assert_eq!(seen(&plain.budget), before);
        for _ in 0..3 {
            be_refused(&refused.budget, &mut also_running, position);
            assert_eq!(seen(&refused.budget), before, "position {position}");
        }
        let ids = go_on(&plain.budget, held, running);
        let same = go_on(&refused.budget, also_held, also_running);
        if matches!(crate::LANES, budget_enforcer::Lanes::Never) {
            assert_eq!(same, ids, "and no id was used up");
            assert_eq!(seen(&refused.budget), seen(&plain.budget));
        }
    }
}

/// A snapshot holds everything: counters of all windows, holds, next ids, keys, rows.
#[test]
fn on_a_journal_no_event_is_written_and_the_whole_state_stays_the_same() {
    for position in 0..15 {
        let clock = budget_enforcer::ManualClock::new(crate::stage::START);
        let [plain, refused] = [(); 2].map(|()| {
            let journal = Keeping::every(Some(1));
            let builder = BudgetEnforcer::builder().config(config(position));
            let builder = builder.clock(clock.clone()).journal(journal.clone());
            let (enforcer, admin) = builder.build().unwrap();
            create(&admin, position);
            let begun = begin(&enforcer);
            (journal, enforcer, begun)
        });
        let (journal, enforcer, (held, mut running)) = refused;
        let events = journal.events.events().unwrap();
        let state = journal.text();
        be_refused(&enforcer, &mut running, position);
        assert_eq!(journal.events.events().unwrap(), events, "{position}");
        assert_eq!(journal.text(), state);
        let (plain_journal, plain, (plain_held, plain_running)) = plain;
        assert_eq!(
            go_on(&enforcer, held, running),
            go_on(&plain, plain_held, plain_running)
        );
        let events = |journal: &Keeping| journal.events.events().unwrap();
        assert_eq!(events(&journal), events(&plain_journal));
        assert_eq!(journal.text(), plain_journal.text(), "{position}");
    }
}

/// A million where that takes a second, and a fiftieth of it elsewhere.
const MANY: u64 = if cfg!(debug_assertions) {
    20_000
} else {
    1_000_000
};

#[test]
fn a_million_refusals_change_nothing() {
    let stage = stage_with(BudgetEnforcerConfig {
        max_sessions: 1,
        ..BudgetEnforcerConfig::per_session().calls(10)
    });
    let id = stage.create(calls("a", 100).period(Period::Daily));
    stage.budget.record_spending(&session("s"), 1).unwrap();
    let hold = stage.reserve(&charge(&id, 90));
    let meter = stage.budget.meter(&charge(&id, 11)).unwrap();
    let path = stage.budget.resolve(&charge(&id, 11)).unwrap();
    let before = seen(&stage.budget);
    let mut number = 0;
    for _ in 0..MANY / 5 {
        number += 1;
        stage.budget.reserve_path(&path).unwrap_err();
        stage.budget.record(&charge(&id, 11)).unwrap_err();
        meter.spend(1).unwrap_err();
        let unknown = session(&format!("s-{number}"));
        let opens = Charge::session(&unknown).calls(1);
        stage.budget.reserve(&opens).unwrap_err();
        let both = Charge::session(&session("s")).calls(1);
        stage
            .budget
            .reserve(&both.and(charge(&id, 11)))
            .unwrap_err();
    }
    assert_eq!(seen(&stage.budget), before);
    assert_eq!(stage.budget.summary().unwrap().sessions, 1);
    stage.reserve(&charge(&id, 10)).release().unwrap();
    hold.release().unwrap();
    assert_eq!(stage.calls(&id), [0, 0, 0, 100]);
}

/// Nor does it grow: what is kept of the whole state is as long afterwards as of an engine that refused nothing.
#[test]
fn many_refusals_leave_no_hold_key_or_session_behind() {
    let states = [0, MANY / 20].map(|refusals| {
        let journal = Keeping::every(Some(1));
        let clock = budget_enforcer::ManualClock::new(crate::stage::START);
        let builder =
            BudgetEnforcer::builder().config(BudgetEnforcerConfig::per_session().calls(10));
        let (enforcer, admin) = builder
            .clock(clock)
            .journal(journal.clone())
            .build()
            .unwrap();
        admin.create_budget(calls("a", 10)).unwrap();
        for number in 0..refusals {
            let unknown = session(&format!("s-{number}"));
            let asked = Charge::session(&unknown).calls(11);
            enforcer.reserve(&asked).unwrap_err();
            enforcer.record(&charge(&budget("a"), 11)).unwrap_err();
            enforcer.record(&charge(&budget("b"), 1)).unwrap_err();
        }
        enforcer.record(&charge(&budget("a"), 1)).unwrap();
        (journal.text().unwrap(), journal.events.events().unwrap())
    });
    assert_eq!(states[0], states[1]);
}

/// The journal of a refusal that somebody wants to hear again is the one exception.
#[test]
fn a_refusal_with_a_key_is_remembered_and_changes_nothing_else() {
    let journal = MemoryJournal::new();
    let clock = budget_enforcer::ManualClock::new(crate::stage::START);
    let builder = BudgetEnforcer::builder().clock(clock.clone());
    let (enforcer, admin) = builder.journal(journal.clone()).build().unwrap();
    admin.create_budget(calls("a", 10).cost(usd("1"))).unwrap();
    let id = budget("a");
    let before = enforcer.summary().unwrap();
    let key = budget_enforcer::IdempotencyKey::at(crate::stage::START);
    let options = budget_enforcer::CallOptions::new().key(key);
    for _ in 0..3 {
        enforcer
            .record_with(&charge(&id, 11), &options)
            .unwrap_err();
        assert_eq!(journal.events().unwrap().len(), 2, "one event, once");
    }
    assert_eq!(enforcer.summary().unwrap(), before);
    let rows = enforcer.transactions(&TransactionFilter::default()).rows;
    assert!(rows.is_empty());
}

#[test]
fn a_zero_does_not_pass_what_was_overspent() {
    let stage = stage();
    let id = stage.create(calls("a", 10).tokens(10).period(Period::Daily));
    stage
        .start(&charge(&id, 0).tokens(0))
        .settle(used(0).tokens(14))
        .unwrap();
    let asked = |charge: Charge| stage.budget.check(&charge).code();
    assert_eq!(asked(charge(&id, 1)), "exceeds_budget");
    assert_eq!(asked(charge(&id, 1).tokens(0)), "exceeds_budget");
    stage.clock.advance(DAY);
    stage.clock.advance(DAY);
    assert_eq!(asked(charge(&id, 1).tokens(0)), "within_budget");
}

/// Refused while windows turn, too: a look and a refusal enter no window.
#[test]
fn a_refusal_enters_no_window() {
    let stages: [Stage; 2] = [stage(), stage()];
    for (number, stage) in stages.iter().enumerate() {
        let id = stage.create(calls("a", 10).period(Period::Daily).rollover(true));
        stage.budget.record(&charge(&id, 4)).unwrap();
        let hold = stage.start(&charge(&id, 3)).detach();
        for _ in 0..3 {
            stage.clock.advance(DAY);
            if number == 1 {
                stage.budget.record(&charge(&id, 21)).unwrap_err();
                stage.budget.reserve(&charge(&id, 21)).unwrap_err();
            }
        }
        // The hold ran out before the first midnight that anybody saw.
        stage.budget.settle_id(hold, used(1)).unwrap_err();
        stage.budget.record(&charge(&id, 0)).unwrap();
    }
    assert_eq!(
        stages[0].budget.summary().unwrap(),
        stages[1].budget.summary().unwrap()
    );
    let rows = |stage: &Stage| stage.budget.transactions(&TransactionFilter::default());
    assert_eq!(rows(&stages[0]), rows(&stages[1]));
}
