//! The server's process: a scrubbed environment, a process group of its own, and no life after its gate.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::gate::GateError;

/// How to start a server.
///
/// Its environment is empty but for what [`inherit`](Self::inherit) and [`env`](Self::env) name, and its standard error
/// is this process's. A program without a path is looked up in the `PATH` that it is given.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is served"]
pub struct ServerCommand {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

impl ServerCommand {
    /// A command with an empty environment.
    pub fn new<I>(program: impl Into<OsString>, args: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
        }
    }

    /// Passes on variables of this process's environment, as far as they are set: `child_env` of the configuration.
    pub fn inherit<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        for name in names {
            if let Some(value) = std::env::var_os(&name) {
                self = self.env(name.as_ref(), value);
            }
        }
        self
    }

    /// Sets one variable.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Starts the process.
    pub(crate) fn spawn(self) -> Result<(Server, ChildStdout, ChildStdin), GateError> {
        let failed = |source| GateError::Spawn {
            program: self.program.to_string_lossy().into_owned(),
            source,
        };
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        let streams = child.stdout.take().zip(child.stdin.take());
        let group = Group::of(&child);
        let (stdout, stdin) = streams.ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        Ok((Server { child, group }, stdout, stdin))
    }
}

/// A running server. Dropped, it is killed with all that it started and that stayed in its process group.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    group: Group,
}

impl Server {
    /// Waits until the process has ended by itself. Cancel safe.
    pub(crate) async fn exited(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Ends what is left in the process group, so that nothing holds the server's streams open.
    pub(crate) fn kill_group(&self) {
        self.group.kill();
    }

    /// Ends the process, whose standard input is closed already: waits (unless that has been done), asks, insists.
    pub(crate) async fn end(mut self, overdue: bool, grace: Duration) -> io::Result<ExitStatus> {
        let patience = if overdue { Duration::ZERO } else { grace };
        if let Ok(status) = timeout(patience, self.child.wait()).await {
            return status;
        }
        self.group.terminate();
        if let Ok(status) = timeout(grace, self.child.wait()).await {
            return status;
        }
        self.group.kill();
        self.child.kill().await?;
        self.child.wait().await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.group.kill();
    }
}

/// The process group that a server leads.
#[derive(Debug)]
struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

#[cfg(unix)]
impl Group {
    fn of(child: &Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        Self {
            leader: leader.and_then(rustix::process::Pid::from_raw),
        }
    }

    fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    fn kill(&self) {
        self.signal(rustix::process::Signal::KILL);
    }

    /// The number of a group stays taken while a member lives; where none does there is nobody to signal.
    fn signal(&self, signal: rustix::process::Signal) {
        if let Some(leader) = self.leader {
            rustix::process::kill_process_group(leader, signal).ok();
        }
    }
}

#[cfg(not(unix))]
impl Group {
    fn of(_: &Child) -> Self {
        Self {}
    }

    fn terminate(&self) {}

    fn kill(&self) {}
}
