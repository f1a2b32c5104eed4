//! What a request may cost at most, and what must be written into it so that it cannot cost more.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "http")]
use security_bundle::Action;
#[cfg(feature = "http")]
use security_bundle::budget_enforcer::Charge;
use security_bundle::budget_enforcer::{Amounts, ModelPrice, PriceTable, TokenUsage};
use serde_json::{Map, Value, json};

use crate::bound::{self, given};
use crate::endpoint::Endpoint;
use crate::error::LlmError;

/// An upper bound of the input tokens of a request, by somebody who knows its tokenizer.
type InputCounter = Arc<dyn Fn(&Value) -> Option<u64> + Send + Sync>;

/// What holds for all calls to one provider.
#[derive(Clone)]
#[must_use]
pub struct Terms {
    prices: Arc<PriceTable>,
    provider: String,
    counter: Option<InputCounter>,
    default_output: Option<u64>,
    legacy_max_tokens: bool,
}

impl Terms {
    /// The models that `prices` has under `openai`.
    pub fn openai(prices: impl Into<Arc<PriceTable>>) -> Self {
        Self::new(prices.into(), "openai")
    }

    /// The models that `prices` has under `anthropic`.
    pub fn anthropic(prices: impl Into<Arc<PriceTable>>) -> Self {
        Self::new(prices.into(), "anthropic")
    }

    fn new(prices: Arc<PriceTable>, provider: &str) -> Self {
        Self {
            prices,
            provider: provider.to_owned(),
            counter: None,
            default_output: None,
            legacy_max_tokens: false,
        }
    }

    /// Under which provider's name the price table has the models.
    pub fn provider(mut self, name: impl Into<String>) -> Self {
        self.provider = name.into();
        self
    }

    /// Who bounds the input tokens of a request, in place of its bytes. It must never say too few, and is believed about images and files
    /// too; `None` leaves the request to its bytes.
    pub fn count_input(
        mut self,
        count: impl Fn(&Value) -> Option<u64> + Send + Sync + 'static,
    ) -> Self {
        self.counter = Some(Arc::new(count));
        self
    }

    /// The output of requests that say nothing about it, in tokens for each answer. Default: the most that the model can give.
    pub fn default_max_output(mut self, tokens: u64) -> Self {
        self.default_output = Some(tokens);
        self
    }

    /// Bounds the output of Chat Completions by `max_tokens`, for servers that do not know `max_completion_tokens`.
    pub fn legacy_max_tokens(mut self) -> Self {
        self.legacy_max_tokens = true;
        self
    }
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

/// What the caller says of one call, beside its request. Nothing, by default.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Wishes {
    input_at_most: Option<u64>,
    hold_at_most: Amounts,
    priced_as: Option<String>,
    output_is_visible: bool,
}

impl Wishes {
    /// The most input tokens that the request can have, where its bytes do not say: with images, files, hosted tools, or an earlier
    /// conversation. It is believed.
    pub fn input_at_most(mut self, tokens: u64) -> Self {
        self.input_at_most = Some(tokens);
        self
    }

    /// The most to hold for this call. Its output is bounded by that.
    pub fn hold_at_most(mut self, amounts: Amounts) -> Self {
        self.hold_at_most = amounts;
        self
    }

    /// The name under which the price table has what this request costs, where it is not the model's: another service tier, say.
    pub fn priced_as(mut self, name: impl Into<String>) -> Self {
        self.priced_as = Some(name.into());
        self
    }

    /// Says that the model has no output but what it streams, no hidden reasoning above all. A stream that breaks or is left then settles
    /// at what was seen, not at what was held. It is believed.
    pub fn output_is_visible(mut self) -> Self {
        self.output_is_visible = true;
        self
    }
}

