//! The body of a governed response: a denial's, or the service's own, whose end may be the action's.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use security_bundle::Usage;

use crate::ending::{Failure, Run, Settling};

pin_project! {
    /// The body of a governed response.
    pub struct GovernedBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjected]
    enum Kind<B> {
        Denial { text: Option<Bytes> },
        Service { #[pin] body: B, stream: Option<Stream> },
    }
}

/// An action that runs until its body has ended.
enum Stream {
    Running {
        run: Box<Run>,
        failure: Option<Failure>,
        usage: Usage,
        /// Bytes yet to come, where the length is known: servers look at nothing after the last of them.
        left: Option<u64>,
    },
    /// The outcome is on its way into the log; what came last goes out after it.
    Settling {
        settling: Settling,
        last: Option<Frame<Bytes>>,
    },
}

impl<B> GovernedBody<B> {
    pub(crate) fn denial(text: Bytes) -> Self {
        let text = Some(text).filter(|text| !text.is_empty());
        Self {
            kind: Kind::Denial { text },
        }
    }

    pub(crate) fn ended(body: B) -> Self {
        Self {
            kind: Kind::Service { body, stream: None },
        }
    }

    pub(crate) fn running(
        body: B,
        headers: &HeaderMap,
        run: Run,
        failure: Option<Failure>,
        usage: Usage,
    ) -> Self
    where
        B: Body,
    {
        let declared = headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        let left = declared.or_else(|| body.size_hint().exact());
        let stream = Some(Stream::Running {
            run: Box::new(run),
            failure,
            usage,
            left,
        });
        Self {
            kind: Kind::Service { body, stream },
        }
    }
}

/// Whether a response of this status has no body, whatever its headers say (RFC 9112, section 6.3).
pub(crate) fn has_no_body(status: StatusCode) -> bool {
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

impl<B: Body<Data = Bytes>> Body for GovernedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let (mut body, stream) = match self.project().kind.project() {
            KindProjected::Denial { text } => {
                return Poll::Ready(text.take().map(|text| Ok(Frame::data(text))));
            }
            KindProjected::Service { body, stream } => (body, stream),
        };
        match stream {
            None => body.poll_frame(cx),
            Some(Stream::Settling { .. }) => settle(stream, cx).map(|last| last.map(Ok)),
            Some(Stream::Running { .. }) => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                let is_end = body.is_end_stream();
                match advance(stream, frame, is_end) {
                    Advanced::Goes(frame) => Poll::Ready(frame),
                    Advanced::Ends => settle(stream, cx).map(|last| last.map(Ok)),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Denial { text } => text.is_none(),
            Kind::Service { body, stream } => stream.is_none() && body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Denial { text } => SizeHint::with_exact(
                text.as_ref()
                    .and_then(|text| u64::try_from(text.len()).ok())
                    .unwrap_or(0),
            ),
            Kind::Service { body, stream } => match stream {
                Some(Stream::Settling { last, .. }) => held_back(last.as_ref()),
                Some(Stream::Running { .. }) | None => body.size_hint(),
            },
        }
    }
}

enum Advanced<E> {
    /// The frame goes out, and the action runs on or has failed.
    Goes(Option<Result<Frame<Bytes>, E>>),
    /// The body has ended; the stream is settling.
    Ends,
}

/// Takes note of a frame of a running stream.
fn advance<E>(
    stream: &mut Option<Stream>,
    frame: Option<Result<Frame<Bytes>, E>>,
    is_end: bool,
) -> Advanced<E> {
    let Some(Stream::Running {
        run,
        mut failure,
        usage,
        mut left,
    }) = stream.take()
    else {
        return Advanced::Goes(frame);
    };
    let last = match frame {
        Some(Err(error)) => {
            // Booked when this is called; the connection breaks off, and nobody is there to wait for the log.
            drop(run.end(Some(Failure::Body), usage));
            return Advanced::Goes(Some(Err(error)));
        }
        Some(Ok(frame)) => {
            if let Some(data) = frame.data_ref() {
                let len = u64::try_from(data.len()).unwrap_or(u64::MAX);
                left = left.map(|left| left.saturating_sub(len));
            }
            if let Some(trailers) = frame.trailers_ref() {
                failure = failure.or_else(|| Failure::of_trailers(trailers));
            }
            if !is_end && left != Some(0) && !frame.is_trailers() {
                *stream = Some(Stream::Running {
                    run,
                    failure,
                    usage,
                    left,
                });
                return Advanced::Goes(Some(Ok(frame)));
            }
            Some(frame)
        }
        None => None,
    };
    *stream = Some(Stream::Settling {
        settling: run.end(failure, usage),
        last,
    });
    Advanced::Ends
}

/// Waits until the outcome is stored, then hands out what came last.
fn settle(stream: &mut Option<Stream>, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
    let Some(Stream::Settling { settling, last }) = stream else {
        return Poll::Ready(None);
    };
    // An outcome that could not be stored is counted by the guard, and no reason to hide the answer.
    drop(ready!(settling.as_mut().poll(cx)));
    let last = last.take();
    *stream = None;
    Poll::Ready(last)
}

fn held_back(last: Option<&Frame<Bytes>>) -> SizeHint {
    let len = last.and_then(Frame::data_ref).map_or(0, Bytes::len);
    SizeHint::with_exact(u64::try_from(len).unwrap_or(u64::MAX))
}

impl<B> fmt::Debug for GovernedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Denial { .. } => "denial",
            Kind::Service { stream: None, .. } => "service",
            Kind::Service { .. } => "service, settled at its end",
        };
        f.debug_tuple("GovernedBody").field(&kind).finish()
    }
}
