//! The engine beside a model of slow obvious lines: whatever is done in whatever order, both say the same.

use std::time::Duration;

use budget_enforcer::{
    Amounts, BudgetEnforcerConfig, BudgetError, BudgetId, Charge, Dimension, Envelope, Floor,
    Limits, Period, Quantity, Reservation, Running, SessionId, TransactionId,
};
use proptest::prelude::*;

use crate::stage::{Stage, budget, calls, session, stage_with, used};

// ---- the model

/// Envelopes by number: 0 org (hourly), 1 its child team (lifetime), 2 side (hourly), a tree of its own, 3 a session.
const PARENT: [Option<usize>; 4] = [None, Some(0), None, None];
const TREE: [usize; 4] = [0, 0, 1, 2];
const HOURLY: [bool; 4] = [true, false, true, false];
const LIMIT: [u64; 4] = [12, 20, 9, 15];
const TTL: u64 = 300;
const HOUR: u64 = 3600;

#[derive(Clone, Debug, Default)]
struct Cell {
    window: u64,
    spent: u64,
    overspent: u64,
    debt: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Life {
    Held,
    Started,
    Over,
}

/// What a hold has taken from one envelope, and whether that has run out: trees notice each for itself.
#[derive(Clone, Debug)]
struct Part {
    envelope: usize,
    amount: u64,
    cell: usize,
    lapsed: bool,
}

#[derive(Clone, Debug)]
struct Hold {
    /// With ancestors.
    parts: Vec<Part>,
    named: Vec<(usize, u64)>,
    due: u64,
    life: Life,
}

#[derive(Clone, Debug)]
struct Model {
    limit: [u64; 4],
    cells: [Vec<Cell>; 4],
    holds: Vec<Hold>,
    mark: [u64; 3],
}

impl Model {
    fn new(now: u64) -> Self {
        let cells = [0, 1, 2, 3].map(|envelope| {
            vec![Cell {
                window: window(envelope, now),
                ..Cell::default()
            }]
        });
        Self {
            limit: LIMIT,
            cells,
            holds: Vec::new(),
            mark: [now; 3],
        }
    }

    fn reserved(&self, envelope: usize, cell: usize) -> u64 {
        self.holds
            .iter()
            .filter(|hold| hold.life != Life::Over)
            .flat_map(|hold| &hold.parts)
            .filter(|part| (part.envelope, part.cell) == (envelope, cell) && !part.lapsed)
            .map(|part| part.amount)
            .sum()
    }

    fn available(&self, envelope: usize, cell: usize) -> u64 {
        let used = &self.cells[envelope][cell];
        self.limit[envelope].saturating_sub(used.debt + used.spent + self.reserved(envelope, cell))
    }

    /// What was overspent blocks even nothing.
    fn has(&self, envelope: usize, cell: usize, amount: u64) -> bool {
        amount <= self.available(envelope, cell) && self.cells[envelope][cell].overspent == 0
    }

    fn cover(&mut self, envelope: usize, cell: usize) {
        let covered = self
            .available(envelope, cell)
            .min(self.cells[envelope][cell].overspent);
        self.cells[envelope][cell].overspent -= covered;
        self.cells[envelope][cell].spent += covered;
    }

    fn newest(&self, envelope: usize) -> usize {
        self.cells[envelope].len() - 1
    }

    fn time(&self, envelopes: &[usize], wall: u64) -> u64 {
        envelopes
            .iter()
            .map(|e| self.mark[TREE[*e]])
            .max()
            .unwrap()
            .max(wall)
    }

    /// Ends what is due, then enters the current windows.
    fn touch(&mut self, envelopes: &[usize], now: u64) {
        let trees: Vec<_> = envelopes.iter().map(|envelope| TREE[*envelope]).collect();
        for number in 0..self.holds.len() {
            let hold = self.holds[number].clone();
            if hold.due > now || hold.life == Life::Over {
                continue;
            }
            for (index, part) in hold.parts.into_iter().enumerate() {
                if trees.contains(&TREE[part.envelope]) && !part.lapsed {
                    self.holds[number].parts[index].lapsed = true;
                    if hold.life == Life::Started {
                        self.cells[part.envelope][part.cell].spent += part.amount;
                    }
                    self.cover(part.envelope, part.cell);
                }
            }
        }
        for envelope in envelopes {
            self.mark[TREE[*envelope]] = now;
            while self.cells[*envelope].last().unwrap().window < window(*envelope, now) {
                let last = self.cells[*envelope].last_mut().unwrap();
                let debt = last.overspent + last.debt.saturating_sub(self.limit[*envelope]);
                last.overspent = 0;
                let next = Cell {
                    window: last.window + 1,
                    debt,
                    ..Cell::default()
                };
                self.cells[*envelope].push(next);
            }
        }
    }

