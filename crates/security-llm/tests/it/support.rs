//! A stack with one agent and one budget, clients for the provider, and what was booked in the end.

use std::sync::Arc;

use futures_util::StreamExt;
use security_bundle::audit_trail::{AuditReader, Filter, Kind, Record};
use security_bundle::budget_enforcer::{BudgetId, Dimension, PriceTable};
use security_bundle::{BudgetSpec, SecurityStack, SecurityStackConfig, Usd, create_security_stack};
use security_llm::{Call, Event, Finished, GovernedHttp, GovernedHttpBuilder, LlmError, LlmStream};
use serde_json::{Value, json};

use crate::provider::Provider;

pub(crate) const AGENT: &str = "desk-assistant";
pub(crate) const BUDGET: &str = "llm-calls";
pub(crate) const KEY: &str = "sk-secret-of-the-tests";

pub(crate) struct Bench {
    pub(crate) stack: SecurityStack,
    pub(crate) provider: Provider,
    pub(crate) prices: Arc<PriceTable>,
}

impl Bench {
    /// A budget of 1 000 000 tokens, 1000 calls and 10 USD.
    pub(crate) fn new(provider: Provider) -> Self {
        Self::with(provider, |spec| {
            spec.tokens(1_000_000).calls(1000).cost(usd("10"))
        })
    }

    pub(crate) fn with(provider: Provider, limits: impl FnOnce(BudgetSpec) -> BudgetSpec) -> Self {
        let mut config = SecurityStackConfig::default();
        config
            .budgets
            .push(limits(BudgetSpec::new(BUDGET.parse().unwrap())));
        Self::of(provider, config)
    }

    pub(crate) fn of(provider: Provider, config: SecurityStackConfig) -> Self {
        Self {
            stack: create_security_stack(config).unwrap(),
            provider,
            prices: Arc::new(prices()),
        }
    }

    pub(crate) fn openai(&self) -> GovernedHttpBuilder {
        GovernedHttp::openai(self.stack.guard(), Arc::clone(&self.prices))
            .base_url(&self.provider.url)
            .http(reqwest::ClientBuilder::no_proxy)
            .api_key(KEY)
    }

    pub(crate) fn anthropic(&self) -> GovernedHttpBuilder {
        GovernedHttp::anthropic(self.stack.guard(), Arc::clone(&self.prices))
            .base_url(&self.provider.url)
            .http(reqwest::ClientBuilder::no_proxy)
            .api_key(KEY)
    }

    pub(crate) fn call(&self) -> Call {
        self.openai().build().unwrap().call(AGENT).budget(BUDGET)
    }

    pub(crate) fn claude(&self) -> Call {
        self.anthropic().build().unwrap().call(AGENT).budget(BUDGET)
    }

    /// Tokens and nano-dollars that are spent, all of it; nothing may be held any more.
    pub(crate) fn booked(&self) -> (u64, u64) {
        for dimension in Dimension::ALL {
            assert_eq!(self.usage(dimension).2, 0, "{dimension} held");
        }
        (
            self.usage(Dimension::Tokens).0,
            self.usage(Dimension::Cost).0,
        )
    }

    pub(crate) fn calls(&self) -> u64 {
        self.usage(Dimension::Calls).0
    }

    /// Tokens and nano-dollars that are held.
    pub(crate) fn held(&self) -> (u64, u64) {
        (
            self.usage(Dimension::Tokens).2,
            self.usage(Dimension::Cost).2,
        )
    }

    /// Spent, of that overspent, and reserved.
    pub(crate) fn usage(&self, dimension: Dimension) -> (u64, u64, u64) {
        let budget: BudgetId = BUDGET.parse().unwrap();
        let used = self.stack.budget.utilization(&budget).unwrap();
        let used = used.usage(dimension);
        let over = used.overspent.units();
        (used.spent.units() + over, over, used.reserved.units())
    }

    pub(crate) fn log(&self) -> AuditReader {
        self.stack.audit.reader()
    }

    pub(crate) fn of_kind(&self, kind: Kind) -> Vec<Record> {
        self.log().query(&Filter::new().kind(kind)).unwrap().records
    }

    /// How the only permitted call ended, and why.
    pub(crate) fn outcome(&self) -> (String, Option<String>) {
        let outcomes = self.of_kind(Kind::Outcome);
        assert_eq!(outcomes.len(), 1);
        (
            outcomes[0].event().unwrap().to_owned(),
            outcomes[0].reason().map(str::to_owned),
        )
    }
}

/// An entry as it stands in the log.
pub(crate) fn entry(record: &Record) -> Value {
    serde_json::from_slice(record.bytes()).unwrap()
}

fn prices() -> PriceTable {
    serde_json::from_value(json!({ "models": [
        { "provider": "openai", "model": "gpt-4o", "input": "2.50", "output": "10.00", "cached_input": "1.25", "max_output_tokens": 16384 },
        { "provider": "openai", "model": "gpt-4o priority", "input": "5", "output": "20" },
        { "provider": "openai", "model": "open-ended", "input": "1", "output": "1" },
        { "provider": "openai", "model": "free", "input": "0", "output": "0" },
        { "provider": "openai", "model": "text-embedding-3-small", "input": "0.02", "output": "0" },
        { "provider": "anthropic", "model": "claude", "input": "3", "output": "15", "cached_input": "0.30",
          "cache_write": "3.75", "cache_write_long": "6", "max_output_tokens": 8192 },
    ] }))
    .unwrap()
}

pub(crate) fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// A chat of few bytes whose answer may have `max` tokens.
pub(crate) fn chat(max: u64) -> Value {
    json!({ "model": "gpt-4o", "max_completion_tokens": max, "messages": [{ "role": "user", "content": "Hello!" }] })
}

pub(crate) fn message(max: u64) -> Value {
    json!({ "model": "claude", "max_tokens": max, "messages": [{ "role": "user", "content": "Hello, Claude" }] })
}

/// The hold of such a request: tokens, and nano-dollars at these prices of a token in nano-dollars.
pub(crate) fn hold(request: &Value, max: u64, input: u64, output: u64) -> (u64, u64) {
    let bytes = u64::try_from(request.to_string().len()).unwrap();
    (bytes + max, bytes * input + max * output)
}

/// Of gpt-4o.
pub(crate) fn chat_hold(max: u64) -> (u64, u64) {
    hold(&chat(max), max, 2500, 10_000)
}

/// Of claude.
pub(crate) fn message_hold(max: u64) -> (u64, u64) {
    hold(&message(max), max, 3000, 15_000)
}

pub(crate) async fn read(mut stream: LlmStream) -> (Vec<Event>, Option<LlmError>, Finished) {
    let mut events = Vec::new();
    let mut error = None;
    // A provider that is silent for ever must fail a test, not hang it.
    let patience = std::time::Duration::from_secs(30);
    while let Some(event) = tokio::time::timeout(patience, stream.next()).await.unwrap() {
        assert!(error.is_none(), "after an error there is nothing more");
        match event {
            Ok(event) => events.push(event),
            Err(broken) => error = Some(broken),
        }
    }
    (events, error, stream.finish().await.unwrap())
}
