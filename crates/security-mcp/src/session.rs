//! The gate's state machine: what becomes of each line, in either direction. It does no I/O and waits for nothing.

mod from_client;
mod from_server;

use std::sync::{Mutex, MutexGuard};

use crate::gate::GateError;
use crate::in_flight::InFlight;
use crate::judge::{Judge, Peer, ProtocolEvent, Ticket, ToolCall};
use crate::usage::Usage;
use crate::wire::{self, RequestId};

/// One client and one server, and what is between them.
pub(crate) struct Session<'g> {
    judge: &'g dyn Judge,
    max_line: usize,
    in_flight: Mutex<InFlight>,
}

/// What becomes of a line from the client.
pub(crate) enum FromClient {
    /// It ends here.
    Nothing,
    /// It goes on to the server as it came. A request has an id.
    Forward(Option<RequestId>),
    /// The same, and the client does not want the answer to this request any more.
    Withdraw(RequestId),
    /// The client is answered this instead.
    Reply(Vec<u8>),
    /// The judge is asked first.
    Judge(RequestId, ToolCall),
}

/// What becomes of a call once it is judged.
pub(crate) enum Judged {
    /// It goes on to the server as it came.
    Forward,
    /// The client is answered this instead.
    Reply(Vec<u8>),
    /// The client has cancelled it meanwhile: nothing is said; a ticket is given back.
    Withdrawn(Option<Box<dyn Ticket>>),
}

/// What becomes of a line from the server.
pub(crate) struct FromServer {
    pub(crate) delivery: Delivery,
    /// A call that has ended with this line.
    pub(crate) ending: Option<Ending>,
}

/// Where a line from the server leads.
pub(crate) enum Delivery {
    /// It ends here.
    Nothing,
    /// It goes on to the client as it came.
    Forward,
    /// The client gets this instead.
    Instead(Vec<u8>),
    /// The server is answered this.
    Reply(Vec<u8>),
}

/// A call's end, to be told to its ticket.
pub(crate) struct Ending {
    ticket: Box<dyn Ticket>,
    error: Option<String>,
    usage: Usage,
}

impl Ending {
    /// Tells the ticket.
    pub(crate) async fn tell(self) {
        match self.error {
            None => self.ticket.settle(self.usage).await,
            Some(error) => self.ticket.fail(error, self.usage).await,
        }
    }
}

impl<'g> Session<'g> {
    pub(crate) fn new(judge: &'g dyn Judge, max_line: usize, max_in_flight: usize) -> Self {
        Self {
            judge,
            max_line,
            in_flight: Mutex::new(InFlight::new(max_in_flight)),
        }
    }

    /// Ends the session: drops the tickets of the calls in flight, and says so to the client.
    pub(crate) fn server_gone(&self) -> Result<Vec<Vec<u8>>, GateError> {
        let left = self.in_flight()?.drain();
        Ok(left.into_iter().map(|(id, _)| gone(&id)).collect())
    }

    /// Takes back a request that could not be written to the server, and gives the client's answer. A call settles its
    /// hold: the server may have read enough of it.
    pub(crate) fn undelivered(&self, id: &RequestId) -> Result<Option<Vec<u8>>, GateError> {
        Ok(self.in_flight()?.answered(id).map(|_| gone(id)))
    }

    /// Refuses a line, unread, that could not be kept until the server takes it. Returns the answer to a request.
    pub(crate) fn unforwardable(&self, line: &[u8]) -> Option<Vec<u8>> {
        let text = "the server does not read what it is sent";
        let peeked = wire::peek(line);
        let id = peeked.id.filter(|_| peeked.has_method);
        self.note(Peer::Client, "server_stalled", None, id.as_ref(), text);
        id.map(|id| wire::error(Some(&id), INTERNAL_ERROR, text))
    }

    /// Notes that a reply of the gate to the server was given up.
    pub(crate) fn reply_lost(&self) {
        let text = "the server does not read the replies to its requests; one is lost";
        self.note(Peer::Server, "reply_lost", None, None, text);
    }

    fn in_flight(&self) -> Result<MutexGuard<'_, InFlight>, GateError> {
        self.in_flight.lock().map_err(|_| GateError::Poisoned)
    }

    fn note(
        &self,
        from: Peer,
        code: &'static str,
        method: Option<&str>,
        id: Option<&RequestId>,
        detail: &str,
    ) {
        self.judge.note(&ProtocolEvent {
            from,
            code,
            method: method.map(shortened),
            id,
            detail,
        });
    }
}

fn gone(id: &RequestId) -> Vec<u8> {
    wire::error(
        Some(id),
        SERVER_GONE,
        "the server closed before it answered",
    )
}

/// JSON-RPC codes that the gate answers with. The last is the one SDKs use for a closed connection.
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;
const INTERNAL_ERROR: i32 = -32603;
const SERVER_GONE: i32 = -32000;

/// Longest name or method that is quoted, in bytes.
const QUOTED: usize = 256;

/// The beginning of a text, for quoting it.
fn shortened(text: &str) -> &str {
    let end = (0..=QUOTED).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or(text)
}