    /// Books `amount` in a cell; returns what it could not cover, which is debt.
    fn book(&mut self, envelope: usize, cell: usize, amount: u64) -> u64 {
        let covered = self.available(envelope, cell).min(amount);
        self.cells[envelope][cell].spent += covered;
        let rest = amount - covered;
        let newest = self.newest(envelope);
        if cell == newest {
            self.cells[envelope][cell].overspent += rest;
        } else {
            let debt = self.available(envelope, newest).min(rest);
            self.cells[envelope][newest].debt += debt;
            self.cells[envelope][newest].overspent += rest - debt;
        }
        rest
    }

    fn take_back(&mut self, envelope: usize, cell: usize, amount: u64) {
        let over = self.cells[envelope][cell].overspent.min(amount);
        self.cells[envelope][cell].overspent -= over;
        self.cells[envelope][cell].spent = self.cells[envelope][cell]
            .spent
            .saturating_sub(amount - over);
        self.cover(envelope, cell);
    }

    fn reserve(&mut self, named: &[(usize, u64)], wall: u64) -> bool {
        let amounts = with_ancestors(named);
        let envelopes: Vec<_> = amounts.iter().map(|(envelope, _)| *envelope).collect();
        let now = self.time(&envelopes, wall);
        let mut then = self.clone();
        then.touch(&envelopes, now);
        if amounts
            .iter()
            .any(|(envelope, amount)| !then.has(*envelope, then.newest(*envelope), *amount))
        {
            return false;
        }
        *self = then;
        let parts = amounts.into_iter().map(|(envelope, amount)| {
            let cell = self.newest(envelope);
            Part {
                envelope,
                amount,
                cell,
                lapsed: false,
            }
        });
        let hold = Hold {
            parts: parts.collect(),
            named: named.to_vec(),
            due: now + TTL,
            life: Life::Held,
        };
        self.holds.push(hold);
        true
    }

    fn envelopes(&self, hold: usize) -> Vec<usize> {
        self.holds[hold]
            .parts
            .iter()
            .map(|part| part.envelope)
            .collect()
    }

    /// Whether a hold has run out, noticed or not.
    fn lapsed(&self, hold: usize, wall: u64) -> bool {
        let mut then = self.clone();
        then.touch_hold(hold, wall);
        then.holds[hold].parts.iter().all(|part| part.lapsed)
    }

    fn lives(&self, hold: usize, wall: u64, life: Life) -> bool {
        self.holds[hold].life == life && !self.lapsed(hold, wall)
    }

    fn touch_hold(&mut self, hold: usize, wall: u64) -> u64 {
        let envelopes = self.envelopes(hold);
        let now = self.time(&envelopes, wall);
        self.touch(&envelopes, now);
        now
    }

    /// Returns the most that any envelope could not cover.
    fn settle(&mut self, number: usize, actual: Option<u64>, wall: u64) -> u64 {
        self.touch_hold(number, wall);
        let hold = self.holds[number].clone();
        self.holds[number].life = Life::Over;
        let named: Vec<_> = hold
            .named
            .iter()
            .map(|(envelope, held)| (*envelope, actual.unwrap_or(*held)))
            .collect();
        let mut most = 0;
        for (part, (_, actual)) in hold.parts.iter().zip(with_ancestors(&named)) {
            let booked = match (part.lapsed, &hold.life) {
                (true, Life::Held) => 0,
                (true, _) => part.amount,
                (false, _) => {
                    self.cells[part.envelope][part.cell].spent += part.amount;
                    part.amount
                }
            };
            if actual < booked {
                self.take_back(part.envelope, part.cell, booked - actual);
            } else {
                most = most.max(self.book(part.envelope, part.cell, actual - booked));
            }
        }
        most
    }

