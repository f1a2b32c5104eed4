//! The client: a guard, the prices, and the way to one provider.

use std::fmt;
use std::sync::Arc;

use reqwest::header::HeaderMap;
use security_bundle::Guard;
use security_bundle::budget_enforcer::PriceTable;

use crate::builder::GovernedHttpBuilder;
use crate::call::Call;
use crate::plan::Terms;

/// Calls language models through an HTTP API of the OpenAI or the Anthropic shape, each call under a permit of the stack. Cheap to
/// clone, shared between tasks. Needs a tokio runtime.
///
/// A client belongs to the program, not to the agent: who holds it can spend in the name of any agent.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use security_llm::{Endpoint, GovernedHttp};
/// # use security_llm::security_bundle::{SecurityStackConfig, budget_enforcer::PriceTable, create_security_stack};
/// # async fn example(prices: PriceTable) -> Result<(), Box<dyn std::error::Error>> {
/// # let stack = create_security_stack(SecurityStackConfig::default())?;
/// let llm = GovernedHttp::openai(stack.guard(), prices).api_key(std::env::var("OPENAI_API_KEY")?).build()?;
/// let request = serde_json::json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": "Hello" }] });
/// let answer = llm.call("desk-assistant").session("s-1").send(Endpoint::ChatCompletions, request).await?;
/// println!("{:?}", answer.usage);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct GovernedHttp {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) guard: Guard,
    pub(crate) terms: Terms,
    pub(crate) http: reqwest::Client,
    pub(crate) base_url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) max_response: usize,
    pub(crate) max_event: usize,
}

impl GovernedHttp {
    /// A client for OpenAI, or for whoever speaks its API: the key as a bearer token.
    pub fn openai(guard: Guard, prices: impl Into<Arc<PriceTable>>) -> GovernedHttpBuilder {
        GovernedHttpBuilder::openai(guard, prices)
    }

    /// A client for Anthropic, or for whoever speaks its API: the key as `x-api-key`, and `anthropic-version: 2023-06-01`.
    pub fn anthropic(guard: Guard, prices: impl Into<Arc<PriceTable>>) -> GovernedHttpBuilder {
        GovernedHttpBuilder::anthropic(guard, prices)
    }

    pub(crate) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Begins a call in this agent's name.
    pub fn call(&self, agent: impl AsRef<str>) -> Call {
        Call::new(self.clone(), agent.as_ref())
    }
}

impl fmt::Debug for GovernedHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GovernedHttp")
            .field("base_url", &self.inner.base_url)
            .field("terms", &self.inner.terms)
            .finish_non_exhaustive()
    }
}
