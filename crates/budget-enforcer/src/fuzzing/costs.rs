//! What calls cost: price files, one's own and the community's, and the providers' reports of usage.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::read;
use crate::{
    Amounts, AnthropicUsage, CommunityPrices, ModelPrice, OpenAiUsage, PriceError, PriceTable,
    ProviderUsage, Rates, StreamUsage, TokenUsage, Usd,
};

pub(super) const COMMUNITY: &[&str] = &[
    r#"{"sample_spec":{"max_output_tokens":"a text"},"m":{"litellm_provider":"p","mode":"chat","max_output_tokens":4096.0,"input_cost_per_token":2.5e-06,"output_cost_per_token":"0.00001","cache_read_input_token_cost":1.25e-06,"cache_creation_input_token_cost":3.75e-6,"cache_creation_input_token_cost_above_1hr":6e-06,"output_cost_per_reasoning_token":2e-05,"input_cost_per_token_above_200k_tokens":6e-06},"x/y":{"litellm_provider":"xai","input_cost_per_token":0,"output_cost_per_token":1e-27,"input_cost_per_token_above_1m_tokens":1},"r/r":{"litellm_provider":"r","tiered_pricing":[{"range":[256000.0,1000000.0],"input_cost_per_token":2.5e-07,"output_cost_per_token":2e-06},{"range":[0,256000.0],"input_cost_per_token":5e-08,"output_cost_per_token":4e-07}]},"i":{"litellm_provider":"p","mode":"image_generation"},"/":{"litellm_provider":"p"},"q":{"litellm_provider":"p","input_cost_per_token":0,"output_cost_per_token":0,"input_cost_per_request":0.005}}"#,
];
pub(super) const PRICES: &[&str] = &[
    r#"{"models":[{"provider":"p","model":"m","input":"2.50","output":"10","cached_input":"0.025","cache_write":"3","cache_write_long":"6","reasoning":"12","max_output_tokens":100,"tiers":[{"above":200000,"input":"5.00","output":"15"},{"above":1000000,"reasoning":"18446744073.709551615"}]}],"fallback":{"input":"20","output":"100.000000000000000000001"},"unpriced":[{"provider":"p","model":"i","why":"it draws"}]}"#,
];
pub(super) const USAGE: &[&str] = &[
    "{\"prompt_tokens\":1000,\"completion_tokens\":300,\"total_tokens\":1300,\"prompt_tokens_details\":{\"cached_tokens\":600,\"cache_write_tokens\":1,\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":200}}\n{\"input_tokens\":18446744073709551615,\"output_tokens\":0}",
    "{\"input_tokens\":20,\"cache_read_input_tokens\":600,\"cache_creation_input_tokens\":50,\"output_tokens\":3,\"cache_creation\":{\"ephemeral_5m_input_tokens\":40,\"ephemeral_1h_input_tokens\":10}}\n{\"output_tokens\":300}",
];

/// The community's price file.
pub fn community(bytes: &[u8]) {
    if let Ok(prices) = serde_json::from_slice::<CommunityPrices>(bytes) {
        check_table(&prices.into());
    }
}

/// Price tables in the layout of one's own.
pub fn prices(bytes: &[u8]) {
    if let Some(table) = read::<PriceTable>(bytes) {
        check_table(&table);
    }
}

/// What each model of a table costs, beside its prices as they are written down.
fn check_table(table: &PriceTable) {
    let written = serde_json::to_value(table).ok();
    let again = written
        .clone()
        .and_then(|file| serde_json::from_value(file).ok());
    assert_eq!(
        again.as_ref(),
        Some(table),
        "a table is read otherwise than it was written"
    );
    let rows = written
        .as_ref()
        .and_then(|file| file.get("models")?.as_array());
    for row in rows.into_iter().flatten().take(8) {
        let text = |field| row.get(field).and_then(Value::as_str).unwrap_or_default();
        let price = table.price(text("provider"), text("model"));
        let price = price.unwrap_or_else(|error| panic!("{error}, and it is listed"));
        for usage in usages(row) {
            check_cost(price, row, &usage);
        }
    }
}

/// Some usage, at the edges of every tier and at the ends of what can be counted.
fn usages(row: &Value) -> Vec<TokenUsage> {
    let above = tiers(row).map(|(above, _)| above);
    let contexts = above
        .take(8)
        .flat_map(|above| [above, above.saturating_add(1)]);
    let some = TokenUsage::NONE
        .input(3)
        .cached_input(5)
        .cache_write(7)
        .cache_write_long(11)
        .output(13)
        .reasoning(17);
    contexts
        .map(|context| {
            TokenUsage::NONE
                .cached_input(context)
                .output(1)
                .reasoning(1)
        })
        .chain([
            TokenUsage::NONE,
            some,
            TokenUsage::NONE.input(u64::MAX),
            TokenUsage::NONE.input(u64::MAX - 1).output(1),
            TokenUsage::NONE.input(u64::MAX).reasoning(1),
        ])
        .collect()
}

fn check_cost(price: &ModelPrice, row: &Value, usage: &TokenUsage) {
    let cost = price.cost(usage);
    assert_eq!(
        cost.clone().ok().map(Usd::nanos),
        by_hand(row, usage),
        "{usage:?} costs something else"
    );
    match price.worst_case(usage, 100) {
        Ok(most) => {
            assert!(most.cost >= cost.ok(), "more output costs less");
            let output = price.max_output_tokens(usage, &most);
            let within = price.worst_case(usage, output);
            assert!(
                within.is_ok_and(|within| within.cost <= most.cost && within.tokens <= most.tokens),
                "a bound on output is beyond what was held"
            );
        }
        Err(error) => assert_eq!(error, PriceError::TooLarge),
    }
}

