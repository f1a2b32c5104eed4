//! Serving one client with a server in a process of its own.

mod streams;

use std::future::{Future, pending};
use std::io;
use std::pin::pin;
use std::process::ExitStatus;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::child::ServerCommand;
use crate::gate::{End, Ended, Gate, GateError};
use crate::judge::Judge;

/// How a session with a server's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// Who ended it.
    pub ended: Ended,
    /// How the server's process ended.
    pub status: ExitStatus,
}

impl<J: Judge> Gate<J> {
    /// Starts a server and stands between it and the client at this process's standard input and output.
    ///
    /// As [`serve`](Self::serve); besides, SIGTERM, SIGINT and SIGHUP end the session. Nothing but protocol is written
    /// to standard output.
    ///
    /// Where standard input is no pipe, a thread of the runtime may stay blocked in reading it: shut the runtime down
    /// with `shutdown_background`.
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    pub async fn serve_stdio(&self, command: ServerCommand) -> Result<Served, GateError> {
        let client = (streams::input(), streams::output());
        self.serve_until(client, command, stop_signal()).await
    }

    /// Starts a server and stands between it and a client, until either has gone.
    ///
    /// The server, and whatever it started that stays in its process group, ends with this call: its standard input is
    /// closed, after [`Limits::grace`](crate::Limits::grace) it is asked to stop, after as long again it is killed. A
    /// dropped future kills it at once. If this process is killed outright, the server is left with a closed standard
    /// input, at which MCP servers stop.
    ///
    /// Needs a Tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// [`GateError::Spawn`] when the server cannot be started, else as [`run`](Self::run). The server is killed.
    pub async fn serve<R, W>(
        &self,
        client: (R, W),
        command: ServerCommand,
    ) -> Result<Served, GateError>
    where
        R: AsyncRead + Unpin + Send,
        W: AsyncWrite + Unpin + Send,
    {
        self.serve_until(client, command, pending()).await
    }

    async fn serve_until<R, W>(
        &self,
        client: (R, W),
        command: ServerCommand,
        stop: impl Future<Output = io::Result<()>> + Send,
    ) -> Result<Served, GateError>
    where
        R: AsyncRead + Unpin + Send,
        W: AsyncWrite + Unpin + Send,
    {
        let (mut server, server_in, server_out) = command.spawn()?;
        let grace = self.limits().grace;
        let (ended, overdue) = {
            let mut session = pin!(self.carry(client, (server_in, server_out)));
            let end = tokio::select! {
                end = &mut session => Some(end?),
                _ = server.exited() => {
                    // What it has written is still to be read; what it has started must not keep the stream open.
                    server.kill_group();
                    let end = timeout(grace, session).await;
                    Some(end.unwrap_or(Ok(End::ServerFirst))?)
                }
                stopped = stop => {
                    stopped.map_err(GateError::Client)?;
                    None
                }
            };
            match end {
                Some(End::ClientFirst) => (Ended::Client, false),
                Some(End::ServerOverdue) => (Ended::Client, true),
                Some(End::ServerFirst) => (Ended::Server, false),
                None => (Ended::Signal, true),
            }
        };
        let status = server
            .end(overdue, grace)
            .await
            .map_err(GateError::Server)?;
        Ok(Served { ended, status })
    }
}

/// Waits for a signal that tells this process to stop.
#[cfg(unix)]
async fn stop_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn stop_signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
