//! `release`: the published crates, packaged and built from their packages in the order of their dependencies.

use std::fs;

use crate::failure::Failure;
use crate::step::{self, Step};
use crate::workspace::{Package, Workspace};

/// Packages and builds everything that would be published, each crate against the packages of those below it, and uploads
/// nothing. Needs no network once the dependencies are at hand.
pub(crate) fn dry_run(workspace: &Workspace) -> Result<(), Failure> {
    let private = workspace
        .packages
        .iter()
        .filter(|package| !package.is_published());
    let excluded = private.flat_map(|package| ["--exclude", &package.name]);
    // What is tried out need not be committed.
    Step::cargo("package every crate")
        .args(["package", "--workspace", "--allow-dirty"])
        .args(excluded)
        .run()
}

/// Publishes, once everything that a release needs is there: the list of what is missing comes before the first upload.
pub(crate) fn publish(workspace: &Workspace) -> Result<(), Failure> {
    let git = |args: &[&str]| {
        let root = workspace.root.to_string_lossy();
        step::answer("git", ["-C", &root].iter().chain(args))
    };
    let changed = git(&["status", "--porcelain"])?;
    let tags = git(&["tag", "--points-at", "HEAD"])?;
    let mut lacking = Vec::new();
    if !changed.trim().is_empty() {
        lacking.push("a clean tree: there are changes that are not committed".to_owned());
    }
    for package in workspace
        .packages
        .iter()
        .filter(|package| package.is_published())
    {
        let changelog = fs::read_to_string(package.folder().join("CHANGELOG.md"));
        lacking.extend(lacks(package, &changelog.unwrap_or_default(), &tags));
    }
    if !lacking.is_empty() {
        return Err(Failure::new(format!(
            "a release needs\n  - {}\n`cargo xtask release --dry-run` needs none of these",
            lacking.join("\n  - ")
        )));
    }
    Step::cargo("publish every crate")
        .args(["publish", "--workspace", "--locked"])
        .run()
}

/// What one package still needs, given its changelog and the tags on the commit.
fn lacks(package: &Package, changelog: &str, tags: &str) -> Vec<String> {
    let Package { name, version, .. } = package;
    let mut lacking = Vec::new();
    let tag = format!("v{version}");
    if !tags
        .lines()
        .any(|line| line == tag || line == format!("{name}-{tag}"))
    {
        lacking.push(format!("the tag `{tag}` or `{name}-{tag}` on this commit"));
    }
    let section = changelog.lines().any(|line| {
        let title = line
            .strip_prefix("## ")
            .map(|title| title.trim_start_matches('['));
        title
            .and_then(|title| title.strip_prefix(version.as_str()))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([']', ' ']))
    });
    if !section {
        lacking.push(format!(
            "a section `## {version}` in the changelog of `{name}`"
        ));
    }
    lacking
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacking(changelog: &str, tags: &str) -> usize {
        let package: Package = serde_json::from_value(serde_json::json!({
            "name": "x", "version": "0.1.0", "manifest_path": "/x/Cargo.toml",
            "dependencies": [], "features": {}, "publish": null,
        }))
        .unwrap();
        lacks(&package, changelog, tags).len()
    }

    #[test]
    fn is_ready_with_tag_and_section() {
        assert_eq!(lacking("# x\n\n## 0.1.0\n", "v0.1.0\n"), 0);
        assert_eq!(lacking("## [0.1.0] - 2026-11-22\n", "other\nx-v0.1.0\n"), 0);
    }

    #[test]
    fn misses_a_tag_of_this_very_version() {
        assert_eq!(lacking("## 0.1.0\n", "v0.1.0-rc.1\nv0.1\n"), 1);
    }

    #[test]
    fn misses_a_section_of_this_very_version() {
        assert_eq!(lacking("## Unreleased\n\n0.1.0 soon\n", "v0.1.0"), 1);
        assert_eq!(lacking("## 0.1.01\n", "v0.1.0"), 1);
    }
}