/// A request whose cost is foreseen. Its `Debug` leaves the request out.
#[must_use = "a plan holds nothing"]
pub struct Plan {
    pub(crate) endpoint: Endpoint,
    pub(crate) model: String,
    pub(crate) price: ModelPrice,
    /// The most input there is, as its dearest class.
    pub(crate) input: TokenUsage,
    /// What to hold: tokens and cost.
    pub(crate) hold: Amounts,
    /// All output can be seen while it streams.
    pub(crate) is_visible: bool,
    request: Map<String, Value>,
    /// How many answers the request asks for, each of which its output limit is for.
    choices: u64,
    limit_field: &'static str,
}

impl Plan {
    /// Foresees a request.
    ///
    /// # Errors
    /// Those of [`LlmError`] that say that nothing was sent or held: a request that is none, a model without a price, input or output that
    /// nothing bounds, a hold that pays for neither.
    pub fn new(
        endpoint: Endpoint,
        request: Value,
        terms: &Terms,
        wishes: &Wishes,
    ) -> Result<Self, LlmError> {
        let input = input_tokens(&request, terms, wishes)?;
        let Value::Object(request) = request else {
            return Err(LlmError::Request("it is no JSON object".to_owned()));
        };
        let model = match given(&request, "model").and_then(Value::as_str) {
            Some(model) if !model.is_empty() => model.to_owned(),
            _ => return Err(LlmError::Request("it names no `model`".to_owned())),
        };
        if wishes.priced_as.is_none() {
            check_pricing(&request)?;
        }
        let name = wishes.priced_as.as_deref().unwrap_or(&model);
        let price = terms
            .prices
            .price(&terms.provider, name)
            .map_err(LlmError::Price)?;
        let model_limit = price.max_output_tokens(&TokenUsage::NONE, &Amounts::NONE);
        // The model's limit is for each answer, and a hold for all of them.
        let price = price.clone().output_limit(u64::MAX);
        let input = dearest(endpoint, &request, input, &price)?;
        let choices = choices(endpoint, &request)?;
        let limit_field = match endpoint.output_limits() {
            [_, legacy] if terms.legacy_max_tokens => legacy,
            [first, ..] => first,
            [] => "",
        };
        let is_visible = wishes.output_is_visible || hides_nothing(&request);
        let mut plan = Self {
            endpoint,
            model,
            price,
            input,
            hold: Amounts::NONE,
            is_visible,
            request,
            choices,
            limit_field,
        };
        let wanted = plan.wanted(model_limit, terms.default_output)?;
        let within = |most: &Amounts| plan.price.max_output_tokens(&plan.input, most);
        let affordable = within(&wishes.hold_at_most);
        if wanted == u64::MAX && affordable == within(&Amounts::NONE) {
            return Err(LlmError::NoOutputBound);
        }
        let output = wanted.min(affordable);
        plan.hold = plan
            .price
            .worst_case(&plan.input, output)
            .map_err(LlmError::Price)?;
        if exceeds(&plan.hold, &wishes.hold_at_most) || (endpoint.has_output() && output < choices)
        {
            return Err(LlmError::HoldTooSmall);
        }
        Ok(plan)
    }

    /// What to hold for it: the worst case in tokens and cost, at most what [`Wishes::hold_at_most`] said.
    #[must_use]
    pub fn hold(&self) -> &Amounts {
        &self.hold
    }

