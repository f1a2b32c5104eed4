//! Asking the witnesses of a policy for their cosignatures, each over HTTP and all at once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use thiserror::Error;
use ureq::Agent;

use super::request::{AddCheckpoint, RequestError};
use crate::AuditError;
use crate::checkpoint::Checkpoint;
use crate::error::shortened;
use crate::note::NoteError;
use crate::policy::{PolicyWitness, Quorum, TlogPolicy};
use crate::reader::AuditReader;
use crate::receipt::decimal;

/// The longest answer that is read, in bytes: some signature lines.
const MAX_ANSWER: u64 = 64 * 1024;

/// Collects cosignatures from the witnesses of a policy.
///
/// It asks every witness that has a URL at the same time and waits for all of them, at most the timeout twice over: it
/// blocks. It remembers which size each witness knows, to spare a question the next time; what a witness knows better
/// it tells, and is asked once more. Redirects are not followed.
#[derive(Debug)]
pub struct WitnessClient {
    agent: Agent,
    policy: TlogPolicy,
    /// By origin and the witness's key, the size that it is thought to know.
    known: Mutex<HashMap<(String, [u8; 32]), u64>>,
}

/// A checkpoint with what the witnesses gave, and what kept the others from it.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "whether the cosignatures are enough shows in `quorum` alone"]
pub struct Collected {
    /// The checkpoint with all cosignatures in its note.
    pub checkpoint: Checkpoint,
    /// Who has cosigned, and whether that is enough.
    pub quorum: Quorum,
    /// The policy's names of the witnesses that did not cosign, and why.
    pub failures: Vec<(String, WitnessError)>,
}

