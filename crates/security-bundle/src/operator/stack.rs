//! The stack as a whole: how it stands, and every request of an operator at one door.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ::consent::{DataType, Purpose};
use audit_trail::{Entry, recordable};
use budget_enforcer::SessionId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;
use trust_gate::{AgentId, OperatorId, Scope, ToolName};

use super::{Books, OperatorAnswer, OperatorError, OperatorRefusal, OperatorRequest};
use crate::config::SecurityStackConfig;
use crate::decision::{Decision, Stage};
use crate::stack::{Raises, ReloadError, SecurityStack};

/// The event under which it stands in the log who asked, where that was another process.
const REQUESTED: &str = "operator_request";

/// What is asked about the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
#[expect(missing_docs, reason = "fields are called what they are")]
pub enum StackRequest {
    /// Who owns it since when, and how it stands.
    Status {},
    /// Stores what is not stored yet: what was in force in memory alone, and entries on their way into the log.
    Flush {},
    /// Signs the log as it is now.
    Checkpoint {},
    /// Why a call would be permitted or denied. Records nothing.
    Explain {
        agent: AgentId,
        tool: ToolName,
        #[serde(default)]
        scope: Scope,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        /// Which data the call would use, besides what the configuration says of the tool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data_type: Option<DataType>,
        /// What for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<Purpose>,
    },
    /// Reads the configuration again and puts it in force.
    Reload {
        /// Even if that raises levels: those that it would raise are told otherwise, and nothing is changed.
        #[serde(default)]
        may_raise: bool,
        by: OperatorId,
        reason: String,
    },
}

/// What is told about the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StackAnswer {
    /// How it stands.
    Status(Box<StackStatus>),
    /// All is stored.
    Flushed {},
    /// The log is signed.
    Checkpoint {
        /// The signed note (C2SP tlog-checkpoint).
        note: String,
        /// How many entries it covers.
        size: u64,
    },
    /// The configuration was read again, and is in force.
    Reloaded {
        /// What is different, for a person to read; empty where nothing is.
        changes: String,
        /// The digest of the rules before.
        old_policy: String,
        /// The digest of the rules now.
        new_policy: String,
    },
    /// Why a call would be permitted or denied.
    Explained {
        /// Whether it would run now.
        allowed: bool,
        /// `allow`, `deny` or `allow_with_caveat`.
        outcome: String,
        /// Stable, in snake case.
        code: String,
        /// Which gate closed first.
        stage: Option<String>,
        /// What each gate that was asked said.
        reasons: Vec<ExplainedReason>,
    },
}

/// What one gate said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExplainedReason {
    /// Which gate.
    pub stage: String,
    /// What it said.
    pub text: String,
}

/// How a stack stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StackStatus {
    /// The process that owns it.
    pub owner_pid: u32,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub since: OffsetDateTime,
    /// What time it is there.
    #[serde(with = "rfc3339")]
    pub at: OffsetDateTime,
    /// What the log is called.
    pub namespace: String,
    /// Entries in the log.
    pub log_size: u64,
    /// Entries that the log did not take.
    pub losses: u64,
    /// Holds that nobody has ended.
    pub open_holds: usize,
    /// Calls that wait for an operator.
    pub pending_approvals: usize,
    /// The glass that was broken and not reviewed, by the revision at which it was.
    pub open_review: Option<u64>,
    /// Names the rules that decisions are made by: SHA-256, 64 hexadecimal digits.
    pub policy: String,
}

impl StackRequest {
    pub(super) const fn verb(&self) -> &'static str {
        match self {
            Self::Status {} => "stack.status",
            Self::Flush {} => "stack.flush",
            Self::Checkpoint {} => "stack.checkpoint",
            Self::Explain { .. } => "stack.explain",
            Self::Reload { .. } => "stack.reload",
        }
    }

    pub(super) fn by(&self) -> Option<&str> {
        match self {
            Self::Reload { by, .. } => Some(by.as_str()),
            _ => None,
        }
    }

    pub(super) const fn is_act(&self) -> bool {
        matches!(self, Self::Reload { .. })
    }
}

impl SecurityStack {
    /// Does what an operator asks. Blocks until an act is stored, and for what the log or a journal has to be read for.
    ///
    /// `peer` is what is known of the process that asks, if it is another one, such as `uid:1000 (ada)`: before an act it goes
    /// into the log beside the verb and the operator in whose name it is asked, as an event `operator_request`.
    ///
    /// ```
    /// # use security_bundle::operator::{OperatorAnswer, OperatorRequest};
    /// # use security_bundle::{SecurityStackConfig, create_security_stack};
    /// # let stack = create_security_stack(SecurityStackConfig::default())?;
    /// let request: OperatorRequest = serde_json::from_str(
    ///     r#"{"trust":{"quarantine":{"agent":"bot","by":"ops@example.com","reason":"odd calls"}}}"#,
    /// )?;
    /// let answer = stack.perform(&request, Some("uid:1000"))?;
    /// assert!(matches!(answer, OperatorAnswer::Trust(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What was refused, and why. Nothing is changed then, unless the code is `not_stored`: what takes something away is in
    /// force in memory all the same.
    pub fn perform(
        &self,
        request: &OperatorRequest,
        peer: Option<&str>,
    ) -> Result<OperatorAnswer, OperatorRefusal> {
        if let Some(peer) = peer.filter(|_| request.is_act()) {
            self.note_peer(request, peer);
        }
        let admin = self.admin();
        let answer = match request {
            OperatorRequest::Trust(request) => request.perform(admin.trust()).map(Into::into),
            OperatorRequest::Approvals(request) => request.perform(admin.trust()).map(Into::into),
            OperatorRequest::Budget(request) => {
                let books = || self.books();
                request.perform_with(admin.budget(), books).map(Into::into)
            }
            OperatorRequest::Consent(request) => request.perform(admin.consent()).map(Into::into),
            OperatorRequest::Stack(request) => self.answer(request).map(Into::into),
        };
        answer.map_err(OperatorRefusal::from)
    }

