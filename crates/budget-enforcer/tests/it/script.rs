//! Plays histories: one event a line, and behind the arrow what comes of it.
//!
//! ```text
//! create team calls=20 daily under org    also: zone=, rollover, overdraft, `also monthly calls=100`
//! +30s                                    time passes; `jump -1h` moves the wall clock alone
//! reserve h1 team calls=5 and session:s calls=1 -> ok        also: `key k1`, `ttl 30s`
//! leave h1 team calls=5                   reserve and start in one step
//! start h1, settle h1 calls=7, release h1, cancel h1, drop h1, detach h1, renew h1 30s, draw h1 calls=1
//! record r1 team calls=5, spend r2 session:s tokens=9, refund r1 calls=2, check team calls=1
//! template calls=5, template              of sessions; the second: none
//! limit team calls=5, limit team monthly calls=5, suspend team, resume team, close team
//! show team, rows h1                      figures; the ledger's rows of a hold
//! thresholds 0.5 0.9, alerts              at the beginning; those that came since the last look
//! crash                                   guards are lost, and what was stored is opened again
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use budget_enforcer::{
    Alert, Amounts, BudgetAdmin, BudgetDecision, BudgetDenied, BudgetEnforcer,
    BudgetEnforcerConfig, BudgetError, BudgetSpec, CallOptions, Charge, Clock, Dimension, Envelope,
    EnvelopeState, Floor, IdempotencyKey, Limits, ManualClock, Period, Quantity, Reservation,
    ReservationId, Retry, Running, Settlement, Threshold, TransactionFilter, TransactionId,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::keeping::Keeping;
use crate::stage::START;

/// A history under way.
pub(crate) struct Script {
    config: BudgetEnforcerConfig,
    pub(crate) clock: ManualClock,
    journal: Option<Keeping>,
    handles: Option<(BudgetEnforcer, BudgetAdmin)>,
    guards: BTreeMap<String, Guard>,
    ids: BTreeMap<String, ReservationId>,
    rows: BTreeMap<String, TransactionId>,
    keys: BTreeMap<String, IdempotencyKey>,
    thresholds: Vec<Threshold>,
    alerts: Option<Receiver<Alert>>,
    /// What keys have booked.
    answers: BTreeSet<(String, TransactionId)>,
}

enum Guard {
    Held(Reservation),
    Running(Running),
    Detached,
}

/// What is left to read of a line.
struct Words<'a>(std::iter::Peekable<std::str::SplitWhitespace<'a>>);

impl<'a> Words<'a> {
    fn next(&mut self) -> &'a str {
        self.0.next().expect("the line ends too early")
    }

    fn next_if(&mut self, word: &str) -> bool {
        self.0.next_if(|next| *next == word).is_some()
    }

    fn duration(&mut self) -> Duration {
        length(self.next())
    }

    fn envelope(&mut self) -> Envelope {
        let name = self.next();
        match name.strip_prefix("session:") {
            Some(id) => Envelope::Session(id.parse().unwrap()),
            None => Envelope::Budget(name.parse().unwrap()),
        }
    }

    fn amounts(&mut self) -> Amounts {
        let mut amounts = Amounts::NONE;
        while let Some(word) = self.0.next_if(|word| word.contains('=')) {
            let (dimension, value) = word.split_once('=').unwrap();
            match dimension {
                "tokens" => amounts.tokens = Some(value.parse().unwrap()),
                "calls" => amounts.calls = Some(value.parse().unwrap()),
                "cost" => amounts.cost = Some(value.parse().unwrap()),
                other => panic!("`{other}` is no dimension"),
            }
        }
        amounts
    }

    fn limits(&mut self) -> Limits {
        let Amounts {
            tokens,
            calls,
            cost,
        } = self.amounts();
        Limits {
            tokens,
            calls,
            cost,
        }
    }

    fn period(&mut self) -> Option<Period> {
        if self.next_if("every") {
            return Some(format!("every {}", self.next()).parse().unwrap());
        }
        let period = self.0.peek()?.parse().ok();
        if period.is_some() {
            self.next();
        }
        period
    }

    fn charge(&mut self) -> Charge {
        let mut charge: Option<Charge> = None;
        loop {
            let line = match self.envelope() {
                Envelope::Session(id) => Charge::session(&id),
                Envelope::Budget(id) => Charge::budget(&id),
            };
            let line = line.amounts(self.amounts());
            charge = Some(match charge {
                Some(charge) => charge.and(line),
                None => line,
            });
            if !self.next_if("and") {
                return charge.unwrap();
            }
        }
    }
}