    fn release(&mut self, number: usize, wall: u64) {
        self.touch_hold(number, wall);
        let hold = self.holds[number].clone();
        self.holds[number].life = Life::Over;
        for part in hold.parts {
            if part.lapsed && hold.life == Life::Started {
                self.take_back(part.envelope, part.cell, part.amount);
            }
            self.cover(part.envelope, part.cell);
        }
    }

    fn record(&mut self, envelope: usize, amount: u64, wall: u64, always: bool) -> bool {
        let amounts = with_ancestors(&[(envelope, amount)]);
        let envelopes: Vec<_> = amounts.iter().map(|(envelope, _)| *envelope).collect();
        let mut then = self.clone();
        then.touch(&envelopes, self.time(&envelopes, wall));
        let fits = amounts
            .iter()
            .all(|(envelope, amount)| then.has(*envelope, then.newest(*envelope), *amount));
        if fits || always {
            *self = then;
            for (envelope, amount) in amounts {
                self.book(envelope, self.newest(envelope), amount);
            }
        }
        fits || always
    }

    fn set_limit(&mut self, envelope: usize, limit: u64, wall: u64) {
        let mut envelopes = vec![envelope];
        envelopes.extend(PARENT[envelope]);
        self.touch(&envelopes, self.time(&envelopes, wall));
        self.limit[envelope] = limit;
        self.cover(envelope, self.newest(envelope));
    }

