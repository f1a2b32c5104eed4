//! How a log that grows gets its checkpoints cosigned: whoever does it is asked between two publications.

use std::fmt;

use crate::AuditError;
use crate::checkpoint::Checkpoint;
use crate::reader::AuditReader;

/// Asks witnesses. Blocks for as long as they take.
pub(crate) struct Cosign(Box<Ask>);

type Ask = dyn Fn(&AuditReader, &Checkpoint) -> Result<Cosigned, AuditError> + Send + Sync;

/// A checkpoint with the cosignatures that were given.
pub(crate) struct Cosigned {
    pub(crate) checkpoint: Checkpoint,
    /// Whether they make up the policy's quorum.
    pub(crate) enough: bool,
}

impl Cosign {
    /// # Errors
    /// [`AuditError::RollbackDetected`] if a witness knows more of the log than there is; any other error is for trying again later.
    pub(crate) fn ask(
        &self,
        log: &AuditReader,
        checkpoint: &Checkpoint,
    ) -> Result<Cosigned, AuditError> {
        (self.0)(log, checkpoint)
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

    Cosign(Box::new(move |log, checkpoint| {
        let collected = client.collect(log, checkpoint)?;
        for (witness, failure) in &collected.failures {
            if let WitnessError::Ahead { known, size } = failure {
                return Err(AuditError::RollbackDetected {
                    evidence: format!("the witness `{}`", crate::error::shortened(witness)),
                    covered: *known,
                    problem: format!("only {size} entries are there"),
                });
            }
        }
        Ok(Cosigned {
            checkpoint: collected.checkpoint,
            enough: collected.quorum.satisfied,
        })
    }))
}
