//! Lines from the client: nothing ambiguous goes on, tool calls are judged, other methods need a rule.

use serde_json::value::RawValue;

use super::{
    FromClient, INVALID_PARAMS, INVALID_REQUEST, Judged, METHOD_NOT_FOUND, Session, shortened,
};
use crate::gate::GateError;
use crate::in_flight::{Entry, Waiting};
use crate::judge::{Peer, ToolCall, Verdict};
use crate::wire::{self, Fault, Message, Object, RequestId};

/// What the gate decides on a request before anyone is asked.
enum Plan {
    Pass(Waiting),
    Judge(ToolCall),
    Refuse(i32, &'static str, String),
}

impl Session<'_> {
    /// Takes one line from the client.
    pub(crate) fn client_line(&self, line: &[u8]) -> Result<FromClient, GateError> {
        if line.trim_ascii().is_empty() {
            return Ok(FromClient::Nothing);
        }
        let message = match wire::read(line) {
            Ok(message) => message,
            Err(fault) => return Ok(FromClient::Reply(self.faulty(fault, None, None))),
        };
        if let Err(fault) = wire::unambiguous(line) {
            return Ok(FromClient::Reply(match message {
                Message::Request { id, method, .. } => self.faulty(fault, Some(&id), Some(&method)),
                _ => self.faulty(fault, None, None),
            }));
        }
        match message {
            Message::Request { id, method, params } => self.request(id, &method, params),
            Message::Notification { method, params } => self.notification(&method, params),
            Message::Response { .. } => Ok(FromClient::Forward(None)),
        }
    }

    /// Takes the beginning of a line that was too long.
    pub(crate) fn overlong_client_line(&self, beginning: &[u8]) -> Vec<u8> {
        let limit = self.max_line;
        self.faulty(
            Fault::TooLong { limit },
            wire::peek(beginning).id.as_ref(),
            None,
        )
    }

    /// Takes the judge's word on a call.
    pub(crate) fn judged(
        &self,
        id: &RequestId,
        name: &str,
        verdict: Verdict,
    ) -> Result<Judged, GateError> {
        let mut in_flight = self.in_flight()?;
        if !in_flight.judged(id) {
            return Ok(Judged::Withdrawn(match verdict {
                Verdict::Run(ticket) => Some(ticket),
                Verdict::Hidden | Verdict::Refused { .. } | Verdict::Held { .. } => None,
            }));
        }
        Ok(match verdict {
            Verdict::Run(ticket) => {
                in_flight.run(id, ticket);
                Judged::Forward
            }
            Verdict::Hidden => Judged::Reply(wire::error(
                Some(id),
                INVALID_PARAMS,
                &format!("Unknown tool: {}", shortened(name)),
            )),
            // What is held does not come here before it need wait no more.
            Verdict::Refused { text, decision } | Verdict::Held { text, decision, .. } => {
                Judged::Reply(wire::tool_refusal(id, &text, &decision))
            }
        })
    }

