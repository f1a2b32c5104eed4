//! What each crate must carry to be first class, and what must stand in the root alone.

use toml::{Table, Value};

use super::tree::{Tree, has_extension, split};
use super::{Finding, Subject};

const KINDS: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];
/// What a package has from the root (`x.workspace = true`).
const INHERITED: &[&str] = &["edition", "rust-version", "license"];

/// README, CHANGELOG, the licence word for word, and a list of what is packaged.
pub(super) fn papers(subject: &Subject<'_>) -> Vec<Finding> {
    let tree = subject.tree;
    let mut findings = Vec::new();
    for (folder, manifest) in manifests(tree).filter(|(folder, _)| folder.starts_with("crates/")) {
        for name in ["README.md", "CHANGELOG.md"] {
            let path = format!("{folder}/{name}");
            if tree.text(&path).is_none_or(|text| text.trim().is_empty()) {
                findings.push(Finding::new(path, "is missing or empty"));
            }
        }
        let copy = format!("{folder}/LICENSE");
        if tree.text(&copy).is_none() || tree.text(&copy) != tree.text("LICENSE") {
            findings.push(Finding::new(
                copy,
                "is not the copy of the top level's LICENSE",
            ));
        }
        let listed = manifest
            .get("package")
            .and_then(|package| package.get("include"))
            .and_then(Value::as_array);
        for needed in ["README.md", "CHANGELOG.md", "LICENSE"] {
            if !listed.is_some_and(|list| list.iter().any(|item| item.as_str() == Some(needed))) {
                findings.push(Finding::new(
                    format!("{folder}/Cargo.toml"),
                    format!("`package.include` does not name {needed}"),
                ));
            }
        }
    }
    findings
}

/// No member has a version of a dependency, an edition or a lint table of its own.
pub(super) fn one_place(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, manifest) in manifests(subject.tree) {
        let at = format!("{folder}/Cargo.toml");
        let mut found = |what: String| findings.push(Finding::new(&at, what));
        let targets = manifest.get("target").and_then(Value::as_table);
        let tables = targets
            .into_iter()
            .flat_map(Table::values)
            .filter_map(Value::as_table);
        for table in tables.chain([&manifest]) {
            for kind in KINDS {
                let entries = table.get(*kind).and_then(Value::as_table);
                for (name, entry) in entries.into_iter().flatten() {
                    if !inherits(entry) {
                        found(format!("`{name}` in {kind} is not `workspace = true`"));
                    }
                }
            }
        }
        let package = manifest.get("package");
        let private = package
            .and_then(|p| p.get("publish"))
            .and_then(Value::as_bool);
        let version = if private == Some(false) {
            None
        } else {
            Some(&"version")
        };
        for key in INHERITED.iter().chain(version) {
            if !package.and_then(|p| p.get(*key)).is_some_and(inherits) {
                found(format!("`package.{key}` is not `workspace = true`"));
            }
        }
        if !manifest.get("lints").is_some_and(inherits) {
            found("`lints` is not `workspace = true`".to_owned());
        }
    }
    findings
}

/// A bench that is not declared would run under the test harness and measure nothing.
pub(super) fn benches(subject: &Subject<'_>) -> Vec<Finding> {
    let Some((folder, manifest)) = manifests(subject.tree).find(|(folder, _)| *folder == "benches")
    else {
        return vec![Finding::new("benches/Cargo.toml", "is missing")];
    };
    let declared = |stem: &str| {
        manifest
            .get("bench")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .any(|bench| {
                bench.get("name").and_then(Value::as_str) == Some(stem)
                    && bench.get("harness").and_then(Value::as_bool) == Some(false)
            })
    };
    subject
        .tree
        .paths()
        .filter(|path| split(path).0 == "benches/benches" && has_extension(path, "rs"))
        .filter(|path| !split(path).1.strip_suffix(".rs").is_some_and(declared))
        .map(|path| {
            let what = format!("has no `[[bench]]` with `harness = false` in {folder}/Cargo.toml");
            Finding::new(path, what)
        })
        .collect()
}

/// Folder and content of every manifest but the root's, and those of packages that are workspaces of their own (fuzz
/// targets, which nobody publishes). One that does not parse is cargo's to report.
fn manifests(tree: &Tree) -> impl Iterator<Item = (&str, Table)> {
    tree.texts().filter_map(|(path, text)| {
        let folder = path.strip_suffix("/Cargo.toml")?;
        let manifest = text.parse::<Table>().ok()?;
        (!manifest.contains_key("workspace")).then_some((folder, manifest))
    })
}

