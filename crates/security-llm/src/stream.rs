//! What a provider streams, watched as it passes.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use http_body::Body as _;
use reqwest::{Body, Response};
use security_bundle::budget_enforcer::TokenUsage;
use security_bundle::{SettleError, Settled};

use crate::answer::{Event, Finished};
use crate::end::End;
use crate::error::LlmError;
use crate::meter::{Ended, Meter};
use crate::observed::Mark;
use crate::refusal::Refusal;
use crate::sse::{Frame, Parser, TooLong};

/// The events of a call, as the provider sends them, until the last one, an error, or the end of what was held.
///
/// After an error there is nothing more. Dropping the stream, at any time, closes the connection and settles the call; no runtime is
/// needed for that. [`finish`](Self::finish) does the same and says what was booked.
///
/// ```no_run
/// use futures_util::StreamExt;
/// # use security_llm::{Call, Endpoint};
/// # async fn example(call: Call, request: serde_json::Value) -> Result<(), security_llm::LlmError> {
/// let mut stream = call.stream(Endpoint::ChatCompletions, request).await?;
/// while let Some(event) = stream.next().await {
///     if let Some(text) = event?.data["choices"][0]["delta"]["content"].as_str() {
///         print!("{text}");
///     }
/// }
/// let finished = stream.finish().await?;
/// println!("{:?}: {:?}", finished.end, finished.usage);
/// # Ok(())
/// # }
/// ```
#[must_use = "a stream that nobody reads is aborted, and paid for"]
pub struct LlmStream {
    /// `None` once nothing more is wanted of it.
    body: Option<Body>,
    parser: Parser,
    max_event: usize,
    state: State,
    /// What is told after the event that caused it.
    told_next: Option<LlmError>,
}

enum State {
    Open(Box<Meter>),
    Ended(End, Ended),
    Settled(End, Option<TokenUsage>, Result<Settled, SettleError>),
    /// Only while one of the others is put in its place, and after the stream was dropped.
    Gone,
}

impl LlmStream {
    pub(crate) fn new(response: Response, meter: Meter, max_event: usize) -> Self {
        Self {
            body: Some(response.into()),
            parser: Parser::new(max_event),
            max_event,
            state: State::Open(Box::new(meter)),
            told_next: None,
        }
    }

    /// Closes the connection, if it is still open, and waits until the call's end is in the books.
    ///
    /// # Errors
    /// [`LlmError::NotSettled`].
    pub async fn finish(mut self) -> Result<Finished, LlmError> {
        self.stop(End::Aborted);
        let (end, usage, settled) = match mem::replace(&mut self.state, State::Gone) {
            State::Ended(end, Ended { usage, settling }) => (end, usage, settling.await),
            State::Settled(end, usage, settled) => (end, usage, settled),
            // Nobody leaves it open, or gone, while it can be finished.
            State::Open(_) | State::Gone => return Err(LlmError::Disconnected),
        };
        match settled {
            Ok(settled) => Ok(Finished {
                end,
                usage,
                settled,
            }),
            Err(source) => Err(LlmError::NotSettled {
                source,
                answer: None,
            }),
        }
    }

    /// Ends the call, unless it has ended: booked and in the log's hands when this returns.
    fn stop(&mut self, end: End) {
        self.body = None;
        self.state = match mem::replace(&mut self.state, State::Gone) {
            State::Open(meter) => State::Ended(end, meter.end(end)),
            ended => ended,
        };
    }

    fn fail(&mut self, end: End, error: LlmError) -> Result<Event, LlmError> {
        self.stop(end);
        Err(error)
    }

    /// `None`: there is nothing to tell about it.
    fn take(&mut self, frame: Frame) -> Option<Result<Event, LlmError>> {
        let State::Open(meter) = &mut self.state else {
            return None;
        };
        if frame.data == "[DONE]" {
            meter.done();
            self.stop(End::Complete);
            return None;
        }
        let data = match serde_json::from_str(&frame.data) {
            Ok(data) => data,
            Err(error) => return Some(self.fail(End::Failed, LlmError::Unreadable(error))),
        };
        match meter.event(&data) {
            Mark::Error => {
                let error = Refusal::read(&data).into_event();
                return Some(self.fail(End::Failed, error));
            }
            Mark::Last => self.stop(End::Complete),
            Mark::GoesOn if meter.is_used_up() => {
                self.stop(End::HoldUsedUp);
                self.told_next = Some(LlmError::HoldUsedUp);
            }
            Mark::GoesOn => {}
        }
        Some(Ok(Event {
            name: frame.name,
            data,
        }))
    }

    /// Waits until the end is acknowledged, so that a loss is counted even where nobody calls `finish`.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Ended(end, ended) = &mut self.state {
            let settled = ready!(ended.settling.as_mut().poll(cx));
            self.state = State::Settled(*end, ended.usage, settled);
        }
        Poll::Ready(())
    }

    /// The response has no more bytes.
    fn broke_off(&mut self) -> Option<Result<Event, LlmError>> {
        match &self.state {
            // Some providers leave the last event out, but not the report before it.
            State::Open(meter) if meter.total().is_some() => {
                self.stop(End::Complete);
                None
            }
            _ => Some(self.fail(End::Disconnected, LlmError::Disconnected)),
        }
    }
}

impl Stream for LlmStream {
    type Item = Result<Event, LlmError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(error) = this.told_next.take() {
                return Poll::Ready(Some(Err(error)));
            }
            let Some(body) = &mut this.body else {
                ready!(this.poll_settled(cx));
                return Poll::Ready(None);
            };
            let told = match this.parser.next() {
                Some(Ok(frame)) => this.take(frame),
                Some(Err(TooLong)) => {
                    let limit = this.max_event;
                    Some(this.fail(End::Failed, LlmError::TooLong { limit }))
                }
                None => match ready!(Pin::new(body).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        if let Ok(bytes) = frame.into_data() {
                            this.parser.push(&bytes);
                        }
                        None
                    }
                    Some(Err(error)) => {
                        let error = LlmError::Interrupted(error.without_url());
                        Some(this.fail(End::Disconnected, error))
                    }
                    None => this.broke_off(),
                },
            };
            if told.is_some() {
                return Poll::Ready(told);
            }
        }
    }
}

impl Drop for LlmStream {
    fn drop(&mut self) {
        // Booked and recorded; nobody waits for the acknowledgement.
        self.stop(End::Aborted);
    }
}

impl fmt::Debug for LlmStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmStream").finish_non_exhaustive()
    }
}
