//! The gate: two pumps around one state machine, over any pair of byte streams.

mod outbox;
mod pending;
mod writer;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::sleep;

use self::outbox::Outbox;
use self::pending::{Calls, Endings, Judgement};
use self::writer::Writer;
use crate::judge::Judge;
use crate::session::{Delivery, FromClient, Judged, Session};
use crate::wire::{Line, LineReader};

/// A gate between MCP clients and servers that lets through what its [`Judge`] permits.
///
/// A gate keeps nothing between two sessions, so one gate can serve any number of them, at the same time too.
#[derive(Debug)]
pub struct Gate<J> {
    judge: J,
    limits: Limits,
}

/// How much a gate takes from either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest line in bytes, in each direction. 16 MiB by default.
    pub max_line: usize,
    /// Most requests of the client that may wait for an answer. 1024 by default.
    pub max_in_flight: usize,
    /// How long a server may take to finish once its client has gone, and again once it is asked to stop. 1 s by
    /// default: clients lose patience after 2 s.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_line: 16 << 20,
            max_in_flight: 1024,
            grace: Duration::from_secs(1),
        }
    }
}

/// Which side ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are the ways a session can end"
)]
pub enum Ended {
    /// The client closed its stream.
    Client,
    /// The server closed its stream, or its process ended.
    Server,
    /// A signal told this process to stop.
    Signal,
}

/// Why a session broke off. Every call in flight has settled its hold.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GateError {
    /// Reading from or writing to the client failed.
    #[error("cannot talk to the client: {0}")]
    Client(#[source] io::Error),
    /// Reading from the server failed.
    #[error("cannot talk to the server: {0}")]
    Server(#[source] io::Error),
    /// The server's process could not be started.
    #[error(
        "cannot start the server `{program}`: {source}; check the command and that `child_env` passes PATH"
    )]
    Spawn {
        /// What was to be started.
        program: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A thread panicked while it held the session's state, so that it cannot be trusted any more.
    #[error("the session's state was left in disorder; start a new session")]
    Poisoned,
}

impl<J: Judge> Gate<J> {
    /// A gate with the default [`Limits`].
    pub fn new(judge: J) -> Self {
        Self {
            judge,
            limits: Limits::default(),
        }
    }

    /// The same gate with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The gate's limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Carries one session, until either side closes its stream.
    ///
    /// When the client closes, the server's stream is closed after what was still to be forwarded, and answers pass;
    /// both for no longer than [`Limits::grace`] in all. When the server closes, requests in flight are answered with an error. Either way calls that
    /// were not answered settle their hold. A dropped future does the same at once.
    ///
    /// # Errors
    ///
    /// [`GateError`] when a stream fails; streams that are merely closed end the session with `Ok`.
    pub async fn run<CR, CW, SR, SW>(
        &self,
        client: (CR, CW),
        server: (SR, SW),
    ) -> Result<Ended, GateError>
    where
        CR: AsyncRead + Unpin + Send,
        CW: AsyncWrite + Unpin + Send,
        SR: AsyncRead + Unpin + Send,
        SW: AsyncWrite + Unpin + Send,
    {
        Ok(match self.carry(client, server).await? {
            End::ClientFirst | End::ServerOverdue => Ended::Client,
            End::ServerFirst => Ended::Server,
        })
    }

    /// As [`run`](Self::run), and tells whether the server has used up its grace.
    pub(crate) async fn carry<CR, CW, SR, SW>(
        &self,
        (client_in, client_out): (CR, CW),
        (server_in, server_out): (SR, SW),
    ) -> Result<End, GateError>
    where
        CR: AsyncRead + Unpin + Send,
        CW: AsyncWrite + Unpin + Send,
        SR: AsyncRead + Unpin + Send,
        SW: AsyncWrite + Unpin + Send,
    {
        let pumps = Pumps {
            judge: &self.judge,
            session: Session::new(&self.judge, self.limits.max_line, self.limits.max_in_flight),
            to_client: Writer::new(client_out),
            to_server: Writer::new(server_out),
            outbox: Outbox::default(),
            client_gone: Notify::new(),
            patience: self.limits.grace,
        };
        let client = pin!(pumps.pump_client(LineReader::new(client_in, self.limits.max_line)));
        let server = pin!(pumps.pump_server(LineReader::new(server_in, self.limits.max_line)));
        tokio::select! {
            biased;
            () = pumps.overdue(self.limits.grace) => Ok(End::ServerOverdue),
            end = pumps.both(client, server) => end,
        }
    }
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    ClientFirst,
    /// The client closed first, and the server let its grace pass.
    ServerOverdue,
    ServerFirst,
}

