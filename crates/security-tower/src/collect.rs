//! For actions that depend on the body: the body, read up to a limit before anything is decided.

use std::fmt;
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::GovernedBody;
use crate::denial::Denial;
use crate::grpc;

/// The whole body of a request, in its extensions, for [`RequestToAction`](crate::RequestToAction).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedBody(Bytes);

impl CollectedBody {
    /// What was read.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}

/// Reads the body before the layers inside of it see the request: put it outside of
/// [`GovernanceLayer`](crate::GovernanceLayer). The service gets the body as if it had just come; trailers are lost.
///
/// A body that is longer than the limit is answered with 413, one that breaks off with 400. Reading happens before anybody
/// is asked who they are, so keep the limit small, and limit the time outside of it.
#[derive(Debug, Clone, Copy)]
#[must_use = "a layer does nothing before it is around a service"]
pub struct CollectBodyLayer {
    limit: usize,
}

impl CollectBodyLayer {
    /// Reads bodies of at most this many bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for CollectBodyLayer {
    type Service = CollectBody<S>;

    fn layer(&self, inner: S) -> CollectBody<S> {
        CollectBody {
            inner,
            limit: self.limit,
        }
    }
}

/// A service whose requests have been read. Made by [`CollectBodyLayer`].
#[derive(Clone)]
pub struct CollectBody<S> {
    inner: S,
    limit: usize,
}

impl<S: fmt::Debug> fmt::Debug for CollectBody<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectBody")
            .field("inner", &self.inner)
            .field("limit", &self.limit)
            .finish()
    }
}

impl<S, B, T> Service<Request<B>> for CollectBody<S>
where
    S: Service<Request<B>, Response = Response<T>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    T: Body<Data = Bytes>,
{
    type Response = Response<GovernedBody<T>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let clone = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, clone);
        let limit = self.limit;
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let body = match collected(body, limit).await {
                Ok(body) => body,
                Err(denial) if grpc::is_request(&parts.headers) => {
                    return Ok(denial.into_grpc().map(GovernedBody::denial));
                }
                Err(denial) => return Ok(denial.into_problem().map(GovernedBody::denial)),
            };
            parts.extensions.insert(CollectedBody(body.clone()));
            let request = Request::from_parts(parts, B::from(body));
            Ok(ready.call(request).await?.map(GovernedBody::ended))
        })
    }
}

async fn collected<B: Body<Data = Bytes>>(body: B, limit: usize) -> Result<Bytes, Denial> {
    let mut body = pin!(body);
    let too_long = |hint: u64| usize::try_from(hint).map_or(true, |least| least > limit);
    if too_long(body.size_hint().lower()) {
        return Err(Denial::of_body(true));
    }
    let mut read = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|_| Denial::of_body(false))?;
        if let Ok(data) = frame.into_data() {
            if data.len() > limit.saturating_sub(read.len()) {
                return Err(Denial::of_body(true));
            }
            read.extend_from_slice(&data);
        }
    }
    Ok(read.freeze())
}