    /// Spent, overspent, reserved, available, debt, as a look at `wall` shows them.
    fn look(&self, envelope: usize, wall: u64) -> [u64; 5] {
        let mut then = self.clone();
        then.touch(&[envelope], self.time(&[envelope], wall));
        let newest = then.newest(envelope);
        let cell = &then.cells[envelope][newest];
        [
            cell.spent,
            cell.overspent,
            then.reserved(envelope, newest),
            then.available(envelope, newest),
            cell.debt,
        ]
    }
}

fn window(envelope: usize, now: u64) -> u64 {
    if HOURLY[envelope] { now / HOUR } else { 0 }
}

fn with_ancestors(named: &[(usize, u64)]) -> Vec<(usize, u64)> {
    let mut all = vec![];
    for (envelope, amount) in named {
        for envelope in [Some(*envelope), PARENT[*envelope]].into_iter().flatten() {
            match all.iter_mut().find(|(known, _)| *known == envelope) {
                Some((_, sum)) => *sum += amount,
                None => all.push((envelope, *amount)),
            }
        }
    }
    all
}

/// An envelope that is named twice is named once, with the sum.
fn merged(named: &[(usize, u64)]) -> Vec<(usize, u64)> {
    let mut all: Vec<(usize, u64)> = vec![];
    for (envelope, amount) in named {
        match all.iter_mut().find(|(known, _)| known == envelope) {
            Some((_, sum)) => *sum += amount,
            None => all.push((*envelope, *amount)),
        }
    }
    all
}

// ---- the engine, played beside it

#[derive(Clone, Debug)]
enum Step {
    Reserve(Vec<(usize, u64)>),
    Start(usize),
    Settle(usize, Option<u64>),
    Draw(usize, u64),
    Renew(usize),
    End(usize),
    Detach(usize),
    SettleId(usize, Option<u64>),
    Record(usize, u64),
    Spend,
    Refund(usize, u64),
    Limit(usize, u64),
    Clock(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amount = 0_u64..8;
    let lines = prop::collection::vec((0_usize..4, amount.clone()), 1..4);
    let actual = prop::option::of(0_u64..14);
    let which = 0_usize..6;
    prop::collection::vec(
        prop_oneof![
            6 => lines.prop_map(Step::Reserve),
            4 => which.clone().prop_map(Step::Start),
            4 => (which.clone(), actual.clone()).prop_map(|(which, actual)| Step::Settle(which, actual)),
            1 => (which.clone(), amount.clone()).prop_map(|(which, more)| Step::Draw(which, more)),
            1 => which.clone().prop_map(Step::Renew),
            2 => which.clone().prop_map(Step::End),
            1 => which.clone().prop_map(Step::Detach),
            1 => (which.clone(), actual).prop_map(|(which, actual)| Step::SettleId(which, actual)),
            2 => (0_usize..4, amount.clone()).prop_map(|(envelope, amount)| Step::Record(envelope, amount)),
            1 => Just(Step::Spend),
            1 => (which, amount.clone()).prop_map(|(which, amount)| Step::Refund(which, amount)),
            1 => (0_usize..3, 0_u64..25).prop_map(|(envelope, limit)| Step::Limit(envelope, limit)),
            4 => prop_oneof![Just(60), Just(299), Just(300), Just(1200), Just(3600), Just(-1000), Just(20_000), Just(3500), Just(100)].prop_map(Step::Clock),
        ],
        1..80,
    )
}

enum Guard {
    Held(Reservation),
    Running(Running),
    Detached(budget_enforcer::ReservationId),
    Gone,
}

#[derive(Clone)]
struct Booked {
    id: TransactionId,
    /// Envelope, how often it was charged, and in which cell.
    cells: Vec<(usize, u64, usize)>,
    refundable: u64,
}

struct Play {
    stage: Stage,
    model: Model,
    guards: Vec<Guard>,
    wall: u64,
    lowered: [bool; 4],
    /// What was settled.
    booked: Vec<Booked>,
}

fn names() -> ([BudgetId; 3], SessionId) {
    (
        [budget("org"), budget("team"), budget("side")],
        session("s"),
    )
}

fn envelope(number: usize) -> Envelope {
    let (budgets, session) = names();
    budgets
        .get(number)
        .map_or_else(|| (&session).into(), Envelope::from)
}

fn charge(named: &[(usize, u64)]) -> Charge {
    let (budgets, session) = names();
    let line = |(envelope, amount): &(usize, u64)| match budgets.get(*envelope) {
        Some(id) => Charge::budget(id).calls(*amount),
        None => Charge::session(&session).calls(*amount),
    };
    named.iter().map(line).reduce(Charge::and).unwrap()
}

impl Play {
    fn new() -> Self {
        let config = BudgetEnforcerConfig {
            late_settle_window: Duration::from_secs(1_000_000),
            ..BudgetEnforcerConfig::per_session().calls(LIMIT[3])
        };
        let stage = stage_with(config);
        stage.create(calls("org", LIMIT[0]).period(Period::Hourly));
        stage.create(calls("team", LIMIT[1]).parent(budget("org")));
        stage.create(calls("side", LIMIT[2]).period(Period::Hourly));
        stage.budget.resolve(&charge(&[(3, 0)])).unwrap();
        let wall = u64::try_from(crate::stage::START.unix_timestamp()).unwrap();
        let model = Model::new(wall);
        Self {
            stage,
            model,
            guards: Vec::new(),
            wall,
            lowered: [false; 4],
            booked: Vec::new(),
        }
    }

