//! This process's place, as its guards see it: they ask, and it knows whom.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;

use arc_swap::ArcSwap;
use audit_trail::{AuditError, AuditLog};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::desk::Desk;
use super::service::Request;
use crate::blocking;
use crate::control::{CallError, Client, decode, encode};
use crate::core::Core;
use crate::far::{Far, Question, Reply};
use crate::observer::Observers;
use crate::rules::Rules;

/// Who answers.
#[derive(Debug, Clone)]
pub(super) enum Engine {
    /// This process owns the directory.
    Owner(Arc<Desk>),
    /// Another one does.
    Joined(Client),
    /// The owner has just gone. Whoever asks waits for the next one.
    Between,
    /// There is none, for this reason. Everything is denied.
    Nobody(Arc<str>),
}

/// Cheap to clone; each clone stands for the same place.
#[derive(Clone)]
pub(super) struct Chair(Arc<Inner>);

struct Inner {
    engine: watch::Sender<Engine>,
    /// By which actions are described while the state is elsewhere.
    rules: ArcSwap<Rules>,
    observers: Arc<Observers>,
    /// Gives ids; nothing is written to it.
    ids: AuditLog,
}

impl fmt::Debug for Chair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chair")
            .field(&*self.0.engine.borrow())
            .finish()
    }
}

impl Chair {
    pub(super) fn new(
        engine: Engine,
        rules: Rules,
        observers: Arc<Observers>,
    ) -> Result<Self, AuditError> {
        let engine = watch::Sender::new(engine);
        Ok(Self(Arc::new(Inner {
            engine,
            rules: ArcSwap::from_pointee(rules),
            observers,
            ids: AuditLog::builder().build()?,
        })))
    }

    pub(super) fn seat(&self, engine: Engine) {
        self.0.engine.send_replace(engine);
    }

    pub(super) fn engine(&self) -> Engine {
        self.0.engine.borrow().clone()
    }

    /// Asks whoever owns the directory, and the next one if that one goes meanwhile.
    async fn asked(self, question: Question) -> Reply {
        let mut seen = self.0.engine.subscribe();
        let mut again = false;
        loop {
            let engine = seen.borrow_and_update().clone();
            match engine {
                Engine::Owner(desk) => return desk.answer(&desk.own, question, again).await,
                Engine::Nobody(why) => return Reply::failed("no_owner", why),
                Engine::Between => {}
                Engine::Joined(client) => {
                    let request = encode(&Request::Ask {
                        question: question.clone(),
                        again,
                    });
                    let answer = match request {
                        Ok(request) => client.call(request).await,
                        Err(refusal) => Err(refusal.into()),
                    };
                    match answer {
                        Ok(reply) => {
                            return decode(&reply).unwrap_or_else(|refusal| {
                                Reply::failed(&refusal.code, &refusal.message)
                            });
                        }
                        Err(CallError::Gone(_)) => again = true,
                        Err(CallError::Refused(refusal)) => {
                            return Reply::failed(&refusal.code, &refusal.message);
                        }
                        Err(error) => return Reply::failed("not_asked", error),
                    }
                }
            }
            if seen.changed().await.is_err() {
                return Reply::failed("no_owner", "this process has left the data directory");
            }
        }
    }
}

impl Far for Chair {
    fn rules(&self) -> Arc<Rules> {
        match self.engine() {
            Engine::Owner(desk) => desk.core().rules.load_full(),
            _ => self.0.rules.load_full(),
        }
    }

    fn here(&self) -> Option<Arc<Core>> {
        match &*self.0.engine.borrow() {
            Engine::Owner(desk) => Some(Arc::clone(desk.core())),
            _ => None,
        }
    }

    fn observers(&self) -> Arc<Observers> {
        Arc::clone(&self.0.observers)
    }

    fn next_id(&self) -> Result<Uuid, AuditError> {
        self.0.ids.next_id()
    }

    fn ask(&self, question: Question) -> Pin<Box<dyn Future<Output = Reply> + Send>> {
        Box::pin(self.clone().asked(question))
    }

    fn ask_blocking(&self, question: Question) -> Reply {
        blocking::wait_for(self.clone().asked(question))
    }

    fn tell(&self, question: Question) -> Pin<Box<dyn Future<Output = Reply> + Send>> {
        let (reply, told) = oneshot::channel();
        let chair = self.clone();
        let asking = thread::Builder::new()
            .name("stack-outcome".to_owned())
            .spawn(move || {
                // Nobody may be left to hear it.
                reply.send(chair.ask_blocking(question)).ok();
            });
        Box::pin(async move {
            match asking {
                Ok(_) => told.await.unwrap_or_else(|_| {
                    Reply::failed("internal_error", "the thread that told it has died")
                }),
                Err(error) => Reply::failed("internal_error", error),
            }
        })
    }
}
