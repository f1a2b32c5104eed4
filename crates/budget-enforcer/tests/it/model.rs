//! The engine beside a model of slow obvious lines: whatever is done in whatever order, with crashes in between, both say the same.
//!
//! What is done is played as a history ([`script`](crate::script)), so that a case that fails can be saved as a file in `tests/histories`.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use budget_enforcer::{Amounts, Dimension, Period, Quantity};
use proptest::prelude::*;

use crate::keeping::Keeping;
use crate::script::{Script, figures_text, outcome};

// ---- the model

const ENVELOPES: [&str; 4] = ["org", "team", "side", "session:s"];
/// Windows by number: 0 the hour of org, 1 its child team, 2 side, 3 a session, 4 the day of org.
const NODES: usize = 5;
/// Which windows a charge to each envelope touches, its own ones first.
const CHARGED: [&[usize]; 4] = [&[0, 4], &[1, 0, 4], &[2], &[3]];
/// How many of those are its own.
const OWN: [usize; 4] = [2, 1, 1, 1];
const TREE: [usize; NODES] = [0, 0, 1, 2, 0];
/// In seconds; zero is a lifetime.
const LENGTH: [u64; NODES] = [HOUR, 0, HOUR, 0, 24 * HOUR];
const LIMIT: [u64; NODES] = [12, 20, 9, 15, 30];
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

/// What a hold has taken from one node, and whether that has run out: trees notice each for itself.
#[derive(Clone, Debug)]
struct Part {
    node: usize,
    amount: u64,
    cell: usize,
    lapsed: bool,
}

#[derive(Clone, Debug)]
struct Hold {
    /// With ancestors and all windows.
    parts: Vec<Part>,
    named: Vec<(usize, u64)>,
    due: u64,
    life: Life,
}

#[derive(Clone, Debug)]
struct Model {
    limit: [u64; NODES],
    cells: [Vec<Cell>; NODES],
    holds: Vec<Hold>,
    mark: [u64; 3],
}

