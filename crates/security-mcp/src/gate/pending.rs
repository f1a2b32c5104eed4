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

/// Tool calls that are being judged. All at once, but their verdicts come out in the order in which the calls came in.
#[derive(Default)]
pub(super) struct Calls<'g>(VecDeque<Call<'g>>);

struct Call<'g> {
    id: RequestId,
    name: String,
    line: Vec<u8>,
    verdict: Judging<'g>,
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
        self.0.push_back(Call {
            id,
            name,
            line,
            verdict: Judging::Asked(verdict),
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= FULL
    }

    /// The verdict on the oldest call; pending for ever while there is none. Cancel safe.
    pub(super) async fn next(&mut self) -> Judgement {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Judgement> {
        for call in &mut self.0 {
            if let Judging::Asked(asked) = &mut call.verdict
                && let Poll::Ready(verdict) = asked.as_mut().poll(cx)
            {
                call.verdict = Judging::Spoken(verdict);
            }
        }
        match self.0.pop_front() {
            Some(Call {
                id,
                name,
                line,
                verdict: Judging::Spoken(verdict),
            }) => Poll::Ready(Judgement {
                id,
                name,
                line,
                verdict,
            }),
            Some(unspoken) => {
                self.0.push_front(unspoken);
                Poll::Pending
            }
            None => Poll::Pending,
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
