//! Relative links in Markdown lead to files that are there.

use super::tree::{Tree, has_extension, split};
use super::{Finding, Subject};

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in subject
        .tree
        .texts()
        .filter(|(path, _)| has_extension(path, "md"))
    {
        let mut in_code = false;
        for (number, line) in (1_u32..).zip(text.lines()) {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            }
            if in_code {
                continue;
            }
            for target in
                targets(line).filter(|target| !leads_somewhere(subject.tree, path, target))
            {
                findings.push(Finding::new(
                    format!("{path}:{number}"),
                    format!("`{target}` leads nowhere"),
                ));
            }
        }
    }
    findings
}

/// What stands in `](…)`, and after `]: ` at the start of a line, outside inline code.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let inline = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(to, _)| to);
    let defined = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "))
        .map(|(_, target)| target.trim());
    inline.chain(defined)
}

fn leads_somewhere(tree: &Tree, from: &str, target: &str) -> bool {
    let target = target.split_once('#').map_or(target, |(file, _)| file);
    let elsewhere = target.contains("://") || target.starts_with("mailto:");
    // In a crate's README, which is its documentation, a link may name an item; rustdoc checks those.
    let item = split(from).1 == "README.md" && !target.contains(['/', '.']);
    if target.is_empty() || elsewhere || item {
        return true;
    }
    let Some(path) = resolve(split(from).0, target) else {
        return false;
    };
    path.is_empty() || tree.has(&path) || tree.has_folder(&path)
}

/// `None` for a path that leaves the repository.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(text: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("README.md", ""),
            ("docs/decisions/0001-x.md", ""),
            ("docs/README.md", text),
        ]);
        check(&Subject {
            tree: &tree,
            packages: &[],
        })
        .into_iter()
        .map(|found| found.to_string())
        .collect()
    }

    #[test]
    fn follows_links_to_files_folders_anchors_and_elsewhere() {
        assert_eq!(
            dead(
                "[a](decisions/0001-x.md) [b](decisions/) [c](../README.md#top) [d](#here)\n\
                 [e](https://example.com/x) [f](crate::Thing) [g](../)\n[h]: decisions/0001-x.md\n\
                 ```\n[i](nowhere.md)\n```\n"
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn finds_links_that_lead_nowhere() {
        assert_eq!(
            dead("fine\n[a](decisions/0002-y.md) [b](../../outside.md)\n[c]: missing.md\n"),
            [
                "docs/README.md:2: `decisions/0002-y.md` leads nowhere",
                "docs/README.md:2: `../../outside.md` leads nowhere",
                "docs/README.md:3: `missing.md` leads nowhere",
            ]
        );
    }
}