impl Script {
    /// One that plays on `journal`, or in memory alone, cut into lanes as this binary's stage is.
    pub(crate) fn new(journal: Option<Keeping>) -> Self {
        Self {
            config: BudgetEnforcerConfig {
                lanes: crate::LANES,
                ..BudgetEnforcerConfig::default()
            },
            clock: ManualClock::new(START),
            journal,
            handles: None,
            guards: BTreeMap::new(),
            ids: BTreeMap::new(),
            rows: BTreeMap::new(),
            keys: BTreeMap::new(),
            thresholds: Vec::new(),
            alerts: None,
            answers: BTreeSet::new(),
        }
    }

    /// Plays one event, without its arrow, and says what came of it.
    pub(crate) fn play(&mut self, event: &str) -> String {
        let mut words = Words(event.split_whitespace().peekable());
        let verb = words.next();
        let told = self.play_verb(verb, &mut words);
        assert!(words.0.peek().is_none(), "`{event}` says too much");
        told
    }

    fn play_verb(&mut self, verb: &str, words: &mut Words<'_>) -> String {
        if let Some(by) = verb.strip_prefix('+') {
            self.clock.advance(length(by));
            return ok();
        }
        match verb {
            "sessions" => self.config.session = Some(words.limits()),
            "most-sessions" => self.config.max_sessions = words.next().parse().unwrap(),
            "most-keys" => self.config.max_idempotency_keys = words.next().parse().unwrap(),
            "remember" => self.config.late_settle_window = words.duration(),
            "thresholds" => {
                while words.0.peek().is_some() {
                    self.thresholds.push(words.next().parse().unwrap());
                }
            }
            "alerts" => return self.show_alerts(),
            "boot" => self.clock.set_elapsed(Some(Duration::ZERO)),
            "clock" => self.clock.set(moment(words.next())),
            "jump" => {
                let by = words.next();
                let wall = self.clock.now();
                self.clock.set(match by.strip_prefix('-') {
                    Some(back) => wall - length(back),
                    None => wall + length(by.trim_start_matches('+')),
                });
            }
            "crash" => self.crash(),
            "leave" => return self.leave(words),
            "create" | "template" | "limit" | "suspend" | "resume" | "close" | "accept-clock" => {
                return self.administer(verb, words);
            }
            "key" => {
                let name = words.next().to_owned();
                let made = self.clock.now() - words.duration();
                self.keys.insert(name, IdempotencyKey::at(made));
            }
            "reserve" => return self.reserve(words),
            "record" | "spend" | "refund" => return self.book(verb, words),
            "check" => return denial(&self.handles().0.check(&words.charge())),
            "left" => {
                let Envelope::Session(id) = words.envelope() else {
                    panic!("only sessions are asked what is left")
                };
                return denial(&self.handles().0.check_budget(&id));
            }
            "show" => return self.show(words),
            "rows" => return self.show_rows(words.next()),
            _ => return self.end(verb, words),
        }
        ok()
    }

    /// Opens it where that has not happened yet.
    fn handles(&mut self) -> &(BudgetEnforcer, BudgetAdmin) {
        self.handles.get_or_insert_with(|| {
            let mut builder = BudgetEnforcer::builder()
                .config(self.config.clone())
                .clock(self.clock.clone());
            if !self.thresholds.is_empty() {
                let (sender, receiver) = sync_channel(1_000);
                builder = builder.alerts(self.thresholds.clone(), sender);
                self.alerts = Some(receiver);
            }
            match &self.journal {
                Some(journal) => builder.journal(journal.clone()).build().unwrap(),
                None => builder.build().unwrap(),
            }
        })
    }

    pub(crate) fn budget(&mut self) -> BudgetEnforcer {
        self.handles().0.clone()
    }

    /// In memory alone nothing is lost but the guards: that must come to the same.
    fn crash(&mut self) {
        for guard in self.guards.values_mut() {
            match std::mem::replace(guard, Guard::Detached) {
                Guard::Held(held) if self.journal.is_some() => std::mem::forget(held),
                Guard::Running(running) if self.journal.is_some() => std::mem::forget(running),
                Guard::Held(held) => _ = held.detach(),
                Guard::Running(running) => _ = running.detach(),
                Guard::Detached => {}
            }
        }
        if self.journal.is_some() {
            self.handles = None;
        }
    }

