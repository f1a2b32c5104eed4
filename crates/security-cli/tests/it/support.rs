//! Runs the command and looks at what it printed and how it ended.

use std::path::Path;
use std::process::{Command, Stdio};

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
    let output = command().args(arguments).output().unwrap();
    Ran {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
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
