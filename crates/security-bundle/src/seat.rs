//! A process's place at a data directory: it owns it, or has joined the one that does, and takes over when that one goes
//! (design: security-bundle, Durable by default where it matters).

mod chair;
mod desk;
mod operator;
mod patience;
mod service;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use self::operator::{OperatorLine, OperatorLineError};

use audit_trail::{AuditError, AuditReader, VerifierKey};
use uuid::Uuid;

use self::chair::{Chair, Engine};
use self::desk::Desk;
use self::patience::BEAT;
use self::service::Door;
use crate::config::{ConfigError, SecurityStackConfig};
use crate::control::{self, Client, ConnectError, Hello, Role, Server};
use crate::far::Far as _;
use crate::guard::Guard;
use crate::observer::{Observer, Observers};
use crate::operator::{OperatorAnswer, OperatorRefusal, OperatorRequest};
use crate::rules::{Rules, StackMark};
use crate::stack::{FOLDER, SecurityStack, StackError};

/// The socket's name in the directory's own folder.
pub(crate) const SOCKET: &str = "control.sock";
/// How often it is looked whether the owner is still there, and tried to take its place.
const LOOK: Duration = Duration::from_millis(10);
/// How long to wait before the directory is tried again by one who could not use it.
const RELUCTANCE: Duration = Duration::from_secs(1);
/// How long calls wait for the next owner before they are denied.
const PATIENCE: Duration = Duration::from_secs(10);

/// This process's place at the data directory of its configuration.
///
/// Several processes may have one each, such as a gate in front of each of several servers: one owns the directory, the others
/// join it through its control socket (mode 0600, peers checked), and all of them draw on the same budgets. When the owner goes,
/// another one takes its place; while there is none, every action is denied.
///
/// ```
/// use security_bundle::{Seat, SecurityStackConfig, Usage};
///
/// # let dir = tempfile::tempdir()?;
/// let mut config = SecurityStackConfig::from_toml_str(r#"
///     [[trust.assignments]]
///     agent = "bot"
///     level = "L4"
///     assigned_by = "ops@example.com"
///
///     [[trust.tools]]
///     tool = "read_*"
///     required_level = "L1"
///     effect = "read_public"
/// "#)?;
/// config.data_dir = Some(dir.path().join("state"));
/// let owner = Seat::take(config.clone())?;
/// let second = Seat::take(config)?; // as another process would
/// assert!(owner.is_owner() && !second.is_owner());
///
/// let guard = second.guard();
/// let permit = guard.authorize_blocking(&guard.action("bot").tool("read_file").build()?)?;
/// permit.settle_blocking(Usage::default())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Seat {
    directory: PathBuf,
    chair: Chair,
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Seat {
    /// Takes a place at the configuration's data directory. Blocks while the state is read back.
    ///
    /// # Errors
    /// What keeps the stack from being made; [`StackError::DataDir`] where the owner does not let this process in, for instance since
    /// its configuration is another one.
    pub fn take(config: SecurityStackConfig) -> Result<Self, StackError> {
        Self::take_observed(config, Vec::new())
    }

    /// The same, with observers of this process's decisions.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn take_observed(
        config: SecurityStackConfig,
        observers: Vec<Box<dyn Observer>>,
    ) -> Result<Self, StackError> {
        let Some(directory) = config.data_dir.clone() else {
            let problem = "a seat is one at a data directory; name it";
            return Err(ConfigError::at("data_dir", problem).into());
        };
        let mark = StackMark::default();
        let candidate = Candidate {
            socket: socket_of(&directory),
            configuration: crate::policy::shared_digest(&config)?,
            observers: Arc::new(Observers::of(observers)),
            mark: mark.clone(),
            directory,
            config,
        };
        let has_template = candidate.config.budget.session.is_some();
        let rules = Rules::new(&candidate.config, mark, has_template)?;
        let (engine, open) = candidate.first()?;
        let chair = Chair::new(engine, rules, Arc::clone(&candidate.observers))?;
        let (stop, stopped) = sync_channel(0);
        let directory = candidate.directory.clone();
        let thread = thread::Builder::new().name("stack-seat".to_owned()).spawn({
            let chair = chair.clone();
            move || candidate.keep(&chair, open, &stopped)
        });
        let thread = thread.map_err(StackError::io(&directory, "no thread can be started"))?;
        Ok(Self {
            directory,
            chair,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// How long calls of this process wait for an owner that neither answers nor goes, since its process is stopped or its disk hangs;
    /// ten seconds where nobody says otherwise, and a twentieth of a second at least.
    ///
    /// After that an action is denied with the code `owner_silent`, and the end of one is
    /// [`Unconfirmed`](crate::SettleError::Unconfirmed). What the owner may have begun it is told to give back, and until it has, nothing
    /// more is begun there. Whoever waits for an operator's approval waits on while the owner is well.
    #[must_use]
    pub fn answer_within(self, wait: Duration) -> Self {
        self.chair.patience().set(wait);
        self
    }

    /// What agent-side code gets: the same guard whoever owns the directory.
    #[must_use]
    pub fn guard(&self) -> Guard {
        Guard::far(Arc::new(self.chair.clone()))
    }

    /// Whether this process owns the directory now.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.chair.here().is_some()
    }

    /// The stack, where this process owns the directory now. Whoever keeps it keeps the directory.
    #[must_use]
    pub fn stack(&self) -> Option<Arc<SecurityStack>> {
        match self.chair.engine() {
            Engine::Owner(desk) => Some(Arc::clone(&desk.stack)),
            _ => None,
        }
    }

    /// A new id, which no other process has: for a session of this process, for instance.
    ///
    /// # Errors
    /// There is no randomness to be had.
    pub fn next_id(&self) -> Result<Uuid, AuditError> {
        self.chair.next_id()
    }

    /// The key by which the directory's log can be verified: the owner's or, where that is another process, as the log itself names
    /// it. Blocks.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn verifier_key(&self) -> Result<Option<VerifierKey>, AuditError> {
        if let Some(stack) = self.stack() {
            return Ok(stack.audit.verifier_key().cloned());
        }
        let first = AuditReader::open(&self.directory, None)?.entry(0)?;
        let named = first.ext().map(audit_trail::Ext::to_value);
        let named = named.as_ref().and_then(|ext| ext.get("key")?.as_str());
        Ok(named.map(str::parse).transpose()?)
    }

    /// Does what an operator asks, here or at the owner. Blocks.
    ///
    /// # Errors
    /// What was refused; the code is `no_owner` where there is nobody to ask.
    pub fn perform(&self, request: &OperatorRequest) -> Result<OperatorAnswer, OperatorRefusal> {
        match self.chair.engine() {
            Engine::Owner(desk) => desk.stack.perform(request, None),
            Engine::Joined(_) => {
                let line = OperatorLine::connect(&self.directory, "gate")
                    .map_err(|error| OperatorRefusal::new("no_owner", error.to_string()))?;
                line.perform(request)
            }
            Engine::Between => Err(OperatorRefusal::new(
                "no_owner",
                "the owner has just gone".to_owned(),
            )),
            Engine::Nobody(why) => Err(OperatorRefusal::new("no_owner", why.to_string())),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Whatever it held is gone with it.
            drop(thread.join());
        }
    }
}

