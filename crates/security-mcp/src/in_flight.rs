//! Requests of the client that wait for an answer, and what their answer will mean.

use std::collections::{HashMap, VecDeque};

use crate::judge::Ticket;
use crate::wire::RequestId;

/// How many cancelled requests are remembered. A server is not meant to answer them, so they would stay for ever.
const CANCELLED_KEPT: usize = 256;

/// What a request waits for.
pub(crate) enum Waiting {
    /// A tool call on which the judge has not spoken yet. The server does not know of it.
    Judging,
    /// As before, but the client has cancelled it meanwhile.
    Withdrawn,
    /// A tool call that the server runs.
    Call(Box<dyn Ticket>),
    /// A `tools/list`.
    Listing,
    /// Any other request.
    Other,
    /// A tool call that the client has cancelled: its hold is settled, its answer comes too late.
    CancelledCall,
}

/// What became of a new request's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Accepted,
    /// An earlier request with this id still waits.
    Taken,
    /// Too many requests wait.
    Full,
}

/// The requests in flight, by id.
pub(crate) struct InFlight {
    waiting: HashMap<RequestId, Waiting>,
    /// Cancelled requests, oldest first, and how many more may wait beside them.
    cancelled: VecDeque<RequestId>,
    limit: usize,
}

impl InFlight {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            waiting: HashMap::new(),
            cancelled: VecDeque::new(),
            limit,
        }
    }

    /// Notes a new request.
    pub(crate) fn enter(&mut self, id: &RequestId, waiting: Waiting) -> Entry {
        if self.waiting.contains_key(id) {
            return Entry::Taken;
        }
        if self.waiting.len().saturating_sub(self.cancelled.len()) >= self.limit {
            return Entry::Full;
        }
        self.waiting.insert(id.clone(), waiting);
        Entry::Accepted
    }

    /// Takes out the request that the server answers. `None`: the server was not asked this, or has answered already.
    pub(crate) fn answered(&mut self, id: &RequestId) -> Option<Waiting> {
        match self.waiting.get(id) {
            None | Some(Waiting::Judging | Waiting::Withdrawn) => None,
            Some(_) => {
                self.cancelled.retain(|cancelled| cancelled != id);
                self.waiting.remove(id)
            }
        }
    }

    /// Takes out a tool call that was being judged. `true`: it still wants its verdict carried out.
    pub(crate) fn judged(&mut self, id: &RequestId) -> bool {
        matches!(self.waiting.remove(id), Some(Waiting::Judging))
    }

    /// Puts a judged call back, now with its ticket.
    pub(crate) fn run(&mut self, id: &RequestId, ticket: Box<dyn Ticket>) {
        self.waiting.insert(id.clone(), Waiting::Call(ticket));
    }

    /// Notes that the client does not want an answer any more. Returns the ticket of a call that the server runs.
    pub(crate) fn cancel(&mut self, id: &RequestId) -> Option<Box<dyn Ticket>> {
        let waiting = self.waiting.get_mut(id)?;
        let ticket = match waiting {
            Waiting::Judging => {
                *waiting = Waiting::Withdrawn;
                return None;
            }
            Waiting::Withdrawn | Waiting::CancelledCall => return None,
            Waiting::Call(_) => match std::mem::replace(waiting, Waiting::CancelledCall) {
                Waiting::Call(ticket) => Some(ticket),
                _ => None,
            },
            Waiting::Listing | Waiting::Other => None,
        };
        if !self.cancelled.contains(id) {
            self.cancelled.push_back(id.clone());
        }
        if self.cancelled.len() > CANCELLED_KEPT
            && let Some(oldest) = self.cancelled.pop_front()
        {
            self.waiting.remove(&oldest);
        }
        ticket
    }

    /// Takes out all that the client still waits for; what it has cancelled is forgotten.
    pub(crate) fn drain(&mut self) -> Vec<(RequestId, Waiting)> {
        let cancelled: Vec<RequestId> = self.cancelled.drain(..).collect();
        let mut left: Vec<_> = self.waiting.drain().collect();
        left.retain(|(id, waiting)| {
            !matches!(waiting, Waiting::Withdrawn) && !cancelled.contains(id)
        });
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: i64) -> RequestId {
        RequestId::Number(number)
    }

    #[test]
    fn an_id_in_flight_is_taken_and_free_again_once_answered() {
        let mut in_flight = InFlight::new(8);
        assert_eq!(in_flight.enter(&id(1), Waiting::Other), Entry::Accepted);
        assert_eq!(in_flight.enter(&id(1), Waiting::Other), Entry::Taken);
        assert_eq!(
            in_flight.enter(&RequestId::Text("1".into()), Waiting::Other),
            Entry::Accepted
        );
        assert!(in_flight.answered(&id(1)).is_some());
        assert!(in_flight.answered(&id(1)).is_none());
        assert_eq!(in_flight.enter(&id(1), Waiting::Other), Entry::Accepted);
    }

    #[test]
    fn a_call_that_is_being_judged_cannot_be_answered() {
        let mut in_flight = InFlight::new(8);
        in_flight.enter(&id(1), Waiting::Judging);
        assert!(in_flight.answered(&id(1)).is_none());
        assert_eq!(in_flight.enter(&id(1), Waiting::Other), Entry::Taken);
        assert!(in_flight.judged(&id(1)));
    }

    #[test]
    fn a_call_cancelled_while_judged_wants_no_verdict() {
        let mut in_flight = InFlight::new(8);
        in_flight.enter(&id(1), Waiting::Judging);
        assert!(in_flight.cancel(&id(1)).is_none());
        assert!(!in_flight.judged(&id(1)));
    }

    #[test]
    fn cancelled_requests_neither_pile_up_nor_fill_the_limit() {
        let mut in_flight = InFlight::new(2);
        for number in 0..1000 {
            assert_eq!(
                in_flight.enter(&id(number), Waiting::Other),
                Entry::Accepted
            );
            in_flight.cancel(&id(number));
            in_flight.cancel(&id(number));
        }
        assert_eq!(in_flight.waiting.len(), CANCELLED_KEPT);
        assert_eq!(in_flight.cancelled.len(), CANCELLED_KEPT);
        assert!(in_flight.answered(&id(999)).is_some());
        assert!(in_flight.answered(&id(1)).is_none());
        in_flight.enter(&id(1), Waiting::Other);
        in_flight.enter(&id(2), Waiting::Other);
        assert_eq!(in_flight.enter(&id(3), Waiting::Other), Entry::Full);
    }
}
