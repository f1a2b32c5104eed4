//! This process's place, as its guards see it: they ask, and it knows whom.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use arc_swap::ArcSwap;
use audit_trail::{AuditError, AuditLog};
use serde_json::value::RawValue;
use tokio::sync::watch;
use uuid::Uuid;

use super::desk::Desk;
use super::patience::{Asked, Patience};
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
    patience: Patience,
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
            patience: Patience::default(),
        })))
    }

    pub(super) fn patience(&self) -> &Patience {
        &self.0.patience
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
                    let heard = match request {
                        Ok(request) => self.heard(&client, request, &question).await,
                        Err(refusal) => Heard::Answer(Err(refusal.into())),
                    };
                    match heard {
                        Heard::Answer(Ok(reply)) => {
                            return decode(&reply).unwrap_or_else(|refusal| {
                                Reply::failed(&refusal.code, &refusal.message)
                            });
                        }
                        Heard::Answer(Err(CallError::Gone(_))) => again = true,
                        Heard::Answer(Err(CallError::Refused(refusal))) => {
                            return Reply::failed(&refusal.code, &refusal.message);
                        }
                        Heard::Answer(Err(error)) => return Reply::failed("not_asked", error),
                        Heard::Nothing(asked) => {
                            if asked == Asked::Already {
                                self.give_up(question);
                            }
                            return self.silence();
                        }
                    }
                }
            }
            if seen.changed().await.is_err() {
                return Reply::failed("no_owner", "this process has left the data directory");
            }
        }
    }
}

/// What came of a question to the owner.
enum Heard {
    Answer(Result<Box<RawValue>, CallError>),
    /// Nothing, for as long as this process waits.
    Nothing(Asked),
}

impl Chair {
    /// The owner's answer, if it comes in time. How a call ended is told for as long as it takes: whoever waits for that has a limit
    /// of their own.
    async fn heard(&self, client: &Client, request: Box<RawValue>, question: &Question) -> Heard {
        if matches!(question, Question::End { .. }) {
            return Heard::Answer(client.call(request).await);
        }
        let patience = &self.0.patience;
        let mut over = pin!(self.over());
        tokio::select! {
            biased;
            () = patience.nothing_given_up() => {}
            () = &mut over => return Heard::Nothing(Asked::NotYet),
        }
        let mut call = pin!(client.call(request));
        loop {
            tokio::select! {
                biased;
                answer = &mut call => return Heard::Answer(answer),
                () = &mut over => {}
            }
            // Operators may take their time, as long as the owner is there to hear them.
            let waits = matches!(question, Question::Authorize { waits: true, .. });
            if !waits || !self.is_awake(client).await {
                return Heard::Nothing(Asked::Already);
            }
            over.set(self.over());
        }
    }

    /// Whether the owner still answers, and its log still takes what it is given.
    async fn is_awake(&self, client: &Client) -> bool {
        let question = Question::Awake {};
        let Ok(request) = encode(&Request::Ask {
            question,
            again: false,
        }) else {
            return false;
        };
        tokio::select! {
            biased;
            // Also where it is gone: then the call hears of that.
            _ = client.call(request) => true,
            () = self.over() => false,
        }
    }

    /// Done when a call has waited as long as it may, or when this process has left the directory.
    async fn over(&self) {
        let mut engine = self.0.engine.subscribe();
        let nobody = async {
            let nobody = |engine: &Engine| matches!(engine, Engine::Nobody(_));
            drop(engine.wait_for(nobody).await);
        };
        tokio::select! {
            () = self.0.patience.over() => {}
            () = nobody => {}
        }
    }

    fn silence(&self) -> Reply {
        match self.engine() {
            Engine::Nobody(why) => Reply::failed("no_owner", why),
            _ => Reply::failed(
                "owner_silent",
                "the owner of the data directory does not answer; look whether its process is stopped or its disk hangs",
            ),
        }
    }

    /// Has the owner end a call that was given up, which it may have begun: nothing ran. Until it says so nothing else is begun there.
    fn give_up(&self, question: Question) {
        let Question::Authorize { record, action, .. } = question else {
            return;
        };
        let question = Question::end_of_nothing(record, action);
        let given_up = self.0.patience.give_up();
        let chair = self.clone();
        drop(Telling::begin(async move {
            let reply = chair.asked(question).await;
            drop(given_up);
            reply
        }));
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
        let mut telling = Telling::begin(self.clone().asked(question));
        let chair = self.clone();
        Box::pin(async move {
            tokio::select! {
                biased;
                reply = telling.answer() => reply,
                // It goes on being told.
                () = chair.over() => chair.silence(),
            }
        })
    }
}

/// Something that must be told, whether or not somebody waits for the answer.
///
/// Whoever waits does the work itself, for a new thread may be kept waiting by a busy system for longer than all the rest takes;
/// there is one only where nobody waits any more.
struct Telling {
    told: Option<Pin<Box<dyn Future<Output = Reply> + Send>>>,
    /// Where it was there at once.
    reply: Option<Reply>,
}

impl Telling {
    /// It is under way once this returns.
    fn begin(told: impl Future<Output = Reply> + Send + 'static) -> Self {
        let mut told: Pin<Box<dyn Future<Output = Reply> + Send>> = Box::pin(told);
        let mut context = Context::from_waker(Waker::noop());
        match told.as_mut().poll(&mut context) {
            Poll::Ready(reply) => Self {
                told: None,
                reply: Some(reply),
            },
            Poll::Pending => Self {
                told: Some(told),
                reply: None,
            },
        }
    }

    async fn answer(&mut self) -> Reply {
        if let Some(told) = &mut self.told {
            self.reply = Some(told.await);
            self.told = None;
        }
        let again = || Reply::failed("internal_error", "it was answered before");
        self.reply.take().unwrap_or_else(again)
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        let Some(told) = self.told.take() else {
            return;
        };
        let thread = thread::Builder::new().name("stack-outcome".to_owned());
        // Without a thread the hold settles when its time is up.
        drop(thread.spawn(move || drop(blocking::wait_for(told))));
    }
}
