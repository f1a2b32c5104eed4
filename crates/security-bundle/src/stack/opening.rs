//! What a start loosens against the configuration that was in force last. Whoever starts a stack hands it the configuration, so that
//! nothing is refused as a reload refuses it; but nothing is raised without being named in the log.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use consent::ConsentGate;
use serde_json::json;
use trust_gate::TrustGate;

use super::apply::Applied;
use super::standing::{self, Raised};
use crate::config::{ConfigChange, ConfigDiff, ConfigError, SecurityStackConfig};
use crate::hex::sha256;
use crate::policy;

/// The configuration that was in force last, in the directory's folder. The log holds its digest.
const FILE: &str = "configuration.json";
/// Where a new one is written before it takes its place.
pub(crate) const FRESH: &str = "configuration.new";

/// How many changes an entry names; it says how many there are besides.
const MOST_NAMED: usize = 32;
/// How many characters of each text.
const MOST_OF_EACH: usize = 120;

/// Another configuration than the one that was in force last.
#[derive(Debug)]
pub(super) struct Opening {
    before: Option<String>,
    now: String,
    /// Whether the one before was at hand. Otherwise all that the new one gives counts as given by it.
    is_compared: bool,
    loosens: Vec<ConfigChange>,
}

impl Opening {
    /// `None` where the configuration is the one that was in force last.
    pub(super) fn of(
        config: &SecurityStackConfig,
        before: Option<&str>,
        folder: Option<&Path>,
    ) -> Result<Option<Self>, ConfigError> {
        let now = policy::shared_digest(config)?;
        if before == Some(&*now) {
            return Ok(None);
        }
        let last = before.and_then(|digest| kept(folder?, digest, config));
        let is_compared = last.is_some();
        let nothing = SecurityStackConfig::default;
        let old = last.unwrap_or_else(|| policy::beside(config, nothing()));
        let loosens = loosened(&SecurityStackConfig::diff(&old, config)?);
        Ok(Some(Self {
            before: before.map(str::to_owned),
            now,
            is_compared,
            loosens,
        }))
    }

    /// Adds what no file knows: levels that stand lower than an assignment that is about to be applied, and consent that does not stand.
    pub(super) fn look_at(
        &mut self,
        config: &SecurityStackConfig,
        trust: &TrustGate,
        consent: &ConsentGate,
        applied: &Applied,
    ) -> Result<(), ConfigError> {
        let fresh = config.assignments.iter();
        let fresh = fresh.filter(|grant| !applied.knows(&("assignment", grant)));
        for Raised { grant, from, to } in standing::raised(trust, &config.trust_gate.tiers, fresh)?
        {
            let change = ConfigChange::raised_level(&grant.agent, &grant.scope, from, to);
            if !self.names(&change) {
                self.loosens.push(change);
            }
        }
        let fresh = config.grants.iter();
        let fresh = fresh.filter(|grant| !applied.knows(&("grant", grant)));
        for grant in fresh.filter(|grant| !standing::consents_to(consent, grant.extent())) {
            self.loosens.push(ConfigChange::given_consent(grant));
        }
        Ok(())
    }

    fn names(&self, change: &ConfigChange) -> bool {
        let mut named = self.loosens.iter();
        named.any(|known| known.raises && known.subject == change.subject)
    }

    /// Whether it must not be in force without being on record.
    pub(super) fn loosens(&self) -> bool {
        !self.loosens.is_empty()
    }

    /// As its entry carries it.
    pub(super) fn told(&self) -> serde_json::Value {
        json!({ "configuration": {
            "before": self.before,
            "now": self.now,
            "compared": self.is_compared,
            "loosens": named(&self.loosens),
            "loosens_in_all": self.loosens.len(),
        }})
    }
}

/// Those changes of a difference by which more is let through, those that raise somebody's trust first.
pub(super) fn loosened(diff: &ConfigDiff) -> Vec<ConfigChange> {
    let mut changes: Vec<_> = diff.loosens().cloned().collect();
    changes.sort_by_key(|change| !change.raises);
    changes
}

/// As many of them as an entry has room for, with texts of any length cut.
pub(super) fn named(changes: &[ConfigChange]) -> Vec<ConfigChange> {
    let short = |text: &String| {
        let mut short: String = text.chars().take(MOST_OF_EACH).collect();
        if short.len() < text.len() {
            short.push('…');
        }
        short
    };
    let changes = changes.iter().take(MOST_NAMED);
    changes
        .map(|change| ConfigChange {
            subject: short(&change.subject),
            old: change.old.as_ref().map(short),
            new: change.new.as_ref().map(short),
            ..change.clone()
        })
        .collect()
}

/// The configuration of this digest, if it is the one that was kept.
fn kept(folder: &Path, digest: &str, like: &SecurityStackConfig) -> Option<SecurityStackConfig> {
    let text = fs::read(folder.join(FILE)).ok()?;
    if sha256(&text) != digest {
        return None;
    }
    policy::read_shared(&text, like)
}

/// Keeps it for the next start. Blocks until it is stored.
pub(super) fn keep(folder: &Path, text: &[u8]) -> io::Result<()> {
    let fresh = folder.join(FRESH);
    let mut file = fs::File::create(&fresh)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&fresh, folder.join(FILE))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use async_trait::async_trait;
    use audit_trail::{AuditLog, Entry};

    use super::*;
    use crate::recorder::{RecordError, Recorded, Recorder};
    use crate::stack::{SecurityStack, StackError};

    /// Takes so many entries and no more.
    struct Full {
        log: Arc<dyn Recorder>,
        room: AtomicU64,
    }

    #[async_trait]
    impl Recorder for Full {
        fn record(&self, entry: Entry<'_>) -> Result<Recorded, RecordError> {
            let left = self
                .room
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                    left.checked_sub(1)
                });
            left.map_err(|_| RecordError::new(io::Error::other("full")))?;
            self.log.record(entry)
        }

        async fn acknowledged(&self, recorded: &Recorded) -> Result<(), RecordError> {
            self.log.acknowledged(recorded).await
        }

        fn wait(&self, recorded: &Recorded) -> Result<(), RecordError> {
            self.log.wait(recorded)
        }
    }

    fn open(mode: &str, room: u64) -> Result<SecurityStack, StackError> {
        let config = SecurityStackConfig::from_toml_str(&format!("mode = \"{mode}\"")).unwrap();
        SecurityStack::builder(config)
            .journal(AuditLog::builder().build().unwrap())
            .recording_through(move |log| {
                let room = AtomicU64::new(room);
                Arc::new(Full { log, room })
            })
            .build()
    }

    #[test]
    fn what_loosens_and_cannot_be_recorded_is_not_in_force() {
        // As many entries as it takes; of which the last says what is in force.
        let needed = (0..20).find(|room| open("shadow", *room).is_ok()).unwrap();
        let refused = open("shadow", needed - 1).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "it would loosen what is in force, and that is not on record: the audit log did not take the entry: full"
        );
        // Where nothing is let through, a loss is counted.
        assert!(open("enforce", needed - 1).is_ok());
    }
}
