//! The owner's side: answers what guards ask, be they in this process or in one that joined.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread;

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::action::{Action, Description};
use crate::core::{self, Core, Known};
use crate::decision::{Decision, Told};
use crate::far::{Ended, Question, Reply};
use crate::permit::{Permit, Spent};
use crate::stack::SecurityStack;

/// The stack of this process, and the permits that it gave to this process's own guards.
pub(super) struct Desk {
    pub(super) stack: Arc<SecurityStack>,
    pub(super) own: Permits,
    in_hand: Arc<InHand>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

/// What one process was permitted and has not ended. Dropping it, for the process is gone, abandons all of it: the tools may
/// have run.
pub(super) struct Permits {
    /// `None`: permitted by an owner before this one, which is gone.
    held: Mutex<HashMap<Uuid, Option<Permit>>>,
    in_hand: Arc<InHand>,
}

/// The calls that some process holds: nobody else may end them, or ask for them again.
#[derive(Debug, Default)]
struct InHand(Mutex<HashSet<Uuid>>);

impl InHand {
    fn lock(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        // Nothing in here panics halfway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that is being decided on. Given up, it is in nobody's hand any more.
struct Beginning<'d> {
    in_hand: &'d InHand,
    record: Uuid,
    is_done: bool,
}

impl<'d> Beginning<'d> {
    /// `None`: somebody holds it.
    fn of(in_hand: &'d InHand, record: Uuid) -> Option<Self> {
        let is_free = in_hand.lock().insert(record);
        is_free.then(|| Self {
            in_hand,
            record,
            is_done: false,
        })
    }

    /// It is in somebody's hand from now on.
    fn done(mut self) -> Uuid {
        self.is_done = true;
        self.record
    }
}

impl Drop for Beginning<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.in_hand.lock().remove(&self.record);
        }
    }
}