    /// The model that the request names.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// What the log calls such a call: `llm_completion` or `llm_embedding`.
    #[must_use]
    pub fn action_type(&self) -> &'static str {
        self.endpoint.action_type()
    }

    /// The request as it is sent: its output bounded by what `action` holds, and never longer than the caller wanted.
    #[cfg(feature = "http")]
    pub(crate) fn request(&self, action: &Action, stream: bool) -> Result<Value, LlmError> {
        let held = held(action).ok_or(LlmError::NothingCharged)?;
        self.request_within(&held, stream)
    }

    /// The request as it is sent where `held` is held: its output bounded by that, and never longer than the caller wanted; asking for a
    /// stream and its usage, or for a whole answer.
    ///
    /// # Errors
    /// [`LlmError::HoldTooSmall`], and [`LlmError::Request`] where what it asks for cannot stream.
    pub fn request_within(&self, held: &Amounts, stream: bool) -> Result<Value, LlmError> {
        let mut request = self.request.clone();
        if self.endpoint.has_output() {
            let each = self
                .output_within(held)
                .checked_div(self.choices)
                .unwrap_or(0);
            if each == 0 {
                return Err(LlmError::HoldTooSmall);
            }
            self.limit_output(&mut request, each)?;
        } else if self
            .price
            .worst_case(&self.input, 0)
            .map_or(true, |all| exceeds(&all, held))
        {
            return Err(LlmError::HoldTooSmall);
        }
        if stream {
            if !self.endpoint.has_output() {
                return Err(LlmError::Request("embeddings do not stream".to_owned()));
            }
            request.insert("stream".to_owned(), json!(true));
            if self.endpoint == Endpoint::ChatCompletions {
                let options = request
                    .entry("stream_options")
                    .and_modify(|options| {
                        if options.is_null() {
                            *options = json!({});
                        }
                    })
                    .or_insert_with(|| json!({}));
                let Value::Object(options) = options else {
                    return Err(LlmError::Request(
                        "its `stream_options` are no object".to_owned(),
                    ));
                };
                options.insert("include_usage".to_owned(), json!(true));
            }
        } else {
            request.remove("stream");
            request.remove("stream_options");
        }
        Ok(Value::Object(request))
    }

    /// The request as the caller wrote it.
    #[cfg(feature = "http")]
    pub(crate) fn asked(&self) -> String {
        Value::Object(self.request.clone()).to_string()
    }

    /// How much output, in all answers together, these amounts pay for.
    pub(crate) fn output_within(&self, held: &Amounts) -> u64 {
        self.price.max_output_tokens(&self.input, held)
    }

    /// How much output the caller wants in all answers together; `u64::MAX` where nobody says.
    fn wanted(&self, model_limit: u64, default: Option<u64>) -> Result<u64, LlmError> {
        let mut each: Option<u64> = None;
        for field in self.endpoint.output_limits() {
            if let Some(limit) = given(&self.request, field) {
                let limit = whole(field, limit)?;
                each = Some(each.map_or(limit, |known| known.min(limit)));
            }
        }
        if !self.endpoint.has_output() {
            return Ok(0);
        }
        let each = each.or(default).unwrap_or(u64::MAX).min(model_limit);
        Ok(each.saturating_mul(self.choices))
    }

    fn limit_output(&self, request: &mut Map<String, Value>, each: u64) -> Result<(), LlmError> {
        let mut set = None;
        for field in self.endpoint.output_limits() {
            if let Some(limit) = given(request, field) {
                let lower = whole(field, limit)?.min(each);
                request.insert((*field).to_owned(), json!(lower));
                set = Some(set.map_or(lower, |known: u64| known.min(lower)));
            }
        }
        let limit = set.unwrap_or_else(|| {
            request.insert(self.limit_field.to_owned(), json!(each));
            each
        });
        let thinking = request
            .get("thinking")
            .and_then(|thinking| thinking.get("budget_tokens"))
            .and_then(Value::as_u64);
        if thinking.is_some_and(|budget| budget >= limit) {
            // The provider would refuse it.
            return Err(LlmError::HoldTooSmall);
        }
        Ok(())
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("endpoint", &self.endpoint)
            .field("model", &self.model)
            .field("hold", &self.hold)
            .finish_non_exhaustive()
    }
}

/// What an action holds, of several envelopes the least in each dimension; `None` where it charges neither tokens nor money.
#[cfg(feature = "http")]
pub(crate) fn held(action: &Action) -> Option<Amounts> {
    let lines = || action.charge().into_iter().flat_map(Charge::lines);
    let held = Amounts {
        tokens: lines().filter_map(|(_, amounts)| amounts.tokens).min(),
        cost: lines().filter_map(|(_, amounts)| amounts.cost).min(),
        calls: None,
    };
    (!held.is_none()).then_some(held)
}

