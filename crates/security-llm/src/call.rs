//! One call: described, permitted, bounded, sent, and settled.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Request, Response, Url};
use security_bundle::trust_gate::AgentId;
use security_bundle::{Action, ActionBuilder, ActionError, Amounts, SessionId, TrustLevel};
use serde_json::Value;

use crate::answer::{Answer, Withheld};
use crate::client::GovernedHttp;
use crate::end::End;
use crate::endpoint::Endpoint;
use crate::error::LlmError;
use crate::meter::{Ended, Meter};
use crate::plan::{Plan, Wishes};
use crate::refusal::Refusal;
use crate::stream::LlmStream;

/// The most of an error's body that is read.
const MAX_ERROR: usize = 64 << 10;

/// A call in an agent's name, before it is made. What it charges is computed from its request: the worst case of its tokens and what they
/// cost, and one call.
#[derive(Debug, Clone)]
#[must_use = "a call is made by `send` or `stream`"]
pub struct Call {
    client: GovernedHttp,
    agent: String,
    session: Option<String>,
    budgets: Vec<String>,
    has_tool: bool,
    action: ActionBuilder,
    wishes: Wishes,
}

impl Call {
    pub(crate) fn new(client: GovernedHttp, agent: &str) -> Self {
        Self {
            action: client.inner.guard.action(agent),
            client,
            agent: agent.to_owned(),
            session: None,
            budgets: Vec::new(),
            has_tool: false,
            wishes: Wishes::default(),
        }
    }

    /// The session in which the agent acts; it is charged where the configuration has a budget for sessions.
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// A named budget to charge. A call that charges nothing is refused.
    pub fn budget(mut self, budget: impl Into<String>) -> Self {
        self.budgets.push(budget.into());
        self
    }

    /// Lets the configured rules of this tool apply: the level it needs, the consent, the charges. The digest of the request is then
    /// the call's arguments, so that an approval is for this request and no other.
    pub fn tool(mut self, tool: impl AsRef<str>) -> Self {
        self.action = self.action.tool(tool);
        self.has_tool = true;
        self
    }

    /// The level that the call needs where no tool's rule names one.
    pub fn required_level(mut self, level: TrustLevel) -> Self {
        self.action = self.action.required_level(level);
        self
    }

    /// What else there is to say about the action: its scope, the data it uses and whose they are. Session, budgets, type and
    /// resource are this call's own.
    pub fn describe(mut self, say: impl FnOnce(ActionBuilder) -> ActionBuilder) -> Self {
        self.action = say(self.action);
        self
    }

    /// The most input tokens that the request can have, where its bytes do not say: with images, files, hosted tools, or an earlier
    /// conversation. It is believed.
    pub fn input_at_most(mut self, tokens: u64) -> Self {
        self.wishes = self.wishes.input_at_most(tokens);
        self
    }

    /// The most to hold for this call. Its output is bounded by that.
    pub fn hold_at_most(mut self, amounts: Amounts) -> Self {
        self.wishes = self.wishes.hold_at_most(amounts);
        self
    }

    /// The name under which the price table has what this request costs, where it is not the model's: another service tier, say.
    pub fn priced_as(mut self, name: impl Into<String>) -> Self {
        self.wishes = self.wishes.priced_as(name);
        self
    }

    /// Says that the model has no output but what it streams, no hidden reasoning above all. A stream that breaks or is left then settles
    /// at what was seen, not at what was held. It is believed.
    pub fn output_is_visible(mut self) -> Self {
        self.wishes = self.wishes.output_is_visible();
        self
    }

    /// Makes the call and waits for the whole answer. `stream` and `stream_options` are taken out of the request, and its output limit
    /// set, or lowered to what is held; it is never raised.
    ///
    /// Dropping the future gives the hold back where nothing had left yet, and settles it otherwise.
    ///
    /// # Errors
    /// [`LlmError`], each of which says what became of the hold.
    pub async fn send(self, endpoint: Endpoint, request: Value) -> Result<Answer, LlmError> {
        let max_response = self.client.inner.max_response;
        let (meter, response) = self.begin(endpoint, request, false).await?;
        let bytes = match read(response, max_response).await {
            Ok(bytes) => bytes,
            Err(error) => return Err(fail(meter, error).await),
        };
        let body: Value = match serde_json::from_slice(&bytes) {
            Ok(body) => body,
            Err(error) => return Err(fail(meter, LlmError::Unreadable(error)).await),
        };
        let Ended { usage, settling } = meter.answered(&body);
        match settling.await {
            Ok(settled) => Ok(Answer {
                body,
                usage,
                settled,
            }),
            Err(source) => Err(LlmError::NotSettled {
                source,
                answer: Some(Box::new(Withheld(body))),
            }),
        }
    }

