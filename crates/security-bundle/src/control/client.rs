//! The side of those who have joined an owner: asks from any executor or none, and knows of each request whether it can have arrived.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::frame::MAX_BODY;
use super::link::{self, Command};
use super::message::{ENVELOPE, Hello, Refusal};
use super::socket::SocketError;
use crate::blocking::wait_for;

/// How many requests may wait for an answer; more wait for their turn.
pub(super) const IN_FLIGHT: usize = 1024;

/// How many bytes a request may have.
const MAX_REQUEST: usize = MAX_BODY.saturating_sub(ENVELOPE);

/// How long an owner may take to let somebody in.
pub(crate) const JOINING: Duration = Duration::from_secs(5);

/// Why an owner was not joined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// Nobody listens: the directory has no owner, or it is not ready yet.
    #[error("nobody listens at `{}`: no process owns the data directory", path.display())]
    NoOwner { path: PathBuf },
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Somebody else listens there than the user to whom the socket belongs.
    #[error("`{}` is answered by user {listening}, though it belongs to user {owner}", path.display())]
    Impostor {
        path: PathBuf,
        listening: u32,
        owner: u32,
    },
    /// The owner does not want this process.
    #[error("the owner of the data directory refuses: {0}")]
    Refused(#[source] Refusal),
    #[error("the owner of the data directory does not answer at `{}`", path.display())]
    Silent { path: PathBuf },
    /// It is gone again, or does not speak this language.
    #[error("what answers at `{}` is not understood: {why}", path.display())]
    Unintelligible { path: PathBuf, why: String },
    #[error("cannot reach `{}`: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the thread of the connection cannot be started: {0}")]
    Thread(#[source] io::Error),
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// The owner said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Gone(#[from] Gone),
    /// It was not sent.
    #[error("the request has {bytes} bytes, where at most {MAX_REQUEST} are allowed")]
    TooLarge { bytes: usize },
}

/// The owner is gone, or the connection to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Gone {
    /// It cannot have read the request: asking the next owner is safe.
    #[error("the owner of the data directory has gone before it was asked")]
    Unsent,
    /// It may have done what was asked.
    #[error(
        "the owner of the data directory has gone without an answer: it may have done what was asked, or not"
    )]
    Unanswered,
}

/// A connection to the owner of a data directory. Cheap to clone; it ends when all clones and their calls are gone.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    line: Arc<Line>,
}

/// What calls need of the connection.
#[derive(Debug)]
struct Line {
    /// Holds as much as there are slots: a command to ask and one to cancel for each.
    commands: mpsc::UnboundedSender<Command>,
    slots: Arc<Semaphore>,
    next_id: AtomicU64,
    closed: watch::Receiver<bool>,
}

impl Client {
    /// Joins the owner that listens at `path`, once file and listener are found to be of the user they should be. Blocks for five
    /// seconds at most.
    ///
    /// # Errors
    /// [`ConnectError::NoOwner`] where nobody listens; the others say what stands in the way.
    pub(crate) fn connect(path: &Path, hello: &Hello) -> Result<Self, ConnectError> {
        let (commands, asked) = mpsc::unbounded_channel();
        let (closing, closed) = watch::channel(false);
        let slots = Arc::new(Semaphore::new(IN_FLIGHT));
        let ends = link::Ends {
            asked,
            closing,
            slots: Arc::clone(&slots),
        };
        link::start(path, hello, JOINING, ends)?;
        let line = Line {
            commands,
            slots,
            next_id: AtomicU64::new(0),
            closed,
        };
        Ok(Self {
            line: Arc::new(line),
        })
    }

    /// Asks the owner, in any executor. Nothing is sent until the future is polled; dropping it cancels the request where the owner has
    /// it already. Waits for its turn while too many are in flight.
    ///
    /// # Errors
    /// The owner refuses, or is gone.
    pub(crate) fn call(
        &self,
        request: Box<RawValue>,
    ) -> impl Future<Output = Result<Box<RawValue>, CallError>> + Send + use<> {
        let line = Arc::clone(&self.line);
        async move { line.call(request).await }
    }

    /// The same, blocking the thread, which may be one of a runtime's.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub(crate) fn call_blocking(&self, request: Box<RawValue>) -> Result<Box<RawValue>, CallError> {
        wait_for(self.line.call(request))
    }

    /// Done once the owner is gone.
    #[cfg(test)]
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut closed = self.line.closed.clone();
        async move {
            // Who can no longer say that it is closed has gone as well.
            closed.wait_for(|closed| *closed).await.ok();
        }
    }

    /// Whether the owner is gone.
    pub(crate) fn is_closed(&self) -> bool {
        *self.line.closed.borrow() || self.line.commands.is_closed()
    }
}

impl Line {
    async fn call(&self, request: Box<RawValue>) -> Result<Box<RawValue>, CallError> {
        let bytes = request.get().len();
        if bytes > MAX_REQUEST {
            return Err(CallError::TooLarge { bytes });
        }
        let slot = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .map_err(|_| Gone::Unsent)?;
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (reply, replied) = oneshot::channel();
        let ask = Command::Ask {
            id,
            request,
            reply,
            slot,
        };
        self.commands.send(ask).map_err(|_| Gone::Unsent)?;
        let mut waiting = Waiting {
            line: self,
            id,
            over: false,
        };
        let answer = replied.await;
        waiting.over = true;
        // Lost only where the connection's thread has died, and then nothing is known.
        answer.unwrap_or(Err(Gone::Unanswered.into()))
    }
}

/// Tells the owner when nobody waits for an answer any more.
struct Waiting<'l> {
    line: &'l Line,
    id: u64,
    over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.over {
            // Where it cannot be sent, the request has ended with the connection.
            self.line
                .commands
                .send(Command::Cancel { id: self.id })
                .ok();
        }
    }
}