fn socket_of(directory: &Path) -> PathBuf {
    directory.join(FOLDER).join(SOCKET)
}

/// Who wants the directory, or to join whoever has it.
struct Candidate {
    directory: PathBuf,
    socket: PathBuf,
    config: SecurityStackConfig,
    configuration: String,
    observers: Arc<Observers>,
    mark: StackMark,
}

impl Candidate {
    /// The first place, or why there is none. Between an owner that goes and the next one it takes a moment.
    fn first(&self) -> Result<(Engine, Option<Open>), StackError> {
        let mut left = PATIENCE;
        loop {
            match self.sit(false) {
                Ok(seated) => return Ok(seated),
                Err(Unseated::Failed(error)) => return Err(error),
                Err(Unseated::Nobody { problem, .. }) if left.is_zero() => {
                    return Err(StackError::data_dir(&self.directory, problem));
                }
                Err(Unseated::Nobody { waited, .. }) => {
                    thread::sleep(LOOK);
                    left = left.saturating_sub(LOOK).saturating_sub(waited);
                }
            }
        }
    }

    /// Owns the directory if nobody does, else joins who does.
    fn sit(&self, takes_over: bool) -> Result<(Engine, Option<Open>), Unseated> {
        let builder = SecurityStack::builder(self.config.clone());
        match builder
            .seated(self.mark.clone(), Arc::clone(&self.observers), takes_over)
            .build()
        {
            Ok(stack) => {
                let desk = Arc::new(Desk::new(Arc::new(stack)));
                let is_closing = Arc::new(AtomicBool::new(false));
                let door = Door {
                    desk: Arc::clone(&desk),
                    is_closing: Arc::clone(&is_closing),
                };
                let server = Server::bind(&self.socket, Arc::new(door));
                let server = server.map_err(|error| {
                    Unseated::Failed(StackError::data_dir(&self.directory, error))
                })?;
                let open = Open {
                    is_closing,
                    _server: server,
                };
                Ok((Engine::Owner(desk), Some(open)))
            }
            Err(StackError::Owned { .. }) => {
                let hello = Hello {
                    role: Role::Gate,
                    config: Some(self.configuration.clone()),
                    name: "gate".to_owned(),
                };
                match Client::connect(&self.socket, &hello) {
                    Ok(client) => Ok((Engine::Joined(client), None)),
                    // The owner has just gone, also in the middle of the greeting, or has not opened its door yet.
                    Err(
                        error @ (ConnectError::NoOwner { .. }
                        | ConnectError::Io { .. }
                        | ConnectError::Unintelligible { .. }),
                    ) => Err(Unseated::Nobody {
                        problem: error.to_string(),
                        waited: Duration::ZERO,
                    }),
                    // It may be stopped, and whoever asks must not wait for it many times over.
                    Err(error @ ConnectError::Silent { .. }) => Err(Unseated::Nobody {
                        problem: error.to_string(),
                        waited: control::JOINING,
                    }),
                    Err(error) => {
                        let error = StackError::data_dir(&self.directory, error);
                        Err(Unseated::Failed(error))
                    }
                }
            }
            Err(error) => Err(Unseated::Failed(error)),
        }
    }

