//! The service: identify → authorize → call → settle, for one request after the other.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use security_bundle::Usage;
use tower_service::Service;

use crate::asked::{Asked, RequestToAction};
use crate::body::{GovernedBody, has_no_body};
use crate::denial::Denial;
use crate::ending::{Failure, Run};
use crate::grpc;
use crate::layer::Terms;
use crate::permitted::Permitted;

/// A service that runs only what is permitted. Made by [`GovernanceLayer`](crate::GovernanceLayer).
///
/// A response that is not waited for, and a service that panics, leave an action that is recorded as `abandoned` and costs
/// what was held. Before a response goes out its outcome is in the log.
pub struct Governed<S, R> {
    inner: S,
    terms: Arc<Terms<R>>,
}

impl<S, R> Governed<S, R> {
    pub(crate) fn new(inner: S, terms: Arc<Terms<R>>) -> Self {
        Self { inner, terms }
    }
}

impl<S: Clone, R> Clone for Governed<S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            terms: Arc::clone(&self.terms),
        }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for Governed<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Governed")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S, R, B, T> Service<Request<B>> for Governed<S, R>
where
    S: Service<Request<B>, Response = Response<T>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    R: RequestToAction,
    B: Send + 'static,
    T: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<GovernedBody<T>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that said that it is ready is the one that is called; the clone has yet to be asked.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        Box::pin(govern(Arc::clone(&self.terms), ready, request))
    }
}

async fn govern<S, R, B, T>(
    terms: Arc<Terms<R>>,
    mut service: S,
    request: Request<B>,
) -> Result<Response<GovernedBody<T>>, S::Error>
where
    S: Service<Request<B>, Response = Response<T>>,
    R: RequestToAction,
    T: Body<Data = Bytes>,
{
    let (mut parts, body) = request.into_parts();
    let is_head = parts.method == http::Method::HEAD;
    let is_grpc = grpc::is_request(&parts.headers);
    let Asked { action, caller } = match terms.requests.asked(&terms.guard, &parts) {
        Ok(asked) => asked,
        Err(refused) => return Ok(refuse(Denial::of_request(refused), is_grpc)),
    };
    let permit = match terms.guard.authorize(&action).await {
        Ok(permit) => permit,
        Err(denied) => {
            let denial = Denial::of(denied.decision(), &action, caller);
            return Ok(refuse(denial, is_grpc));
        }
    };
    let permitted = Permitted::new(action, permit.decision().clone());
    let run = Run::new(permit, permitted.clone(), terms.endings.only_raises);
    parts.extensions.insert(permitted);

    let response = match service.call(Request::from_parts(parts, body)).await {
        Ok(response) => response,
        Err(error) => {
            // The failure is the caller's answer; what became of the record is counted by the guard.
            drop(run.end(Some(Failure::Service), Usage::default()).await);
            return Err(error);
        }
    };
    let (head, body) = response.into_parts();
    let failure = Failure::of_head(&head);
    let usage = terms.endings.read(&head);
    let waits =
        terms.endings.at_body_end && !is_head && !has_no_body(head.status) && !body.is_end_stream();
    let body = if waits {
        GovernedBody::running(body, &head.headers, run, failure, usage)
    } else {
        // It has run: an outcome that could not be stored is counted by the guard, and no reason to hide the answer.
        drop(run.end(failure, usage).await);
        GovernedBody::ended(body)
    };
    Ok(Response::from_parts(head, body))
}

fn refuse<T>(denial: Denial, is_grpc: bool) -> Response<GovernedBody<T>> {
    let response = if is_grpc {
        denial.into_grpc()
    } else {
        denial.into_problem()
    };
    response.map(GovernedBody::denial)
}
