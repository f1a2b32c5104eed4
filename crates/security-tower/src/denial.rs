//! What a denied caller is told: a stable code, and more only where somebody knows who is asking (RFC 9457).

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use security_bundle::{Action, Decision, Stage};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::asked::{Caller, NotAnAction, Why};
use crate::grpc;

/// Before the code, in a problem's `type`: a name and no address, for nothing is to be fetched.
const TYPE: &str = "urn:aumos:secstack:";

/// The answer to a request that may not run.
///
/// | status | gRPC | when |
/// |---|---|---|
/// | 401 | `UNAUTHENTICATED` | no credential, or none that holds |
/// | 400 | `INVALID_ARGUMENT` | names or arguments that no gate could judge |
/// | 404 | `UNIMPLEMENTED` | no such tool, or one that trust hides from the agent: the two are told alike |
/// | 403 | `PERMISSION_DENIED` | trust (with `approval` where operators were asked) and consent |
/// | 429 | `RESOURCE_EXHAUSTED` | budget, with `Retry-After` where a reset is known |
/// | 503 | `UNAVAILABLE` | the log or a gate is not to be had |
///
/// An approval that is pending is a 403 and no 202: nothing was accepted for processing. The same request, made again once
/// operators have answered, is what runs.
///
/// Callers that nobody knows get the code alone, and no `Retry-After`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a denial that nobody is told denies nothing"]
pub struct Denial {
    kind: Kind,
    code: String,
    challenge: Option<HeaderValue>,
    told: Option<Told>,
}

/// What only callers that are known are told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    detail: String,
    record_id: Option<String>,
    approval: Option<String>,
    /// In whole seconds, at least one.
    retry_after: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unauthenticated,
    Invalid,
    Unknown,
    Trust,
    Approval,
    Budget,
    Consent,
    Revoked,
    Unavailable,
    TooLarge,
}