    fn administer(&mut self, verb: &str, words: &mut Words<'_>) -> String {
        let admin = self.handles().1.clone();
        let done = match verb {
            "create" => admin.create_budget(spec(words)),
            "template" => {
                let limits = words.limits();
                admin.set_session_limits((!limits.is_none()).then_some(limits))
            }
            "limit" => {
                let id = words.next().parse().unwrap();
                match words.period() {
                    Some(period) => admin.update_window(&id, period, words.limits()),
                    None => admin.update_limit(&id, words.limits()),
                }
            }
            "suspend" => admin.suspend(words.envelope()),
            "resume" => admin.resume(words.envelope()),
            "close" => admin.close(words.envelope()),
            _ => admin.accept_clock("ops@example.com".parse().unwrap(), "checked"),
        };
        done.map_or_else(|error| failure(&error), |_| ok())
    }

    /// Options, and the name of their key.
    fn options(&mut self, words: &mut Words<'_>) -> (CallOptions, Option<String>) {
        let mut options = CallOptions::new();
        let mut named = None;
        if words.next_if("key") {
            let name = words.next().to_owned();
            let now = self.clock.now();
            let key = self
                .keys
                .entry(name.clone())
                .or_insert_with(|| IdempotencyKey::at(now));
            options = options.key(*key);
            named = Some(name);
        }
        if words.next_if("ttl") {
            options = options.ttl(words.duration());
        }
        (options, named)
    }

    fn reserve(&mut self, words: &mut Words<'_>) -> String {
        let (name, charge) = (words.next().to_owned(), words.charge());
        let (options, _) = self.options(words);
        match self.handles().0.reserve_with(&charge, &options) {
            Ok(held) => {
                let told = if held.is_repeat() {
                    "ok, as before".to_owned()
                } else {
                    ok()
                };
                self.ids.insert(name.clone(), held.id());
                self.guards.insert(name, Guard::Held(held));
                told
            }
            Err(error) => failure(&error),
        }
    }

    fn leave(&mut self, words: &mut Words<'_>) -> String {
        let (name, charge) = (words.next().to_owned(), words.charge());
        let budget = self.budget();
        let left = budget.resolve(&charge).and_then(|path| {
            budget.reserve_path_and_start_explained_at(&path, self.clock.now(), Floor::Hold)
        });
        match left {
            Ok((running, told)) => {
                assert!(told.allowed());
                self.ids.insert(name.clone(), running.id());
                self.guards.insert(name, Guard::Running(running));
                ok()
            }
            Err(denied) => failure(&denied.into()),
        }
    }

    fn book(&mut self, verb: &str, words: &mut Words<'_>) -> String {
        let name = words.next().to_owned();
        let booked = match verb {
            "record" => {
                let charge = words.charge();
                let (options, key) = self.options(words);
                let booked = self.handles().0.record_with(&charge, &options);
                (booked, key)
            }
            "spend" => {
                let Envelope::Session(id) = words.envelope() else {
                    panic!("only sessions are spent on afterwards")
                };
                let tokens = words.amounts().tokens.unwrap();
                let (options, key) = self.options(words);
                let enforcer = &self.handles().0;
                (enforcer.record_spending_with(&id, tokens, &options), key)
            }
            _ => {
                let amounts = words.amounts();
                let (options, key) = self.options(words);
                let row = *known(&self.rows, &name);
                (self.handles().0.refund_with(row, amounts, &options), key)
            }
        };
        match booked {
            (Ok(row), key) => {
                if verb != "refund" {
                    self.rows.insert(name, row.id);
                }
                let is_repeat = key.is_some_and(|key| !self.answers.insert((key, row.id)));
                let told = outcome(false, &row.overspent);
                if is_repeat {
                    format!("{told}, as before")
                } else {
                    told
                }
            }
            (Err(error), _) => failure(&error),
        }
    }

