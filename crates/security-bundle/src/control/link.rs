//! The thread of a connection to an owner: finds it, joins it, and carries requests and answers until one side goes.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, mpsc as threads};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::net::UnixStream;
use tokio::runtime::Builder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

use super::client::{CallError, ConnectError, Gone};
use super::frame::MAX_BODY;
use super::message::{FromClient, FromServer, Greeting, Hello, VERSION, encode};
use super::peer::Peer;
use super::socket::{Address, owner};
use super::wire::{Closed, Wire};

/// How long an owner may leave everything unread.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of a request.
type Answer = Result<Box<RawValue>, CallError>;

/// What calls want of the connection.
#[derive(Debug)]
pub(super) enum Command {
    Ask {
        id: u64,
        request: Box<RawValue>,
        reply: oneshot::Sender<Answer>,
        /// Free again once there is an answer.
        slot: OwnedSemaphorePermit,
    },
    Cancel {
        id: u64,
    },
}

/// The connection's ends of what it shares with its calls.
pub(super) struct Ends {
    pub(super) asked: mpsc::UnboundedReceiver<Command>,
    pub(super) closing: watch::Sender<bool>,
    pub(super) slots: Arc<Semaphore>,
}

/// Joins the owner at `path`, waiting for it as long as `patience`, and starts to carry.
pub(super) fn start(
    path: &Path,
    hello: &Hello,
    patience: Duration,
    ends: Ends,
) -> Result<(), ConnectError> {
    let Some(owner) = owner(path)? else {
        return Err(ConnectError::NoOwner { path: path.into() });
    };
    let address = Address::of(path)?;
    let greeting = Greeting {
        version: VERSION,
        hello: encode(hello).map_err(ConnectError::Refused)?,
    };
    let (joined, join) = threads::sync_channel(1);
    let place = path.to_owned();
    std::thread::Builder::new()
        .name("secstack-joined".into())
        .spawn(move || {
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(joined.send(Err(ConnectError::Thread(error)))),
            };
            runtime.block_on(async move {
                let reaching = reach(&place, &address, owner, &greeting);
                let silent = || {
                    Err(ConnectError::Silent {
                        path: place.clone(),
                    })
                };
                match timeout(patience, reaching)
                    .await
                    .unwrap_or_else(|_| silent())
                {
                    Ok(wire) => {
                        drop(address);
                        drop(joined.send(Ok(())));
                        Link::new(wire, ends).run().await;
                    }
                    Err(error) => drop(joined.send(Err(error))),
                }
            });
        })
        .map_err(ConnectError::Thread)?;
    let died = || Err(ConnectError::Thread(io::Error::other("it has died")));
    join.recv().unwrap_or_else(|_| died())
}

/// Connects, looks at who answers, and is let in.
async fn reach(
    path: &Path,
    address: &Address,
    owner: u32,
    greeting: &Greeting,
) -> Result<Wire, ConnectError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ConnectError::NoOwner { path: path.into() }
        }
        _ => ConnectError::Io {
            path: path.into(),
            source,
        },
    };
    let unintelligible = |why: String| ConnectError::Unintelligible {
        path: path.into(),
        why,
    };
    let closed = |closed: Closed| match closed {
        Closed::Io(error) => failed(error),
        closed => unintelligible(closed.to_string()),
    };
    let stream = UnixStream::connect(&address.short).await.map_err(failed)?;
    let listening = stream.peer_cred().map(Peer::from).map_err(failed)?.uid;
    if listening != owner {
        return Err(ConnectError::Impostor {
            path: path.into(),
            listening,
            owner,
        });
    }
    let mut wire = Wire::new(stream, MAX_BODY, PATIENCE);
    wire.push(greeting)
        .map_err(|error| unintelligible(error.to_string()))?;
    match wire.next().await.map_err(closed)? {
        FromServer::Welcome {} => Ok(wire),
        FromServer::TurnedAway { refusal } => Err(ConnectError::Refused(refusal)),
        FromServer::Answer { .. } | FromServer::Refused { .. } => {
            Err(unintelligible("it answers what was not asked".into()))
        }
    }
}

struct Link {
    wire: Wire,
    ends: Ends,
    in_flight: HashMap<u64, InFlight>,
}

/// A request that waits for its answer, be it that nobody else does.
struct InFlight {
    reply: oneshot::Sender<Answer>,
    /// How many bytes the owner has been sent once all of it is.
    sent_at: u64,
    _slot: OwnedSemaphorePermit,
}

impl Link {
    fn new(wire: Wire, ends: Ends) -> Self {
        Self {
            wire,
            ends,
            in_flight: HashMap::new(),
        }
    }

    async fn run(mut self) {
        // Answers are read whatever waits to be written: an owner that is not read from would not read either. There are only so many
        // calls as there are slots.
        loop {
            let goes_on = tokio::select! {
                message = self.wire.next() => message.is_ok_and(|message| self.answered(message)),
                command = self.ends.asked.recv() => match command {
                    Some(command) => self.obey(command),
                    None => false,
                },
            };
            if !goes_on {
                return self.gone();
            }
        }
    }

    fn obey(&mut self, command: Command) -> bool {
        match command {
            // Given up before it was sent.
            Command::Ask { reply, .. } if reply.is_closed() => {}
            Command::Ask {
                id,
                request,
                reply,
                slot,
            } => match self.wire.push(&FromClient::Ask { id, request }) {
                Ok(sent_at) => {
                    let waiting = InFlight {
                        reply,
                        sent_at,
                        _slot: slot,
                    };
                    self.in_flight.insert(id, waiting);
                }
                Err(_) => drop(reply.send(Err(Gone::Unsent.into()))),
            },
            Command::Cancel { id } => {
                if self.in_flight.contains_key(&id) {
                    return self.wire.push(&FromClient::Cancel { id }).is_ok();
                }
            }
        }
        true
    }

    /// `false`: the owner says what makes no sense.
    fn answered(&mut self, message: FromServer) -> bool {
        let (id, answer) = match message {
            FromServer::Answer { id, answer } => (id, Ok(answer)),
            FromServer::Refused { id, refusal } => (id, Err(refusal.into())),
            FromServer::Welcome {} | FromServer::TurnedAway { .. } => return false,
        };
        let Some(waiting) = self.in_flight.remove(&id) else {
            return false;
        };
        // Where nobody waits any more, it was cancelled.
        waiting.reply.send(answer).ok();
        true
    }

    /// Nothing more is sent or comes: says so to everybody, and to each what can have arrived of its request.
    fn gone(mut self) {
        self.ends.slots.close();
        self.ends.asked.close();
        self.ends.closing.send_replace(true);
        let written = self.wire.written();
        for (_, waiting) in self.in_flight.drain() {
            let gone = if waiting.sent_at <= written {
                Gone::Unanswered
            } else {
                Gone::Unsent
            };
            waiting.reply.send(Err(gone.into())).ok();
        }
        while let Ok(command) = self.ends.asked.try_recv() {
            if let Command::Ask { reply, .. } = command {
                reply.send(Err(Gone::Unsent.into())).ok();
            }
        }
    }
}