    /// Makes the call and returns what streams, once the provider has accepted it. `stream` and, for Chat Completions,
    /// `stream_options.include_usage` are set; the output limit as by [`send`](Self::send).
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub async fn stream(self, endpoint: Endpoint, request: Value) -> Result<LlmStream, LlmError> {
        let max_event = self.client.inner.max_event;
        let (meter, response) = self.begin(endpoint, request, true).await?;
        Ok(LlmStream::new(response, meter, max_event))
    }

    /// Everything up to the provider's first good word.
    async fn begin(
        self,
        endpoint: Endpoint,
        request: Value,
        stream: bool,
    ) -> Result<(Meter, Response), LlmError> {
        let (plan, action, request) = match self.prepare(endpoint, request, stream) {
            Ok(prepared) => prepared,
            Err(error) => {
                self.note(&error);
                return Err(error);
            }
        };
        let inner = &self.client.inner;
        let permit = inner
            .guard
            .authorize(&action)
            .await
            .map_err(LlmError::Denied)?;
        let meter = Meter::new(permit, plan);
        let response = match inner.http.execute(request).await {
            Ok(response) => response,
            Err(error) if error.is_connect() || error.is_builder() => {
                let error = LlmError::Unreachable(error.without_url());
                return Err(told(error, meter.cancel()).await);
            }
            Err(error) => {
                let error = LlmError::Interrupted(error.without_url());
                return Err(fail(meter, error).await);
            }
        };
        if response.status().is_success() {
            Ok((meter, response))
        } else {
            Err(refuse(meter, response).await)
        }
    }

    fn prepare(
        &self,
        endpoint: Endpoint,
        request: Value,
        stream: bool,
    ) -> Result<(Plan, Action, Request), LlmError> {
        let inner = &self.client.inner;
        let plan = Plan::new(endpoint, request, &inner.terms, &self.wishes)?;
        let action = self.action(&plan)?;
        let body = plan.request(&action, stream)?;
        let url = format!("{}{}", inner.base_url, endpoint.path());
        let url = Url::parse(&url).map_err(|error| LlmError::Setup(error.to_string()))?;
        let mut request = Request::new(Method::POST, url);
        request.headers_mut().extend(inner.headers.clone());
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let bytes =
            serde_json::to_vec(&body).map_err(|error| LlmError::Request(error.to_string()))?;
        *request.body_mut() = Some(bytes.into());
        Ok((plan, action, request))
    }

    fn action(&self, plan: &Plan) -> Result<Action, LlmError> {
        let mut action = self
            .action
            .clone()
            .action_type(plan.endpoint.action_type())
            .resource(&plan.model);
        if self.has_tool {
            action = action.args_json(&plan.asked());
        }
        for budget in &self.budgets {
            action = action.budget(budget, plan.hold.calls(1));
        }
        let Some(session) = &self.session else {
            return action.build().map_err(LlmError::Action);
        };
        let action = action.session(session);
        match action.clone().session_amounts(plan.hold).build() {
            // The session is a name only, and the budgets are charged.
            Err(ActionError::NoSessionBudget) if !self.budgets.is_empty() => action.build(),
            built => built,
        }
        .map_err(LlmError::Action)
    }

    /// A refusal that the stack never heard of is in the log nevertheless.
    fn note(&self, error: &LlmError) {
        let Ok(agent) = AgentId::try_from(self.agent.as_str()) else {
            return;
        };
        let session = self.session.as_deref();
        let session = session.and_then(|session| SessionId::try_from(session).ok());
        let detail = format!("{}: {error}", error.code());
        // A loss is counted, and the call is refused either way.
        drop(self.client.inner.guard.record_event(
            "llm_refused",
            &agent,
            session.as_ref(),
            &detail,
        ));
    }
}

/// The error, once its call's end is in the books. That it is not there is worse than why the call broke.
async fn told(error: LlmError, ended: Ended) -> LlmError {
    match ended.settling.await {
        Ok(_) => error,
        Err(source) => LlmError::NotSettled {
            source,
            answer: None,
        },
    }
}

/// Ends a call that broke.
async fn fail(meter: Meter, error: LlmError) -> LlmError {
    let end = match error {
        LlmError::Interrupted(_) => End::Disconnected,
        _ => End::Failed,
    };
    told(error, meter.end(end)).await
}

async fn refuse(meter: Meter, response: Response) -> LlmError {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let body = read(response, MAX_ERROR).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let ended = meter.refused(status, &body);
    let error = Refusal::read(&body).into_status(status, retry_after);
    told(error, ended).await
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, LlmError> {
    let mut bytes = Vec::new();
    let broken = |error: reqwest::Error| LlmError::Interrupted(error.without_url());
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if bytes.len().saturating_add(chunk.len()) > limit {
            return Err(LlmError::TooLong { limit });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
