//! How a log that grows gets its checkpoints cosigned: whoever does it is asked between two publications.

use std::fmt;

use crate::AuditError;
use crate::checkpoint::Checkpoint;
use crate::note::VerifierKey;
use crate::reader::AuditReader;

/// Asks witnesses. Blocks for as long as they take.
pub(crate) struct Cosign {
    ask: Box<Ask>,
    /// The logs that the policy is about; none: any.
    logs: Vec<VerifierKey>,
    /// Whether the witnesses that can be asked may make up a quorum.
    may_be_met: bool,
}

type Ask = dyn Fn(&AuditReader, &Checkpoint) -> Result<Cosigned, AuditError> + Send + Sync;

/// A checkpoint with the cosignatures that were given.
pub(crate) struct Cosigned {
    pub(crate) checkpoint: Checkpoint,
    /// Whether they make up the policy's quorum.
    pub(crate) enough: bool,
    /// Who has cosigned, and what kept the others from it.
    pub(crate) told: String,
}

impl Cosign {
    /// Whether waiting for these witnesses of a log can ever end.
    pub(crate) fn fits(&self, key: &VerifierKey) -> Result<(), AuditError> {
        if !self.logs.is_empty() && !self.logs.contains(key) {
            return Err(AuditError::Config(format!(
                "the witness policy does not name the log's key {key}"
            )));
        }
        if !self.may_be_met {
            let problem =
                "the witness policy's quorum cannot be met: too few of its witnesses have a URL";
            return Err(AuditError::Config(problem.into()));
        }
        Ok(())
    }

    /// # Errors
    /// [`AuditError::RollbackDetected`] if a witness has more of the log than there is, signed by its key; any other error is for trying again later.
    pub(crate) fn ask(
        &self,
        log: &AuditReader,
        checkpoint: &Checkpoint,
    ) -> Result<Cosigned, AuditError> {
        (self.ask)(log, checkpoint)
    }
}

impl fmt::Debug for Cosign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cosign").finish_non_exhaustive()
    }
}

/// Has the witnesses of a client's policy asked.
#[cfg(feature = "witness")]
pub(crate) fn by(client: crate::witness::WitnessClient) -> Cosign {
    use crate::witness::WitnessError;

    let policy = client.policy();
    let (logs, may_be_met) = (policy.logs().cloned().collect(), policy.may_be_met());
    let ask = move |log: &AuditReader, checkpoint: &Checkpoint| {
        let collected = client.collect(log, checkpoint)?;
        for (witness, failure) in &collected.failures {
            let (covered, problem) = match failure {
                WitnessError::Ahead { known, size } => {
                    (*known, format!("only {size} entries are there"))
                }
                WitnessError::Forked { known } => {
                    (*known, "the log begins with other entries".to_owned())
                }
                _ => continue,
            };
            return Err(AuditError::RollbackDetected {
                evidence: format!(
                    "what the witness `{}` shows",
                    crate::error::shortened(witness)
                ),
                covered,
                problem,
            });
        }
        Ok(Cosigned {
            told: collected.to_string(),
            checkpoint: collected.checkpoint,
            enough: collected.quorum.satisfied,
        })
    };
    Cosign {
        ask: Box::new(ask),
        logs,
        may_be_met,
    }
}