    /// What questions about budgets are answered from: the whole log, where it is the budgets' journal.
    fn books(&self) -> Result<Books, OperatorError> {
        let core = self.core();
        if !core.is_journal {
            return Ok(Books::running(self.admin().budget()));
        }
        self.audit.flush()?;
        let clock = Arc::clone(&core.clock);
        Books::of_log(self.audit.reader(), move || clock())
    }

    /// Who asked. An act that cannot be recorded is refused by its own entry, and one that takes something away must not wait
    /// for this one: so a loss here is counted, and no more.
    fn note_peer(&self, request: &OperatorRequest, peer: &str) {
        let core = self.core();
        let by = request.by().unwrap_or("nobody named");
        let detail = recordable(&format!(
            "{peer} asks {} in the name of {by}",
            request.verb()
        ))
        .into_owned();
        let entry = Entry::event(REQUESTED).reason_lossy(&detail);
        if core.record(entry).is_err() {
            core.count_loss();
        }
    }

    fn answer(&self, request: &StackRequest) -> Result<StackAnswer, OperatorError> {
        Ok(match request {
            StackRequest::Status {} => StackAnswer::Status(Box::new(self.status()?)),
            StackRequest::Flush {} => {
                self.admin().trust().flush()?;
                self.admin().consent().flush()?;
                self.audit.flush()?;
                StackAnswer::Flushed {}
            }
            StackRequest::Checkpoint {} => {
                let checkpoint = self.audit.publish_checkpoint()?;
                StackAnswer::Checkpoint {
                    note: checkpoint.as_str().to_owned(),
                    size: checkpoint.size(),
                }
            }
            StackRequest::Explain {
                agent,
                tool,
                scope,
                session,
                data_type,
                purpose,
            } => {
                let mut action = self.action(agent).tool(tool).scope(scope.as_str());
                action = action.session(session.as_ref().map_or("explained", SessionId::as_str));
                if let Some(data_type) = data_type {
                    action = action.data(data_type.as_str(), purpose.as_ref().map(Purpose::as_str));
                }
                explained(&self.guard().preview(&action.build()?))
            }
            StackRequest::Reload {
                may_raise,
                by,
                reason,
            } => {
                let before = self.config();
                let Some(path) = before.source.path() else {
                    return Err(OperatorError::Unsupported {
                        what: "this stack was not made from a file that could be read again",
                    });
                };
                let config = SecurityStackConfig::from_path(path).map_err(ReloadError::from)?;
                let raises = if *may_raise {
                    Raises::Confirmed
                } else {
                    Raises::Refuse
                };
                let reloaded = self.reload(config, by, reason, raises)?;
                StackAnswer::Reloaded {
                    changes: reloaded.diff.to_string(),
                    old_policy: reloaded.old_policy,
                    new_policy: reloaded.new_policy,
                }
            }
        })
    }

    fn status(&self) -> Result<StackStatus, OperatorError> {
        let core = self.core();
        let trust = self.admin().trust();
        let waiting = trust
            .approvals()
            .list(&trust_gate::ApprovalFilter::default());
        Ok(StackStatus {
            owner_pid: std::process::id(),
            since: self.since,
            at: self.trust_gate.now(),
            namespace: self.audit.namespace().to_owned(),
            log_size: self.audit.size()?,
            losses: core.losses.load(Ordering::Relaxed),
            open_holds: self.admin().budget().open_holds_all()?.len(),
            pending_approvals: waiting.len(),
            open_review: trust.open_review().map(|broken| broken.revision.as_u64()),
            policy: core.rules.load().policy.to_string(),
        })
    }
}

fn explained(decision: &Decision) -> StackAnswer {
    StackAnswer::Explained {
        allowed: decision.allowed(),
        outcome: decision.outcome().as_str().to_owned(),
        code: decision.code().to_owned(),
        stage: decision
            .stage()
            .map(|stage| Stage::as_str(stage).to_owned()),
        reasons: decision
            .reasons()
            .map(|reason| ExplainedReason {
                stage: reason.stage().as_str().to_owned(),
                text: reason.to_string(),
            })
            .collect(),
    }
}
