//! `e2e`: the gate between a client and servers that others wrote, driven by the Python in `xtask/e2e`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::step::{self, Step};
use crate::test::WITHOUT_RIVALS;
use crate::workspace::Workspace;

/// What it asks of a machine.
pub(crate) const NEEDS: &str = "it needs Python 3.10 or later with its `venv` module (on Debian: `apt-get install python3-venv`)";

/// Builds the command, installs the foreign software at its pinned versions, and runs the named scenarios, or all.
pub(crate) fn run(workspace: &Workspace, names: &[&str]) -> Result<(), Failure> {
    let scripts = workspace.root.join("xtask").join("e2e");
    let python = environment(&workspace.scratch("e2e"), &scripts.join("requirements.txt"))?;

    // Together with the tests, as `test` has built it: another choice of targets has other features in the dependencies, and
    // would compile them all again.
    Step::cargo("the secstack command")
        .args([
            "build",
            "--workspace",
            "--all-features",
            "--bins",
            "--tests",
        ])
        .args(WITHOUT_RIVALS)
        .run()?;

    Step::program("end to end, with software from elsewhere", python)
        .arg(scripts)
        .arg("--secstack")
        .arg(workspace.target.join("debug").join("secstack"))
        .arg("--work")
        .arg(workspace.scratch("e2e").join("run"))
        .args(names)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run()
}

pub(crate) fn has_python() -> bool {
    system_python().is_some()
}

/// The Python of a virtual environment with exactly what these requirements pin; made anew when they change.
pub(crate) fn environment(home: &Path, requirements: &Path) -> Result<PathBuf, Failure> {
    let venv = home.join("venv");
    let python = venv.join("bin").join("python");
    let wanted = fs::read_to_string(requirements).map_err(|e| not_usable(requirements, &e))?;
    let stamp = home.join("installed.txt");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }

    let system = system_python().ok_or_else(|| Failure::new(format!("no Python: {NEEDS}")))?;
    Step::program("a virtual environment", system)
        .args(["-m", "venv", "--clear"])
        .arg(venv)
        .run()?;
    Step::program("what runs in it", &python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ])
        .arg(requirements)
        .run()?;
    fs::write(&stamp, wanted).map_err(|error| not_usable(&stamp, &error))?;
    Ok(python)
}

fn system_python() -> Option<&'static str> {
    let enough = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    ["python3", "python"]
        .into_iter()
        .find(|python| step::answer(python, ["-c", enough]).is_ok())
}

fn not_usable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` cannot be used: {error}", path.display()))
}
