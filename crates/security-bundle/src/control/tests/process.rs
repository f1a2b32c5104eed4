//! Processes of their own, to be killed or to be somebody else's: this test binary once more, with its orders in the environment.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::raw::Raw;
use super::*;

const ORDERS: &str = "SECURITY_BUNDLE_CONTROL_CHILD";

/// A user who is nobody here.
pub(super) const STRANGER: u32 = 65534;

pub(super) struct Child {
    process: std::process::Child,
    /// What it says, on standard error, where nothing else begins with `@`.
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Child {
    /// Owns the socket until it is killed.
    pub(super) fn owner(path: &Path) -> Self {
        let mut child = Self::start(own_binary(), "owner", path, None);
        assert_eq!(child.says(), "ready");
        child
    }

    /// Joins the owner and waits for an answer until it is killed.
    pub(super) fn gate(path: &Path) -> Self {
        Self::start(own_binary(), "gate", path, None)
    }

    /// Follows orders as another user, in a copy of this binary that such a user can read.
    pub(super) fn stranger(binary: &Path, orders: &str, path: &Path) -> Self {
        Self::start(binary.to_owned(), orders, path, Some(STRANGER))
    }

    fn start(binary: PathBuf, orders: &str, path: &Path, user: Option<u32>) -> Self {
        let mut command = Command::new(binary);
        if let Some(user) = user {
            command.uid(user).gid(user).current_dir("/");
        }
        let mut process = command
            .args([
                "--exact",
                "control::tests::process::follows_orders",
                "--nocapture",
            ])
            .env(ORDERS, format!("{orders} {}", path.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { process, lines }
    }

    /// What it says next.
    pub(super) fn says(&mut self) -> String {
        let mut other = Vec::new();
        for line in &mut self.lines {
            let line = line.unwrap();
            if let Some((_, said)) = line.split_once('@') {
                return said.to_owned();
            }
            other.push(line);
        }
        panic!("the child has ended: {other:?}");
    }

    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn own_binary() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// The child: nothing where there are no orders.
#[test]
fn follows_orders() {
    let Ok(orders) = std::env::var(ORDERS) else {
        return;
    };
    let (orders, path) = orders.split_once(' ').unwrap();
    let path = Path::new(path);
    match orders {
        "owner" => {
            let _server = serve_at(path, Limits::default());
            say("ready");
            until_killed();
        }
        "gate" => {
            let client = Client::connect(path, &hello("gate")).unwrap();
            client.call_blocking(Request::wait()).unwrap();
        }
        "connect" => match Client::connect(path, &hello("stranger")) {
            Ok(_) => say("let in"),
            Err(error) => say(&error.to_string()),
        },
        "connect_raw" => match UnixStream::connect(path) {
            Ok(stream) => {
                let mut raw = Raw::new(stream);
                raw.send(r#"{"version":1,"hello":{"role":"gate","name":"stranger"}}"#);
                say(&format!("{:?}", raw.receive()));
            }
            Err(error) => say(&format!("{:?}", error.kind())),
        },
        "listen" => {
            let _listener = UnixListener::bind(path).unwrap();
            say("ready");
            until_killed();
        }
        orders => panic!("{orders} is no order"),
    }
}

/// Says one line with one write.
fn say(line: &str) {
    let line = format!("@{line}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Ends with the process that gave the orders at the latest.
fn until_killed() {
    std::io::stdin().lines().for_each(drop);
}
