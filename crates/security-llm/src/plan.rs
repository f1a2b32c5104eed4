//! What a request may cost at most, and what must be written into it so that it cannot cost more.

use std::sync::Arc;

use security_bundle::Action;
use security_bundle::budget_enforcer::{Amounts, Charge, ModelPrice, PriceTable, TokenUsage};
use serde_json::{Map, Value, json};

use crate::bound::{self, given};
use crate::endpoint::Endpoint;
use crate::error::LlmError;

/// An upper bound of the input tokens of a request, by somebody who knows its tokenizer.
pub(crate) type InputCounter = Arc<dyn Fn(&Value) -> Option<u64> + Send + Sync>;

/// What holds for all calls of a client.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) prices: Arc<PriceTable>,
    pub(crate) provider: String,
    pub(crate) counter: Option<InputCounter>,
    pub(crate) default_output: Option<u64>,
    pub(crate) legacy_max_tokens: bool,
}

/// What the caller says of one call, beside its request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    pub(crate) input_at_most: Option<u64>,
    pub(crate) hold_at_most: Amounts,
    pub(crate) priced_as: Option<String>,
    pub(crate) output_is_visible: bool,
}

/// A request whose cost is foreseen.
#[derive(Debug)]
pub(crate) struct Plan {
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
    pub(crate) fn new(
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

    /// The request as it is sent: its output bounded by what `action` holds, and never longer than the caller wanted.
    pub(crate) fn request(&self, action: &Action, stream: bool) -> Result<Value, LlmError> {
        let held = held(action).ok_or(LlmError::NothingCharged)?;
        let mut request = self.request.clone();
        if self.endpoint.has_output() {
            let each = self
                .output_within(&held)
                .checked_div(self.choices)
                .unwrap_or(0);
            if each == 0 {
                return Err(LlmError::HoldTooSmall);
            }
            self.limit_output(&mut request, each)?;
        } else if self
            .price
            .worst_case(&self.input, 0)
            .map_or(true, |all| exceeds(&all, &held))
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

/// What an action holds, of several envelopes the least in each dimension; `None` where it charges neither tokens nor money.
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