/// The two directions of one session. They run in one task: a message costs no hop between tasks.
struct Pumps<'g, CW, SW> {
    judge: &'g dyn Judge,
    session: Session<'g>,
    to_client: Writer<CW>,
    to_server: Writer<SW>,
    outbox: Outbox,
    /// Told at the end of the client's input, whatever is still to be forwarded.
    client_gone: Notify,
    /// How long a server may take nothing while the client waits for room.
    patience: Duration,
}

impl<'g, CW: AsyncWrite + Unpin, SW: AsyncWrite + Unpin> Pumps<'g, CW, SW> {
    /// Ends when the client has been gone for as long as `grace`.
    async fn overdue(&self, grace: Duration) {
        self.client_gone.notified().await;
        sleep(grace).await;
    }

    /// Runs both pumps until the session is over.
    ///
    /// The client is asked first, for a server that floods would leave it no turn; where both end at once, the server
    /// has ended.
    async fn both(
        &self,
        mut client: Pin<&mut (impl Future<Output = Result<(), GateError>> + Send)>,
        mut server: Pin<&mut (impl Future<Output = Result<Ended, GateError>> + Send)>,
    ) -> Result<End, GateError> {
        let ended = poll_fn(|cx| {
            let client = client.as_mut().poll(cx);
            match server.as_mut().poll(cx) {
                Poll::Ready(ended) => Poll::Ready(ended.map(Some)),
                Poll::Pending => client.map_ok(|()| None),
            }
        })
        .await?;
        match ended {
            Some(Ended::Server) => {}
            Some(_) => return Ok(End::ClientFirst),
            None => return server.await.map(|_| End::ClientFirst),
        }
        for line in self.session.server_gone()? {
            if !self.to_client(&line).await? {
                break;
            }
        }
        Ok(End::ServerFirst)
    }

    /// Pumps until the client has closed, in either direction, and all that it sent is forwarded.
    async fn pump_client<R: AsyncRead + Unpin>(
        &self,
        lines: LineReader<R>,
    ) -> Result<(), GateError> {
        let mut feeding = pin!(self.feed_server());
        tokio::select! {
            biased;
            read = self.read_client(lines) => {
                read?;
                self.client_gone.notify_one();
                self.outbox.close()?;
                feeding.await
            }
            fed = &mut feeding => {
                self.client_gone.notify_one();
                fed
            }
        }
    }

    /// Reads until the client has closed, in either direction, and every call is judged.
    async fn read_client<R: AsyncRead + Unpin>(
        &self,
        mut lines: LineReader<R>,
    ) -> Result<(), GateError> {
        let mut calls = Calls::default();
        let mut open = true;
        while open || !calls.is_empty() {
            let heard = tokio::select! {
                biased;
                call = calls.next() => self.carry_out(call).await?,
                line = self.next_line(&mut lines), if open && !calls.is_full() => match line? {
                    Line::Whole => self.client_line(&mut lines, &mut calls).await?,
                    Line::TooLong => {
                        let reply = self.session.overlong_client_line(lines.line());
                        self.to_client(&reply).await?
                    }
                    Line::End => {
                        open = false;
                        calls.hold_no_more();
                        self.client_gone.notify_one();
                        true
                    }
                },
            };
            if !heard {
                break;
            }
        }
        Ok(())
    }

    /// Reads a line once there is room for it, or once a server that takes nothing leaves no hope of room. Cancel safe.
    async fn next_line<R: AsyncRead + Unpin>(
        &self,
        lines: &mut LineReader<R>,
    ) -> Result<Line, GateError> {
        let progress = || self.to_server.progress();
        self.outbox.room(self.patience, progress).await?;
        lines.next().await.map_err(GateError::Client)
    }

