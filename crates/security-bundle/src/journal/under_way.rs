//! What the pipeline is doing on this thread, so that a budget's journal writes it as what it is: the intent that takes a hold, or the
//! outcome that ends it. One entry is both the decision and the change of state, and state and log cannot disagree.

use std::cell::RefCell;

use uuid::Uuid;

use crate::action::Action;
use crate::decision::Made;
use crate::permit::Spent;
use crate::recorder::{RecordError, Recorded};

/// What a change of a budget is part of.
#[derive(Debug)]
pub(crate) enum Step {
    /// The gates are being asked: nobody waits for the disk yet.
    Judging,
    /// A hold is taken for this.
    Intent { action: Action, decided: Box<Made> },
    /// A hold is ended, since this is how it went.
    Outcome {
        record: Uuid,
        ending: &'static str,
        action: Action,
        spent: Spent,
        why: Option<String>,
    },
}

#[derive(Debug)]
enum State {
    Due(Step),
    Written(Result<Recorded, RecordError>),
    Idle,
}

thread_local! {
    static UNDER_WAY: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// Does `work` as this step of the pipeline. Gives what it gave, and what became of the step's entry if a budget's journal wrote it.
pub(crate) fn during<T>(
    step: Step,
    work: impl FnOnce() -> T,
) -> (T, Option<Result<Recorded, RecordError>>) {
    let outer = Outer(UNDER_WAY.replace(Some(State::Due(step))));
    let done = work();
    let state = UNDER_WAY.take();
    drop(outer);
    match state {
        Some(State::Written(written)) => (done, Some(written)),
        _ => (done, None),
    }
}

/// Whether this thread is in the middle of a decision, which waits for the log by itself.
pub(crate) fn is_deciding() -> bool {
    UNDER_WAY.with_borrow(Option::is_some)
}

/// The step that `event` is part of, once.
pub(super) fn take_for(event: &budget_enforcer::Event) -> Option<Step> {
    use budget_enforcer::Act;
    UNDER_WAY.with_borrow_mut(|state| {
        let fits = matches!(
            (&*state, &event.act),
            (Some(State::Due(Step::Intent { .. })), Act::Reserved { .. })
                | (
                    Some(State::Due(Step::Outcome { .. })),
                    Act::Settled { .. } | Act::Released { .. }
                )
        );
        if !fits {
            return None;
        }
        match state.replace(State::Idle) {
            Some(State::Due(step)) => Some(step),
            _ => None,
        }
    })
}

/// Says what became of the step's entry.
pub(super) fn written(entry: Result<Recorded, RecordError>) {
    UNDER_WAY.with_borrow_mut(|state| *state = Some(State::Written(entry)));
}

/// What was under way before, which goes on afterwards, also after a panic.
struct Outer(Option<State>);

impl Drop for Outer {
    fn drop(&mut self) {
        UNDER_WAY.set(self.0.take());
    }
}