/// Why a witness gave no cosignature.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The policy does not say where it is.
    #[error("the policy gives no URL for it")]
    NoUrl,
    /// It was not reached, did not answer in time, or answered too much.
    #[error("it could not be asked: {0}")]
    Http(String),
    /// It refused.
    #[error("it answered `{answer}` with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The beginning of what it said.
        answer: String,
    },
    /// It showed a checkpoint of a larger tree that the log's own key has signed: the log was rolled back, or the checkpoint is not its newest.
    ///
    /// A witness that merely says so has [refused](Self::Refused).
    #[error(
        "it shows the log's signature at size {known}, beyond the checkpoint's {size}; was the log rolled back?"
    )]
    Ahead {
        /// The size that the witness told.
        known: u64,
        /// The checkpoint's size.
        size: u64,
    },
    /// It showed a checkpoint that the log's own key has signed, and the log does not begin with what that covers.
    #[error("it shows the log's signature of {known} entries that are not those of the log")]
    Forked {
        /// The size of the tree that it showed.
        known: u64,
    },
    /// It answered with what is not its valid cosignature.
    #[error("its answer is no cosignature: {0}")]
    Answer(#[from] NoteError),
    /// The log cannot prove what the witness needs.
    #[error("the log cannot prove that it continues what the witness knows: {0}")]
    Log(#[from] AuditError),
    /// The request cannot be written.
    #[error(transparent)]
    Request(#[from] RequestError),
}

enum Answer {
    Lines(String),
    /// It knows the log at this size.
    Size(u64),
}

impl WitnessClient {
    /// A client for the witnesses of `policy` that waits for each answer at most `timeout`, connecting included.
    #[must_use]
    pub fn new(policy: TlogPolicy, timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        Self {
            agent: config.new_agent(),
            policy,
            known: Mutex::new(HashMap::new()),
        }
    }

    /// The policy whose witnesses it asks.
    #[must_use]
    pub fn policy(&self) -> &TlogPolicy {
        &self.policy
    }

    /// Has `checkpoint`, which covers the entries of `log`, cosigned by the policy's witnesses.
    ///
    /// Witnesses that are down or refuse stand in [`Collected::failures`].
    ///
    /// # Errors
    /// [`NoteError`] if the checkpoint itself does not open under the policy.
    pub fn collect(
        &self,
        log: &AuditReader,
        checkpoint: &Checkpoint,
    ) -> Result<Collected, NoteError> {
        drop(self.policy.evaluate(checkpoint)?);
        let answers: Vec<_> = thread::scope(|scope| {
            let asked: Vec<_> = self
                .policy
                .witnesses()
                .map(|witness| (witness, scope.spawn(|| self.ask(witness, log, checkpoint))))
                .collect();
            asked
                .into_iter()
                .map(|(witness, thread)| {
                    let panicked = |_| Err(WitnessError::Http("the thread panicked".to_owned()));
                    (witness, thread.join().unwrap_or_else(panicked))
                })
                .collect()
        });
        let mut cosigned = checkpoint.clone();
        let mut failures = Vec::new();
        for (witness, answer) in answers {
            let added = answer.and_then(|lines| {
                let added = cosigned.with_cosignatures(&lines, &[&witness.key]);
                added.map_err(WitnessError::from)
            });
            match added {
                Ok(more) => cosigned = more,
                Err(error) => failures.push((witness.name.clone(), error)),
            }
        }
        Ok(Collected {
            quorum: self.policy.evaluate(&cosigned)?,
            checkpoint: cosigned,
            failures,
        })
    }

    /// The signature lines of one witness, verified.
    fn ask(
        &self,
        witness: &PolicyWitness,
        log: &AuditReader,
        checkpoint: &Checkpoint,
    ) -> Result<String, WitnessError> {
        let url = witness.url.as_deref().ok_or(WitnessError::NoUrl)?;
        let url = format!("{}/add-checkpoint", url.trim_end_matches('/'));
        let key = (checkpoint.origin().to_owned(), *witness.key.public());
        let size = checkpoint.size();
        let mut old = self.known().get(&key).copied().unwrap_or(0);
        if old > size {
            old = 0;
        }
        let mut retried = false;
        loop {
            let proof = log.consistency_proof(old, size)?;
            let request = AddCheckpoint::new(old, proof, checkpoint.as_str())?;
            let answer = self.post(&url, &request).map_err(|refused| {
                // Unprocessable: what it has seen of this log is not how the log begins.
                match self.shown(witness, log, checkpoint.origin()) {
                    Some(seen) if is_unprocessable(&refused) && is_other(log, &seen) => {
                        WitnessError::Forked { known: seen.size() }
                    }
                    _ => refused,
                }
            })?;
            match answer {
                Answer::Lines(lines) => {
                    checkpoint.with_cosignatures(&lines, &[&witness.key])?;
                    self.known().insert(key, size);
                    return Ok(lines);
                }
                Answer::Size(known) if known > size => {
                    let shown = self.shown(witness, log, checkpoint.origin());
                    let newer = shown.filter(|shown| shown.size() > size);
                    return Err(newer.map_or_else(
                        || WitnessError::Refused {
                            status: 409,
                            answer: known.to_string(),
                        },
                        |newer| WitnessError::Ahead {
                            known: newer.size(),
                            size,
                        },
                    ));
                }
                Answer::Size(known) if retried => {
                    return Err(WitnessError::Refused {
                        status: 409,
                        answer: known.to_string(),
                    });
                }
                Answer::Size(known) => old = known,
            }
            retried = true;
        }
    }

    /// The checkpoint of the log that the witness shows, if the log's own key has signed it.
    fn shown(
        &self,
        witness: &PolicyWitness,
        log: &AuditReader,
        origin: &str,
    ) -> Option<Checkpoint> {
        let url = witness.url.as_deref()?.trim_end_matches('/');
        let hash = super::origin_hash(origin);
        let mut response = self
            .agent
            .get(format!("{url}/{hash}/checkpoint"))
            .call()
            .ok()?;
        if response.status().as_u16() != 200 {
            return None;
        }
        let body = response.body_mut().with_config().limit(MAX_ANSWER);
        let note = body.read_to_string().ok()?;
        let shown = Checkpoint::open(&note, &log.key_in_force().ok()?).ok()?;
        (shown.origin() == origin).then_some(shown)
    }

    fn post(&self, url: &str, request: &AddCheckpoint) -> Result<Answer, WitnessError> {
        let failed = |error: ureq::Error| WitnessError::Http(error.to_string());
        let mut response = self
            .agent
            .post(url)
            .header("content-type", "text/plain; charset=utf-8")
            .send(request.to_string())
            .map_err(failed)?;
        let status = response.status().as_u16();
        let answer = response
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_string()
            .map_err(failed)?;
        let told = answer.strip_suffix('\n').and_then(decimal);
        match (status, told) {
            (200, _) => Ok(Answer::Lines(answer)),
            (409, Some(size)) => Ok(Answer::Size(size)),
            _ => Err(WitnessError::Refused {
                status,
                answer: shortened(answer.trim_end()),
            }),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<(String, [u8; 32]), u64>> {
        // Only a hint stands in it, so that nothing can be half-done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_unprocessable(error: &WitnessError) -> bool {
    matches!(error, WitnessError::Refused { status: 422, .. })
}

/// Whether the log certainly does not begin with what a checkpoint covers.
fn is_other(log: &AuditReader, seen: &Checkpoint) -> bool {
    log.root(seen.size()).is_ok_and(|root| root != *seen.root())
}

impl fmt::Display for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cosigned by {}", self.quorum.witnesses())?;
        for (name, error) in &self.failures {
            write!(f, "; `{name}`: {error}")?;
        }
        Ok(())
    }
}