    /// Keeps the place until told to leave, and takes the owner's when that one goes.
    fn keep(self, chair: &Chair, mut open: Option<Open>, stopped: &Receiver<()>) {
        let _leaving = Leaving(chair);
        let is_over = || stopped.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout);
        let mut since_beat = Duration::ZERO;
        loop {
            match chair.engine() {
                Engine::Owner(_) => {
                    // Until the other side is dropped.
                    stopped.recv().ok();
                    break;
                }
                Engine::Joined(client) if !client.is_closed() => {
                    if is_over() {
                        break;
                    }
                    since_beat = since_beat.saturating_add(LOOK);
                    if since_beat >= BEAT {
                        since_beat = Duration::ZERO;
                        chair.patience().beat();
                    }
                }
                _ => {
                    chair.seat(Engine::Between);
                    let mut left = PATIENCE;
                    let seated = loop {
                        let error = match self.sit(true) {
                            Ok(seated) => break Some(seated),
                            Err(error) => error,
                        };
                        let pause = if matches!(error, Unseated::Failed(_)) || left.is_zero() {
                            chair.seat(Engine::Nobody(error.to_string().into()));
                            // Others may do better, and must not find the directory taken by one who cannot use it.
                            RELUCTANCE
                        } else {
                            left = left.saturating_sub(LOOK).saturating_sub(error.waited());
                            LOOK
                        };
                        if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                            break None;
                        }
                    };
                    let Some((engine, door)) = seated else {
                        break;
                    };
                    open = door;
                    chair.seat(engine);
                }
            }
        }
        // Whoever joined looks for another owner, and what they held is ended by them there.
        if let Some(open) = &open {
            open.is_closing.store(true, Ordering::SeqCst);
        }
        drop(open);
    }
}

/// However the thread ends, by a panic too, nobody waits for the next owner any more.
struct Leaving<'c>(&'c Chair);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let left = "this process has left the data directory";
        self.0.seat(Engine::Nobody(left.into()));
    }
}

/// The owner's door.
struct Open {
    /// Told to those who joined when it is shut: what they were permitted is not over.
    is_closing: Arc<AtomicBool>,
    _server: Server,
}

enum Unseated {
    /// Nobody owns it just now, and it could not be had: another try may do.
    Nobody {
        problem: String,
        /// How long that took.
        waited: Duration,
    },
    Failed(StackError),
}

impl Unseated {
    fn waited(&self) -> Duration {
        match self {
            Self::Nobody { waited, .. } => *waited,
            Self::Failed(_) => Duration::ZERO,
        }
    }
}

impl std::fmt::Display for Unseated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nobody { problem, .. } => f.write_str(problem),
            Self::Failed(error) => error.fmt(f),
        }
    }
}
