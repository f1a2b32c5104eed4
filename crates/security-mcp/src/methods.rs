//! `[mcp.methods]`: which methods beside `tools/*` may pass, by pattern.

use std::cmp::Ordering;

/// What a pattern of `[mcp.methods]` says about the methods that it matches.
///
/// `L` is whatever names a level of trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a new rule must be handled where rules are enforced"
)]
pub enum MethodRule<L> {
    /// Passes, whatever the agent's level.
    Pass,
    /// Never passes.
    Deny,
    /// Passes for an agent of this level or above.
    Level(L),
}

/// A table of method patterns. `*` stands for any run of characters.
///
/// Of several patterns that match, the most specific one decides: the one with the most characters that are no `*`,
/// then the one with the fewest `*`; of equally specific ones, the strictest: `Deny`, then the highest level. So the order of a configuration file is without meaning, and `resources/subscribe`
/// outweighs `resources/*`.
///
/// ```
/// use security_mcp::{MethodRule, Methods};
///
/// let methods: Methods<u8> = [
///     ("resources/*", MethodRule::Level(1)),
///     ("resources/subscribe", MethodRule::Deny),
/// ]
/// .into_iter()
/// .collect();
/// assert_eq!(methods.rule("resources/read"), Some(&MethodRule::Level(1)));
/// assert_eq!(methods.rule("resources/subscribe"), Some(&MethodRule::Deny));
/// assert_eq!(methods.rule("prompts/get"), None);
/// ```
#[derive(Debug, Clone)]
pub struct Methods<L> {
    /// Most specific first; equally specific ones strictest first.
    patterns: Vec<(String, MethodRule<L>)>,
}

impl<L> Methods<L> {
    /// The rule for `method`. `None`: no pattern matches, so it is denied.
    #[must_use]
    pub fn rule(&self, method: &str) -> Option<&MethodRule<L>> {
        self.patterns
            .iter()
            .find(|(pattern, _)| matches(pattern, method))
            .map(|(_, rule)| rule)
    }
}

impl<P: Into<String>, L: Ord> FromIterator<(P, MethodRule<L>)> for Methods<L> {
    fn from_iter<I: IntoIterator<Item = (P, MethodRule<L>)>>(rules: I) -> Self {
        let mut patterns: Vec<(String, MethodRule<L>)> = rules
            .into_iter()
            .map(|(pattern, rule)| (pattern.into(), rule))
            .collect();
        patterns.sort_by(|(one, one_rule), (other, other_rule)| {
            by_specificity(one, other).then_with(|| by_strictness(one_rule, other_rule))
        });
        Self { patterns }
    }
}

/// The more specific one first.
fn by_specificity(one: &str, other: &str) -> Ordering {
    let measure = |pattern: &str| {
        let stars = pattern.bytes().filter(|byte| *byte == b'*').count();
        (pattern.len().saturating_sub(stars), stars)
    };
    let ((one, one_stars), (other, other_stars)) = (measure(one), measure(other));
    other.cmp(&one).then(one_stars.cmp(&other_stars))
}

/// The stricter one first.
fn by_strictness<L: Ord>(one: &MethodRule<L>, other: &MethodRule<L>) -> Ordering {
    strictness(other).cmp(&strictness(one))
}

fn strictness<L>(rule: &MethodRule<L>) -> (u8, Option<&L>) {
    match rule {
        MethodRule::Deny => (2, None),
        MethodRule::Level(level) => (1, Some(level)),
        MethodRule::Pass => (0, None),
    }
}

/// Glob matching with `*` only, in time proportional to the product of the lengths at worst.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        match text.split_once(part) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, text, matched) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("", "", true),
            ("*", "", true),
            ("*", "x/y", true),
            ("a/*", "a/", true),
            ("a/*", "a/b/c", true),
            ("a/*", "a", false),
            ("*/list", "a/list", true),
            ("*/list", "list", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("a**", "a", true),
        ] {
            assert_eq!(matches(pattern, text), matched, "{pattern} {text}");
        }
    }

    #[test]
    fn the_most_specific_pattern_decides_whatever_the_order() {
        let rules = [
            ("*", MethodRule::<u8>::Deny),
            ("a/*", MethodRule::Level(1)),
            ("a/b", MethodRule::Pass),
        ];
        for methods in [
            rules.into_iter().collect::<Methods<u8>>(),
            rules.into_iter().rev().collect(),
        ] {
            assert_eq!(methods.rule("a/b"), Some(&MethodRule::Pass));
            assert_eq!(methods.rule("a/c"), Some(&MethodRule::Level(1)));
            assert_eq!(methods.rule("z"), Some(&MethodRule::Deny));
        }
    }

    #[test]
    fn of_equally_specific_patterns_the_strictest_decides() {
        let rules = [
            ("a*c", MethodRule::Pass),
            ("*bc", MethodRule::<u8>::Level(1)),
            ("ab*", MethodRule::Level(2)),
            ("a*b", MethodRule::Pass),
            ("*xb", MethodRule::Deny),
            ("twice", MethodRule::Deny),
            ("twice", MethodRule::Pass),
        ];
        for methods in [
            rules.into_iter().collect::<Methods<u8>>(),
            rules.into_iter().rev().collect(),
        ] {
            assert_eq!(methods.rule("abc"), Some(&MethodRule::Level(2)));
            assert_eq!(methods.rule("axb"), Some(&MethodRule::Deny));
            assert_eq!(methods.rule("twice"), Some(&MethodRule::Deny));
        }
    }
}
