//! What the control socket serves: guards of processes that joined, and operators.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use audit_trail::Entry;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::desk::{Desk, Permits};
use crate::control::{Hello, Peer, Refusal, Role, Service, decode, encode};
use crate::far::Question;
use crate::operator::{OperatorRefusal, OperatorRequest};

/// One request on the wire.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Request {
    Ask { question: Question, again: bool },
    Operate(Box<OperatorRequest>),
}

pub(super) struct Door {
    pub(super) desk: Arc<Desk>,
    /// This process is leaving.
    pub(super) is_closing: Arc<AtomicBool>,
}

/// One process that joined.
pub(super) struct Joined {
    role: Role,
    name: String,
    peer: Peer,
    permits: Permits,
    is_closing: Arc<AtomicBool>,
}

impl Drop for Joined {
    fn drop(&mut self) {
        if self.is_closing.load(Ordering::SeqCst) {
            self.permits.disown();
        }
    }
}

impl Service for Door {
    type Seat = Joined;

    fn join(&self, hello: Hello, peer: Peer) -> Result<Joined, Refusal> {
        if hello.role == Role::Gate {
            // That which is in force now, and not that which the owner was started with.
            let ours = crate::policy::shared_digest(&self.desk.stack.config())
                .map_err(|error| Refusal::new("internal_error", error.to_string()))?;
            if hello.config != Some(ours) {
                return Err(Refusal::new(
                    "other_configuration",
                    "the data directory is owned by a process with another configuration; all gates on one directory share trust, budget and consent rules, and may differ in [agent], [mcp] and audit.key alone: give this one the same, or reload the owner first",
                ));
            }
        }
        let joined = Joined {
            role: hello.role,
            name: hello.name,
            peer,
            permits: self.desk.permits(),
            is_closing: Arc::clone(&self.is_closing),
        };
        if joined.role == Role::Gate {
            self.say("gate_joined", &joined.known_as());
        }
        Ok(joined)
    }

    async fn handle(
        &self,
        seat: &Arc<Joined>,
        request: Box<RawValue>,
    ) -> Result<Box<RawValue>, Refusal> {
        match (decode(&request)?, seat.role) {
            (Request::Ask { question, again }, Role::Gate) => {
                encode(&self.desk.answer(&seat.permits, question, again).await)
            }
            (Request::Operate(request), Role::Operator) => {
                let stack = Arc::clone(&self.desk.stack);
                let peer = seat.known_as();
                // Operators' acts wait for the disk.
                let performed =
                    tokio::task::spawn_blocking(move || stack.perform(&request, Some(&peer)));
                match performed.await {
                    Ok(Ok(answer)) => encode(&answer),
                    Ok(Err(OperatorRefusal { code, message, .. })) => {
                        Err(Refusal::new(code, message))
                    }
                    Err(_) => Err(Refusal::new("internal_error", "the act panicked")),
                }
            }
            (Request::Ask { .. }, Role::Operator) | (Request::Operate(_), Role::Gate) => {
                Err(Refusal::new(
                    "control_role",
                    "this is not what the caller said it came for",
                ))
            }
        }
    }

    fn stranger(&self, peer: Peer) {
        self.say("control_stranger", &format!("uid:{}", peer.uid));
    }
}

impl Door {
    fn say(&self, event: &str, detail: &str) {
        let core = self.desk.core();
        if core
            .record(Entry::event(event).reason_lossy(detail))
            .is_err()
        {
            core.count_loss();
        }
    }
}

impl Joined {
    fn known_as(&self) -> String {
        let Peer { uid, pid, .. } = self.peer;
        let pid = pid.map(|pid| format!(" pid:{pid}")).unwrap_or_default();
        format!("uid:{uid}{pid} ({})", self.name)
    }
}
