//! The socket as processes meet it: real sockets, and real processes where one is killed or is somebody else's.

mod calls;
mod endings;
mod hostile;
mod place;
mod process;
mod raw;

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use super::server::Limits;
use super::*;

/// What the service of these tests is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    /// The same again, after so many turns of others.
    Echo {
        text: String,
        turns: u32,
    },
    /// Nothing until somebody says `Release`.
    Wait {},
    Release {},
    /// As many bytes.
    Large {
        bytes: usize,
    },
    Refuse {},
    Panic {},
}

impl Request {
    fn json(&self) -> Box<RawValue> {
        encode(self).unwrap()
    }

    fn echo(text: impl Into<String>) -> Box<RawValue> {
        let text = text.into();
        Self::Echo { text, turns: 0 }.json()
    }

    fn wait() -> Box<RawValue> {
        Self::Wait {}.json()
    }
}

/// A service that counts what is alive in it.
#[derive(Debug)]
struct Desk {
    alive: Arc<Alive>,
    released: Semaphore,
}

#[derive(Debug, Default)]
struct Alive {
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Debug, Clone, Default)]
struct Counts {
    seats: usize,
    /// Requests that wait to be released.
    waiting: usize,
    hellos: Vec<(Hello, Peer)>,
    strangers: Vec<Peer>,
}

impl Alive {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts());
        self.changed.notify_all();
    }

    /// Waits until it is so.
    fn until(&self, so: impl Fn(&Counts) -> bool) {
        let (counts, late) = self
            .changed
            .wait_timeout_while(self.counts(), Duration::from_secs(60), |counts| !so(counts))
            .unwrap();
        assert!(!late.timed_out(), "it never came to that: {counts:?}");
    }
}

#[derive(Debug)]
struct Seat(Arc<Alive>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.change(|counts| counts.seats -= 1);
    }
}

struct Held(Arc<Alive>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.change(|counts| counts.waiting -= 1);
    }
}

impl Service for Desk {
    type Seat = Seat;

    fn join(&self, hello: Hello, peer: Peer) -> Result<Seat, Refusal> {
        if hello.name == "nobody" {
            return Err(Refusal::new("not_you", "nobody is not let in"));
        }
        self.alive.change(|counts| {
            counts.seats += 1;
            counts.hellos.push((hello, peer));
        });
        Ok(Seat(Arc::clone(&self.alive)))
    }

    async fn handle(
        &self,
        _: &Arc<Seat>,
        request: Box<RawValue>,
    ) -> Result<Box<RawValue>, Refusal> {
        match decode(&request)? {
            Request::Echo { text, turns } => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                encode(&text)
            }
            Request::Wait {} => {
                self.alive.change(|counts| counts.waiting += 1);
                let held = Held(Arc::clone(&self.alive));
                self.released.acquire().await.unwrap().forget();
                drop(held);
                encode(&"released")
            }
            Request::Release {} => {
                self.released.add_permits(1);
                encode(&())
            }
            Request::Large { bytes } => encode(&"x".repeat(bytes)),
            Request::Refuse {} => Err(Refusal::new("needs_approval", "ask an operator")),
            Request::Panic {} => panic!("as it was told to"),
        }
    }

    fn stranger(&self, peer: Peer) {
        self.alive.change(|counts| counts.strangers.push(peer));
    }
}

/// A directory with an owner.
struct Owned {
    server: Option<Server>,
    alive: Arc<Alive>,
    dir: tempfile::TempDir,
}

impl Owned {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (server, alive) = serve_at(&dir.path().join("control.sock"), limits);
        Self {
            server: Some(server),
            alive,
            dir,
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("control.sock")
    }

    fn client(&self) -> Client {
        Client::connect(&self.path(), &hello("gate")).unwrap()
    }
}

fn serve_at(path: &std::path::Path, limits: Limits) -> (Server, Arc<Alive>) {
    let alive = Arc::new(Alive::default());
    let desk = Desk {
        alive: Arc::clone(&alive),
        released: Semaphore::new(0),
    };
    let server = Server::with_limits(path, Arc::new(desk), limits).unwrap();
    (server, alive)
}

fn hello(name: &str) -> Hello {
    Hello {
        role: Role::Gate,
        config: None,
        name: name.into(),
    }
}

fn text(answer: &RawValue) -> String {
    decode(answer).unwrap()
}
