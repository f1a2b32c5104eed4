//! `tidy`: what the tree promises about its own structure and no compiler checks.

mod edges;
mod links;
mod manifests;
mod modules;
mod text;
mod top;
mod tree;
mod twins;

use std::fmt;

use crate::failure::Failure;
use crate::workspace::{Package, Workspace};
use tree::Tree;

/// What the checks look at: they read nothing else, so a test plants a violation by writing one here.
pub(crate) struct Subject<'a> {
    tree: &'a Tree,
    packages: &'a [Package],
}

/// One thing that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    at: String,
    what: String,
}

impl Finding {
    fn new(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            what: what.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

type Check = fn(&Subject<'_>) -> Vec<Finding>;

const CHECKS: &[(&str, Check)] = &[
    (
        "the top level holds what it should and nothing else",
        top::check,
    ),
    ("arrows between crates go one way", edges::check),
    ("each crate carries its papers", manifests::papers),
    (
        "versions, lints and editions stand in the root alone",
        manifests::one_place,
    ),
    ("every benchmark is declared", manifests::benches),
    ("every file says why it exists", modules::documented),
    ("no file is forgotten", modules::forgotten),
    ("one integration binary a crate", modules::one_binary),
    ("no drawer without a name", modules::drawers),
    ("twins are alike", twins::alike),
    (
        "no address of a registry, no path of a machine",
        text::check,
    ),
    ("links in documents lead somewhere", links::check),
];

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let tree = Tree::read(&workspace.root)?;
    let subject = Subject {
        tree: &tree,
        packages: &workspace.packages,
    };
    println!("\n── tidy: {} files", tree.len());
    let mut findings = 0_usize;
    for (rule, check) in CHECKS {
        let found = check(&subject);
        println!("   {} {rule}", if found.is_empty() { "ok " } else { "NO " });
        for finding in &found {
            println!("       {finding}");
        }
        findings = findings.saturating_add(found.len());
    }
    for note in modules::long(&subject) {
        println!("   note: {note}");
    }
    if findings == 0 {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`tidy` found {findings} things that are not as they should be"
    )))
}
