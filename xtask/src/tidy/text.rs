//! Addresses of registries and paths of machines have no place in what is kept: they go stale, and say where it was written.

use super::{Finding, Subject};

/// Hosts of registries, in halves, so that this file passes its own check.
const HOSTS: &[(&str, &str)] = &[
    ("crates", "io"),
    ("docs", "rs"),
    ("npmjs", "com"),
    ("npmjs", "org"),
    ("pypi", "org"),
    ("pythonhosted", "org"),
];
/// Folders at the root of a file system that only one machine has.
const FOLDERS: &[&str] = &["farm", "root", "work"];

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // The lock file is cargo's, and names the index by its address.
    for (path, text) in subject
        .tree
        .texts()
        .filter(|(path, _)| !path.ends_with("Cargo.lock"))
    {
        for (number, line) in (1_u32..).zip(text.lines()) {
            let at = || format!("{path}:{number}");
            if HOSTS
                .iter()
                .any(|(name, end)| names_host(line, &format!("{name}.{end}")))
            {
                findings.push(Finding::new(
                    at(),
                    "the address of a registry; its name is enough",
                ));
            }
            if FOLDERS
                .iter()
                .any(|folder| names_folder(line, &format!("/{folder}/")))
            {
                findings.push(Finding::new(at(), "a path of one machine"));
            }
        }
    }
    findings
}

/// The host after `//`, itself or below another name. A bare word is a name and not an address.
fn names_host(line: &str, host: &str) -> bool {
    line.match_indices(host).any(|(start, _)| {
        let before = line.get(..start).unwrap_or_default();
        before
            .trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.')
            .ends_with("//")
    })
}

/// An absolute path: nothing that could be part of a longer path or address stands before it.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(start, _)| {
        let before = line
            .get(..start)
            .and_then(|before| before.chars().next_back());
        let after = line
            .get(start.saturating_add(folder.len())..)
            .and_then(|rest| rest.chars().next());
        before
            .is_none_or(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.' | '-' | '}' | '>'))
            && after.is_some_and(|c| c.is_ascii_lowercase() || c == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::*;

    fn lines(text: &str) -> usize {
        let tree = Tree::of(&[("docs/x.md", text), ("Cargo.lock", text)]);
        check(&Subject {
            tree: &tree,
            packages: &[],
        })
        .len()
    }

    #[test]
    fn refuses_addresses_of_registries() {
        for (name, end) in HOSTS {
            assert_eq!(lines(&format!("see https://{name}.{end}/x")), 1);
            assert_eq!(lines(&format!("see [it](https://index.{name}.{end})")), 1);
            assert_eq!(lines(&format!("see {name} or {name}.{end}")), 0);
        }
    }

    #[test]
    fn refuses_paths_of_a_machine() {
        for folder in FOLDERS {
            assert_eq!(lines(&format!("in `/{folder}/main`")), 1);
            assert_eq!(lines(&format!("/{folder}/.cargo")), 1);
            assert_eq!(lines(&format!("https://example.com/{folder}/main")), 0);
            assert_eq!(
                lines(&format!("target/{folder}/main and ../{folder}/main")),
                0
            );
        }
    }
}
