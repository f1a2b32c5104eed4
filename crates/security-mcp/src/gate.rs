//! The gate: two pumps around one state machine, over any pair of byte streams.

mod pending;
mod writer;

use std::io;
use std::pin::pin;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use self::pending::{Calls, Endings, Judgement};
use self::writer::Writer;
use crate::judge::Judge;
use crate::session::{Delivery, FromClient, Judged, Session};
use crate::wire::{Line, LineReader, RequestId};

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
    /// When the client closes, the server's stream is closed after what was still to be forwarded, and answers pass for
    /// [`Limits::grace`]. When the server closes, requests in flight are answered with an error. Either way calls that
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
        };
        let mut client = pin!(pumps.pump_client(LineReader::new(client_in, self.limits.max_line)));
        let mut server = pin!(pumps.pump_server(LineReader::new(server_in, self.limits.max_line)));
        let ended = tokio::select! {
            biased;
            ended = &mut server => ended?,
            ended = &mut client => {
                ended?;
                return match timeout(self.limits.grace, server).await {
                    Ok(ended) => ended.map(|_| End::ClientFirst),
                    Err(_) => Ok(End::ServerOverdue),
                };
            }
        };
        if ended == Ended::Client {
            return Ok(End::ClientFirst);
        }
        for line in pumps.session.server_gone()? {
            if !pumps.to_client(&line).await? {
                break;
            }
        }
        Ok(End::ServerFirst)
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
}

impl<'g, CW: AsyncWrite + Unpin, SW: AsyncWrite + Unpin> Pumps<'g, CW, SW> {
    /// Pumps until the client has closed, in either direction, and all that it sent is forwarded.
    async fn pump_client<R: AsyncRead + Unpin>(
        &self,
        mut lines: LineReader<R>,
    ) -> Result<Ended, GateError> {
        let mut calls = Calls::default();
        let mut open = true;
        while open || !calls.is_empty() {
            let heard = tokio::select! {
                biased;
                call = calls.next() => self.carry_out(call).await?,
                line = lines.next(), if open && !calls.is_full() => {
                    match line.map_err(GateError::Client)? {
                        Line::Whole => self.client_line(&mut lines, &mut calls).await?,
                        Line::TooLong => {
                            let reply = self.session.overlong_client_line(lines.line());
                            self.to_client(&reply).await?
                        }
                        Line::End => {
                            open = false;
                            true
                        }
                    }
                }
            };
            if !heard {
                break;
            }
        }
        self.to_server.close().await;
        Ok(Ended::Client)
    }

    /// Handles one line. `false`: the client does not listen any more.
    async fn client_line<R: AsyncRead + Unpin>(
        &self,
        lines: &mut LineReader<R>,
        calls: &mut Calls<'g>,
    ) -> Result<bool, GateError> {
        match self.session.client_line(lines.line())? {
            FromClient::Nothing => Ok(true),
            FromClient::Reply(reply) => self.to_client(&reply).await,
            FromClient::Forward(id) => self.to_server(lines.line(), id.as_ref()).await,
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
            Judged::Forward => self.to_server(&call.line, Some(&call.id)).await,
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
                Delivery::Reply(line) => self.to_server(&line, None).await?,
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

    /// A server that takes no more input may still have answers to give: only the request `id` is answered for it.
    async fn to_server(&self, line: &[u8], id: Option<&RequestId>) -> Result<bool, GateError> {
        if self.to_server.send(line).await.is_ok() {
            return Ok(true);
        }
        match id {
            None => Ok(true),
            Some(id) => match self.session.undelivered(id)? {
                None => Ok(true),
                Some(reply) => self.to_client(&reply).await,
            },
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