/// Whether `used` is more than `held` in a dimension that is held.
pub(crate) fn exceeds(used: &Amounts, held: &Amounts) -> bool {
    held.tokens
        .is_some_and(|held| used.tokens.is_none_or(|used| used > held))
        || held
            .cost
            .is_some_and(|held| used.cost.is_none_or(|used| used > held))
}

fn input_tokens(request: &Value, terms: &Terms, wishes: &Wishes) -> Result<u64, LlmError> {
    let counted = || terms.counter.as_ref().and_then(|count| count(request));
    if let Some(known) = wishes.input_at_most.or_else(counted) {
        return Ok(known);
    }
    let bytes =
        serde_json::to_vec(request).map_err(|error| LlmError::Request(error.to_string()))?;
    match request {
        Value::Object(request) => bound::input_tokens(request, bytes.len()),
        _ => Ok(0),
    }
}

/// What changes a model's price beside its tokens. What is named here costs the table's price.
fn check_pricing(request: &Map<String, Value>) -> Result<(), LlmError> {
    let ordinary: [(&'static str, &[&str]); 3] = [
        (
            "service_tier",
            &["auto", "default", "flex", "standard_only"],
        ),
        ("speed", &["standard"]),
        ("inference_geo", &["global"]),
    ];
    for (field, ordinary) in ordinary {
        if let Some(value) = given(request, field)
            && !value
                .as_str()
                .is_some_and(|value| ordinary.contains(&value))
        {
            return Err(LlmError::PricedOtherwise { field });
        }
    }
    Ok(())
}

/// The input in the class that costs most of those in which it may end up.
fn dearest(
    endpoint: Endpoint,
    request: &Map<String, Value>,
    tokens: u64,
    price: &ModelPrice,
) -> Result<TokenUsage, LlmError> {
    let input = TokenUsage::NONE.input(tokens);
    let mut classes = vec![input, TokenUsage::NONE.cached_input(tokens)];
    if endpoint == Endpoint::Messages {
        // Nothing is written to this cache without being asked for.
        if given(request, "cache_control").is_some() || request.values().any(asks_for_cache) {
            classes.push(TokenUsage::NONE.cache_write(tokens));
            classes.push(TokenUsage::NONE.cache_write_long(tokens));
        }
    } else {
        classes.push(TokenUsage::NONE.cache_write(tokens));
    }
    let mut worst = (price.amounts(&input).map_err(LlmError::Price)?.cost, input);
    for class in classes {
        let cost = price.amounts(&class).map_err(LlmError::Price)?.cost;
        if cost > worst.0 {
            worst = (cost, class);
        }
    }
    Ok(worst.1)
}

/// Whether anything in it asks for the cache.
fn asks_for_cache(value: &Value) -> bool {
    match value {
        Value::Array(all) => all.iter().any(asks_for_cache),
        Value::Object(fields) => {
            given(fields, "cache_control").is_some() || fields.values().any(asks_for_cache)
        }
        _ => false,
    }
}

fn choices(endpoint: Endpoint, request: &Map<String, Value>) -> Result<u64, LlmError> {
    match given(request, "n") {
        Some(n) if endpoint == Endpoint::ChatCompletions => match whole("n", n)? {
            0 => Err(LlmError::Request("its `n` is zero".to_owned())),
            n => Ok(n),
        },
        _ => Ok(1),
    }
}

/// Whether the request itself says that the model is not to think out of sight.
fn hides_nothing(request: &Map<String, Value>) -> bool {
    let says = |value: Option<&Value>, what| value.and_then(Value::as_str) == Some(what);
    let inside =
        |object, field| given(request, object).and_then(|object: &Value| object.get(field));
    says(inside("thinking", "type"), "disabled")
        || says(given(request, "reasoning_effort"), "none")
        || says(inside("reasoning", "effort"), "none")
}

fn whole(field: &str, value: &Value) -> Result<u64, LlmError> {
    value
        .as_u64()
        .ok_or_else(|| LlmError::Request(format!("its `{field}` is no whole number")))
}
