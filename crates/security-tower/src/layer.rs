//! The layer: how a service is governed, said once.

use std::fmt;
use std::sync::Arc;

use http::response;
use security_bundle::{Guard, Usage};
use tower_layer::Layer;

use crate::asked::RequestToAction;
use crate::ending::Endings;
use crate::service::Governed;

/// Puts a security stack in front of any HTTP or gRPC service: identify → authorize → call → settle.
///
/// ```
/// use http::request::Parts;
/// use security_bundle::{Guard, SecurityStackConfig, create_security_stack};
/// use security_tower::{Asked, GovernanceLayer};
/// use tower::{ServiceBuilder, service_fn};
///
/// let stack = create_security_stack(SecurityStackConfig::default())?;
/// let layer = GovernanceLayer::new(stack.guard(), |guard: &Guard, request: &Parts| {
///     Ok(Asked::by_anyone(guard.action("web").tool(request.uri.path()).build()?))
/// });
/// let service = ServiceBuilder::new().layer(layer).service(service_fn(async |_: http::Request<String>| {
///     Ok::<_, std::convert::Infallible>(http::Response::new("done".to_owned()))
/// }));
/// # drop(service);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a layer governs nothing before it is around a service"]
pub struct GovernanceLayer<R> {
    terms: Terms<R>,
}

/// What holds for each request.
pub(crate) struct Terms<R> {
    pub(crate) guard: Guard,
    pub(crate) requests: Arc<R>,
    pub(crate) endings: Endings,
}

impl<R: RequestToAction> GovernanceLayer<R> {
    /// Governs by this guard; `requests` says which action a request is.
    pub fn new(guard: Guard, requests: R) -> Self {
        Self {
            terms: Terms {
                guard,
                requests: Arc::new(requests),
                endings: Endings::default(),
            },
        }
    }

    /// What a request used, read off the head of its response, where the handler says nothing by
    /// [`PermitHandle::set_usage`](crate::PermitHandle::set_usage). Without it, and for whatever it does not name, what was
    /// held.
    pub fn usage(
        mut self,
        usage: impl Fn(&response::Parts) -> Usage + Send + Sync + 'static,
    ) -> Self {
        self.terms.endings.usage = Some(Arc::new(usage));
        self
    }

    /// Whatever is said about usage can only raise what was held: for services that you do not answer for, such as another
    /// server behind a proxy.
    pub fn usage_only_raises(mut self) -> Self {
        self.terms.endings.only_raises = true;
        self
    }

    /// Settles when the response's body has ended instead of when its head is there: for streams, which work while they
    /// are read. A body that the caller does not wait for is recorded as `abandoned` and costs what was held.
    pub fn settle_at_body_end(mut self) -> Self {
        self.terms.endings.at_body_end = true;
        self
    }
}

impl<R> Clone for Terms<R> {
    fn clone(&self) -> Self {
        Self {
            guard: self.guard.clone(),
            requests: Arc::clone(&self.requests),
            endings: self.endings.clone(),
        }
    }
}

impl<R> Clone for GovernanceLayer<R> {
    fn clone(&self) -> Self {
        Self {
            terms: self.terms.clone(),
        }
    }
}

impl<R> fmt::Debug for GovernanceLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GovernanceLayer")
            .field("guard", &self.terms.guard)
            .field("settles_at_body_end", &self.terms.endings.at_body_end)
            .finish_non_exhaustive()
    }
}

impl<S, R> Layer<S> for GovernanceLayer<R> {
    type Service = Governed<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Governed::new(inner, Arc::new(self.terms.clone()))
    }
}