    fn request(
        &self,
        id: RequestId,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<FromClient, GateError> {
        let plan = self.plan(method, params);
        let (waiting, call) = match plan {
            Plan::Pass(waiting) => (waiting, None),
            Plan::Judge(call) => (Waiting::Judging, Some(call)),
            Plan::Refuse(code, event, text) => {
                self.note(Peer::Client, event, Some(method), Some(&id), &text);
                return Ok(FromClient::Reply(wire::error(Some(&id), code, &text)));
            }
        };
        let (event, text) = match self.in_flight()?.enter(&id, waiting) {
            Entry::Accepted => {
                return Ok(match call {
                    None => FromClient::Forward(Some(id)),
                    Some(call) => FromClient::Judge(id, call),
                });
            }
            Entry::Taken => ("id_in_flight", "a request with this id is still in flight"),
            Entry::Full => (
                "too_many_in_flight",
                "too many requests are in flight; await some answers first",
            ),
            Entry::Spent => (
                "too_many_cancelled",
                "too many requests were cancelled and never answered; start a new session",
            ),
        };
        self.note(Peer::Client, event, Some(method), Some(&id), text);
        Ok(FromClient::Reply(wire::error(
            Some(&id),
            INVALID_REQUEST,
            text,
        )))
    }

    fn plan(&self, method: &str, params: Option<&RawValue>) -> Plan {
        match method {
            "initialize" | "ping" | "server/discover" => return Plan::Pass(Waiting::Other),
            "tools/list" => return Plan::Pass(Waiting::Listing),
            "tools/call" => return tool_call(params).map_or_else(Plan::from, Plan::Judge),
            _ => {}
        }
        // No pattern may let through what a lenient server could take for a tool call.
        let about_tools = method.trim().to_lowercase().starts_with("tools/");
        if !about_tools
            && (method.starts_with("logging/") || self.judge.method_allowed(Peer::Client, method))
        {
            return Plan::Pass(Waiting::Other);
        }
        let text = format!("Method not found: {}", shortened(method));
        Plan::Refuse(METHOD_NOT_FOUND, "method_denied", text)
    }

    fn notification(
        &self,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<FromClient, GateError> {
        if !method.starts_with("notifications/") {
            // A lenient server might act on it: a tool call without an id is still a tool call.
            let text = "a message without `id` must be a notification";
            self.note(Peer::Client, "not_a_notification", Some(method), None, text);
            return Ok(FromClient::Reply(wire::error(None, INVALID_REQUEST, text)));
        }
        if method == "notifications/cancelled" {
            let params = params.map(|params| Object::read(params.get(), &["requestId"]));
            match params {
                Some(Ok(params)) => {
                    let id = params
                        .value("requestId")
                        .map(|id| RequestId::read(id.get()));
                    match id {
                        Some(Ok(id)) => {
                            // A dropped ticket settles its hold: the tool may have run.
                            drop(self.in_flight()?.cancel(&id));
                            return Ok(FromClient::Withdraw(id));
                        }
                        // Some servers take `1.0` for `1`, and would stop what is still charged.
                        Some(Err(fault)) => {
                            return Ok(FromClient::Reply(self.faulty(fault, None, Some(method))));
                        }
                        None => {}
                    }
                }
                Some(Err(fault)) => {
                    return Ok(FromClient::Reply(self.faulty(fault, None, Some(method))));
                }
                None => {}
            }
        }
        Ok(FromClient::Forward(None))
    }

    fn faulty(&self, fault: Fault, id: Option<&RequestId>, method: Option<&str>) -> Vec<u8> {
        let text = fault.to_string();
        self.note(Peer::Client, fault.code(), method, id, &text);
        wire::error(id, fault.rpc_code(), &text)
    }
}

/// Reads what a `tools/call` asks for.
fn tool_call(params: Option<&RawValue>) -> Result<ToolCall, (i32, &'static str, String)> {
    let bad = |text: &str| (INVALID_PARAMS, "bad_params", text.to_owned());
    let params = params.ok_or_else(|| bad("`tools/call` needs `params`"))?;
    let params =
        Object::read(params.get(), &["name", "arguments", "task"]).map_err(
            |fault| match fault {
                Fault::NotObject => bad("`params` of `tools/call` must be an object"),
                fault => (fault.rpc_code(), fault.code(), fault.to_string()),
            },
        )?;
    if params.has("task") {
        let text = "task-augmented calls cannot be followed to their end, and are refused";
        return Err((INVALID_REQUEST, "task_refused", text.to_owned()));
    }
    let name = params
        .string("name")
        .ok_or_else(|| bad("`params.name` of `tools/call` must be a string"))?;
    let arguments = params
        .value("arguments")
        .filter(|arguments| arguments.get() != "null")
        .map(ToOwned::to_owned);
    Ok(ToolCall::new(name, arguments))
}

impl From<(i32, &'static str, String)> for Plan {
    fn from((code, event, text): (i32, &'static str, String)) -> Self {
        Self::Refuse(code, event, text)
    }
}
