//! Prices from files: one's own, which is strict, and the community's, of which only what is understood is a price.

use budget_enforcer::{CommunityPrices, ModelPrice, PriceError, PriceTable, Rates};

use crate::prices::{TOKENS, cost, model, price};

/// In the community's layout, with numbers of our own.
const COMMUNITY: &str = r#"{
    "sample_spec": { "litellm_provider": "one of the list", "max_output_tokens": "as a text", "input_cost_per_token": "none" },
    "plain-1": { "litellm_provider": "openai", "mode": "chat", "max_output_tokens": 4096.0, "supports_vision": true,
        "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-06,
        "input_cost_per_token_priority": 9e-06, "input_cost_per_token_batches": 1.25e-06, "input_cost_per_image": 0.01,
        "search_context_cost_per_query": { "search_context_size_low": 0.03 } },
    "cached-1": { "litellm_provider": "anthropic", "mode": "chat",
        "input_cost_per_token": 3e-06, "output_cost_per_token": "0.000015", "output_cost_per_reasoning_token": 2e-05,
        "cache_read_input_token_cost": 3e-07, "cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06,
        "input_cost_per_token_above_200k_tokens": 6e-06, "output_cost_per_token_above_200k_tokens": 2.25e-05,
        "cache_read_input_token_cost_above_200k_tokens": 6e-07, "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06 },
    "odd/digits": { "litellm_provider": "odd", "mode": "embedding", "input_cost_per_token": 3.125e-08, "output_cost_per_token": 0 },
    "xai/edge": { "litellm_provider": "xai", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06,
        "input_cost_per_token_above_128k_tokens": 2e-06 },
    "ranged/r": { "litellm_provider": "ranged", "mode": "chat", "tiered_pricing": [
        { "range": [256000.0, 1000000.0], "input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06 },
        { "range": [0, 256000.0], "input_cost_per_token": 5e-08, "output_cost_per_token": 4e-07 } ] },
    "painter": { "litellm_provider": "openai", "mode": "image_generation", "input_cost_per_token": 5e-06, "output_cost_per_token": 0 },
    "per-call": { "litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": 1e-06, "input_cost_per_request": 0.005 },
    "half": { "litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06 },
    "nothing": { "litellm_provider": "openai" },
    "gift": { "litellm_provider": "openai", "input_cost_per_token": 0, "output_cost_per_token": 0.0, "input_cost_per_request": 0 },
    "twin": { "litellm_provider": "north", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06 },
    "north/twin": { "litellm_provider": "north-special", "input_cost_per_token": 7e-06, "output_cost_per_token": 7e-06 },
    "rules": { "of": ["another kind"] }
}"#;

fn community() -> PriceTable {
    serde_json::from_str::<CommunityPrices>(COMMUNITY)
        .unwrap()
        .into()
}

#[test]
fn ones_own_file_is_exact_and_strict() {
    let file = r#"{ "models": [
        { "provider": "openai", "model": "m", "input": "2.50", "output": "10.00", "cached_input": "0.025", "max_output_tokens": 100 },
        { "provider": "gemini", "model": "g", "input": "1.25", "output": "10", "tiers": [{ "above": 200000, "input": "2.50", "output": "15.00" }] }
    ], "fallback": { "input": "20", "output": "100" } }"#;
    let table: PriceTable = serde_json::from_str(file).unwrap();
    let m = Rates::NONE
        .input(price("2.5"))
        .output(price("10"))
        .cached_input(price("0.025"));
    assert_eq!(
        table.price("openai", "m").unwrap(),
        &ModelPrice::new(m).unwrap().output_limit(100)
    );
    let tier = Rates::NONE.input(price("2.5")).output(price("15"));
    assert_eq!(
        table.price("gemini", "g").unwrap(),
        &model("1.25", "10").tier(200_000, tier).unwrap()
    );
    assert_eq!(table.price("other", "x").unwrap(), &model("20", "100"));
    assert_eq!(
        serde_json::from_str::<PriceTable>(&serde_json::to_string(&table).unwrap()).unwrap(),
        table
    );

    let refused = |rows: &str| {
        serde_json::from_str::<PriceTable>(&format!(r#"{{ "models": [{rows}] }}"#))
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(refused(r#"{ "provider": "p", "model": "m", "input": "1", "output": "1", "cache_input": "1" }"#), @"model `m` of provider `p`: unknown field `cache_input`");
    insta::assert_snapshot!(refused(r#"{ "provider": "p", "model": "m", "input": "1", "output": "1", "tiers": [{ "above": 5, "inputs": "1" }] }"#), @"model `m` of provider `p`: unknown field `inputs`");
    insta::assert_snapshot!(refused(r#"{ "provider": "p", "model": "m", "input": "1", "output": "1", "tiers": [{ "above": 5, "input": "1" }, { "above": 5, "input": "1" }] }"#), @"model `m` of provider `p`: the tier above 5 input tokens is there already");
    insta::assert_snapshot!(refused(r#"{ "provider": "p", "model": "m", "input": "1" }"#), @"model `m` of provider `p`: a model needs a price for `output`: zero, where it is free");
    insta::assert_snapshot!(refused(r#"{ "provider": "p", "input": "1", "output": "1" }"#), @"missing field `model` at line 1 column 61");
    insta::assert_snapshot!(refused(r#"{ "provider": "p", "model": "m", "input": 0.1, "output": "1" }"#), @"invalid type: floating point `0.1`, expected a string at line 1 column 75");
    insta::assert_snapshot!(refused(r#"{ "provider": "p", "model": "m", "input": "-1", "output": "1" }"#), @"`-1` is not a price in USD: it is negative at line 1 column 76");
    insta::assert_snapshot!(refused(r#"{ "provider": "p", "model": "m", "input": "1", "input": "2", "output": "1" }"#), @"duplicate field `input` at line 1 column 89");
    insta::assert_snapshot!(refused(r#"{ "provider": "p", "model": "m", "input": "1", "output": "1" }, { "provider": "p", "model": "m", "input": "2", "output": "1" }"#), @"model `m` of provider `p` has a price already");
    let stray = serde_json::from_str::<PriceTable>(r#"{ "model": [] }"#)
        .unwrap_err()
        .to_string();
    insta::assert_snapshot!(stray, @"unknown field `model`, expected one of `fallback`, `models`, `unpriced` at line 1 column 9");
}

#[test]
fn the_communitys_layout_is_read_digit_for_digit() {
    let table = community();
    let plain = Rates::NONE
        .input(price("2.5"))
        .output(price("10"))
        .cached_input(price("1.25"));
    assert_eq!(
        table.price("openai", "plain-1").unwrap(),
        &ModelPrice::new(plain).unwrap().output_limit(4096)
    );
    let cached = Rates::NONE
        .input(price("3"))
        .output(price("15"))
        .reasoning(price("20"))
        .cached_input(price("0.3"));
    let cached = cached
        .cache_write(price("3.75"))
        .cache_write_long(price("6"));
    let tier = Rates::NONE
        .input(price("6"))
        .output(price("22.5"))
        .cached_input(price("0.6"))
        .cache_write(price("7.5"));
    assert_eq!(
        table.price("anthropic", "cached-1").unwrap(),
        &ModelPrice::new(cached)
            .unwrap()
            .tier(200_000, tier)
            .unwrap()
    );
    assert_eq!(
        table.price("odd", "digits").unwrap(),
        &model("0.03125", "0")
    );
    let ranged = Rates::NONE.input(price("0.25")).output(price("2"));
    assert_eq!(
        table.price("ranged", "r").unwrap(),
        &model("0.05", "0.4").tier(256_000, ranged).unwrap()
    );
    let edge = table.price("xai", "edge").unwrap();
    assert_eq!(cost(edge, TOKENS.input(127_999)), "0.127999");
    assert_eq!(
        cost(edge, TOKENS.input(128_000)),
        "0.256",
        "this provider counts the threshold to the higher tier"
    );
    assert_eq!(
        cost(
            table.price("openai", "gift").unwrap(),
            TOKENS.input(1_000_000)
        ),
        "0.00",
        "free by declaration"
    );
}

#[test]
fn what_is_not_priced_by_the_token_is_refused_and_never_free() {
    let table = community().fallback(model("20", "100"));
    let why = |name| match table.price("openai", name) {
        Err(PriceError::Unpriced { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        ["painter", "per-call", "half", "nothing"].map(why),
        [
            "its mode is `image_generation`",
            "it has a price `input_cost_per_request`",
            "it has no `output_cost_per_token`",
            "it has no `input_cost_per_token`"
        ]
    );
    insta::assert_snapshot!(table.price("openai", "painter").unwrap_err(), @"model `painter` of provider `openai` is not priced by tokens: its mode is `image_generation`");
    let again: PriceTable = serde_json::from_str(&serde_json::to_string(&table).unwrap()).unwrap();
    assert_eq!(again, table);
}

#[test]
fn a_key_that_names_its_provider_is_found_before_one_that_is_listed_under_it() {
    let table = community();
    assert_eq!(table.price("north", "twin").unwrap(), &model("7", "7"));
    assert_eq!(
        table.price("north-special", "north/twin").unwrap(),
        &model("7", "7")
    );
    for (provider, name) in [
        ("odd", "odd/digits"),
        ("openai", "cached-1"),
        ("one of the list", "sample_spec"),
        ("openai", "rules"),
        ("", "plain-1"),
    ] {
        assert!(
            matches!(
                table.price(provider, name),
                Err(PriceError::UnknownModel { .. })
            ),
            "{provider} {name}"
        );
    }
}

#[test]
fn what_is_wrong_in_the_communitys_layout_is_named_with_its_model_and_key() {
    let refused = |entry: &str| {
        serde_json::from_str::<CommunityPrices>(&format!(
            r#"{{ "m": {{ "litellm_provider": "p", {entry} }} }}"#
        ))
        .unwrap_err()
        .to_string()
    };
    insta::assert_snapshot!(refused(r#""input_cost_per_token": true"#), @"model `m`: `input_cost_per_token`: invalid type: boolean `true`, expected a price in USD, as a number or text at line 1 column 62");
    insta::assert_snapshot!(refused(r#""input_cost_per_token": -1e-6"#), @"model `m`: `input_cost_per_token`: `-0.000001` is not a price in USD: it is negative at line 1 column 63");
    insta::assert_snapshot!(refused(r#""output_cost_per_token_above_200k_tokens": -1"#), @"model `m`: `output_cost_per_token_above_200k_tokens`: `-1` is not a price in USD: it is negative at line 1 column 79");
    insta::assert_snapshot!(refused(r#""input_cost_per_token": "free""#), @"model `m`: `input_cost_per_token`: `free` is not a price in USD: it is not a decimal number at line 1 column 64");
    insta::assert_snapshot!(refused(r#""input_cost_per_token": "NaN""#), @"model `m`: `input_cost_per_token`: `NaN` is not a price in USD: it is not a decimal number at line 1 column 63");
    insta::assert_snapshot!(refused(r#""input_cost_per_token": 1e300"#), @"model `m`: `input_cost_per_token`: `1000000000000000000000000000000000000000000000000000000000000000…` is not a price in USD: it is too large at line 1 column 63");
    insta::assert_snapshot!(refused(r#""input_cost_per_token": 1e-30"#), @"model `m`: `input_cost_per_token`: `0.000000000000000000000000000001` is not a price in USD: it has more digits behind the point than can be held exactly at line 1 column 63");
    insta::assert_snapshot!(refused(r#""max_output_tokens": -5"#), @"model `m`: `max_output_tokens`: `-5` is not a number of tokens at line 1 column 57");
    insta::assert_snapshot!(refused(r#""max_output_tokens": 18446744073709551616"#), @"model `m`: `max_output_tokens`: `18446744073709552000` is not a number of tokens at line 1 column 75");
    insta::assert_snapshot!(refused(r#""max_output_tokens": 0.5"#), @"model `m`: `max_output_tokens`: `0.5` is not a number of tokens at line 1 column 58");
    insta::assert_snapshot!(refused(r#""mode": 5"#), @"model `m`: `mode`: invalid type: integer `5`, expected a string at line 1 column 43");
    insta::assert_snapshot!(refused(r#""tiered_pricing": [{ "range": [0, 5], "input_cost_per_token": -1 }]"#), @"model `m`: `tiered_pricing`: `-1` is not a price in USD: it is negative at line 1 column 98");
    insta::assert_snapshot!(refused(r#""input_cost_per_token": 1e-6, "input_cost_per_token": 1e-6"#), @"model `m`: `input_cost_per_token`: it stands twice at line 1 column 94");
    let file = |text: &str| {
        serde_json::from_str::<CommunityPrices>(text)
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(file(r#"{ "m": {}, "n": {}, "m": {} }"#), @"model `m`: it stands twice at line 1 column 23");
    insta::assert_snapshot!(file(r#"{ "m": 5 }"#), @"model `m`: invalid type: integer `5`, expected an object with what is known of the model at line 1 column 8");
    insta::assert_snapshot!(file(r#"{ "m": { "litellm_provider": "" } }"#), @"model `m`: a provider needs a name at line 1 column 35");
    insta::assert_snapshot!(file("[]"), @"invalid type: sequence, expected an object with an entry for each model at line 1 column 0");
}

#[test]
fn a_tier_that_cannot_be_understood_is_not_passed_over() {
    let unpriced = |entry: &str| {
        let entry = format!(
            r#"{{ "m": {{ "litellm_provider": "p", "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, {entry} }} }}"#
        );
        let table: PriceTable = serde_json::from_str::<CommunityPrices>(&entry)
            .unwrap()
            .into();
        table
            .price("p", "m")
            .map_or_else(|error| error.to_string(), |_| "priced".to_owned())
    };
    insta::assert_snapshot!(unpriced(r#""input_cost_per_token_above_many_tokens": 1e-6"#), @"model `m` of provider `p` is not priced by tokens: it has a price `input_cost_per_token_above_many_tokens`");
    insta::assert_snapshot!(unpriced(r#""tiered_pricing": [{ "range": [5, 6], "input_cost_per_token": 1e-6 }]"#), @"model `m` of provider `p` is not priced by tokens: its `tiered_pricing` has no prices from zero tokens on");
    insta::assert_snapshot!(unpriced(r#""tiered_pricing": [{ "input_cost_per_token": 1e-6 }]"#), @"model `m` of provider `p` is not priced by tokens: its `tiered_pricing` has no prices from zero tokens on");
    insta::assert_snapshot!(unpriced(r#""tiered_pricing": [{ "range": [0, 5] }, { "range": [0, 6] }]"#), @"model `m` of provider `p` is not priced by tokens: its `tiered_pricing` has no prices from zero tokens on");
    insta::assert_snapshot!(unpriced(r#""input_cost_per_token_above_1m_tokens": 2e-6, "input_cost_per_token_above_300_tokens": 2e-6, "input_cost_per_token_above_128k_tokens": null, "mode": null"#), @"priced");
}

#[test]
fn thresholds_are_in_tokens_thousands_or_millions() {
    for (threshold, tokens) in [("300", 300), ("128k", 128_000), ("1m", 1_000_000)] {
        let file = format!(
            r#"{{ "m": {{ "litellm_provider": "p", "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "output_cost_per_token_above_{threshold}_tokens": 2e-6 }} }}"#
        );
        let table: PriceTable = serde_json::from_str::<CommunityPrices>(&file)
            .unwrap()
            .into();
        let tier = Rates::NONE.output(price("2"));
        assert_eq!(
            table.price("p", "m").unwrap(),
            &model("1", "1").tier(tokens, tier).unwrap()
        );
    }
}