/// Thresholds and prices of the tiers.
fn tiers(row: &Value) -> impl Iterator<Item = (u64, &Value)> {
    let tiers = row.get("tiers").and_then(Value::as_array);
    let above = |tier: &Value| tier.get("above").and_then(Value::as_u64);
    tiers
        .into_iter()
        .flatten()
        .filter_map(move |tier| Some((above(tier)?, tier)))
}

/// Nano-dollars by the rules as they are told in the documentation, from the prices as they are written, in units of 10^-27 USD.
fn by_hand(row: &Value, usage: &TokenUsage) -> Option<u64> {
    let context = [
        usage.input,
        usage.cached_input,
        usage.cache_write,
        usage.cache_write_long,
    ];
    let context = context.into_iter().try_fold(0, u64::checked_add)?;
    let tier = tiers(row)
        .filter(|(above, _)| context > *above)
        .max_by_key(|(above, _)| *above);
    let named = |rates: &Value, class: &str| {
        let (whole, fraction) = rates.get(class)?.as_str()?.split_once('.')?;
        format!("{whole}{fraction:0<21}").parse::<u128>().ok()
    };
    let resolved = |class: &str, below: u128, instead: Option<u128>| match tier {
        None => below,
        Some((_, tier)) => named(tier, class).unwrap_or(below.max(instead.unwrap_or(0))),
    };
    let (input, output) = (named(row, "input")?, named(row, "output")?);
    let or = |class, price| named(row, class).unwrap_or(price);
    let write = or("cache_write", input);
    let long = or("cache_write_long", write);
    let (cached, reasoning) = (or("cached_input", input), or("reasoning", output));
    let (input, output) = (
        resolved("input", input, None),
        resolved("output", output, None),
    );
    let write = resolved("cache_write", write, Some(input));
    let products = [
        (input, usage.input),
        (output, usage.output),
        (
            resolved("cached_input", cached, Some(input)),
            usage.cached_input,
        ),
        (write, usage.cache_write),
        (
            resolved("cache_write_long", long, Some(write)),
            usage.cache_write_long,
        ),
        (
            resolved("reasoning", reasoning, Some(output)),
            usage.reasoning,
        ),
    ];
    let units = products
        .into_iter()
        .try_fold(0_u128, |sum, (price, tokens)| {
            price.checked_mul(u128::from(tokens))?.checked_add(sum)
        })?;
    u64::try_from(units.div_ceil(10_u128.pow(18))).ok()
}

/// Reports of usage, one a line, each taken for one of either provider, and all of them together for a stream.
pub fn usage(bytes: &[u8]) {
    let rates = || {
        let rate = |text: &str| text.parse().ok();
        let (input, output) = (rate("2.50")?, rate("10.000000000000000000001")?);
        ModelPrice::new(
            Rates::NONE
                .input(input)
                .output(output)
                .cached_input(rate("0.25")?),
        )
        .ok()
    };
    let Some(price) = rates() else {
        return;
    };
    stream::<OpenAiUsage>(bytes, &price, |report| {
        Some([report.prompt_tokens?, report.completion_tokens.unwrap_or(0)])
    });
    stream::<AnthropicUsage>(bytes, &price, |report| {
        let kept = report.cache_creation.map(|kept| {
            let [short, long] = [
                kept.ephemeral_5m_input_tokens,
                kept.ephemeral_1h_input_tokens,
            ]
            .map(Option::unwrap_or_default);
            short.checked_add(long)
        });
        let written = report
            .cache_creation_input_tokens
            .or(kept.flatten())
            .unwrap_or(0);
        let input = report.input_tokens?.checked_add(written)?;
        let input = input.checked_add(report.cache_read_input_tokens.unwrap_or(0))?;
        Some([input, report.output_tokens?])
    });
}

/// `wholes`: all input and all output, as the provider counts them.
fn stream<U: ProviderUsage + DeserializeOwned>(
    bytes: &[u8],
    price: &ModelPrice,
    wholes: impl Fn(&U) -> Option<[u64; 2]>,
) {
    let (mut stream, mut told) = (StreamUsage::new(), Amounts::NONE);
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(report) = serde_json::from_slice::<U>(line) else {
            continue;
        };
        if let Ok(usage) = report.token_usage() {
            let output = usage.output.checked_add(usage.reasoning);
            let by_class = usage.checked_context().zip(output).map(<[u64; 2]>::from);
            assert_eq!(
                by_class,
                wholes(&report),
                "a token is in two classes, or in none"
            );
            assert!(
                usage.checked_tokens().is_some(),
                "it has more tokens than can be counted"
            );
        }
        let before = stream.so_far();
        match stream.observe(&report) {
            Ok(usage) => assert_eq!(stream.so_far(), Some(usage)),
            Err(_) => assert_eq!(
                stream.so_far(),
                before,
                "a report that was refused is taken"
            ),
        }
        if let Ok(delta) = stream.delta(price) {
            told = told.saturating_add(&delta);
            let all = stream.so_far().and_then(|usage| price.amounts(&usage).ok());
            let all = all.unwrap_or(Amounts::NONE);
            assert!(
                told.tokens >= all.tokens && told.cost >= all.cost,
                "less is told than was used"
            );
        }
    }
}
