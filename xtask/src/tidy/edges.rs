//! Arrows go one way: faces → bundle → components → nothing of ours. A component with a sibling among its dependencies is
//! no longer useful alone, be it only in its tests.

use super::{Finding, Subject};

/// Each useful alone: none depends on anything of ours.
const COMPONENTS: &[&str] = &[
    "agent-audit-trail",
    "agent-identity",
    "budget-enforcer",
    "consent",
    "trust-gate",
];
/// Depends on components, and is what the faces depend on.
const BUNDLE: &str = "security-bundle";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let ours = |name: &str| subject.packages.iter().any(|package| package.name == name);
    let mut findings = Vec::new();
    for package in subject
        .packages
        .iter()
        .filter(|package| package.is_published())
    {
        for dependency in &package.dependencies {
            let to = dependency.name.as_str();
            // Known names count even when their folder is not in this workspace (a registry's copy of a sibling).
            if !ours(to) && !COMPONENTS.contains(&to) && to != BUNDLE {
                continue;
            }
            let is_component = COMPONENTS.contains(&package.name.as_str());
            let upwards = package.name == BUNDLE && !COMPONENTS.contains(&to);
            let unpublished = subject
                .packages
                .iter()
                .any(|p| p.name == to && !p.is_published());
            let why = match () {
                () if is_component => "a component depends on nothing of ours",
                () if upwards => "the bundle depends on components only",
                () if unpublished => "nothing that is published depends on what is not",
                () => continue,
            };
            let kind = dependency
                .kind
                .as_deref()
                .map_or(String::new(), |kind| format!("{kind}-"));
            findings.push(Finding::new(
                &package.name,
                format!("has `{to}` among its {kind}dependencies: {why}"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::*;
    use crate::workspace::Package;

    /// Edges as (from, kind, to), between packages of which `xtask` alone is not published.
    fn findings(edges: &[(&str, Option<&str>, &str)]) -> Vec<String> {
        let names = [
            "trust-gate",
            "consent",
            "security-bundle",
            "security-cli",
            "xtask",
        ];
        let packages: Vec<Package> = names
            .iter()
            .map(|name| {
                let dependencies: Vec<serde_json::Value> = edges
                    .iter()
                    .filter(|(from, ..)| from == name)
                    .map(|(_, kind, to)| serde_json::json!({ "name": to, "kind": kind }))
                    .collect();
                let publish = if *name == "xtask" {
                    serde_json::json!([])
                } else {
                    ().into()
                };
                serde_json::from_value(serde_json::json!({
                    "name": name,
                    "version": "0.1.0",
                    "manifest_path": format!("/there/{name}/Cargo.toml"),
                    "dependencies": dependencies,
                    "features": {},
                    "publish": publish,
                }))
                .unwrap()
            })
            .collect();
        let tree = Tree::default();
        check(&Subject {
            tree: &tree,
            packages: &packages,
        })
        .iter()
        .map(ToString::to_string)
        .collect()
    }

    #[test]
    fn accepts_arrows_that_go_down() {
        assert_eq!(
            findings(&[
                ("security-cli", None, "security-bundle"),
                ("security-bundle", None, "trust-gate"),
                ("security-bundle", Some("dev"), "consent"),
                ("trust-gate", None, "serde"),
                ("xtask", None, "trust-gate"),
            ]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn refuses_a_sibling_in_every_kind_of_dependency() {
        for kind in [None, Some("dev"), Some("build")] {
            assert_eq!(
                findings(&[("consent", kind, "trust-gate")]).len(),
                1,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn refuses_a_sibling_that_comes_from_a_registry() {
        assert_eq!(
            findings(&[("trust-gate", None, "budget-enforcer")]).len(),
            1
        );
    }

    #[test]
    fn refuses_arrows_that_go_up() {
        assert_eq!(
            findings(&[("trust-gate", Some("dev"), "security-bundle")]).len(),
            1
        );
        assert_eq!(
            findings(&[("security-bundle", Some("dev"), "security-cli")]).len(),
            1
        );
    }

    #[test]
    fn refuses_what_is_not_published_below_what_is() {
        assert_eq!(
            findings(&[("security-cli", Some("build"), "xtask")]).len(),
            1
        );
    }
}