    /// Writes what waits for the server, until no more will come or the client does not listen any more.
    ///
    /// A server that takes no more input may still have answers to give: only what it did not take is answered for it.
    async fn feed_server(&self) -> Result<(), GateError> {
        while let Some(outgoing) = self.outbox.next().await? {
            let sent = self.to_server.send(&outgoing.line).await;
            self.outbox.done(&outgoing)?;
            if sent.is_err() {
                // What a server has said before it went is heard first: one turn to learn of it, one to read it.
                yield_now().await;
                yield_now().await;
            }
            if sent.is_err()
                && let Some(id) = &outgoing.id
                && let Some(reply) = self.session.undelivered(id)?
                && !self.to_client(&reply).await?
            {
                break;
            }
        }
        self.to_server.close().await;
        Ok(())
    }

    /// Handles one line. `false`: the client does not listen any more.
    async fn client_line<R: AsyncRead + Unpin>(
        &self,
        lines: &mut LineReader<R>,
        calls: &mut Calls<'g>,
    ) -> Result<bool, GateError> {
        if self.outbox.is_stalled()? {
            return match self.session.unforwardable(lines.line()) {
                None => Ok(true),
                Some(reply) => self.to_client(&reply).await,
            };
        }
        match self.session.client_line(lines.line())? {
            FromClient::Nothing => Ok(true),
            FromClient::Reply(reply) => self.to_client(&reply).await,
            FromClient::Forward(id) => {
                self.outbox.push(lines.take_line(), id)?;
                Ok(true)
            }
            FromClient::Withdraw(id) => {
                calls.withdraw(&id);
                self.outbox.push(lines.take_line(), None)?;
                Ok(true)
            }
            FromClient::Judge(id, call) => {
                let name = call.name.clone();
                calls.push(id, name, lines.take_line(), self.judge.call(call));
                Ok(true)
            }
        }
    }

    /// Acts on what the judge has said to a call. `false`: the client does not listen any more.
    async fn carry_out(&self, call: Judgement) -> Result<bool, GateError> {
        match self.session.judged(&call.id, &call.name, call.verdict)? {
            Judged::Forward => {
                self.outbox.push(call.line, Some(call.id))?;
                Ok(true)
            }
            Judged::Reply(reply) => self.to_client(&reply).await,
            Judged::Withdrawn(ticket) => {
                if let Some(ticket) = ticket {
                    ticket.cancel().await;
                }
                Ok(true)
            }
        }
    }

    /// Pumps until the server has closed, or the client does not listen any more.
    async fn pump_server<R: AsyncRead + Unpin>(
        &self,
        mut lines: LineReader<R>,
    ) -> Result<Ended, GateError> {
        let mut endings = Endings::default();
        loop {
            let line = tokio::select! {
                biased;
                () = endings.progress() => continue,
                line = lines.next(), if !endings.is_full() => line.map_err(GateError::Server)?,
            };
            let step = match line {
                Line::Whole => self.session.server_line(lines.line())?,
                Line::TooLong => self.session.overlong_server_line(lines.line())?,
                Line::End => break,
            };
            // Before the client hears of it: its next call finds the money spent.
            if let Some(ending) = step.ending {
                endings.push(ending.tell()).await;
            }
            let heard = match step.delivery {
                Delivery::Nothing => true,
                Delivery::Forward => self.to_client(lines.line()).await?,
                Delivery::Instead(line) => self.to_client(&line).await?,
                Delivery::Reply(line) => {
                    if !self.outbox.push_reply(line)? {
                        self.session.reply_lost();
                    }
                    true
                }
            };
            if !heard {
                endings.finish().await;
                return Ok(Ended::Client);
            }
        }
        endings.finish().await;
        Ok(Ended::Server)
    }

    /// `false`: the client does not listen any more.
    async fn to_client(&self, line: &[u8]) -> Result<bool, GateError> {
        match self.to_client.send(line).await {
            Ok(()) => Ok(true),
            Err(error) if is_closed(&error) => Ok(false),
            Err(error) => Err(GateError::Client(error)),
        }
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
    )
}
