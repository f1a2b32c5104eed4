//! What a call of a language model may cost, and what it did: the rules of `security-llm`, for the clients that are written in Python.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyAny;
use security_bundle::Amounts;
use security_bundle::budget_enforcer::{CommunityPrices, PriceTable as Prices};
use security_llm::{Booking, End, Ending, Endpoint, LlmError, Mark, Plan, Tally, Terms, Wishes};
use serde_json::Value;

use crate::amounts::{Money, exact};
use crate::argument::{Count, Text};
use crate::failure::{Failure, exception};

/// What models cost by the token: `PriceTable.from_json(text)`, or `PriceTable.community(text)` for the file that the litellm project keeps.
#[pyclass(frozen, module = "aumos_governance._core")]
#[derive(Debug, Clone)]
pub(crate) struct PriceTable(Arc<Prices>);

#[pymethods]
impl PriceTable {
    /// A table in the layout of `budget-enforcer`: `{"models": [{"provider", "model", "input", "output", ...}]}`, in USD for a million tokens.
    #[staticmethod]
    fn from_json(text: Text<'_>) -> Result<Self, Failure> {
        let prices: Prices = serde_json::from_str(text.0).map_err(Failure::argument)?;
        Ok(Self(Arc::new(prices)))
    }

    /// A table in the layout of `model_prices_and_context_window.json`.
    #[staticmethod]
    fn community(text: Text<'_>) -> Result<Self, Failure> {
        let prices: CommunityPrices = serde_json::from_str(text.0).map_err(Failure::argument)?;
        Ok(Self(Arc::new(prices.into())))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __repr__(&self) -> String {
        format!("PriceTable({} models)", self.0.len())
    }
}

/// How the permit of a call ends, and what is booked: `ending` is `settle`, `fail` or `fail_at_least`; what is `None` stays as it is held.
#[pyclass(frozen, get_all, module = "aumos_governance._core")]
#[derive(Debug)]
pub(crate) struct CallBooking {
    ending: &'static str,
    reason: Option<String>,
    cost: Option<Py<PyAny>>,
    tokens: Option<u64>,
    calls: Option<u64>,
    reported_tokens: Option<u64>,
}

/// One call: what to hold for it, the request as it may be sent under that hold, and the count of what it uses.
#[pyclass(frozen, module = "aumos_governance._core")]
#[derive(Debug)]
pub(crate) struct ModelCall {
    model: String,
    action_type: &'static str,
    hold: Amounts,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Foreseen(Box<Plan>),
    Running(Box<Tally>),
    Over,
}

#[pymethods]
impl ModelCall {
    #[new]
    #[pyo3(signature = (endpoint, request, prices, *, provider=None, hold_at_most=None, input_at_most=None, default_max_output=None, priced_as=None, output_is_visible=false))]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are keywords, and each is one wish"
    )]
    fn new(
        py: Python<'_>,
        endpoint: Text<'_>,
        request: Text<'_>,
        prices: &PriceTable,
        provider: Option<Text<'_>>,
        hold_at_most: Option<Money>,
        input_at_most: Option<Count>,
        default_max_output: Option<Count>,
        priced_as: Option<Text<'_>>,
        output_is_visible: bool,
    ) -> PyResult<Self> {
        let endpoint = named(endpoint)?;
        let prices = Arc::clone(&prices.0);
        let mut terms = match endpoint {
            Endpoint::Messages => Terms::anthropic(prices),
            _ => Terms::openai(prices),
        };
        if let Some(provider) = provider {
            terms = terms.provider(provider.0);
        }
        if let Some(tokens) = default_max_output {
            terms = terms.default_max_output(tokens.0);
        }
        let mut wishes = Wishes::default();
        if let Some(cost) = hold_at_most {
            wishes = wishes.hold_at_most(Amounts::NONE.cost(cost.0));
        }
        if let Some(tokens) = input_at_most {
            wishes = wishes.input_at_most(tokens.0);
        }
        if let Some(name) = priced_as {
            wishes = wishes.priced_as(name.0);
        }
        if output_is_visible {
            wishes = wishes.output_is_visible();
        }
        let plan = Plan::new(endpoint, json(request)?, &terms, &wishes)
            .map_err(|error| refused(py, &error))?;
        Ok(Self {
            model: plan.model().to_owned(),
            action_type: plan.action_type(),
            hold: *plan.hold(),
            state: Mutex::new(State::Foreseen(Box::new(plan))),
        })
    }

    #[getter]
    fn model(&self) -> &str {
        &self.model
    }

    #[getter]
    fn action_type(&self) -> &'static str {
        self.action_type
    }

    /// What to hold, as a `Decimal` in USD.
    #[getter]
    fn hold_cost<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.hold.cost.map(|cost| exact(py, cost)).transpose()
    }

    #[getter]
    fn hold_tokens(&self) -> Option<u64> {
        self.hold.tokens
    }

    /// The request as it is sent, in JSON: its output bounded by what is held.
    fn request(&self, py: Python<'_>, stream: bool) -> PyResult<String> {
        self.with(|state| match state {
            State::Foreseen(plan) => plan
                .request_within(&self.hold, stream)
                .map(|request| request.to_string())
                .map_err(|error| refused(py, &error)),
            State::Running(_) | State::Over => Err(Failure::Ended("call").into()),
        })
    }

    /// Takes an event of a stream: `goes_on`, `last` or `error`.
    fn event(&self, data: Text<'_>) -> PyResult<&'static str> {
        let data = json(data)?;
        let mark = self.running(|tally| tally.event(&data))?;
        Ok(match mark {
            Mark::Last => "last",
            Mark::Error => "error",
            _ => "goes_on",
        })
    }

    /// The stream said that it is done.
    fn done(&self) -> PyResult<()> {
        self.running(Tally::done)
    }

    /// Whether the call has used more than is held, and may go on doing so.
    fn is_used_up(&self) -> PyResult<bool> {
        self.running(|tally| tally.is_used_up())
    }

    /// Whether the provider has reported everything.
    fn is_reported(&self) -> PyResult<bool> {
        self.running(|tally| tally.total().is_some())
    }

    /// A whole answer came.
    fn answered(&self, py: Python<'_>, body: Text<'_>) -> PyResult<CallBooking> {
        let body = json(body)?;
        booking(py, self.over()?.answered(&body))
    }

    /// The provider answered with an error.
    fn refused(&self, py: Python<'_>, status: u16, body: Text<'_>) -> PyResult<CallBooking> {
        booking(py, self.over()?.refused(status, &answer(body)))
    }

    /// The call is over: `complete`, `hold_used_up`, `disconnected`, `failed` or `aborted`.
    fn end(&self, py: Python<'_>, how: Text<'_>) -> PyResult<CallBooking> {
        let end = match how.0 {
            "complete" => End::Complete,
            "hold_used_up" => End::HoldUsedUp,
            "disconnected" => End::Disconnected,
            "failed" => End::Failed,
            "aborted" => End::Aborted,
            _ => return Err(Failure::argument("that is no way in which a call ends").into()),
        };
        booking(py, self.over()?.end(end))
    }
}