    fn pick(&mut self, which: usize) -> Option<(usize, Guard)> {
        // The newest guards are the interesting ones.
        let number = self.guards.len().checked_sub(which + 1)?;
        Some((
            number,
            std::mem::replace(&mut self.guards[number], Guard::Gone),
        ))
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Reserve(named) => {
                let named = &merged(named);
                let fits = self.model.reserve(named, self.wall);
                let reserved = self.stage.budget.reserve(&charge(named));
                assert_eq!(reserved.is_ok(), fits, "{reserved:?}");
                self.guards.extend(reserved.ok().map(Guard::Held));
            }
            Step::Start(which) => {
                if let Some((number, guard)) = self.pick(*which) {
                    self.guards[number] = match guard {
                        Guard::Held(held) => self.start(number, held),
                        other => other,
                    };
                }
            }
            Step::Settle(which, actual) => {
                if let Some((number, guard)) = self.pick(*which) {
                    match guard {
                        Guard::Running(running) => {
                            let over = self.model.settle(number, *actual, self.wall);
                            let settled = running.settle(amounts(*actual)).unwrap();
                            assert_eq!(settled.overspent.calls.unwrap_or(0), over);
                            self.note(settled.transaction, number, *actual);
                        }
                        other => self.guards[number] = other,
                    }
                }
            }
            Step::SettleId(which, actual) => {
                if let Some((number, guard)) = self.pick(*which) {
                    match guard {
                        Guard::Detached(id) => {
                            let late = self.model.lapsed(number, self.wall);
                            let over = self.model.settle(number, *actual, self.wall);
                            let settled =
                                self.stage.budget.settle_id(id, amounts(*actual)).unwrap();
                            assert_eq!(
                                (settled.overspent.calls.unwrap_or(0), settled.late),
                                (over, late)
                            );
                            self.note(settled.transaction, number, *actual);
                        }
                        other => self.guards[number] = other,
                    }
                }
            }
            Step::Draw(which, more) => {
                if let Some((number, mut guard)) = self.pick(*which) {
                    if let Guard::Running(running) = &mut guard {
                        self.draw(number, running, *more);
                    }
                    self.guards[number] = guard;
                }
            }
            Step::Renew(which) => {
                if let Some((number, guard)) = self.pick(*which) {
                    self.guards[number] = match guard {
                        Guard::Held(mut held) => {
                            let lives = self.model.lives(number, self.wall, Life::Held);
                            assert_eq!(held.renew(Duration::from_secs(TTL)).is_ok(), lives);
                            if lives {
                                let now = self.model.time(&self.model.envelopes(number), self.wall);
                                self.model.holds[number].due = now + TTL;
                            }
                            Guard::Held(held)
                        }
                        other => other,
                    };
                }
            }
            Step::End(which) => {
                if let Some((number, guard)) = self.pick(*which) {
                    match guard {
                        Guard::Held(held) => {
                            self.model.release(number, self.wall);
                            drop(held);
                        }
                        Guard::Running(running) => {
                            self.model.release(number, self.wall);
                            running.cancel().unwrap();
                        }
                        other => self.guards[number] = other,
                    }
                }
            }
            Step::Detach(which) => {
                if let Some((number, guard)) = self.pick(*which) {
                    self.guards[number] = match guard {
                        Guard::Held(held) => Guard::Detached(held.detach()),
                        Guard::Running(running) => Guard::Detached(running.detach()),
                        other => other,
                    };
                }
            }
            Step::Record(envelope, amount) => {
                let fits = self.model.record(*envelope, *amount, self.wall, false);
                let booked = self.stage.budget.record(&charge(&[(*envelope, *amount)]));
                assert_eq!(booked.is_ok(), fits, "{booked:?}");
            }
            Step::Spend => {
                self.model.record(3, 1, self.wall, true);
                self.stage.budget.record_spending(&names().1, 0).unwrap();
            }
            Step::Refund(which, amount) => self.refund(*which, *amount),
            Step::Limit(number, limit) => {
                self.lowered[*number] |= *limit < self.model.limit[*number];
                self.model.set_limit(*number, *limit, self.wall);
                let id = &names().0[*number];
                self.stage
                    .admin
                    .update_limit(id, Limits::NONE.calls(*limit))
                    .unwrap();
            }
            Step::Clock(seconds) => {
                self.wall = self.wall.saturating_add_signed(*seconds);
                let wall =
                    time::OffsetDateTime::from_unix_timestamp(i64::try_from(self.wall).unwrap());
                self.stage.clock.set(wall.unwrap());
            }
        }
        self.compare();
    }

    fn start(&mut self, number: usize, held: Reservation) -> Guard {
        let lives = self.model.lives(number, self.wall, Life::Held);
        match held.start(Floor::Hold) {
            Ok(running) => {
                assert!(lives);
                self.model.holds[number].life = Life::Started;
                Guard::Running(running)
            }
            Err(error) => {
                self.model.release(number, self.wall);
                assert!(
                    !lives && matches!(error, BudgetError::Expired { .. }),
                    "{error:?}"
                );
                Guard::Gone
            }
        }
    }

