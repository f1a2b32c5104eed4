//! The top level is the table of contents of the repository: each entry is one that a newcomer expects there.

use std::collections::BTreeSet;

use super::{Finding, Subject};

const EXPECTED: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "crates",
    "deny.toml",
    "docs",
    "xtask",
];

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let there: BTreeSet<&str> = subject
        .tree
        .paths()
        .map(|path| path.split_once('/').map_or(path, |(first, _)| first))
        .filter(|name| !name.starts_with('.'))
        .collect();
    let expected: BTreeSet<&str> = EXPECTED.iter().copied().collect();
    let unexpected = there.difference(&expected).map(|name| {
        Finding::new(
            *name,
            "does not belong at the top level (configuration of tools: dot files)",
        )
    });
    let missing = expected
        .difference(&there)
        .map(|name| Finding::new(*name, "is missing"));
    unexpected.chain(missing).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::*;

    fn findings(extra: &str, without: &str) -> Vec<String> {
        let files: Vec<(&str, &str)> = EXPECTED
            .iter()
            .copied()
            .filter(|name| *name != without)
            .chain([".gitignore", ".ci/run", extra])
            .map(|path| (path, ""))
            .collect();
        let tree = Tree::of(&files);
        check(&Subject {
            tree: &tree,
            packages: &[],
        })
        .into_iter()
        .map(|found| found.at)
        .collect()
    }

    #[test]
    fn accepts_what_is_expected_and_dot_files() {
        assert_eq!(findings(".clippy.toml", ""), Vec::<String>::new());
    }

    #[test]
    fn refuses_a_stranger_and_misses_what_is_not_there() {
        assert_eq!(
            findings("scripts/build.sh", "deny.toml"),
            ["scripts", "deny.toml"]
        );
    }
}
