//! Extractors for handlers of axum, and denials as their answers.

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::denial::Denial;
use crate::permitted::{PermitHandle, Permitted};

/// The request did not come through a [`GovernanceLayer`](crate::GovernanceLayer), so its handler does not run: 500, without
/// a word about why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no `GovernanceLayer` is around this route, so its handler does not run; add one with `Router::layer`"
)]
#[non_exhaustive]
pub struct NotGoverned;

impl IntoResponse for NotGoverned {
    fn into_response(self) -> Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for Permitted {
    type Rejection = NotGoverned;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotGoverned> {
        parts.extensions.get::<Self>().cloned().ok_or(NotGoverned)
    }
}

impl<S: Sync> FromRequestParts<S> for PermitHandle {
    type Rejection = NotGoverned;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NotGoverned> {
        let permitted = Permitted::from_request_parts(parts, state).await?;
        Ok(permitted.handle())
    }
}

impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        self.into_problem().map(Body::from)
    }
}
