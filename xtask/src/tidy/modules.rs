//! Rust files: each says why it exists, is reached from its crate's root, and has a name that says what is inside.

use super::tree::split;
use super::{Finding, Subject};

/// Names that say where something was put and not what it is.
const DRAWERS: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "util", "utils",
];
/// Beyond this a file usually holds two ideas. A place to look, not a gate.
const LONG: usize = 500;

/// The first line is `//!`; a library's root may take its README instead.
pub(super) fn documented(subject: &Subject<'_>) -> Vec<Finding> {
    let says_why = |text: &str| {
        text.starts_with("//! ") || text.starts_with("#![doc = include_str!(\"../README.md\")]")
    };
    subject
        .tree
        .sources()
        .filter(|(_, text)| !says_why(text))
        .map(|(path, _)| Finding::new(path, "does not begin with `//!` and why it exists"))
        .collect()
}

/// Rust compiles only what a `mod` names: a file that none names is dead, and if it holds tests, silently so.
pub(super) fn forgotten(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _) in subject.tree.sources() {
        let Some((name, parents)) = named_in(path) else {
            continue;
        };
        let there: Vec<&str> = parents
            .iter()
            .map(String::as_str)
            .filter(|parent| subject.tree.has(parent))
            .collect();
        let mut texts = there.iter().filter_map(|parent| subject.tree.text(parent));
        if !texts.any(|text| names_module(text, name)) {
            let what = format!("no `mod {name};` in its parent ({})", there.join(", "));
            findings.push(Finding::new(path, what));
        }
    }
    findings
}

/// Every file straight in `tests/` is linked into a program of its own, and they run one after the other.
pub(super) fn one_binary(subject: &Subject<'_>) -> Vec<Finding> {
    subject
        .tree
        .sources()
        .map(|(path, _)| (path, split(path).0))
        .filter(|(_, folder)| folder.ends_with("/tests") && !in_source(folder))
        .map(|(path, _)| Finding::new(path, "belongs into tests/it/, as a module of its main.rs"))
        .collect()
}

pub(super) fn drawers(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in subject.tree.sources() {
        let in_path = path
            .split('/')
            .any(|part| is_drawer(part.trim_end_matches(".rs")));
        let inline = text
            .lines()
            .any(|line| declared_module(line).is_some_and(is_drawer));
        if in_path || inline {
            findings.push(Finding::new(
                path,
                "has a module whose name does not say what is inside",
            ));
        }
    }
    findings
}

/// Files with more lines of code than [`LONG`]; lines of comment and of unit tests do not count.
pub(super) fn long(subject: &Subject<'_>) -> Vec<Finding> {
    subject
        .tree
        .sources()
        .filter_map(|(path, text)| {
            let code = text
                .lines()
                .take_while(|line| *line != "#[cfg(test)]")
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with("//"))
                .count();
            (code > LONG).then(|| {
                Finding::new(
                    path,
                    format!("{code} lines of code; a place to look for a second idea"),
                )
            })
        })
        .collect()
}

/// The module that a file is, and the files of which one must name it. `None` where cargo finds the file by itself: the
/// roots of libraries, programs, tests and benches, and fuzz targets, which a manifest names.
fn named_in(path: &str) -> Option<(&str, [String; 4])> {
    let (folder, file) = split(path);
    let stem = file.strip_suffix(".rs")?;
    let own_root = if in_source(folder) {
        split(folder).1 == "bin"
    } else {
        stem == "build"
            || ["benches", "examples", "fuzz_targets", "tests"].contains(&split(folder).1)
    };
    if own_root || matches!(stem, "lib" | "main") {
        return None;
    }
    // `a/mod.rs` is the module `a` of the folder above.
    let (folder, name) = if stem == "mod" {
        split(folder)
    } else {
        (folder, stem)
    };
    let parents = ["/lib.rs", "/main.rs", "/mod.rs", ".rs"].map(|end| format!("{folder}{end}"));
    Some((name, parents))
}

fn in_source(folder: &str) -> bool {
    folder.split('/').any(|part| part == "src")
}

fn names_module(text: &str, name: &str) -> bool {
    text.lines()
        .any(|line| line.trim_end().ends_with(';') && declared_module(line) == Some(name))
}

