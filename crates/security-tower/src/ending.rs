//! How a permit ends: by what the service answered, and by what it said that it used.

use std::pin::Pin;
use std::sync::Arc;

use http::{HeaderMap, StatusCode, response};
use security_bundle::{Permit, SettleError, Settled, Usage};

use crate::grpc;
use crate::permitted::Permitted;

type Report = Arc<dyn Fn(&response::Parts) -> Usage + Send + Sync>;

/// How all permits of a layer end.
#[derive(Clone, Default)]
pub(crate) struct Endings {
    pub(crate) usage: Option<Report>,
    pub(crate) only_raises: bool,
    pub(crate) at_body_end: bool,
}

impl Endings {
    /// What the layer's own reader says.
    pub(crate) fn read(&self, head: &response::Parts) -> Usage {
        self.usage
            .as_ref()
            .map(|usage| usage(head))
            .unwrap_or_default()
    }
}

/// An action that runs. Dropped before it is told how it ended, it is abandoned: the permit's own drop books the whole hold.
pub(crate) struct Run {
    permit: Permit,
    permitted: Permitted,
    only_raises: bool,
}

/// The wait for the log's acknowledgement; what is waited for is booked already, and stays so if nobody waits.
pub(crate) type Settling = Pin<Box<dyn Future<Output = Result<Settled, SettleError>> + Send>>;

impl Run {
    pub(crate) fn new(permit: Permit, permitted: Permitted, only_raises: bool) -> Self {
        Self {
            permit,
            permitted,
            only_raises,
        }
    }

    /// Ends the action. `usage` counts where the service itself has said nothing.
    pub(crate) fn end(self, failure: Option<Failure>, usage: Usage) -> Settling {
        let usage = self.permitted.end().unwrap_or(usage);
        match (failure, self.only_raises) {
            (None, false) => Box::pin(self.permit.settle(usage)),
            (None, true) => Box::pin(self.permit.settle_at_least(usage)),
            (Some(failure), false) => Box::pin(self.permit.fail(failure, usage)),
            (Some(failure), true) => Box::pin(self.permit.fail_at_least(failure, usage)),
        }
    }
}

/// Why an action counts as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the service answered {}", .0.as_u16())]
    Status(StatusCode),
    #[error("the service answered with gRPC status {0}")]
    Grpc(u32),
    #[error("the service failed without an answer")]
    Service,
    #[error("the body of the response failed")]
    Body,
}

impl Failure {
    /// A server's fault is a failure; a caller's fault is an answer.
    pub(crate) fn of_head(head: &response::Parts) -> Option<Self> {
        if head.status.is_server_error() {
            return Some(Self::Status(head.status));
        }
        Self::of_trailers(&head.headers)
    }

    /// gRPC answers 200 and tells how it went in its trailers, or in the head where it sends nothing else.
    pub(crate) fn of_trailers(trailers: &HeaderMap) -> Option<Self> {
        grpc::servers_fault(trailers).map(Self::Grpc)
    }
}