impl Model {
    fn new(now: u64) -> Self {
        let cells = [0, 1, 2, 3, 4].map(|node| {
            vec![Cell {
                window: window(node, now),
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

    fn reserved(&self, node: usize, cell: usize) -> u64 {
        self.holds
            .iter()
            .filter(|hold| hold.life != Life::Over)
            .flat_map(|hold| &hold.parts)
            .filter(|part| (part.node, part.cell) == (node, cell) && !part.lapsed)
            .map(|part| part.amount)
            .sum()
    }

    fn available(&self, node: usize, cell: usize) -> u64 {
        let used = &self.cells[node][cell];
        self.limit[node].saturating_sub(used.debt + used.spent + self.reserved(node, cell))
    }

    /// What was overspent blocks even nothing.
    fn has(&self, node: usize, cell: usize, amount: u64) -> bool {
        amount <= self.available(node, cell) && self.cells[node][cell].overspent == 0
    }

    fn cover(&mut self, node: usize, cell: usize) {
        let covered = self
            .available(node, cell)
            .min(self.cells[node][cell].overspent);
        self.cells[node][cell].overspent -= covered;
        self.cells[node][cell].spent += covered;
    }

    fn newest(&self, node: usize) -> usize {
        self.cells[node].len() - 1
    }

    fn time(&self, nodes: &[usize], wall: u64) -> u64 {
        nodes
            .iter()
            .map(|e| self.mark[TREE[*e]])
            .max()
            .unwrap()
            .max(wall)
    }

    /// Ends what is due, then enters the current windows.
    fn touch(&mut self, nodes: &[usize], now: u64) {
        let trees: Vec<_> = nodes.iter().map(|node| TREE[*node]).collect();
        for number in 0..self.holds.len() {
            let hold = self.holds[number].clone();
            if hold.due > now || hold.life == Life::Over {
                continue;
            }
            for (index, part) in hold.parts.into_iter().enumerate() {
                if trees.contains(&TREE[part.node]) && !part.lapsed {
                    self.holds[number].parts[index].lapsed = true;
                    if hold.life == Life::Started {
                        self.cells[part.node][part.cell].spent += part.amount;
                    }
                    self.cover(part.node, part.cell);
                }
            }
        }
        for node in nodes {
            self.mark[TREE[*node]] = now;
            while self.cells[*node].last().unwrap().window < window(*node, now) {
                let last = self.cells[*node].last_mut().unwrap();
                let debt = last.overspent + last.debt.saturating_sub(self.limit[*node]);
                last.overspent = 0;
                let next = Cell {
                    window: last.window + 1,
                    debt,
                    ..Cell::default()
                };
                self.cells[*node].push(next);
            }
        }
    }

    /// Books `amount` in a cell; returns what it could not cover, which is debt.
    fn book(&mut self, node: usize, cell: usize, amount: u64) -> u64 {
        let covered = self.available(node, cell).min(amount);
        self.cells[node][cell].spent += covered;
        let rest = amount - covered;
        let newest = self.newest(node);
        if cell == newest {
            self.cells[node][cell].overspent += rest;
        } else {
            let debt = self.available(node, newest).min(rest);
            self.cells[node][newest].debt += debt;
            self.cells[node][newest].overspent += rest - debt;
        }
        rest
    }

    fn take_back(&mut self, node: usize, cell: usize, amount: u64) {
        let over = self.cells[node][cell].overspent.min(amount);
        self.cells[node][cell].overspent -= over;
        self.cells[node][cell].spent = self.cells[node][cell].spent.saturating_sub(amount - over);
        self.cover(node, cell);
    }

    fn reserve(&mut self, named: &[(usize, u64)], wall: u64) -> bool {
        let amounts = nodes(named);
        let touched = touched(&amounts);
        let now = self.time(&touched, wall);
        let mut then = self.clone();
        then.touch(&touched, now);
        if amounts
            .iter()
            .any(|(node, amount)| !then.has(*node, then.newest(*node), *amount))
        {
            return false;
        }
        *self = then;
        let parts = amounts.into_iter().map(|(node, amount)| {
            let cell = self.newest(node);
            Part {
                node,
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

    fn nodes(&self, hold: usize) -> Vec<usize> {
        self.holds[hold]
            .parts
            .iter()
            .map(|part| part.node)
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
        let nodes = self.nodes(hold);
        let now = self.time(&nodes, wall);
        self.touch(&nodes, now);
        now
    }

    /// Returns the most that any node could not cover.
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
        for (part, (_, actual)) in hold.parts.iter().zip(nodes(&named)) {
            let booked = match (part.lapsed, &hold.life) {
                (true, Life::Held) => 0,
                (true, _) => part.amount,
                (false, _) => {
                    self.cells[part.node][part.cell].spent += part.amount;
                    part.amount
                }
            };
            if actual < booked {
                self.take_back(part.node, part.cell, booked - actual);
            } else {
                most = most.max(self.book(part.node, part.cell, actual - booked));
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
                self.take_back(part.node, part.cell, part.amount);
            }
            self.cover(part.node, part.cell);
        }
    }

    fn record(&mut self, envelope: usize, amount: u64, wall: u64, always: bool) -> bool {
        let amounts = nodes(&[(envelope, amount)]);
        let touched = touched(&amounts);
        let mut then = self.clone();
        then.touch(&touched, self.time(&touched, wall));
        let fits = amounts
            .iter()
            .all(|(node, amount)| then.has(*node, then.newest(*node), *amount));
        if fits || always {
            *self = then;
            for (node, amount) in amounts {
                self.book(node, self.newest(node), amount);
            }
        }
        fits || always
    }

    /// Of a budget's window `node`.
    fn set_limit(&mut self, envelope: usize, node: usize, limit: u64, wall: u64) {
        let nodes = CHARGED[envelope];
        self.touch(nodes, self.time(nodes, wall));
        self.limit[node] = limit;
        self.cover(node, self.newest(node));
    }

    /// Of sessions, of which one is open: it is lowered, and never raised.
    fn set_template(&mut self, limit: u64, wall: u64) {
        if limit < self.limit[3] {
            self.set_limit(3, 3, limit, wall);
        }
    }

    /// Spent, overspent, reserved, available, debt, as a look at `wall` shows them.
    fn look(&self, node: usize, wall: u64) -> [u64; 5] {
        let mut then = self.clone();
        then.touch(&[node], self.time(&[node], wall));
        let newest = then.newest(node);
        let cell = &then.cells[node][newest];
        [
            cell.spent,
            cell.overspent,
            then.reserved(node, newest),
            then.available(node, newest),
            cell.debt,
        ]
    }
}

fn window(node: usize, now: u64) -> u64 {
    now.checked_div(LENGTH[node]).unwrap_or(0)
}

fn touched(amounts: &[(usize, u64)]) -> Vec<usize> {
    amounts.iter().map(|(node, _)| *node).collect()
}

/// What a charge takes from each node that it touches.
fn nodes(named: &[(usize, u64)]) -> Vec<(usize, u64)> {
    let touched = named
        .iter()
        .flat_map(|(envelope, amount)| CHARGED[*envelope].iter().map(|node| (*node, *amount)));
    merged(&touched.collect::<Vec<_>>())
}

/// What is named twice is named once, with the sum.
fn merged(named: &[(usize, u64)]) -> Vec<(usize, u64)> {
    let mut all: Vec<(usize, u64)> = vec![];
    for (which, amount) in named {
        match all.iter_mut().find(|(known, _)| known == which) {
            Some((_, sum)) => *sum += amount,
            None => all.push((*which, *amount)),
        }
    }
    all
}

// ---- the engine, played beside it

#[derive(Clone, Debug)]
enum Step {
    Reserve(Vec<(usize, u64)>),
    Leave(Vec<(usize, u64)>),
    Start(usize),
    Settle(usize, Option<u64>),
    Draw(usize, u64),
    Renew(usize),
    End(usize),
    Detach(usize),
    Record(usize, u64),
    Spend,
    Refund(usize, u64),
    Limit(usize, u64),
    Template(u64),
    Clock(i64),
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amount = 0_u64..8;
    let lines = prop::collection::vec((0_usize..4, amount.clone()), 1..4);
    let actual = prop::option::of(0_u64..14);
    let which = 0_usize..6;
    prop::collection::vec(
        prop_oneof![
            6 => lines.clone().prop_map(Step::Reserve),
            3 => lines.prop_map(Step::Leave),
            4 => which.clone().prop_map(Step::Start),
            5 => (which.clone(), actual).prop_map(|(which, actual)| Step::Settle(which, actual)),
            1 => (which.clone(), amount.clone()).prop_map(|(which, more)| Step::Draw(which, more)),
            1 => which.clone().prop_map(Step::Renew),
            2 => which.clone().prop_map(Step::End),
            1 => which.clone().prop_map(Step::Detach),
            2 => (0_usize..4, amount.clone()).prop_map(|(envelope, amount)| Step::Record(envelope, amount)),
            1 => Just(Step::Spend),
            1 => (which, amount.clone()).prop_map(|(which, amount)| Step::Refund(which, amount)),
            1 => (0_usize..4, 0_u64..35).prop_map(|(window, limit)| Step::Limit(window, limit)),
            1 => (0_u64..20).prop_map(Step::Template),
            4 => prop_oneof![Just(60), Just(299), Just(300), Just(1200), Just(3600), Just(-1000), Just(20_000), Just(3500), Just(100)].prop_map(Step::Clock),
            1 => Just(Step::Crash),
        ],
        1..80,
    )
}

/// What has become of a hold's guard. The last of all: the hold has ended.
#[derive(Clone, Copy, PartialEq)]
enum Guard {
    Held,
    Running,
    Detached,
    Gone,
}

/// Something that was settled.
#[derive(Clone)]
struct Booked {
    hold: usize,
    /// Node, how often it was charged, and in which cell.
    cells: Vec<(usize, u64, usize)>,
    refundable: u64,
}

struct Play {
    script: Script,
    /// What was played so far.
    story: String,
    model: Model,
    guards: Vec<Guard>,
    wall: u64,
    booked: Vec<Booked>,
    records: usize,
}

impl Play {
    fn new(journal: Option<Keeping>) -> Self {
        let wall = u64::try_from(crate::stage::START.unix_timestamp()).unwrap();
        let mut play = Self {
            script: Script::new(journal),
            story: String::new(),
            model: Model::new(wall),
            guards: Vec::new(),
            wall,
            booked: Vec::new(),
            records: 0,
        };
        for line in [
            "remember 365d",
            "sessions calls=15",
            "create org calls=12 hourly also daily calls=30",
            "create team calls=20 under org",
            "create side calls=9 hourly",
            "record first session:s calls=0",
        ] {
            play.line(line, "ok");
        }
        play
    }

    /// Plays a line, which must come to what the model expects.
    fn line(&mut self, event: &str, expected: &str) {
        let came = self.script.play(event);
        self.expect(event, &came, expected, came == expected);
    }

    /// Plays a line that must be refused for want of budget, or go well.
    fn line_fits(&mut self, event: &str, fits: bool) {
        let came = self.script.play(event);
        let is_expected = came.starts_with(if fits { "ok" } else { "exceeds_budget" });
        let expected = if fits { "ok" } else { "exceeds_budget" };
        self.expect(event, &came, expected, is_expected);
    }

    /// Tells the story up to here, the last line as the model has it, where the engine has another.
    fn expect(&mut self, event: &str, came: &str, expected: &str, is_expected: bool) {
        let told = if is_expected { came } else { expected };
        let _infallible = writeln!(self.story, "{event} -> {told}");
        assert!(is_expected, "{}# but it came to: {came}", self.story);
    }

    /// The newest holds are the interesting ones.
    fn pick(&self, which: usize) -> Option<(usize, Guard)> {
        let number = self.guards.len().checked_sub(which + 1)?;
        Some((number, self.guards[number]))
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Reserve(named) => self.take("reserve", &merged(named)),
            Step::Leave(named) => self.take("leave", &merged(named)),
            Step::Start(which) => self.with(*which, Self::start),
            Step::Settle(which, actual) => {
                self.with(*which, |play, number, guard| {
                    play.settle(number, guard, *actual);
                });
            }
            Step::Draw(which, more) => {
                self.with(*which, |play, number, guard| {
                    play.draw(number, guard, *more);
                });
            }
            Step::Renew(which) => self.with(*which, Self::renew),
            Step::End(which) => self.with(*which, Self::end),
            Step::Detach(which) => self.with(*which, |play, number, guard| {
                if matches!(guard, Guard::Held | Guard::Running) {
                    play.line(&format!("detach h{number}"), "ok");
                    play.guards[number] = Guard::Detached;
                }
            }),
            Step::Record(envelope, amount) => {
                let fits = self.model.record(*envelope, *amount, self.wall, false);
                let name = ENVELOPES[*envelope];
                self.records += 1;
                let event = format!("record r{} {name} calls={amount}", self.records);
                self.line_fits(&event, fits);
            }
            Step::Spend => {
                let fits = self.model.look(3, self.wall)[3] > 0;
                self.model.record(3, 1, self.wall, true);
                self.records += 1;
                let event = format!("spend r{} session:s tokens=0", self.records);
                self.line(&event, if fits { "ok" } else { "overspent calls=1" });
            }
            Step::Refund(which, amount) => self.refund(*which, *amount),
            Step::Limit(window, limit) => {
                let (event, envelope, node) = match window {
                    3 => (format!("limit org daily calls={limit}"), 0, 4),
                    _ => (
                        format!("limit {} calls={limit}", ENVELOPES[*window]),
                        *window,
                        *window,
                    ),
                };
                self.model.set_limit(envelope, node, *limit, self.wall);
                self.line(&event, "ok");
            }
            Step::Template(limit) => {
                self.model.set_template(*limit, self.wall);
                self.line(&format!("template calls={limit}"), "ok");
            }
            Step::Clock(seconds) => {
                self.wall = self.wall.saturating_add_signed(*seconds);
                let event = match seconds {
                    0.. => format!("+{seconds}s"),
                    _ => format!("jump {seconds}s"),
                };
                self.line(&event, "ok");
            }
            Step::Crash => {
                self.line("crash", "ok");
                for guard in &mut self.guards {
                    if *guard != Guard::Gone {
                        *guard = Guard::Detached;
                    }
                }
            }
        }
        self.compare();
    }

    fn with(&mut self, which: usize, f: impl FnOnce(&mut Self, usize, Guard)) {
        if let Some((number, guard)) = self.pick(which) {
            f(self, number, guard);
        }
    }

    fn take(&mut self, verb: &str, named: &[(usize, u64)]) {
        let fits = self.model.reserve(named, self.wall);
        let lines = named
            .iter()
            .map(|(envelope, amount)| format!("{} calls={amount}", ENVELOPES[*envelope]));
        let lines: Vec<_> = lines.collect();
        let event = format!("{verb} h{} {}", self.guards.len(), lines.join(" and "));
        self.line_fits(&event, fits);
        if !fits {
            return;
        }
        if verb == "leave" {
            self.model.holds.last_mut().unwrap().life = Life::Started;
            self.guards.push(Guard::Running);
        } else {
            self.guards.push(Guard::Held);
        }
    }

    fn start(&mut self, number: usize, guard: Guard) {
        if guard != Guard::Held {
            return;
        }
        let event = format!("start h{number}");
        if self.model.lives(number, self.wall, Life::Held) {
            self.line(&event, "ok");
            self.model.holds[number].life = Life::Started;
            self.guards[number] = Guard::Running;
        } else {
            self.model.release(number, self.wall);
            self.line(&event, "expired");
            self.guards[number] = Guard::Gone;
        }
    }

    fn settle(&mut self, number: usize, guard: Guard, actual: Option<u64>) {
        if !matches!(guard, Guard::Running | Guard::Detached) {
            return;
        }
        let late = self.model.lapsed(number, self.wall);
        let over = self.model.settle(number, actual, self.wall);
        let overspent = Amounts::NONE.calls(over);
        let actual_text = actual.map_or(String::new(), |actual| format!(" calls={actual}"));
        let event = format!("settle h{number}{actual_text}");
        self.line(&event, &outcome(late, &overspent));
        self.guards[number] = Guard::Gone;
        self.note(number, actual);
    }

    fn renew(&mut self, number: usize, guard: Guard) {
        let life = match guard {
            Guard::Held => Life::Held,
            Guard::Running => Life::Started,
            Guard::Detached | Guard::Gone => return,
        };
        let lives = self.model.lives(number, self.wall, life);
        let expected = if lives { "ok" } else { "expired" };
        self.line(&format!("renew h{number} {TTL}s"), expected);
        if lives {
            let now = self.model.time(&self.model.nodes(number), self.wall);
            self.model.holds[number].due = now + TTL;
        }
    }

    fn end(&mut self, number: usize, guard: Guard) {
        let is_too_late =
            self.model.holds[number].life == Life::Held && self.model.lapsed(number, self.wall);
        let expected = if is_too_late { "expired" } else { "ok" };
        match guard {
            Guard::Held | Guard::Detached => {
                self.model.release(number, self.wall);
                self.line(&format!("release h{number}"), expected);
            }
            Guard::Running => {
                self.model.release(number, self.wall);
                self.line(&format!("cancel h{number}"), "ok");
            }
            Guard::Gone => {}
        }
        self.guards[number] = Guard::Gone;
    }

    fn draw(&mut self, number: usize, guard: Guard, more: u64) {
        if guard != Guard::Running {
            return;
        }
        let event = format!("draw h{number} calls={more}");
        if !self.model.lives(number, self.wall, Life::Started) {
            return self.line(&event, "expired");
        }
        let hold = self.model.holds[number].clone();
        let named: Vec<_> = hold
            .named
            .iter()
            .map(|(envelope, _)| (*envelope, more))
            .collect();
        let extra = nodes(&named);
        let mut then = self.model.clone();
        then.touch_hold(number, self.wall);
        let mut both = hold.parts.iter().zip(&extra);
        let fits = both.all(|(part, (_, more))| then.has(part.node, part.cell, *more));
        self.line_fits(&event, fits);
        if fits {
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

    /// Notes what was settled, for a refund.
    fn note(&mut self, number: usize, actual: Option<u64>) {
        let hold = &self.model.holds[number];
        let booked = hold.named.iter().map(|(_, held)| actual.unwrap_or(*held));
        let refundable = booked.min().unwrap();
        let ones: Vec<_> = hold
            .named
            .iter()
            .map(|(envelope, _)| (*envelope, 1))
            .collect();
        let cells = hold.parts.iter().zip(nodes(&ones));
        let cells = cells.map(|(part, (_, times))| (part.node, times, part.cell));
        self.booked.push(Booked {
            hold: number,
            cells: cells.collect(),
            refundable,
        });
    }

    fn refund(&mut self, which: usize, amount: u64) {
        let Some(number) = self.booked.len().checked_sub(which + 1) else {
            return;
        };
        let Booked {
            hold,
            cells,
            refundable,
        } = self.booked[number].clone();
        let event = format!("refund h{hold} calls={amount}");
        if amount > refundable {
            let expected = format!("refund too large: {amount} of {refundable} calls");
            return self.line(&event, &expected);
        }
        self.line(&event, "ok");
        self.booked[number].refundable -= amount;
        let touched: Vec<_> = cells.iter().map(|(node, _, _)| *node).collect();
        let now = self.model.time(&touched, self.wall);
        self.model.touch(&touched, now);
        for (node, times, cell) in cells {
            let newest = self.model.newest(node);
            let mut amount = amount * times;
            if cell < newest {
                let paid = self.model.cells[node][newest].debt.min(amount);
                self.model.cells[node][newest].debt -= paid;
                self.model.cover(node, newest);
                amount -= paid;
            }
            self.model.take_back(node, cell, amount);
        }
    }

    /// What a look at an envelope shows must be what the model has.
    fn compare(&mut self) {
        for (envelope, name) in ENVELOPES.into_iter().enumerate() {
            let own = &CHARGED[envelope][..OWN[envelope]];
            let windows = own.iter().map(|node| {
                let [spent, overspent, reserved, left, debt] = self.model.look(*node, self.wall);
                let figures = [spent, overspent, reserved, left, debt, 0].map(Quantity::Calls);
                let period = (own.len() > 1).then_some(if *node == 4 {
                    Period::Daily
                } else {
                    Period::Hourly
                });
                figures_text(period, Dimension::Calls, figures)
            });
            let expected = windows.collect::<Vec<_>>().join("; ");
            let event = format!("show {name}");
            let came = self.script.play(&event);
            if came != expected {
                self.expect(&event, &came, &expected, false);
            }
        }
    }

    /// Ends everything that is open: whatever was not spent is there again.
    fn finish(mut self) {
        for number in 0..self.guards.len() {
            let guard = self.guards[number];
            self.end(number, guard);
        }
        self.compare();
        for node in 0..NODES {
            let [spent, _, reserved, left, debt] = self.model.look(node, self.wall);
            assert_eq!(reserved, 0, "{}", self.story);
            let unspent = self.model.limit[node].saturating_sub(spent + debt);
            assert_eq!(left, unspent, "nothing leaks:\n{}", self.story);
        }
    }
}

/// In memory; on a journal; on one that keeps a snapshot after so many events.
fn journals() -> impl Strategy<Value = Option<Option<u64>>> {
    prop::option::of(prop::option::of(1_u64..9))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_what_the_model_does(steps in steps(), journal in journals()) {
        let played = catch_unwind(AssertUnwindSafe(|| {
            let mut play = Play::new(journal.map(Keeping::every));
            for step in &steps {
                play.step(step);
            }
            play.finish();
        }));
        if let Err(panic) = played {
            let story = panic.downcast_ref::<String>().map_or("", String::as_str);
            prop_assert!(false, "as a history:\n{}", story);
        }
    }
}