    fn draw(&mut self, number: usize, running: &mut Running, more: u64) {
        let lives = self.model.lives(number, self.wall, Life::Started);
        let hold = self.model.holds[number].clone();
        let extra = with_ancestors(
            &hold
                .named
                .iter()
                .map(|(envelope, _)| (*envelope, more))
                .collect::<Vec<_>>(),
        );
        let mut then = self.model.clone();
        then.touch_hold(number, self.wall);
        let fits = hold
            .parts
            .iter()
            .zip(&extra)
            .all(|(part, (_, more))| then.has(part.envelope, part.cell, *more));
        let drawn = running.draw(used(more));
        assert_eq!(drawn.is_ok(), lives && fits, "{drawn:?}");
        if drawn.is_ok() {
            self.model = then;
            let hold = &mut self.model.holds[number];
            for (part, (_, more)) in hold.parts.iter_mut().zip(&extra) {
                part.amount += more;
            }
            for (_, amount) in &mut hold.named {
                *amount += more;
            }
        }
    }

    fn note(&mut self, id: TransactionId, number: usize, actual: Option<u64>) {
        let hold = &self.model.holds[number];
        let least = hold
            .named
            .iter()
            .map(|(_, held)| actual.unwrap_or(*held))
            .min()
            .unwrap();
        let ones = with_ancestors(
            &hold
                .named
                .iter()
                .map(|(envelope, _)| (*envelope, 1))
                .collect::<Vec<_>>(),
        );
        let cells = hold
            .parts
            .iter()
            .zip(ones)
            .map(|(part, (_, times))| (part.envelope, times, part.cell))
            .collect();
        self.booked.push(Booked {
            id,
            cells,
            refundable: least,
        });
    }

    fn refund(&mut self, which: usize, amount: u64) {
        let Some(number) = self.booked.len().checked_sub(which + 1) else {
            return;
        };
        let Booked {
            id,
            cells,
            refundable,
        } = self.booked[number].clone();
        let refunded = self.stage.budget.refund(id, used(amount));
        assert_eq!(refunded.is_ok(), amount <= refundable, "{refunded:?}");
        if refunded.is_err() {
            return;
        }
        self.booked[number].refundable -= amount;
        let envelopes: Vec<_> = cells.iter().map(|(envelope, _, _)| *envelope).collect();
        let now = self.model.time(&envelopes, self.wall);
        self.model.touch(&envelopes, now);
        for (envelope, times, cell) in cells {
            let newest = self.model.newest(envelope);
            let mut amount = amount * times;
            if cell < newest {
                let paid = self.model.cells[envelope][newest].debt.min(amount);
                self.model.cells[envelope][newest].debt -= paid;
                self.model.cover(envelope, newest);
                amount -= paid;
            }
            self.model.take_back(envelope, cell, amount);
        }
    }

    fn compare(&self) {
        for number in 0..4 {
            let usage = self.stage.usage(envelope(number), Dimension::Calls);
            let [spent, overspent, reserved, debt] =
                [usage.spent, usage.overspent, usage.reserved, usage.debt].map(Quantity::units);
            let available = usage.available.unwrap().units();
            let shown = [spent, overspent, reserved, available, debt];
            assert_eq!(
                shown,
                self.model.look(number, self.wall),
                "envelope {number}"
            );
            assert!(
                self.lowered[number] || spent + reserved <= usage.limit.unwrap().units(),
                "{usage:?}"
            );
        }
    }

    /// Ends everything that is open: whatever was not spent is there again.
    fn finish(mut self) {
        for number in 0..self.guards.len() {
            match std::mem::replace(&mut self.guards[number], Guard::Gone) {
                Guard::Held(held) => drop(held),
                Guard::Running(running) => running.cancel().unwrap(),
                Guard::Detached(id) => drop(self.stage.budget.release_id(id)),
                Guard::Gone => {}
            }
        }
        for number in 0..4 {
            let usage = self.stage.usage(envelope(number), Dimension::Calls);
            assert_eq!(usage.reserved.units(), 0);
            let limit = usage.limit.unwrap().units();
            let left = limit.saturating_sub(usage.spent.units() + usage.debt.units());
            assert_eq!(usage.available.unwrap().units(), left, "nothing leaks");
        }
    }
}

fn amounts(actual: Option<u64>) -> Amounts {
    actual.map_or(Amounts::NONE, used)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_what_the_model_does(steps in steps()) {
        let mut play = Play::new();
        for step in &steps {
            play.step(step);
        }
        play.finish();
    }
}
