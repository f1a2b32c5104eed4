//! The methods of the MCP gate, compared as it looks them up: the most specific pattern decides.

use std::cmp::Reverse;

use trust_gate::TrustLevel;

use super::{ConfigPart, Rows, direction, patterns};
use crate::config::{ConfigError, MethodRule, SecurityStackConfig};

pub(super) fn compare<'a>(
    old: &'a SecurityStackConfig,
    new: &'a SecurityStackConfig,
    rows: &mut Rows,
) -> Result<(), ConfigError> {
    let (before, after) = (most_specific_first(old)?, most_specific_first(new)?);
    let patterns_of = |rules: &[Method<'a>]| rules.iter().map(|rule| rule.pattern).collect();
    let (old_names, new_names): (Vec<&str>, Vec<&str>) =
        (patterns_of(&before), patterns_of(&after));
    for (i, j) in patterns::pairs(&old_names, &new_names) {
        let was = i.and_then(|i| before.get(i));
        let is = j.and_then(|j| after.get(j));
        let freedom = |rule: Option<&Method<'_>>| rule.map_or(Freedom::Denied, |rule| rule.freedom);
        if let Some(direction) = direction(&freedom(was), &freedom(is)) {
            let pattern = |rule: Option<&Method<'_>>| rule.map(|rule| rule.pattern.to_owned());
            let subject = patterns::overlap(pattern(was).as_deref(), pattern(is).as_deref());
            let text = |rule: Option<&Method<'_>>| {
                rule.map_or_else(
                    || "no rule: denied".to_owned(),
                    |rule| rule.rule.to_string(),
                )
            };
            rows.push(
                ConfigPart::Method,
                subject,
                direction,
                (Some(text(was)), Some(text(is))),
            );
        }
    }
    Ok(())
}

struct Method<'a> {
    pattern: &'a str,
    rule: &'a MethodRule,
    freedom: Freedom,
}

/// Greater where more may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Freedom {
    Denied,
    From(Reverse<TrustLevel>),
    Anybody,
}

/// In the order in which the gate tries them: most characters that are no `*`, then fewest `*`, then strictest.
fn most_specific_first(config: &SecurityStackConfig) -> Result<Vec<Method<'_>>, ConfigError> {
    let tiers = &config.trust_gate.tiers;
    let mut methods = Vec::new();
    for (pattern, rule) in &config.mcp.methods {
        let freedom = match rule {
            MethodRule::Deny => Freedom::Denied,
            MethodRule::Pass => Freedom::Anybody,
            MethodRule::Level(level) => {
                let level = tiers
                    .resolve(level)
                    .map_err(|error| ConfigError::at(format!("mcp.methods.{pattern}"), error))?;
                Freedom::From(Reverse(level))
            }
        };
        methods.push(Method {
            pattern,
            rule,
            freedom,
        });
    }
    methods.sort_by_key(|method| {
        let stars = method.pattern.bytes().filter(|byte| *byte == b'*').count();
        let others = method.pattern.len().saturating_sub(stars);
        (Reverse(others), stars, method.freedom)
    });
    Ok(methods)
}