fn inherits(entry: &Value) -> bool {
    entry.get("workspace").and_then(Value::as_bool) == Some(true) && entry.get("version").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [package]
        name = "x"
        version.workspace = true
        edition.workspace = true
        rust-version.workspace = true
        license.workspace = true
        include = ["src/**", "README.md", "CHANGELOG.md", "LICENSE"]
        [dependencies]
        serde = { workspace = true, features = ["rc"] }
        [lints]
        workspace = true
    "#;

    fn crate_with(manifest: &str) -> [(&str, &str); 5] {
        [
            ("LICENSE", "the licence"),
            ("crates/x/Cargo.toml", manifest),
            ("crates/x/LICENSE", "the licence"),
            ("crates/x/README.md", "x"),
            ("crates/x/CHANGELOG.md", "x"),
        ]
    }

    fn count(check: super::super::Check, files: &[(&str, &str)]) -> usize {
        let tree = Tree::of(files);
        check(&Subject {
            tree: &tree,
            packages: &[],
        })
        .len()
    }

    #[test]
    fn accepts_a_crate_with_its_papers() {
        assert_eq!(count(papers, &crate_with(GOOD)), 0);
        assert_eq!(count(one_place, &crate_with(GOOD)), 0);
    }

    #[test]
    fn leaves_a_workspace_of_its_own_alone() {
        let files = [
            ("LICENSE", "the licence"),
            (
                "crates/x/fuzz/Cargo.toml",
                "[workspace]\n[dependencies]\na = \"1\"",
            ),
        ];
        assert_eq!(count(papers, &files) + count(one_place, &files), 0);
        let member = [
            files[0],
            ("crates/x/fuzz/Cargo.toml", "[dependencies]\na = \"1\""),
        ];
        assert!(count(papers, &member) > 0 && count(one_place, &member) > 0);
    }

    #[test]
    fn refuses_a_licence_that_differs_and_papers_that_are_missing_or_empty() {
        let mut files = crate_with(GOOD);
        files[2].1 = "another licence";
        assert_eq!(count(papers, &files), 1);
        let mut files = crate_with(GOOD);
        files[3].0 = "crates/x/READ.md";
        files[4].1 = "\n";
        assert_eq!(count(papers, &files), 2);
    }

    #[test]
    fn refuses_a_package_without_a_list_of_what_is_in_it() {
        let manifest = GOOD.replace("include", "exclude");
        assert_eq!(count(papers, &crate_with(&manifest)), 3);
    }

    #[test]
    fn refuses_a_version_beside_the_roots() {
        for planted in [
            "[dev-dependencies]\ntime = \"0.3\"",
            "[build-dependencies]\ntime = { version = \"0.3\" }",
            "[target.'cfg(unix)'.dependencies]\nrustix = { version = \"1\", features = [] }",
            "[target.'cfg(unix)'.dependencies]\nrustix = { path = \"../y\" }",
        ] {
            assert_eq!(
                count(one_place, &crate_with(&format!("{GOOD}\n{planted}"))),
                1,
                "{planted}"
            );
        }
    }

    #[test]
    fn refuses_lints_and_editions_beside_the_roots() {
        let lints = GOOD.replace(
            "[lints]\n        workspace = true",
            "[lints.rust]\nx = \"warn\"",
        );
        assert_eq!(count(one_place, &crate_with(&lints)), 1);
        let edition = GOOD.replace("edition.workspace = true", "edition = \"2021\"");
        assert_eq!(count(one_place, &crate_with(&edition)), 1);
        let version = GOOD.replace("version.workspace = true\n        edition", "edition");
        assert_eq!(count(one_place, &crate_with(&version)), 1);
        let private = version.replace(
            "name = \"x\"",
            "name = \"x\"\nversion = \"0.0.0\"\npublish = false",
        );
        assert_eq!(count(one_place, &crate_with(&private)), 0);
    }

    #[test]
    fn refuses_a_bench_that_is_not_declared_or_keeps_the_harness() {
        let declared = "[[bench]]\nname = \"a\"\nharness = false\n[[bench]]\nname = \"b\"";
        let files = [
            ("benches/Cargo.toml", declared),
            ("benches/benches/a.rs", ""),
            ("benches/benches/b.rs", ""),
            ("benches/benches/c.rs", ""),
        ];
        assert_eq!(count(benches, &files), 2);
    }
}