/// Lets others go on before.
async fn another_turn() {
    let mut has_waited = false;
    std::future::poll_fn(|context| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Permits {
    /// Lets go of all of it without an end, for it is this process that goes: the others say to the next owner how it ended.
    pub(super) fn disown(&self) {
        for permit in self.lock().drain().filter_map(|(_, permit)| permit) {
            permit.disown();
        }
    }

    fn keep(&self, record: Uuid, permit: Option<Permit>) {
        // Of an id that is in use already the earlier one is abandoned, which holds its amount.
        self.lock().insert(record, permit);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Option<Permit>>> {
        // Nothing in here panics halfway.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permits {
    fn drop(&mut self) {
        let held: Vec<_> = self.lock().drain().collect();
        for (record, permit) in held {
            drop(permit);
            self.in_hand.lock().remove(&record);
        }
    }
}

impl Desk {
    pub(super) fn new(stack: Arc<SecurityStack>) -> Self {
        let in_hand = Arc::new(InHand::default());
        Self {
            stack,
            own: Permits {
                held: Mutex::default(),
                in_hand: Arc::clone(&in_hand),
            },
            in_hand,
        }
    }

    /// For one process more.
    pub(super) fn permits(&self) -> Permits {
        Permits {
            held: Mutex::default(),
            in_hand: Arc::clone(&self.in_hand),
        }
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        self.stack.core()
    }

    /// `again`: it was asked before, of somebody who may have done it and could not say so.
    pub(super) async fn answer(&self, permits: &Permits, question: Question, again: bool) -> Reply {
        match question {
            Question::Evaluate { action } => match self.described(*action) {
                Ok(action) => decided(&self.stack.guard().evaluate(&action).await),
                Err(refused) => refused,
            },
            Question::Preview { action } => match self.described(*action) {
                Ok(action) => decided(&self.stack.guard().preview(&action)),
                Err(refused) => refused,
            },
            Question::Authorize {
                record,
                action,
                waits,
            } => match self.described(*action) {
                Ok(action) => self.authorize(permits, record, &action, waits, again).await,
                Err(refused) => refused,
            },
            Question::End {
                record,
                action,
                ending,
                spent,
                why,
            } => match self.described(*action) {
                Ok(action) => self.end(permits, record, &action, ending, spent, why).await,
                Err(refused) => refused,
            },
            Question::Visible { agent, scope, tool } => {
                yes(self.core().tool_visible(&agent, &scope, &tool))
            }
            Question::LevelSuffices {
                agent,
                scope,
                level,
            } => yes(self.core().level_suffices(&agent, &scope, level)),
            Question::Note {
                event,
                agent,
                session,
                detail,
            } => match self.core().note(&event, &agent, session.as_ref(), &detail) {
                Ok(entry) => Reply::Noted {
                    id: entry.id,
                    index: entry.index,
                },
                Err(error) => Reply::failed("audit_unavailable", error),
            },
            Question::Losses {} => Reply::Losses(self.stack.guard().losses()),
            Question::Awake {} => match self.flushed().await {
                Ok(()) => Reply::Yes,
                Err(problem) => Reply::failed("audit_unavailable", problem),
            },
        }
    }

    /// Returns once what was on its way into the log is in it. Others are answered meanwhile: the disk may hang.
    async fn flushed(&self) -> Result<(), String> {
        if self.stack.audit.backlog() == 0 {
            return Ok(());
        }
        let (done, is_done) = oneshot::channel();
        let audit = self.stack.audit.clone();
        let flush = move || done.send(audit.flush().map_err(|error| error.to_string()));
        let thread = thread::Builder::new().name("stack-flush".to_owned());
        let thread = thread.spawn(flush).map_err(|error| error.to_string())?;
        drop(thread);
        let died = |_| Err("the thread that waited for the log has died".to_owned());
        is_done.await.unwrap_or_else(died)
    }

    fn described(&self, description: Description) -> Result<Action, Reply> {
        Action::of(description, self.core().rules.load_full())
            .map_err(|error| Reply::failed("invalid_action", error))
    }

    async fn authorize(
        &self,
        permits: &Permits,
        record: Uuid,
        action: &Action,
        waits: bool,
        again: bool,
    ) -> Reply {
        let Some(beginning) = Beginning::of(&self.in_hand, record) else {
            return Reply::failed("internal_error", "a call of this id is under way");
        };
        if again {
            if let Err(problem) = self.flushed().await {
                return Reply::failed("internal_error", problem);
            }
            match Known::of(&self.stack.audit, record) {
                Ok(Known::No) => {}
                Ok(Known::Open { intent, .. }) if core::permits(&intent, action) => {
                    return self.take_up(permits, beginning, action).await;
                }
                Ok(Known::Open { .. }) => {
                    let told = "the log has another call of this id; ask again";
                    return Reply::failed("internal_error", told);
                }
                Ok(Known::Over) => {
                    let told =
                        "the owner of the data directory went before it could answer; ask again";
                    return Reply::failed("owner_gone", told);
                }
                Err(problem) => return Reply::failed("internal_error", problem),
            }
        }
        let core = self.core();
        let permit = if waits {
            core.authorize_when_approved(action, Some(record)).await
        } else {
            let (begun, entry) = core.begin(action, Some(record));
            begun.acknowledged(core, entry).await
        };
        match permit {
            Err(denied) => decided(denied.decision()),
            Ok(permit) => {
                let told = Told::from(permit.decision());
                permits.keep(beginning.done(), Some(permit));
                Reply::Permitted(Box::new(told))
            }
        }
    }

    /// A call that an owner before this one permitted, and could not say so: it still may run, if it still would be permitted.
    async fn take_up(&self, permits: &Permits, beginning: Beginning<'_>, action: &Action) -> Reply {
        let record = beginning.record;
        let (_, mut made) = self.core().look(action);
        made.record_id = Some(record);
        // It holds what it needs: whether as much again is left is not the question.
        made.budget = crate::gate::Gate::Unasked;
        let decision = Decision::from(made);
        if decision.allowed() {
            permits.keep(beginning.done(), None);
            return Reply::Permitted(Box::new(Told::from(&decision)));
        }
        let why = Some(decision.reason().to_string());
        let ended = self.end_orphan(record, action, Ended::Cancelled, Spent::Nothing, why);
        match ended.await {
            Reply::Ended(_) => decided(&decision),
            failed => failed,
        }
    }

    async fn end(
        &self,
        permits: &Permits,
        record: Uuid,
        action: &Action,
        ending: Ended,
        spent: Spent,
        why: Option<String>,
    ) -> Reply {
        let mut held = permits.lock().remove(&record);
        // A call that was given up while it began: what had begun is about to be dropped, or has just come to its permit.
        let mut turns = 1000_u32;
        while held.is_none() && self.in_hand.lock().contains(&record) {
            let Some(left) = turns.checked_sub(1) else {
                return Reply::failed("not_settled", "another process holds this call");
            };
            turns = left;
            another_turn().await;
            held = permits.lock().remove(&record);
        }
        let Some(permit) = held.flatten() else {
            self.in_hand.lock().remove(&record);
            return self.end_orphan(record, action, ending, spent, why).await;
        };
        // Booked when it is called, and only waited for afterwards.
        let told = why.as_ref().map(|why| why as &dyn fmt::Display);
        let ending = permit.end_as(ending, told, spent);
        self.in_hand.lock().remove(&record);
        match ending.await {
            Ok(settled) => Reply::Ended(settled.settlement),
            Err(error) => Reply::failed("not_settled", error),
        }
    }

    async fn end_orphan(
        &self,
        record: Uuid,
        action: &Action,
        ending: Ended,
        spent: Spent,
        why: Option<String>,
    ) -> Reply {
        if let Err(problem) = self.flushed().await {
            return Reply::failed("not_settled", problem);
        }
        let core = self.core();
        let why = why.as_deref();
        let ended = core.end_orphan(&self.stack.audit, record, action, ending, spent, why);
        match ended {
            Err(problem) => Reply::failed("not_settled", problem),
            Ok((settlement, entry)) => match entry.filter(|entry| !entry.stored) {
                None => Reply::Ended(settlement),
                Some(entry) => match core.recorder.acknowledged(&entry).await {
                    Ok(()) => Reply::Ended(settlement),
                    Err(error) => Reply::failed("audit_unavailable", error),
                },
            },
        }
    }
}

fn decided(decision: &Decision) -> Reply {
    Reply::Decided(Box::new(Told::from(decision)))
}

fn yes(is_so: bool) -> Reply {
    if is_so { Reply::Yes } else { Reply::No }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::create_security_stack;

    /// A desk with one tool and one budget of ten calls.
    fn desk(directory: &std::path::Path) -> Desk {
        let config = super::super::tests::config(directory);
        Desk::new(Arc::new(create_security_stack(config).unwrap()))
    }

    fn described(desk: &Desk, tool: &str) -> Box<Description> {
        let guard = desk.stack.guard();
        let action = guard.action("bot").session("s").tool(tool).args_json("{}");
        Box::new(action.build().unwrap().0.described.clone())
    }

    #[tokio::test]
    async fn what_holds_nothing_is_not_taken_up_as_a_permit() {
        let dir = tempfile::tempdir().unwrap();
        let desk = desk(dir.path());
        let permits = desk.permits();
        let action = described(&desk, "read_file");
        let evaluated = desk.answer(
            &permits,
            Question::Evaluate {
                action: action.clone(),
            },
            false,
        );
        let Reply::Decided(told) = evaluated.await else {
            panic!("not decided");
        };
        let record = told.record_id.unwrap();
        let question = Question::Authorize {
            record,
            action,
            waits: false,
        };
        let reply = desk.answer(&permits, question, true).await;
        assert!(matches!(reply, Reply::Failed { .. }), "{reply:?}");
    }

    #[tokio::test]
    async fn another_action_is_not_taken_up_under_a_hold() {
        let dir = tempfile::tempdir().unwrap();
        let desk = desk(dir.path());
        let permits = desk.permits();
        let record = desk.stack.audit.next_id().unwrap();
        let action = described(&desk, "read_file");
        let question = Question::Authorize {
            record,
            action,
            waits: false,
        };
        let reply = desk.answer(&permits, question, false).await;
        assert!(matches!(reply, Reply::Permitted(_)), "{reply:?}");
        let action = described(&desk, "read_other");
        let question = Question::Authorize {
            record,
            action,
            waits: false,
        };
        let reply = desk.answer(&permits, question, true).await;
        assert!(matches!(reply, Reply::Failed { .. }), "{reply:?}");
    }

    #[tokio::test]
    async fn nobody_ends_what_another_process_was_permitted() {
        let dir = tempfile::tempdir().unwrap();
        let desk = desk(dir.path());
        let (permits, others) = (desk.permits(), desk.permits());
        let record = desk.stack.audit.next_id().unwrap();
        let action = described(&desk, "read_file");
        let question = Question::Authorize {
            record,
            action: action.clone(),
            waits: false,
        };
        let reply = desk.answer(&permits, question, false).await;
        assert!(matches!(reply, Reply::Permitted(_)), "{reply:?}");
        let end = |ending, spent| Question::End {
            record,
            action: action.clone(),
            ending,
            spent,
            why: None,
        };
        let reply = desk
            .answer(&others, end(Ended::Cancelled, Spent::Nothing), false)
            .await;
        assert!(matches!(reply, Reply::Failed { .. }), "{reply:?}");
        let spent = Spent::Exactly(crate::Usage::NONE);
        let reply = desk
            .answer(&permits, end(Ended::Settled, spent), false)
            .await;
        assert!(matches!(reply, Reply::Ended(Some(_))), "{reply:?}");
    }
}
