//! One run: what is done, what must come of it, and what must hold in the end.

use budget_enforcer::Amounts;
use time::Duration;
use trust_gate::{ApprovalFilter, Grant, Scope, TrustLevel};

use super::fold::Fold;
use crate::faults::{Bench, Fault, Ground, agent, cost, ops, team};
use crate::{Permit, Usage};

const LIMIT: u64 = 10_000_000_000;

/// Small random numbers from a seed (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// What is known of something that an act switches on and off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Switch {
    on: bool,
    /// The log's word of it is not known, so after a restart it may be either way.
    unsure: bool,
}

const ON: Switch = Switch {
    on: true,
    unsure: false,
};

impl Switch {
    /// After an act that takes it away: in force at once.
    fn off(&mut self, is_stored: bool) {
        self.on = false;
        self.unsure = !is_stored;
    }

    /// After an act that gives it: in force once it is stored.
    fn back_on(&mut self, is_stored: bool) {
        if is_stored {
            *self = ON;
        } else {
            self.unsure = true;
        }
    }

    /// What a restart makes of it.
    fn found(&mut self, on: bool, what: &str) {
        assert!(self.unsure || self.on == on, "{what}: {self:?}, found {on}");
        *self = Switch { on, unsure: false };
    }
}

struct Run {
    what: String,
    dice: Dice,
    bench: Bench,
    permits: Vec<Permit>,
    granted: Switch,
    free: Switch,
    consented: Switch,
    open: Switch,
    /// Something went wrong since the last restart.
    is_hurt: bool,
    asked: u64,
    log: Vec<String>,
}

pub(super) fn run(ground: Ground, seed: u64) {
    let mut run = Run {
        what: format!("{ground:?}, seed {seed}"),
        dice: Dice(seed),
        bench: Bench::new(ground),
        permits: Vec::new(),
        granted: ON,
        free: ON,
        consented: ON,
        open: ON,
        is_hurt: false,
        asked: 0,
        log: Vec::new(),
    };
    for _ in 0..10 + run.dice.below(30) {
        run.step();
        run.never_above_the_limit();
    }
    run.restart();
    run.agree();
}

impl Run {
    fn step(&mut self) {
        let act = self.dice.below(24);
        self.log.push(act.to_string());
        match act {
            0 => self.evaluate(),
            1..=6 => self.authorize("read_file"),
            7 => self.authorize("send_mail"),
            8..=11 => self.end(),
            12 => {
                let trust = self.bench.stack().admin().trust();
                let done = trust.revoke(&agent(), &Scope::root(), &ops(), "enough");
                self.granted.off(done.is_ok());
            }
            13 | 14 => {
                let grant = Grant::new(agent(), TrustLevel::ActAndReport, ops());
                let done = self.bench.stack().admin().trust().assign(grant);
                self.granted.back_on(done.is_ok());
            }
            15 => {
                let trust = self.bench.stack().admin().trust();
                let done = trust.quarantine(&agent(), &Scope::root(), &ops(), "odd");
                self.free.off(done.is_ok());
                let done = trust.lift_quarantine(&agent(), &Scope::root(), &ops(), "fine");
                self.free.back_on(done.is_ok());
            }
            16 => {
                let consent = self.bench.stack().admin().consent();
                let done = consent.withdraw_agent("bot".parse().unwrap(), None);
                self.consented.off(done.is_ok());
            }
            17 => {
                let given = consent::Grant::new(
                    "bot".parse().unwrap(),
                    "profile".parse().unwrap(),
                    "support".parse().unwrap(),
                    "ada".parse().unwrap(),
                );
                let done = self.bench.stack().admin().consent().record(given);
                self.consented.back_on(done.is_ok());
            }
            18 => {
                let budget = self.bench.stack().admin().budget();
                let done = budget.suspend(&team());
                self.open.off(done.is_ok());
                let done = self.bench.stack().admin().budget().resume(&team());
                self.open.back_on(done.is_ok());
                // What the budgets cannot store they may have done: the log is broken then, and says no to everything.
                self.open.on |= self.open.unsure;
            }
            19 => self.answer_approvals(),
            20 => {
                let seconds = Duration::seconds(self.dice.below(90).cast_signed());
                if self.dice.below(3) == 0 {
                    self.bench.set_back(seconds);
                } else {
                    self.bench.pass(seconds);
                }
            }
            21 => {
                let fault = if self.dice.below(2) == 0 {
                    Fault::Full
                } else {
                    Fault::Breaks
                };
                let at = self.dice.below(5) as usize;
                self.log.push(format!("{fault:?} at {at}"));
                self.bench.plan.arm(at, fault);
                self.is_hurt = true;
            }
            _ => self.restart(),
        }
    }

    fn evaluate(&mut self) {
        let decision = self.bench.stack().evaluate_sync(&self.bench.read());
        self.asked += 1;
        assert!(!decision.allowed() || self.may(), "{}", self.told());
    }

