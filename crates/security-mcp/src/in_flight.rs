//! Requests of the client that wait for an answer, and what their answer will mean.

use std::collections::{HashMap, HashSet};

use crate::judge::Ticket;
use crate::wire::RequestId;

/// How many cancelled requests may wait for an answer in one session. A server is not meant to answer them but may, so
/// their ids stay taken: an id that was free again could be answered with what an earlier request asked for.
const MAX_CANCELLED: usize = 65_536;

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
    /// Too many requests were cancelled and never answered.
    Spent,
}

/// The requests in flight, by id.
pub(crate) struct InFlight {
    waiting: HashMap<RequestId, Waiting>,
    /// Those of them that are cancelled.
    cancelled: HashSet<RequestId>,
    /// How many may wait beside the cancelled ones.
    limit: usize,
}

impl InFlight {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            waiting: HashMap::new(),
            cancelled: HashSet::new(),
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
        if self.cancelled.len() >= MAX_CANCELLED {
            return Entry::Spent;
        }
        self.waiting.insert(id.clone(), waiting);
        Entry::Accepted
    }

    /// Takes out the request that the server answers. `None`: the server was not asked this, or has answered already.
    pub(crate) fn answered(&mut self, id: &RequestId) -> Option<Waiting> {
        match self.waiting.get(id) {
            None | Some(Waiting::Judging | Waiting::Withdrawn) => None,
            Some(_) => {
                self.cancelled.remove(id);
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
        self.cancelled.insert(id.clone());
        ticket
    }

    /// Takes out all that the client still waits for; what it has cancelled is forgotten.
    pub(crate) fn drain(&mut self) -> Vec<(RequestId, Waiting)> {
        let cancelled = std::mem::take(&mut self.cancelled);
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
    fn a_cancelled_id_stays_taken_until_it_is_answered() {
        let mut in_flight = InFlight::new(2);
        for number in 0..1000 {
            assert_eq!(
                in_flight.enter(&id(number), Waiting::Listing),
                Entry::Accepted
            );
            in_flight.cancel(&id(number));
            in_flight.cancel(&id(number));
        }
        assert_eq!(in_flight.enter(&id(0), Waiting::Other), Entry::Taken);
        assert!(matches!(in_flight.answered(&id(0)), Some(Waiting::Listing)));
        assert_eq!(in_flight.enter(&id(0), Waiting::Other), Entry::Accepted);
        // Those that are cancelled do not fill the limit.
        in_flight.enter(&id(1001), Waiting::Other);
        assert_eq!(in_flight.enter(&id(1002), Waiting::Other), Entry::Full);
    }

    #[test]
    fn cancelled_requests_are_bounded() {
        let mut in_flight = InFlight::new(2);
        let bound = i64::try_from(MAX_CANCELLED).unwrap();
        for number in 0..bound {
            in_flight.enter(&id(number), Waiting::Other);
            in_flight.cancel(&id(number));
        }
        assert_eq!(in_flight.enter(&id(bound), Waiting::Other), Entry::Spent);
        assert!(in_flight.answered(&id(7)).is_some());
        assert_eq!(in_flight.enter(&id(bound), Waiting::Other), Entry::Accepted);
    }
}
