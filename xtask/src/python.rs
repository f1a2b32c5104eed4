//! `python`: the wheels, built and installed as a user would, and their tests run against what was installed.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::e2e;
use crate::failure::Failure;
use crate::step::Step;
use crate::workspace::Workspace;

/// Builds the wheel and what its decisions are compared with, installs both wheels, and runs the tests and the type checkers.
/// What is named goes to pytest.
pub(crate) fn run(workspace: &Workspace, chosen: &[&str]) -> Result<(), Failure> {
    let face = workspace.root.join("crates").join("security-python");
    let home = workspace.scratch("python");
    let python = e2e::environment(&home, &face.join("tests").join("requirements.txt"))?;
    install(workspace, &face, &home, &python)?;
    Step::cargo("the core's side of the comparison")
        .args([
            "build",
            "--package",
            "security-python",
            "--example",
            "replay",
        ])
        .run()?;

    let replay = workspace
        .target
        .join("debug")
        .join("examples")
        .join(format!("replay{}", env::consts::EXE_SUFFIX));
    // Away from the sources: what is imported must be what was installed.
    Step::program("tests of the Python face", &python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir"])
        .arg(&face)
        .arg("--basetemp")
        .arg(home.join("run"))
        .arg(face.join("tests"))
        .args(chosen)
        .env("AUMOS_REPLAY", replay)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run()?;
    if chosen.is_empty() {
        types(&face, &home, &python)?;
    }
    Ok(())
}

fn install(workspace: &Workspace, face: &Path, home: &Path, python: &Path) -> Result<(), Failure> {
    let wheels = home.join("wheels");
    // One of an earlier version would be installed as well.
    if wheels.exists() {
        fs::remove_dir_all(&wheels)
            .map_err(|error| Failure::new(format!("`{}`: {error}", wheels.display())))?;
    }
    Step::program("the wheel", beside(python, "maturin"))
        .args(["build", "--profile", "dev", "--locked", "--manifest-path"])
        .arg(face.join("Cargo.toml"))
        .arg("--interpreter")
        .arg(python)
        .arg("--out")
        .arg(&wheels)
        .arg("--target-dir")
        .arg(&workspace.target)
        .run()?;
    let pip = |title: &str| {
        Step::program(title, python).args(["-m", "pip", "--quiet", "--disable-pip-version-check"])
    };
    pip("the second distribution")
        .args(["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir"])
        .arg(&wheels)
        .arg(copied(&face.join("aumos-security-bundle"), home)?)
        .run()?;
    pip("both installed")
        .args([
            "install",
            "--no-deps",
            "--no-index",
            "--force-reinstall",
            "--find-links",
        ])
        .arg(&wheels)
        .args(["aumos-governance", "aumos-security-bundle"])
        .run()
}

/// Its build leaves folders beside its sources: it is built from a copy.
fn copied(from: &Path, home: &Path) -> Result<PathBuf, Failure> {
    let to = home.join("aumos-security-bundle");
    let told = |error: std::io::Error| Failure::new(format!("`{}`: {error}", to.display()));
    if to.exists() {
        fs::remove_dir_all(&to).map_err(told)?;
    }
    fs::create_dir_all(&to).map_err(told)?;
    for entry in fs::read_dir(from).map_err(told)? {
        let entry = entry.map_err(told)?;
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).map_err(told)?;
        }
    }
    Ok(to)
}

/// What the stubs promise, against the module and against two readers of types.
fn types(face: &Path, home: &Path, python: &Path) -> Result<(), Failure> {
    let snippets = face.join("tests").join("typing");
    Step::program("stubs and module agree", python)
        .args(["-m", "mypy.stubtest", "aumos_governance._core"])
        .arg("--mypy-config-file")
        .arg(face.join("pyproject.toml"))
        .arg("--allowlist")
        .arg(face.join("tests").join("stubtest-allowlist.txt"))
        .run()?;
    Step::program("mypy, strictly", python)
        .args(["-m", "mypy", "--strict", "--config-file"])
        .arg(face.join("pyproject.toml"))
        .arg("--cache-dir")
        .arg(home.join("mypy"))
        .arg(face.join("python"))
        .arg(&snippets)
        .run()?;
    // Pyright's own package for Python fetches its program when it is first run; this one brings it along.
    Step::program("pyright", beside(python, "basedpyright"))
        .args(["--level", "error", "--pythonpath"])
        .arg(python)
        .arg("--project")
        .arg(face)
        .arg(face.join("python"))
        .arg(&snippets)
        .run()
}

/// A program of the environment's.
fn beside(python: &Path, name: &str) -> PathBuf {
    python.with_file_name(format!("{name}{}", env::consts::EXE_SUFFIX))
}
