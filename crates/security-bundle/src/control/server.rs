//! The owner's side: a thread that listens at the socket and serves each process that may reach it.

use std::io;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::connection::serve;
use super::message::{FromServer, Refusal};
use super::peer::{Peer, own_uid};
use super::socket::{SocketError, SocketFile};
use super::{Service, frame};

/// How long to wait when the system has no room for one more connection.
const PAUSE: Duration = Duration::from_millis(50);

/// How much one owner bears.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Processes at a time.
    pub(super) connections: usize,
    /// Requests of each that wait for an answer.
    pub(super) in_flight: usize,
    /// How long a process may take for its greeting.
    pub(super) greeting: Duration,
    /// How long it may leave everything unread.
    pub(super) patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            in_flight: super::client::IN_FLIGHT,
            greeting: Duration::from_secs(10),
            patience: Duration::from_secs(10),
        }
    }
}

/// Why nobody can reach this owner.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error("the thread of the control socket cannot be started: {0}")]
    Thread(#[source] io::Error),
}

/// Listens until it is dropped. That ends all connections and what they wait for, and removes the socket; it waits for the request
/// that is being looked at right then.
#[derive(Debug)]
pub(crate) struct Server {
    /// Removed before anything else ends, so that nobody comes any more.
    socket: Option<SocketFile>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens at `path`, whose directory nobody else may write. Takes the place of a socket that a dead owner has left, so the caller
    /// must hold the lock of the data directory.
    ///
    /// # Errors
    /// The place is not to be trusted, or the system refuses.
    pub(crate) fn bind<S: Service>(path: &Path, service: Arc<S>) -> Result<Self, BindError> {
        Self::with_limits(path, service, Limits::default())
    }

    pub(super) fn with_limits<S: Service>(
        path: &Path,
        service: Arc<S>,
        limits: Limits,
    ) -> Result<Self, BindError> {
        let (socket, listener) = SocketFile::bind(path)?;
        let (stop, stopped) = oneshot::channel();
        let (started, start) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("secstack-control".into())
            .spawn(move || {
                let runtime = match Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => runtime,
                    Err(error) => return drop(started.send(Err(error))),
                };
                runtime.block_on(async move {
                    match UnixListener::from_std(listener) {
                        Ok(listener) => {
                            drop(started.send(Ok(())));
                            tokio::select! {
                                _ = stopped => {}
                                () = listen(listener, service, limits) => {}
                            }
                        }
                        Err(error) => drop(started.send(Err(error))),
                    }
                });
            })
            .map_err(BindError::Thread)?;
        let died = || Err(io::Error::other("it has died"));
        start
            .recv()
            .unwrap_or_else(|_| died())
            .map_err(BindError::Thread)?;
        Ok(Self {
            socket: Some(socket),
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.socket.take();
        self.stop.take();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            // It has panicked: then it has stopped as well.
            thread.join().ok();
        }
    }
}

/// Never ends by itself.
async fn listen<S: Service>(listener: UnixListener, service: Arc<S>, limits: Limits) {
    let owner = own_uid();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Whose credentials the system does not tell has none.
                    let Ok(peer) = stream.peer_cred().map(Peer::from) else {
                        continue;
                    };
                    let service = Arc::clone(&service);
                    if !peer.may_reach(owner) {
                        drop(stream);
                        connections.spawn(async move { service.stranger(peer) });
                    } else if connections.len() >= limits.connections {
                        turn_away(stream, limits.connections);
                    } else {
                        connections.spawn(serve(stream, peer, service, limits));
                    }
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Says that there is no room, without waiting for anything.
fn turn_away(stream: UnixStream, most: usize) {
    let refusal = Refusal::new(
        "control_full",
        format!("{most} processes are joined already, which is all that are served"),
    );
    let mut frame = Vec::new();
    if frame::append(&mut frame, &FromServer::TurnedAway { refusal }).is_ok()
        && let Ok(mut stream) = stream.into_std()
    {
        io::Write::write(&mut stream, &frame).ok();
    }
}
