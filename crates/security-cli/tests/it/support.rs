//! Runs the command and looks at what it printed and how it ended.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use audit_trail::{AuditLog, SigningKey};

pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secstack"));
    command.stdin(Stdio::null());
    command
}

pub(crate) fn run<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Ran {
    Ran::of(command().args(arguments).output().unwrap())
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            status: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one JSON object that was printed.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {} {}", self.out, self.err))
    }
}

/// An audit log in a folder of its own, as `audit init` makes it, but in files that are quickly read.
pub(crate) struct Log {
    pub(crate) folder: Folder,
    pub(crate) vkey: String,
}

impl Log {
    pub(crate) fn new() -> Self {
        let folder = Folder::with("");
        let key = SigningKey::generate("example.com/desk").unwrap();
        std::fs::write(folder.file("log.key"), key.to_secret_text()).unwrap();
        let vkey = key.verifier_key().to_string();
        let log = AuditLog::builder()
            .directory(folder.file("log"))
            .segment_size(1 << 20)
            .signer(key);
        log.build().unwrap().publish_checkpoint().unwrap();
        Self { folder, vkey }
    }

    /// With a few events and decisions of two agents.
    pub(crate) fn filled() -> Self {
        let log = Self::new();
        let ran = log.append(&[
            r#"{"event":"session-started","agent":"a","session":"s-1"}"#,
            r#"{"kind":"decision","agent":"a","action":{"name":"send_mail"},"decision":{"outcome":"allow","reason_code":"permitted"}}"#,
            r#"{"kind":"decision","agent":"b","action":{"name":"delete_file"},"decision":{"outcome":"deny","reason_code":"trust_too_low"},"ext":{"region":"eu"}}"#,
            r#"{"event":"=1+1","agent":"b"}"#,
        ]);
        assert_eq!(ran.status, Some(0), "{}", ran.err);
        log
    }

    pub(crate) fn dir(&self) -> String {
        self.folder.file("log")
    }

    /// Runs a verb of `secstack audit` on the log's directory.
    pub(crate) fn audit(&self, verb: &str, more: &[&str]) -> Ran {
        let dir = self.dir();
        let mut arguments = vec!["audit", verb, &dir];
        arguments.extend(more);
        run(arguments)
    }

    pub(crate) fn append(&self, lines: &[&str]) -> Ran {
        self.append_with(lines, &[])
    }

    pub(crate) fn append_with(&self, lines: &[&str], more: &[&str]) -> Ran {
        let mut child = self
            .command("append")
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        // It may have stopped at a line before.
        drop(lines.iter().try_for_each(|line| writeln!(input, "{line}")));
        drop(input);
        Ran::of(child.wait_with_output().unwrap())
    }

    /// A verb on the log's directory, with pipes for input and output.
    pub(crate) fn command(&self, verb: &str) -> Command {
        let mut command = command();
        command
            .args(["audit", verb, &self.dir()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command
    }

    pub(crate) fn verify(&self, more: &[&str]) -> Ran {
        let mut arguments = vec!["--vkey", self.vkey.as_str()];
        arguments.extend(more);
        self.audit("verify", &arguments)
    }
}

/// Writes a line and waits for its answer, with the input left open.
pub(crate) fn ask(child: &mut Child, line: &str) -> String {
    let input = child.stdin.as_mut().unwrap();
    writeln!(input, "{line}").unwrap();
    let mut answer = String::new();
    // One byte at a time, so that nothing of a later answer is taken.
    let out = child.stdout.as_mut().unwrap();
    BufReader::with_capacity(1, out)
        .read_line(&mut answer)
        .unwrap();
    answer
}

/// A configuration file in a folder of its own.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("gate.toml"), config).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// What was printed, without the folder's name.
    pub(crate) fn plain(&self, text: &str) -> String {
        text.replace(self.path().to_str().unwrap(), "DIR")
    }
}

pub(crate) const CONFIG: &str = r#"
[agent]
id = "desk-assistant"
session = "s-1"

[[trust.assignments]]
agent = "desk-assistant"
level = "L3"
assigned_by = "ops@example.com"
reason = "pilot"

[[trust.tools]]
tool = "delete_*"
required_level = "L5"
effect = "destructive"
[[trust.tools]]
tool = "write_*"
required_level = "L3"
effect = "write"
[[trust.tools]]
tool = "*"
required_level = "L1"
effect = "read_public"

[budget.session]
calls = 3

[[consent.tools]]
tool = "read_profile"
data_type = "user_profile"
purpose = "personalisation"
"#;
