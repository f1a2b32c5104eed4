//! Lines from the server: answers end their calls, lists are filtered, what nobody asked for is dropped.

use serde_json::value::RawValue;

use super::{
    Delivery, Ending, FromServer, INTERNAL_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, Session,
    shortened,
};
use crate::gate::GateError;
use crate::in_flight::Waiting;
use crate::judge::Peer;
use crate::listing::{self, Filtered};
use crate::usage::Usage;
use crate::wire::{self, Fault, Message, Object, Outcome, RequestId};

/// The error that says: let the user open these addresses first.
const URL_ELICITATION: i32 = -32042;
/// The method that would ask the same.
const ELICITATION: &str = "elicitation/create";

/// Why an answer does not reach the client, and what it gets instead.
struct Withheld {
    code: i32,
    event: &'static str,
    text: String,
}

impl Session<'_> {
    /// Takes one line from the server.
    pub(crate) fn server_line(&self, line: &[u8]) -> Result<FromServer, GateError> {
        if line.trim_ascii().is_empty() {
            return Ok(Delivery::Nothing.into());
        }
        match wire::read(line) {
            Ok(Message::Response { id, outcome }) => self.response(line, id, outcome),
            Ok(Message::Request { id, method, .. }) => Ok(self.server_request(&id, &method).into()),
            Ok(Message::Notification { method, params }) => {
                Ok(self.server_notification(&method, params).into())
            }
            Err(fault) => self.unreadable(fault, line),
        }
    }

    /// Takes the beginning of a line that was too long.
    pub(crate) fn overlong_server_line(&self, beginning: &[u8]) -> Result<FromServer, GateError> {
        let limit = self.max_line;
        self.unreadable(Fault::TooLong { limit }, beginning)
    }

    /// Drops a line. If it was the answer to a request, the client hears that there will be none.
    fn unreadable(&self, fault: Fault, line: &[u8]) -> Result<FromServer, GateError> {
        let text = fault.to_string();
        let peeked = wire::peek(line);
        self.note(Peer::Server, fault.code(), None, peeked.id.as_ref(), &text);
        let Some(id) = peeked.id.filter(|_| !peeked.has_method) else {
            return Ok(Delivery::Nothing.into());
        };
        let Some(waiting) = self.in_flight()?.answered(&id) else {
            return Ok(Delivery::Nothing.into());
        };
        let text = format!("the server's answer was refused: {text}");
        Ok(withhold(
            &id,
            waiting,
            INTERNAL_ERROR,
            text,
            Usage::Unreported,
        ))
    }

    fn response(
        &self,
        line: &[u8],
        id: Option<RequestId>,
        outcome: Outcome<'_>,
    ) -> Result<FromServer, GateError> {
        let Some(id) = id else {
            // An error about a message that the server could not read: it belongs to no request.
            let Outcome::Error(error) = outcome else {
                return Ok(Delivery::Nothing.into());
            };
            return Ok(match self.failure(error) {
                Ok(_) => Delivery::Forward.into(),
                Err(Withheld { event, text, .. }) => {
                    self.note(Peer::Server, event, None, None, &text);
                    Delivery::Nothing.into()
                }
            });
        };
        let waiting = match self.in_flight()?.answered(&id) {
            None => {
                let text = "no request waits for this answer";
                self.note(Peer::Server, "unexpected_answer", None, Some(&id), text);
                return Ok(Delivery::Nothing.into());
            }
            Some(Waiting::CancelledCall) => {
                let text = "the call was cancelled before this answer";
                self.note(Peer::Server, "late_answer", None, Some(&id), text);
                return Ok(Delivery::Nothing.into());
            }
            Some(waiting) => waiting,
        };
        let result = match outcome {
            Outcome::Error(error) => {
                return Ok(match self.failure(error) {
                    Ok(text) => FromServer {
                        delivery: Delivery::Forward,
                        ending: end(waiting, Some(text), Usage::Unreported),
                    },
                    Err(Withheld { code, event, text }) => {
                        self.note(Peer::Server, event, None, Some(&id), &text);
                        withhold(&id, waiting, code, text, Usage::Unreported)
                    }
                });
            }
            Outcome::Result(result) => result,
        };
        let result = match Object::read(result.get(), gated_keys(&waiting)) {
            Ok(result) => result,
            // Not what the protocol says, but nothing in it has a meaning here.
            Err(Fault::NotObject) if !matches!(waiting, Waiting::Listing) => {
                return Ok(FromServer {
                    delivery: Delivery::Forward,
                    ending: end(waiting, None, Usage::Unreported),
                });
            }
            Err(fault) => {
                self.note(
                    Peer::Server,
                    fault.code(),
                    None,
                    Some(&id),
                    &fault.to_string(),
                );
                let text = format!("the server's answer was refused: {fault}");
                return Ok(withhold(
                    &id,
                    waiting,
                    INTERNAL_ERROR,
                    text,
                    Usage::Unreported,
                ));
            }
        };
        let usage = self.usage(&id, &waiting, &result);
        match self.deliver(line, &waiting, &result) {
            Ok(delivery) => {
                let failed = result
                    .value("isError")
                    .is_some_and(|flag| flag.get() == "true");
                let error = failed.then(|| "the tool reported an error".to_owned());
                Ok(FromServer {
                    delivery,
                    ending: end(waiting, error, usage),
                })
            }
            Err(Withheld { code, event, text }) => {
                self.note(Peer::Server, event, None, Some(&id), &text);
                Ok(withhold(&id, waiting, code, text, usage))
            }
        }
    }

    fn deliver(
        &self,
        line: &[u8],
        waiting: &Waiting,
        result: &Object<'_>,
    ) -> Result<Delivery, Withheld> {
        if let Some(method) = self.denied_input_request(result) {
            return Err(Withheld {
                code: INTERNAL_ERROR,
                event: "input_request_denied",
                text: format!("the server asked for `{method}`, which is not permitted"),
            });
        }
        match waiting {
            Waiting::Call(_) if result.string("resultType").as_deref() == Some("task") => {
                Err(Withheld {
                    code: INVALID_REQUEST,
                    event: "task_refused",
                    text: "the server turned the call into a task, which cannot be followed to its end"
                        .to_owned(),
                })
            }
            Waiting::Listing => {
                match listing::filter(line, result, |tool| self.judge.tool_visible(tool)) {
                    Ok(Filtered::All) => Ok(Delivery::Forward),
                    Ok(Filtered::Some(line)) => Ok(Delivery::Instead(line)),
                    Err(fault) => Err(Withheld {
                        code: INTERNAL_ERROR,
                        event: fault.code(),
                        text: "the server's list of tools cannot be read".to_owned(),
                    }),
                }
            }
            _ => Ok(Delivery::Forward),
        }
    }

    /// Judges an error, which may ask the client to open an address (MCP 2025-11-25, URL mode elicitation). That needs
    /// the same permission as a request for it. Returns what the log says: the code, and not the words, which may quote
    /// the agent's data.
    fn failure(&self, error: &RawValue) -> Result<String, Withheld> {
        let refused = |fault: Fault| Withheld {
            code: INTERNAL_ERROR,
            event: fault.code(),
            text: format!("the server's answer was refused: {fault}"),
        };
        let error = match Object::read(error.get(), &["code", "data"]) {
            Ok(error) => error,
            // Not what the protocol says, but nothing in it has a meaning here.
            Err(Fault::NotObject) => return Ok("the server answered with an error".to_owned()),
            Err(fault) => return Err(refused(fault)),
        };
        let Some(code) = error.value("code") else {
            return Ok("the server answered with an error".to_owned());
        };
        // Some readers take `-32042.0` or `"-32042"` for the same code.
        let code: i32 = code.get().parse().map_err(|_| refused(Fault::BadCode))?;
        if code == URL_ELICITATION {
            match error
                .value("data")
                .map(|data| Object::read(data.get(), &["elicitations"]))
            {
                None | Some(Ok(_) | Err(Fault::NotObject)) => {}
                Some(Err(fault)) => return Err(refused(fault)),
            }
            if !self.server_may_ask(ELICITATION) {
                return Err(Withheld {
                    code: INTERNAL_ERROR,
                    event: "input_request_denied",
                    text: format!("the server asked for `{ELICITATION}`, which is not permitted"),
                });
            }
        }
        Ok(format!("the server answered with error {code}"))
    }

    /// What a call's result reports, where that is of interest.
    fn usage(&self, id: &RequestId, waiting: &Waiting, result: &Object<'_>) -> Usage {
        if !matches!(waiting, Waiting::Call(_)) {
            return Usage::Unreported;
        }
        let usage = Usage::of(result);
        if let Usage::Malformed(text) = &usage {
            self.note(Peer::Server, "malformed_usage", None, Some(id), text);
        }
        usage
    }

    /// A result may carry requests to the client (MCP 2026-07-28, multi round-trip requests). They need the same
    /// permission as those that come as messages of their own. Returns the first that has none.
    fn denied_input_request(&self, holder: &Object<'_>) -> Option<String> {
        let requests = holder.value("inputRequests")?;
        if requests.get() == "null" {
            return None;
        }
        let Ok(requests) = Object::read(requests.get(), &[]) else {
            return Some("inputRequests".to_owned());
        };
        requests.values().find_map(|request| {
            let request = Object::read(request.get(), &["method", "params"]).ok();
            match request.and_then(|request| request.string("method")) {
                Some(method) if self.server_may_ask(&method) => None,
                Some(method) => Some(shortened(&method).to_owned()),
                None => Some("inputRequests".to_owned()),
            }
        })
    }

    fn server_may_ask(&self, method: &str) -> bool {
        method == "ping" || self.judge.method_allowed(Peer::Server, method)
    }

    fn server_request(&self, id: &RequestId, method: &str) -> Delivery {
        if self.server_may_ask(method) {
            return Delivery::Forward;
        }
        let text = format!("Method not found: {}", shortened(method));
        self.note(Peer::Server, "method_denied", Some(method), Some(id), &text);
        Delivery::Reply(wire::error(Some(id), METHOD_NOT_FOUND, &text))
    }

    fn server_notification(&self, method: &str, params: Option<&RawValue>) -> Delivery {
        let (event, text) = if !method.starts_with("notifications/") {
            (
                "not_a_notification",
                "a message without `id` must be a notification",
            )
        } else if method.starts_with("notifications/tasks") && !self.task_news_may_pass(params) {
            (
                "input_request_denied",
                "the server asked for something that is not permitted",
            )
        } else {
            return Delivery::Forward;
        };
        self.note(Peer::Server, event, Some(method), None, text);
        Delivery::Nothing
    }

    /// News of a task may carry requests to the client, like a result.
    fn task_news_may_pass(&self, params: Option<&RawValue>) -> bool {
        let Some(params) = params else { return true };
        Object::read(params.get(), &["inputRequests"])
            .is_ok_and(|params| self.denied_input_request(&params).is_none())
    }
}

impl From<Delivery> for FromServer {
    fn from(delivery: Delivery) -> Self {
        Self {
            delivery,
            ending: None,
        }
    }
}

/// The keys of a result that mean something to this gate.
fn gated_keys(waiting: &Waiting) -> &'static [&'static str] {
    match waiting {
        Waiting::Call(_) => &["_meta", "isError", "resultType", "inputRequests"],
        Waiting::Listing => &["tools", "inputRequests"],
        _ => &["inputRequests"],
    }
}

/// Ends what waited; only tool calls have an end to be told.
fn end(waiting: Waiting, error: Option<String>, usage: Usage) -> Option<Ending> {
    match waiting {
        Waiting::Call(ticket) => Some(Ending {
            ticket,
            error,
            usage,
        }),
        _ => None,
    }
}

/// Answers the client in the server's place.
fn withhold(id: &RequestId, waiting: Waiting, code: i32, text: String, usage: Usage) -> FromServer {
    FromServer {
        delivery: match waiting {
            // Nobody waits for the answer to a cancelled call.
            Waiting::CancelledCall => Delivery::Nothing,
            _ => Delivery::Instead(wire::error(Some(id), code, &text)),
        },
        ending: end(waiting, Some(text), usage),
    }
}