impl Kind {
    fn of(decision: &Decision, action: &Action) -> Self {
        match (decision.code(), decision.stage()) {
            // Outages first: they are nobody's fault, whichever gate they befell.
            (
                "internal_error"
                | "unavailable"
                | "approval_unavailable"
                | "audit_unavailable"
                | "hold_expired"
                | "foreign_action",
                _,
            ) => Self::Unavailable,
            (_, Some(Stage::Trust)) if action.tool().is_some() && !decision.visible() => {
                Self::Unknown
            }
            ("revoked", _) => Self::Revoked,
            ("needs_approval", Some(Stage::Trust)) => Self::Approval,
            (_, Some(Stage::Trust)) => Self::Trust,
            (_, Some(Stage::Budget)) => Self::Budget,
            (_, Some(Stage::Consent)) => Self::Consent,
            // Whatever else closed: shut, without saying that it was the caller's doing.
            _ => Self::Unavailable,
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Trust | Self::Approval | Self::Consent | Self::Revoked => StatusCode::FORBIDDEN,
            Self::Budget => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    const fn grpc(self) -> grpc::Status {
        match self {
            Self::Unauthenticated => grpc::Status::Unauthenticated,
            Self::Invalid => grpc::Status::InvalidArgument,
            Self::Unknown => grpc::Status::Unimplemented,
            Self::Trust | Self::Approval | Self::Consent | Self::Revoked => {
                grpc::Status::PermissionDenied
            }
            Self::Budget | Self::TooLarge => grpc::Status::ResourceExhausted,
            Self::Unavailable => grpc::Status::Unavailable,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Unauthenticated => "A credential is needed",
            Self::Invalid => "The request cannot be judged",
            Self::Unknown => "There is no such tool",
            Self::Trust => "The agent's trust level does not allow this",
            Self::Approval => "An operator has to approve this",
            Self::Budget => "The budget does not allow this",
            Self::Consent => "There is no consent for this",
            Self::Revoked => "The permission was withdrawn",
            Self::Unavailable => "The request cannot be decided now",
            Self::TooLarge => "The request is too large",
        }
    }
}

impl Denial {
    /// What this decision tells a caller. Meant for denials; of a decision that allows it makes a 503.
    pub fn of(decision: &Decision, action: &Action, caller: Caller) -> Self {
        let kind = Kind::of(decision, action);
        if kind == Kind::Unknown {
            return Self::unknown();
        }
        let told = (caller == Caller::Authenticated).then(|| Told {
            detail: decision.reason().to_string(),
            record_id: decision.record_id().map(|id| id.to_string()),
            approval: decision.approval().map(|id| id.to_string()),
            retry_after: decision
                .retry_at()
                .map(|at| seconds_between(decision.at(), at)),
        });
        let code = if decision.allowed() {
            "internal_error"
        } else {
            decision.code()
        };
        Self {
            kind,
            code: code.to_owned(),
            challenge: None,
            told,
        }
    }

    pub(crate) fn of_request(refused: NotAnAction) -> Self {
        match refused.why {
            Why::Unknown => Self::unknown(),
            Why::Unauthenticated(challenge) => Self {
                challenge: Some(challenge),
                ..Self::bare(Kind::Unauthenticated, "unauthenticated")
            },
            Why::Invalid(detail) => Self {
                told: (refused.caller == Caller::Authenticated).then_some(Told {
                    detail,
                    record_id: None,
                    approval: None,
                    retry_after: None,
                }),
                ..Self::bare(Kind::Invalid, "invalid_request")
            },
        }
    }

    /// A body longer than what is collected, or one that broke off.
    pub(crate) fn of_body(too_large: bool) -> Self {
        if too_large {
            Self::bare(Kind::TooLarge, "body_too_large")
        } else {
            Self::bare(Kind::Invalid, "invalid_request")
        }
    }

    /// One answer for a tool that does not exist and for one that is hidden.
    fn unknown() -> Self {
        Self::bare(Kind::Unknown, "unknown_tool")
    }

    fn bare(kind: Kind, code: &str) -> Self {
        Self {
            kind,
            code: code.to_owned(),
            challenge: None,
            told: None,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// The stable code in snake case.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The answer as `application/problem+json` (RFC 9457).
    pub fn into_problem(self) -> Response<Bytes> {
        let mut members = Map::new();
        let mut member = |name: &str, value: Value| members.insert(name.to_owned(), value);
        member("type", format!("{TYPE}{}", self.code).into());
        member("title", self.kind.title().into());
        member("status", self.status().as_u16().into());
        member("code", self.code.as_str().into());
        if let Some(told) = &self.told {
            member("detail", told.detail.as_str().into());
            let ids = [("record_id", &told.record_id), ("approval", &told.approval)];
            for (name, id) in ids {
                if let Some(id) = id {
                    member(name, id.as_str().into());
                }
            }
        }
        let body = Value::Object(members).to_string();
        let mut response = Response::new(body.into());
        *response.status_mut() = self.status();
        self.head(response.headers_mut());
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }

    /// The answer to a gRPC call, which is its trailers only. The code stands in `secstack-code`, and for callers that are
    /// known, the record's and the approval's id in `secstack-record-id` and `secstack-approval`.
    pub fn into_grpc(self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        let message = self
            .told
            .as_ref()
            .map_or(self.kind.title(), |told| &told.detail);
        grpc::answer(headers, self.kind.grpc(), message);
        self.head(headers);
        let told = self.told.as_ref();
        for (name, value) in [
            ("secstack-code", Some(&self.code)),
            (
                "secstack-record-id",
                told.and_then(|told| told.record_id.as_ref()),
            ),
            (
                "secstack-approval",
                told.and_then(|told| told.approval.as_ref()),
            ),
        ] {
            // Codes and ids are plain ASCII, so each of them is a header's value.
            if let Some(Ok(value)) = value.map(|value| HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
        response
    }

    fn head(&self, headers: &mut http::HeaderMap) {
        // A denial is true of this moment only, and a 404 may be kept by caches that are not told (RFC 9110, section 15.1).
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = &self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge.clone());
        }
        if let Some(seconds) = self.told.as_ref().and_then(|told| told.retry_after) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
}

/// Whole seconds, rounded up and at least one: whoever comes back on time must not come too early.
fn seconds_between(from: OffsetDateTime, until: OffsetDateTime) -> i64 {
    const SECOND: i128 = 1_000_000_000;
    let nanos = until
        .unix_timestamp_nanos()
        .saturating_sub(from.unix_timestamp_nanos());
    let seconds = nanos
        .saturating_add(SECOND.saturating_sub(1))
        .div_euclid(SECOND);
    i64::try_from(seconds).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn nobody_is_told_to_come_back_too_early() {
        let now = datetime!(2026-11-22 12:00 UTC);
        for (nanos, seconds) in [
            (-5_000_000_000, 1),
            (0, 1),
            (1, 1),
            (1_000_000_000, 1),
            (1_000_000_001, 2),
            (3_599_000_000_000, 3599),
        ] {
            let until = now + Duration::nanoseconds(nanos);
            assert_eq!(seconds_between(now, until), seconds, "{nanos}");
        }
        let ages = datetime!(9999-12-31 23:59:59.999999999 UTC);
        assert_eq!(
            seconds_between(datetime!(-9999-01-01 0:00 UTC), ages),
            631_107_417_600
        );
    }
}
