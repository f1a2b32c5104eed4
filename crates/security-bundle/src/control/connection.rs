//! One process that has reached the owner: its greeting, then its requests, many at once and answered in any order.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::net::UnixStream;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::timeout;

use super::Service;
use super::frame::{AppendError, MAX_BODY};
use super::message::{
    FromClient, FromServer, Greeting, Hello, MAX_GREETING, Refusal, VERSION, decode,
};
use super::peer::Peer;
use super::server::Limits;
use super::wire::{Closed, Wire};

/// What became of a request.
type Answer = Result<Box<RawValue>, Refusal>;

/// Serves a peer that may be here until it goes or breaks the rules.
pub(super) async fn serve<S: Service>(
    stream: UnixStream,
    peer: Peer,
    service: Arc<S>,
    limits: Limits,
) {
    let mut wire = Wire::new(stream, MAX_GREETING, limits.patience);
    let greeted = timeout(limits.greeting, greet(&mut wire, peer, &*service));
    let Ok(Ok(Some(seat))) = greeted.await else {
        return;
    };
    wire.allow(MAX_BODY);
    let mut connection = Connection {
        wire,
        service,
        seat: Arc::new(seat),
        running: JoinSet::new(),
        by_id: HashMap::new(),
        by_task: HashMap::new(),
        limits,
    };
    // Whichever way it ends, the process is gone for us: what it asked for is dropped, and its seat is.
    connection.run().await.ok();
}

/// Lets the process in, or tells it why not.
async fn greet<S: Service>(
    wire: &mut Wire,
    peer: Peer,
    service: &S,
) -> Result<Option<S::Seat>, Closed> {
    let greeting: Greeting = wire.next().await?;
    let (answer, seat) = match received(&greeting).and_then(|hello| service.join(hello, peer)) {
        Ok(seat) => (FromServer::Welcome {}, Some(seat)),
        Err(refusal) => (FromServer::TurnedAway { refusal }, None),
    };
    if wire.push(&answer).is_err() {
        return Ok(None);
    }
    wire.flush().await?;
    Ok(seat)
}

fn received(greeting: &Greeting) -> Result<Hello, Refusal> {
    if greeting.version != VERSION {
        return Err(Refusal::new(
            "control_version",
            format!(
                "version {VERSION} of the control socket is spoken here, not {}: run both sides from the same release",
                greeting.version
            ),
        ));
    }
    decode(&greeting.hello)
}

struct Connection<S: Service> {
    wire: Wire,
    service: Arc<S>,
    seat: Arc<S::Seat>,
    /// What is being answered. A cancelled request stays until it has really stopped, and is answered then, so that each is answered once.
    running: JoinSet<Answer>,
    by_id: HashMap<u64, AbortHandle>,
    by_task: HashMap<Id, u64>,
    limits: Limits,
}

impl<S: Service> Connection<S> {
    async fn run(&mut self) -> Result<(), Closed> {
        loop {
            if !self.wire.has_room() {
                // Whoever does not read its answers asks for nothing more.
                self.wire.make_room().await?;
            }
            tokio::select! {
                message = self.wire.next() => {
                    if !self.obey(message?) {
                        return Ok(());
                    }
                }
                Some(ended) = self.running.join_next_with_id() => self.ended(ended),
            }
        }
    }

    /// `false`: the caller breaks the rules.
    fn obey(&mut self, message: FromClient) -> bool {
        match message {
            FromClient::Ask { id, .. } if self.by_id.contains_key(&id) => return false,
            FromClient::Ask { id, .. } if self.by_id.len() >= self.limits.in_flight => {
                let most = self.limits.in_flight;
                let message = format!(
                    "{most} requests wait for an answer already: try again once one has come"
                );
                self.answer(id, Err(Refusal::new("control_busy", message)));
            }
            FromClient::Ask { id, request } => self.begin(id, request),
            FromClient::Cancel { id } => {
                // One that is not there was answered while its cancellation was on the way.
                if let Some(running) = self.by_id.get(&id) {
                    running.abort();
                }
            }
        }
        true
    }

    fn begin(&mut self, id: u64, request: Box<RawValue>) {
        let (service, seat) = (Arc::clone(&self.service), Arc::clone(&self.seat));
        let task = self
            .running
            .spawn(async move { service.handle(&seat, request).await });
        self.by_task.insert(task.id(), id);
        self.by_id.insert(id, task);
    }

    fn ended(&mut self, ended: Result<(Id, Answer), JoinError>) {
        let (task, answer) = match ended {
            Ok(ended) => ended,
            Err(stopped) => (stopped.id(), Err(why(&stopped))),
        };
        if let Some(id) = self.by_task.remove(&task) {
            self.by_id.remove(&id);
            self.answer(id, answer);
        }
    }

    fn answer(&mut self, id: u64, answer: Answer) {
        let answer = match answer {
            Ok(answer) => FromServer::Answer { id, answer },
            Err(refusal) => FromServer::Refused { id, refusal },
        };
        if let Err(error) = self.wire.push(&answer) {
            let refusal = too_large(&error);
            // A message of a few words always fits.
            self.wire.push(&FromServer::Refused { id, refusal }).ok();
        }
    }
}

fn too_large(error: &AppendError) -> Refusal {
    let message = format!("the answer cannot be sent: {error}; ask for less at once");
    Refusal::new("control_answer_too_large", message)
}

fn why(stopped: &JoinError) -> Refusal {
    if stopped.is_cancelled() {
        Refusal::new("control_cancelled", "the request was cancelled")
    } else {
        let message =
            "the request has failed inside of the stack, and nothing is known of what it did";
        Refusal::new("control_failed", message)
    }
}