    fn end(&mut self, verb: &str, words: &mut Words<'_>) -> String {
        let name = words.next().to_owned();
        let id = *known(&self.ids, &name);
        let guard = self.guards.remove(&name).unwrap_or(Guard::Detached);
        let enforcer = self.budget();
        let mut kept = None;
        let done: Result<String, BudgetError> = match (verb, guard) {
            ("start", Guard::Held(held)) => held.start(Floor::Hold).map(|running| {
                kept = Some(Guard::Running(running));
                ok()
            }),
            ("settle", Guard::Running(running)) => {
                let settled = running.settle(words.amounts());
                settled.map(|settled| self.settled(&name, settled))
            }
            ("settle", guard) => {
                let settled = enforcer.settle_id(id, words.amounts());
                kept = Some(guard);
                settled.map(|settled| self.settled(&name, settled))
            }
            ("release", Guard::Held(held)) => held.release().map(|()| ok()),
            ("release", guard) => {
                kept = Some(guard);
                enforcer.release_id(id).map(|()| ok())
            }
            ("cancel", Guard::Running(running)) => running.cancel().map(|()| ok()),
            ("drop", _guard) => Ok(ok()),
            ("detach", Guard::Held(held)) => {
                kept = Some(Guard::Detached);
                let _id = held.detach();
                Ok(ok())
            }
            ("detach", Guard::Running(running)) => {
                kept = Some(Guard::Detached);
                let _id = running.detach();
                Ok(ok())
            }
            ("renew", mut guard) => {
                let renewed = match &mut guard {
                    Guard::Held(held) => held.renew(words.duration()),
                    Guard::Running(running) => running.renew(words.duration()),
                    Guard::Detached => panic!("only its guard renews a hold"),
                };
                kept = Some(guard);
                renewed.map(|()| ok())
            }
            ("draw", Guard::Running(mut running)) => {
                let drawn = running.draw(words.amounts());
                kept = Some(Guard::Running(running));
                drawn.map(|()| ok())
            }
            (verb, _) => panic!("`{verb}` is not for `{name}` as it is"),
        };
        self.guards.extend(kept.map(|guard| (name, guard)));
        done.unwrap_or_else(|error| failure(&error))
    }

    fn settled(&mut self, name: &str, settled: Settlement) -> String {
        self.rows.insert(name.to_owned(), settled.transaction);
        outcome(settled.late, &settled.overspent)
    }

    fn show(&mut self, words: &mut Words<'_>) -> String {
        let shown = match self.handles().0.utilization(words.envelope()) {
            Ok(shown) => shown,
            Err(error) => return failure(&error),
        };
        let mut told = match shown.state {
            EnvelopeState::Active => vec![],
            EnvelopeState::Suspended => vec!["suspended".to_owned()],
            EnvelopeState::Closed => vec!["closed".to_owned()],
        };
        for window in shown.windows() {
            for dimension in Dimension::ALL {
                let usage = window.usage(dimension);
                let Some(left) = usage.available else {
                    continue;
                };
                let figures = [
                    usage.spent,
                    usage.overspent,
                    usage.reserved,
                    left,
                    usage.debt,
                    usage.rolled_over,
                ];
                let period = (!shown.others.is_empty()).then_some(window.period);
                told.push(figures_text(period, dimension, figures));
            }
        }
        told.join("; ")
    }

    fn show_alerts(&mut self) -> String {
        let alerts = self.alerts.iter().flat_map(Receiver::try_iter);
        let alerts: Vec<_> = alerts.map(|alert| alert_text(&alert)).collect();
        if alerts.is_empty() {
            "none".to_owned()
        } else {
            alerts.join(", ")
        }
    }

    fn show_rows(&mut self, name: &str) -> String {
        let filter = TransactionFilter {
            reservation: Some(*known(&self.ids, name)),
            ..TransactionFilter::default()
        };
        let rows = self.handles().0.transactions(&filter).rows;
        let rows = rows.iter().map(|row| {
            let (_, amounts) = row.charge.lines().next().unwrap();
            let late = if row.late { " late" } else { "" };
            let spent = if row.hold_spent { " spent" } else { "" };
            format!("{} {}{late}{spent}", row.kind, amounts_text(amounts))
        });
        rows.collect::<Vec<_>>().join(", ")
    }
}

fn alert_text(alert: &Alert) -> String {
    let of = format!("{} of {}", alert.spent, alert.limit);
    let name = name(&alert.envelope);
    format!("{name} {} at {} with {of}", alert.period, alert.threshold)
}

fn spec(words: &mut Words<'_>) -> BudgetSpec {
    let mut spec = BudgetSpec::new(words.next().parse().unwrap());
    spec.limits = words.limits();
    spec.period = words.period().unwrap_or_default();
    loop {
        if words.next_if("under") {
            spec = spec.parent(words.next().parse().unwrap());
        } else if words.next_if("in") {
            spec = spec.zone(words.next().parse().unwrap());
        } else if words.next_if("rollover") {
            spec = spec.rollover(true);
        } else if words.next_if("overdraft") {
            spec = spec.overdraft(true);
        } else if words.next_if("also") {
            let period = words.period().expect("a period");
            spec = spec.also(period, words.limits());
        } else {
            return spec;
        }
    }
}