    /// As far as is known.
    fn may(&self) -> bool {
        self.granted.on && self.free.on && self.consented.on && self.open.on
    }

    fn authorize(&mut self, tool: &str) {
        let guard = self.bench.stack().guard();
        let state = self.bench.state();
        let answer = guard.authorize_blocking(&self.bench.call(tool));
        self.asked += 1;
        match answer {
            Ok(permit) => {
                assert!(self.may(), "{}: permitted", self.told());
                self.permits.push(permit);
            }
            Err(denied) if !self.is_hurt && tool == "read_file" && self.may() => {
                let is_used_up = state.spent + state.held + 1_000_000_000 > LIMIT;
                let told = self.told();
                assert!(is_used_up, "{told}: {} with {state:?}", denied.code());
            }
            Err(_) => {}
        }
    }

    fn end(&mut self) {
        if self.permits.is_empty() {
            return;
        }
        let which = self.dice.below(self.permits.len() as u64) as usize;
        let permit = self.permits.swap_remove(which);
        let usage = cost(["0", "0.125", "0.5", "1"][self.dice.below(4) as usize]);
        let ended = match self.dice.below(5) {
            0 => permit.settle_blocking(Usage::default()),
            1 => permit.fail_blocking("it broke", usage),
            2 => permit.cancel_blocking(),
            3 => {
                drop(permit);
                return;
            }
            _ => permit.settle_blocking(Amounts { ..usage }),
        };
        assert!(ended.is_ok() || self.is_hurt, "{}: {ended:?}", self.told());
    }

    fn answer_approvals(&mut self) {
        let trust = self.bench.stack().admin().trust();
        for approval in trust.approvals().list(&ApprovalFilter::default()) {
            if self.dice.below(4) == 0 {
                drop(trust.approvals().deny(approval.id, &ops(), "no"));
            } else {
                drop(trust.approvals().approve(approval.id, &ops(), "fine"));
            }
        }
    }

    fn restart(&mut self) {
        let before = self.bench.state();
        let is_crash = self.dice.below(2) == 0;
        self.log.push(format!("crash {is_crash}"));
        if is_crash {
            // Whoever holds a permit is gone, and says nothing.
            let permits = std::mem::take(&mut self.permits);
            let opened = self.bench.crash_holding(permits);
            opened.unwrap_or_else(|error| panic!("{}: {error}", self.told()));
        } else {
            self.permits.clear();
            let opened = self.bench.open();
            opened.unwrap_or_else(|error| panic!("{}: {error}", self.told()));
        }
        self.bench.plan.disarm();
        let told = self.told();
        let after = self.bench.state();
        if !self.is_hurt {
            let used = |state: &crate::faults::State| state.spent + state.held;
            let changed = format!("{told}: {before:?} {after:?}");
            assert!(used(&after) <= used(&before), "{changed}");
            if is_crash {
                // The end of a permit that was let go of was acknowledged to nobody: it may still be held, and is neither more nor less.
                assert_eq!(used(&after), used(&before), "{changed}");
                assert!(after.spent <= before.spent, "{changed}");
                assert_eq!(after.may_read, before.may_read, "{changed}");
                assert_eq!(after.has_consent, before.has_consent, "{changed}");
            }
        }
        let is_unsure = self.granted.unsure || self.free.unsure;
        if is_unsure {
            // One level tells of both.
            let on = after.may_read;
            (self.granted, self.free) = (Switch { on, unsure: false }, ON);
        } else {
            let on = self.granted.on && self.free.on;
            assert_eq!(on, after.may_read, "{told}");
        }
        self.consented.found(after.has_consent, &told);
        self.open = ON;
        if is_unsure {
            self.settle_levels();
        }
        let suspended = self.bench.stack().admin().budget().resume(&team());
        drop(suspended);
        self.is_hurt = false;
        self.agree();
    }

    /// After what nobody knows, an operator says how it is.
    fn settle_levels(&mut self) {
        let trust = self.bench.stack().admin().trust();
        drop(trust.lift_quarantine(&agent(), &Scope::root(), &ops(), "known"));
        let grant = Grant::new(agent(), TrustLevel::ActAndReport, ops());
        trust.assign(grant).unwrap();
        (self.granted, self.free) = (ON, ON);
    }

    fn never_above_the_limit(&self) {
        let state = self.bench.state();
        assert!(
            state.spent + state.held <= LIMIT,
            "{}: {state:?}",
            self.told()
        );
    }

    /// The ledger's sums are the log's.
    fn agree(&self) {
        let told = self.told();
        let fold = Fold::of(&self.bench.log(), &told);
        assert!(fold.decisions <= self.asked, "{told}");
        let state = self.bench.state();
        assert_eq!(state.spent + state.held, fold.used(), "{told}: {fold:?}");
    }

    fn told(&self) -> String {
        format!("{}: {}", self.what, self.log.join(" "))
    }
}
