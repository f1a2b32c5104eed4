//! What the environment may say: only what makes the configuration stricter (design: security-bundle, Configuration).

use std::fmt;

use budget_enforcer::{Limits, Usd};
use trust_gate::LevelRef;

use super::node::shown;
use super::{AuditLevel, ConfigError, SecurityStackConfig};

const TRUST_THRESHOLD: &str = "AUMOS_TRUST_THRESHOLD";
const BUDGET_LIMIT: &str = "AUMOS_BUDGET_LIMIT";
const AUDIT_LEVEL: &str = "AUMOS_AUDIT_LEVEL";
const CONSENT_REQUIRED: &str = "AUMOS_CONSENT_REQUIRED";

/// A variable that was left out, because it would have loosened the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnvironmentNote {
    /// The variable's name.
    pub variable: &'static str,
    /// What it would have loosened.
    pub message: String,
}

impl fmt::Display for EnvironmentNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was left out: {}", self.variable, self.message)
    }
}

impl SecurityStackConfig {
    /// The configuration as the environment tightens it, and the variables that were left out because they would loosen it.
    ///
    /// `AUMOS_TRUST_THRESHOLD` is a level that every action needs at least, `AUMOS_BUDGET_LIMIT` the most that a session may cost
    /// in USD, `AUMOS_AUDIT_LEVEL` is `minimal`, `standard` or `detailed`, `AUMOS_CONSENT_REQUIRED` is `true` or `false`. Nothing
    /// calls this for you: neither [`create_security_stack`](crate::create_security_stack) nor the MCP gate reads the environment.
    ///
    /// ```
    /// # use security_bundle::{AuditLevel, SecurityStackConfig};
    /// let environment = |name: &str| (name == "AUMOS_AUDIT_LEVEL").then(|| "detailed".to_owned());
    /// let (config, left_out) = SecurityStackConfig::default().tightened_by(&environment)?;
    /// assert_eq!(config.audit.level, AuditLevel::Detailed);
    /// assert!(left_out.is_empty());
    /// # Ok::<(), security_bundle::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// A value that cannot be read; its key is the variable's name.
    pub fn tightened_by(
        mut self,
        environment: &impl Fn(&str) -> Option<String>,
    ) -> Result<(Self, Vec<EnvironmentNote>), ConfigError> {
        let mut left_out = Vec::new();
        let mut note = |variable, message: String| {
            left_out.push(EnvironmentNote { variable, message });
        };
        if let Some(text) = environment(TRUST_THRESHOLD) {
            let named: LevelRef = text
                .parse()
                .map_err(|error| ConfigError::at(TRUST_THRESHOLD, error))?;
            let asked = self
                .trust_gate
                .tiers
                .resolve(&named)
                .map_err(|error| ConfigError::at(TRUST_THRESHOLD, error))?;
            match self.least_level()? {
                Some(least) if asked < least => note(
                    TRUST_THRESHOLD,
                    format!("{asked} is below the {least} of the configuration"),
                ),
                _ => self.minimum_level = Some(asked.into()),
            }
        }
        if let Some(text) = environment(BUDGET_LIMIT) {
            let asked: Usd = text
                .parse()
                .map_err(|error| ConfigError::at(BUDGET_LIMIT, error))?;
            let limit = self.budget.session.and_then(|session| session.cost);
            match limit {
                Some(limit) if asked > limit => note(
                    BUDGET_LIMIT,
                    format!("{} USD is above the {} USD of the configuration", asked.exact(), limit.exact()),
                ),
                // Sessions without a budget are denied here; giving them one would let them through.
                None if self.mandatory.budget && self.budget.session.is_none() => note(
                    BUDGET_LIMIT,
                    "a budget is required and sessions have none; give budget.session limits in the configuration".to_owned(),
                ),
                _ => self.budget.session.get_or_insert(Limits::NONE).cost = Some(asked),
            }
        }
        if let Some(text) = environment(AUDIT_LEVEL) {
            let asked = match text.as_str() {
                "minimal" => AuditLevel::Minimal,
                "standard" => AuditLevel::Standard,
                "detailed" => AuditLevel::Detailed,
                other => {
                    return Err(unreadable(
                        AUDIT_LEVEL,
                        other,
                        "`minimal`, `standard` or `detailed`",
                    ));
                }
            };
            if asked < self.audit.level {
                let level = self.audit.level;
                note(
                    AUDIT_LEVEL,
                    format!("{asked} records less than the {level} of the configuration"),
                );
            } else {
                self.audit.level = asked;
            }
        }
        if let Some(text) = environment(CONSENT_REQUIRED) {
            match text.as_str() {
                "true" => self.mandatory.consent = true,
                "false" if self.mandatory.consent => note(
                    CONSENT_REQUIRED,
                    "the configuration requires consent".to_owned(),
                ),
                "false" => {}
                other => return Err(unreadable(CONSENT_REQUIRED, other, "`true` or `false`")),
            }
        }
        Ok((self, left_out))
    }

    /// [`tightened_by`](Self::tightened_by) the environment of this process.
    ///
    /// # Errors
    /// A value that cannot be read, also one that is no Unicode.
    pub fn tightened_by_environment(self) -> Result<(Self, Vec<EnvironmentNote>), ConfigError> {
        // What is no Unicode becomes something that no variable takes, instead of nothing.
        self.tightened_by(&|name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()))
    }
}

fn unreadable(variable: &str, text: &str, known: &str) -> ConfigError {
    let problem = format!("`{}` is not one of its values; write {known}", shown(text));
    ConfigError::at(variable, problem)
}