fn ok() -> String {
    "ok".to_owned()
}

/// What a settlement or a booking came to.
pub(crate) fn outcome(late: bool, overspent: &Amounts) -> String {
    let over = amounts_text(overspent);
    match (late, over.as_str()) {
        (false, "") => ok(),
        (true, "") => "late".to_owned(),
        (false, over) => format!("overspent {over}"),
        (true, over) => format!("late, overspent {over}"),
    }
}

/// The figures of one dimension in one window: spent, overspent, reserved, left, owed, carried. The rarer ones only where there is something.
pub(crate) fn figures_text(
    period: Option<Period>,
    dimension: Dimension,
    [spent, overspent, reserved, left, owed, carried]: [Quantity; 6],
) -> String {
    let period = period
        .map(|period| format!("{period} "))
        .unwrap_or_default();
    let mut text = format!("{period}{dimension}: {spent} spent, {reserved} reserved, {left} left");
    for (what, rare) in [
        ("overspent", overspent),
        ("owed", owed),
        ("carried", carried),
    ] {
        if rare.units() > 0 {
            text = format!("{text}, {rare} {what}");
        }
    }
    text
}

fn amounts_text(amounts: &Amounts) -> String {
    let given = |dimension: Dimension| {
        let units = amounts.units(dimension).filter(|units| *units > 0)?;
        Some(match dimension {
            Dimension::Cost => format!("{dimension}={}", amounts.cost?),
            _ => format!("{dimension}={units}"),
        })
    };
    let given: Vec<_> = Dimension::ALL.into_iter().filter_map(given).collect();
    given.join(" ")
}

fn name(envelope: &Envelope) -> String {
    match envelope {
        Envelope::Session(id) => format!("session:{id}"),
        Envelope::Budget(id) => id.to_string(),
    }
}

fn denial(decision: &BudgetDecision) -> String {
    let mut text = decision.code().to_owned();
    if decision.allowed() {
        return text;
    }
    if let Some(envelope) = decision.envelope() {
        text = format!("{text} {}", name(envelope));
    }
    if let (Some(dimension), Some(left)) = (decision.dimension(), decision.available()) {
        let asked = decision.requested().map(|asked| format!("{asked} asked, "));
        text = format!(
            "{text} {dimension}: {}{left} left",
            asked.unwrap_or_default()
        );
        let when = match decision.retry() {
            Retry::Now => ", now".to_owned(),
            Retry::AfterHoldsExpire(at) => format!(", after holds by {}", at.time()),
            Retry::AfterReset(at) => {
                format!(", after the reset on {}", at.format(&Rfc3339).unwrap())
            }
            Retry::Never => ", never".to_owned(),
        };
        text.push_str(&when);
    }
    text
}

fn failure(error: &BudgetError) -> String {
    match error {
        BudgetError::Denied(denied) => denial(BudgetDenied::decision(denied)),
        BudgetError::Expired { .. } => "expired".to_owned(),
        BudgetError::UnknownReservation { .. } => "unknown or ended".to_owned(),
        BudgetError::AlreadyEnded { .. } => "ended before".to_owned(),
        BudgetError::KeyConflict { field } => format!("key conflict: {field} differs"),
        BudgetError::KeyTooOld => "key too old".to_owned(),
        BudgetError::KeyTooNew => "key too new".to_owned(),
        BudgetError::NotRefundable { kind, .. } => format!("a {kind} is not refundable"),
        BudgetError::RefundTooLarge {
            dimension,
            requested,
            refundable,
            ..
        } => format!("refund too large: {requested} of {refundable} {dimension}"),
        other => other.to_string(),
    }
}

fn known<'a, T>(all: &'a BTreeMap<String, T>, name: &str) -> &'a T {
    all.get(name)
        .unwrap_or_else(|| panic!("there never was a `{name}`"))
}

fn moment(text: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text, &Rfc3339).unwrap()
}

fn length(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len() - 1);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => panic!("`{text}` is no length of time such as 30s, 5m, 1h, 2d"),
    };
    Duration::from_secs(number.parse::<u64>().unwrap() * seconds)
}