/// The name in `mod x;`, `pub(crate) mod x {` and their like.
fn declared_module(line: &str) -> Option<&str> {
    let line = line.trim();
    let (before, after) = line
        .strip_prefix("mod ")
        .map(|rest| ("", rest))
        .or_else(|| line.split_once(" mod "))?;
    let visibility = before.is_empty() || before == "pub" || before.starts_with("pub(");
    let name = after.trim_end_matches([';', '{', ' ']);
    visibility.then_some(name)
}

fn is_drawer(name: &str) -> bool {
    DRAWERS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::*;

    fn at(check: super::super::Check, files: &[(&str, &str)]) -> Vec<String> {
        let tree = Tree::of(files);
        check(&Subject {
            tree: &tree,
            packages: &[],
        })
        .into_iter()
        .map(|found| found.at)
        .collect()
    }

    #[test]
    fn wants_the_first_line_to_say_why() {
        let files = [
            (
                "crates/x/src/lib.rs",
                "#![doc = include_str!(\"../README.md\")]\n",
            ),
            ("crates/x/src/good.rs", "//! Levels, and how they fall.\n"),
            ("crates/x/src/late.rs", "use std::fmt;\n//! Too late.\n"),
            ("crates/x/src/silent.rs", "fn f() {}\n"),
        ];
        assert_eq!(
            at(documented, &files),
            ["crates/x/src/late.rs", "crates/x/src/silent.rs"]
        );
    }

    #[test]
    fn finds_a_test_file_that_main_does_not_name() {
        let files = [
            (
                "crates/x/tests/it/main.rs",
                "mod clock;\nmod deep;\n// mod lost;\n",
            ),
            ("crates/x/tests/it/clock.rs", ""),
            ("crates/x/tests/it/lost.rs", ""),
            ("crates/x/tests/it/deep/mod.rs", "mod inner;\n"),
            ("crates/x/tests/it/deep/inner.rs", ""),
            ("crates/x/tests/it/deep/other.rs", ""),
        ];
        assert_eq!(
            at(forgotten, &files),
            [
                "crates/x/tests/it/deep/other.rs",
                "crates/x/tests/it/lost.rs"
            ]
        );
    }

    #[test]
    fn finds_a_source_file_that_no_module_names() {
        let files = [
            (
                "crates/x/src/lib.rs",
                "pub mod a;\nmod inline {}\n#[cfg(test)]\nmod t;\n",
            ),
            ("crates/x/src/a.rs", "pub(crate) mod b;\n"),
            ("crates/x/src/a/b.rs", ""),
            ("crates/x/src/a/c.rs", ""),
            ("crates/x/src/inline.rs", ""),
            ("crates/x/src/t.rs", ""),
            ("crates/x/src/bin/tool.rs", ""),
            ("crates/x/src/a/tests/deep.rs", ""),
            ("crates/x/build.rs", ""),
            ("benches/benches/speed.rs", ""),
        ];
        assert_eq!(
            at(forgotten, &files),
            [
                "crates/x/src/a/c.rs",
                "crates/x/src/a/tests/deep.rs",
                "crates/x/src/inline.rs"
            ]
        );
    }

    #[test]
    fn refuses_a_second_integration_binary() {
        let files = [
            ("crates/x/tests/it/main.rs", ""),
            ("crates/x/tests/other.rs", ""),
            ("crates/x/src/gate/tests/one.rs", ""),
        ];
        assert_eq!(at(one_binary, &files), ["crates/x/tests/other.rs"]);
    }

    #[test]
    fn refuses_drawers_as_files_folders_and_inline() {
        let files = [
            ("crates/x/src/utils.rs", ""),
            ("crates/x/src/common/clock.rs", ""),
            ("crates/x/src/lib.rs", "pub(crate) mod helpers {\n}\n"),
            ("crates/x/src/commoner.rs", "mod utilities;\n"),
        ];
        assert_eq!(
            at(drawers, &files),
            [
                "crates/x/src/common/clock.rs",
                "crates/x/src/lib.rs",
                "crates/x/src/utils.rs"
            ]
        );
    }

    #[test]
    fn notes_length_without_tests_and_comments() {
        let code = "let x = 1;\n".repeat(LONG);
        let short = format!("//! Why.\n\n{code}#[cfg(test)]\nmod tests {{\n{code}}}\n");
        let long_one = format!("{code}let y = 2;\n");
        assert_eq!(at(long, &[("a.rs", &short), ("b.rs", &long_one)]), ["b.rs"]);
    }
}
