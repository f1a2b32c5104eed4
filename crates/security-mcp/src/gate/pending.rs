//! What a pump waits for beside its stream: verdicts, in the order of their calls, and tickets that are being told.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::judge::Verdict;
use crate::wire::RequestId;

/// How much may be pending before a pump stops reading.
const FULL: usize = 64;

type Pending<'g, T> = Pin<Box<dyn Future<Output = T> + Send + 'g>>;

/// Tool calls that are being judged. All at once, but their verdicts come out in the order in which the calls came in, but for
/// those that are held.
#[derive(Default)]
pub(super) struct Calls<'g> {
    asked: VecDeque<Call<'g>>,
    /// Those that the judge holds. The client's limit of requests in flight bounds them.
    held: Vec<Call<'g>>,
    /// Those that were held and are not any more.
    freed: VecDeque<Judgement>,
    /// Nobody would hear the verdict on a call that is held.
    is_closing: bool,
}

struct Call<'g> {
    id: RequestId,
    name: String,
    line: Vec<u8>,
    verdict: Judging<'g>,
    /// The client has given it up: it is not held.
    is_withdrawn: bool,
}

enum Judging<'g> {
    Asked(Pending<'g, Verdict>),
    Spoken(Verdict),
}

/// A call with its verdict.
pub(super) struct Judgement {
    pub(super) id: RequestId,
    pub(super) name: String,
    pub(super) line: Vec<u8>,
    pub(super) verdict: Verdict,
}

impl<'g> Calls<'g> {
    pub(super) fn push(
        &mut self,
        id: RequestId,
        name: String,
        line: Vec<u8>,
        verdict: Pending<'g, Verdict>,
    ) {
        self.asked.push_back(Call {
            id,
            name,
            line,
            verdict: Judging::Asked(verdict),
            is_withdrawn: false,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.held.is_empty() && self.freed.is_empty()
    }

    /// What is held takes no room: the client must be heard when it gives that up.
    pub(super) fn is_full(&self) -> bool {
        self.asked.len() >= FULL
    }

    /// The client does not want this call any more: it need not be held.
    pub(super) fn withdraw(&mut self, id: &RequestId) {
        if let Some(call) = self.asked.iter_mut().find(|call| call.id == *id) {
            call.is_withdrawn = true;
        }
        if let Some(at) = self.held.iter().position(|call| call.id == *id) {
            let call = self.held.swap_remove(at);
            self.freed.extend(call.spoken());
        }
    }

    /// Lets go of whatever is held, now and later: each gets the verdict that it would have had without being held.
    pub(super) fn hold_no_more(&mut self) {
        self.is_closing = true;
        self.freed
            .extend(self.held.drain(..).filter_map(Call::spoken));
    }

    /// The verdict on the oldest call, or on one that was held; pending for ever while there is none. Cancel safe.
    pub(super) async fn next(&mut self) -> Judgement {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Judgement> {
        for call in &mut self.asked {
            call.poll(cx);
        }
        while let Some(call) = self.asked.pop_front() {
            if matches!(call.verdict, Judging::Asked(_)) {
                self.asked.push_front(call);
                break;
            }
            if !call.is_held() || call.is_withdrawn || self.is_closing {
                self.freed.extend(call.spoken());
                break;
            }
            self.held.push(call);
        }
        for call in &mut self.held {
            call.poll(cx);
        }
        let freed = self.held.extract_if(.., |call| !call.is_held());
        self.freed.extend(freed.filter_map(Call::spoken));
        match self.freed.pop_front() {
            Some(judgement) => Poll::Ready(judgement),
            None => Poll::Pending,
        }
    }
}

impl Call<'_> {
    /// Asks once more for what is not decided yet.
    fn poll(&mut self, cx: &mut Context<'_>) {
        loop {
            let asked = match &mut self.verdict {
                Judging::Asked(asked) => asked.as_mut().poll(cx),
                Judging::Spoken(Verdict::Held { until, .. }) => until.as_mut().poll(cx),
                Judging::Spoken(_) => return,
            };
            match asked {
                Poll::Ready(verdict) => self.verdict = Judging::Spoken(verdict),
                Poll::Pending => return,
            }
        }
    }

    fn is_held(&self) -> bool {
        matches!(self.verdict, Judging::Spoken(Verdict::Held { .. }))
    }

    fn spoken(self) -> Option<Judgement> {
        match self.verdict {
            Judging::Asked(_) => None,
            Judging::Spoken(verdict) => Some(Judgement {
                id: self.id,
                name: self.name,
                line: self.line,
                verdict,
            }),
        }
    }
}

/// Tickets that are being told how their calls ended.
#[derive(Default)]
pub(super) struct Endings<'g>(Vec<Pending<'g, ()>>);

impl<'g> Endings<'g> {
    /// Begins to tell a ticket, and goes on later if that has to wait.
    pub(super) async fn push(&mut self, ending: impl Future<Output = ()> + Send + 'g) {
        let mut ending: Pending<'g, ()> = Box::pin(ending);
        let told = poll_fn(|cx| Poll::Ready(ending.as_mut().poll(cx))).await;
        if told.is_pending() {
            self.0.push(ending);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= FULL
    }

    /// Goes on telling until one ticket more knows; pending for ever while there is none. Cancel safe.
    pub(super) async fn progress(&mut self) {
        poll_fn(|cx| {
            let before = self.0.len();
            self.0
                .retain_mut(|ending| ending.as_mut().poll(cx).is_pending());
            if self.0.len() < before {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Waits until every ticket knows.
    pub(super) async fn finish(&mut self) {
        while !self.0.is_empty() {
            self.progress().await;
        }
    }
}