/// What an error of the provider's costs where nobody counts tokens: nothing but the call, or what is held.
#[pyfunction]
pub(crate) fn provider_refusal(
    py: Python<'_>,
    status: u16,
    body: Text<'_>,
) -> PyResult<CallBooking> {
    booking(py, Booking::refused(status, &answer(body)))
}

impl ModelCall {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> PyResult<T>) -> PyResult<T> {
        // Nothing panics while it is held; and if it did, the state is one of the three.
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn running<T>(&self, act: impl FnOnce(&mut Tally) -> T) -> PyResult<T> {
        self.with(|state| {
            let mut tally = self.tally(mem::replace(state, State::Over))?;
            let answer = act(&mut tally);
            *state = State::Running(tally);
            Ok(answer)
        })
    }

    fn over(&self) -> PyResult<Tally> {
        self.with(|state| {
            self.tally(mem::replace(state, State::Over))
                .map(|tally| *tally)
        })
    }

    fn tally(&self, state: State) -> PyResult<Box<Tally>> {
        match state {
            State::Foreseen(plan) => Ok(Box::new(Tally::new(*plan, self.hold))),
            State::Running(tally) => Ok(tally),
            State::Over => Err(Failure::Ended("call").into()),
        }
    }
}

fn named(endpoint: Text<'_>) -> Result<Endpoint, Failure> {
    match endpoint.0 {
        "chat.completions" => Ok(Endpoint::ChatCompletions),
        "responses" => Ok(Endpoint::Responses),
        "embeddings" => Ok(Endpoint::Embeddings),
        "messages" => Ok(Endpoint::Messages),
        _ => Err(Failure::argument("that is no API which is understood")),
    }
}

fn json(text: Text<'_>) -> Result<Value, Failure> {
    serde_json::from_str(text.0).map_err(Failure::argument)
}

/// The body of an error. What is no JSON is not in the provider's form, and says nothing.
fn answer(body: Text<'_>) -> Value {
    serde_json::from_str(body.0).unwrap_or_default()
}

fn booking(py: Python<'_>, booking: Booking) -> PyResult<CallBooking> {
    let (ending, reason) = match booking.ending {
        Ending::Settle => ("settle", None),
        Ending::Fail(why) => ("fail", Some(why)),
        Ending::FailAtLeast(why) => ("fail_at_least", Some(why)),
    };
    let cost = booking.used.cost.map(|cost| exact(py, cost)).transpose()?;
    Ok(CallBooking {
        ending,
        reason,
        cost: cost.map(Bound::unbind),
        tokens: booking.used.tokens,
        calls: booking.used.calls,
        reported_tokens: booking.reported.map(|usage| usage.tokens()),
    })
}

/// What was neither sent nor held, and why.
fn refused(py: Python<'_>, error: &LlmError) -> PyErr {
    let code = error.code().into_pyobject(py).map(Bound::into_any);
    let attributes = code.map(|code| [("reason_code", code)]);
    let attributes = attributes.as_ref().map_or(&[][..], |both| &both[..]);
    exception(py, "CallRefusedError", &error.to_string(), attributes).unwrap_or_else(|error| error)
}
