//! What providers report, in classes that do not overlap: each token is charged once, and what is not said is not zero.

use budget_enforcer::{
    Amounts, AnthropicUsage, BudgetEnforcerConfig, Charge, Dimension, Floor, ModelPrice,
    OpenAiUsage, ProviderUsage, Rates, StreamUsage, TokenUsage, UsageError,
};
use proptest::prelude::*;

use crate::stage::{session, stage_with, usd};

const TOKENS: TokenUsage = TokenUsage::NONE;

fn openai(json: &str) -> Result<TokenUsage, UsageError> {
    serde_json::from_str::<OpenAiUsage>(json)
        .unwrap()
        .token_usage()
}

fn anthropic(json: &str) -> Result<TokenUsage, UsageError> {
    serde_json::from_str::<AnthropicUsage>(json)
        .unwrap()
        .token_usage()
}

fn said<T: std::fmt::Debug>(result: Result<T, UsageError>) -> String {
    result.unwrap_err().to_string()
}

fn model() -> ModelPrice {
    let rates = Rates::NONE
        .input("3".parse().unwrap())
        .output("15".parse().unwrap());
    ModelPrice::new(rates.cached_input("0.3".parse().unwrap())).unwrap()
}

#[test]
fn chat_completions_and_responses_are_taken_apart() {
    let apart = TOKENS
        .input(300)
        .cached_input(600)
        .cache_write(100)
        .output(50)
        .reasoning(250);
    let chat = r#"{ "prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300,
        "prompt_tokens_details": { "cached_tokens": 600, "cache_write_tokens": 100, "audio_tokens": 0, "text_tokens": 1000 },
        "completion_tokens_details": { "reasoning_tokens": 250, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0 } }"#;
    assert_eq!(openai(chat), Ok(apart));
    let responses = r#"{ "input_tokens": 1000, "input_tokens_details": { "cached_tokens": 600, "cache_write_tokens": 100 },
        "output_tokens": 300, "output_tokens_details": { "reasoning_tokens": 250 }, "total_tokens": 1300, "new_field": { "x": 1 } }"#;
    assert_eq!(openai(responses), Ok(apart));
    assert_eq!(
        openai(r#"{ "prompt_tokens": 10, "completion_tokens": 2 }"#),
        Ok(TOKENS.input(10).output(2))
    );
    assert_eq!(
        openai(
            r#"{ "prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": null, "completion_tokens_details": { "reasoning_tokens": null } }"#
        ),
        Ok(TOKENS.input(10).output(2))
    );
    assert_eq!(
        openai(r#"{ "prompt_tokens": 10, "total_tokens": 10 }"#),
        Ok(TOKENS.input(10)),
        "an embedding"
    );
}

#[test]
fn messages_lie_beside_each_other() {
    let apart = TOKENS
        .input(20)
        .cached_input(600)
        .cache_write(50)
        .output(300);
    let plain = r#"{ "input_tokens": 20, "cache_read_input_tokens": 600, "cache_creation_input_tokens": 50, "output_tokens": 300,
        "server_tool_use": { "web_search_requests": 0 }, "service_tier": "standard" }"#;
    assert_eq!(anthropic(plain), Ok(apart));
    let kept = r#"{ "input_tokens": 20, "cache_read_input_tokens": 600, "cache_creation_input_tokens": 60, "output_tokens": 300,
        "cache_creation": { "ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 10 } }"#;
    assert_eq!(anthropic(kept), Ok(apart.cache_write_long(10)));
    let nulls = r#"{ "input_tokens": 20, "cache_read_input_tokens": null, "cache_creation_input_tokens": null, "cache_creation": null, "output_tokens": 1 }"#;
    assert_eq!(anthropic(nulls), Ok(TOKENS.input(20).output(1)));
}

#[test]
fn a_part_that_exceeds_its_whole_is_an_error_and_never_wraps() {
    insta::assert_snapshot!(said(openai(r#"{ "prompt_tokens": 5, "completion_tokens": 0, "prompt_tokens_details": { "cached_tokens": 6 } }"#)), @"the usage contradicts itself: 6 tokens in `cached_tokens and cache_write_tokens`, 5 in `prompt_tokens`");
    insta::assert_snapshot!(said(openai(r#"{ "prompt_tokens": 5, "completion_tokens": 0, "prompt_tokens_details": { "cached_tokens": 3, "cache_write_tokens": 3 } }"#)), @"the usage contradicts itself: 6 tokens in `cached_tokens and cache_write_tokens`, 5 in `prompt_tokens`");
    insta::assert_snapshot!(said(openai(r#"{ "prompt_tokens": 5, "completion_tokens": 1, "completion_tokens_details": { "reasoning_tokens": 2 } }"#)), @"the usage contradicts itself: 2 tokens in `reasoning_tokens`, 1 in `completion_tokens`");
    insta::assert_snapshot!(said(openai(r#"{ "prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 9 }"#)), @"the usage contradicts itself: 6 tokens in `prompt_tokens and completion_tokens`, 9 in `total_tokens`");
    insta::assert_snapshot!(said(openai(r#"{ "prompt_tokens": 18446744073709551615, "completion_tokens": 1, "total_tokens": 0 }"#)), @"the usage has more than 18446744073709551615 tokens");
    insta::assert_snapshot!(said(anthropic(r#"{ "input_tokens": 5, "output_tokens": 1, "cache_creation_input_tokens": 5, "cache_creation": { "ephemeral_1h_input_tokens": 6 } }"#)), @"the usage contradicts itself: 6 tokens in `cache_creation`, 5 in `cache_creation_input_tokens`");
    insta::assert_snapshot!(said(anthropic(r#"{ "input_tokens": 5, "output_tokens": 1, "cache_creation_input_tokens": 5, "cache_creation": { "ephemeral_5m_input_tokens": 4 } }"#)), @"the usage contradicts itself: 4 tokens in `cache_creation`, 5 in `cache_creation_input_tokens`");
    insta::assert_snapshot!(said(anthropic(r#"{ "input_tokens": 18446744073709551615, "output_tokens": 1 }"#)), @"the usage has more than 18446744073709551615 tokens");
}

#[test]
fn what_is_not_said_is_not_zero() {
    insta::assert_snapshot!(said(openai("{}")), @"the usage has no `prompt_tokens`: settle the call at what was held");
    insta::assert_snapshot!(said(openai(r#"{ "prompt_tokens": 5 }"#)), @"the usage has no `completion_tokens`: settle the call at what was held");
    insta::assert_snapshot!(said(openai(r#"{ "prompt_tokens": 5, "total_tokens": 6 }"#)), @"the usage has no `completion_tokens`: settle the call at what was held");
    insta::assert_snapshot!(said(anthropic(r#"{ "input_tokens": 5 }"#)), @"the usage has no `output_tokens`: settle the call at what was held");
    insta::assert_snapshot!(said(anthropic(r#"{ "output_tokens": 5 }"#)), @"the usage has no `input_tokens`: settle the call at what was held");
    insta::assert_snapshot!(said(openai(r#"{ "prompt_tokens": 5, "completion_tokens": 1, "completion_tokens_details": { "audio_tokens": 1 } }"#)), @"the usage has 1 tokens in `audio_tokens`, which are not priced");
    insta::assert_snapshot!(said(openai(r#"{ "prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": { "audio_tokens": 5 } }"#)), @"the usage has 5 tokens in `audio_tokens`, which are not priced");
}

#[test]
fn wrong_types_are_errors() {
    for json in [
        r#"{ "prompt_tokens": -1, "completion_tokens": 1 }"#,
        r#"{ "prompt_tokens": 1.5, "completion_tokens": 1 }"#,
        r#"{ "prompt_tokens": "1", "completion_tokens": 1 }"#,
        r#"{ "prompt_tokens": 18446744073709551616, "completion_tokens": 1 }"#,
        r#"{ "prompt_tokens": 1, "input_tokens": 1, "completion_tokens": 1 }"#,
        r#"{ "prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": 5 }"#,
        "[1]x",
        "null",
    ] {
        assert!(serde_json::from_str::<OpenAiUsage>(json).is_err(), "{json}");
    }
    assert!(serde_json::from_str::<AnthropicUsage>(r#"{ "input_tokens": -1 }"#).is_err());
    assert!(serde_json::from_str::<AnthropicUsage>(r#"{ "cache_creation": 1 }"#).is_err());
    assert!(
        serde_json::from_str::<TokenUsage>(r#"{ "inputs": 1 }"#).is_err(),
        "of our own, unknown fields are mistakes"
    );
}

#[test]
fn a_stream_counts_from_the_beginning_and_never_back() {
    let mut stream = StreamUsage::<AnthropicUsage>::new();
    let report = |json: &str| serde_json::from_str::<AnthropicUsage>(json).unwrap();
    assert_eq!(
        said(stream.observe(&report(r#"{ "output_tokens": 9 }"#))),
        "the usage has no `input_tokens`: settle the call at what was held"
    );
    assert_eq!(
        (stream.so_far(), stream.delta(&model()).unwrap()),
        (None, Amounts::NONE),
        "which leaves the whole hold"
    );
    stream
        .observe(&report(
            r#"{ "input_tokens": 100, "cache_read_input_tokens": 1000, "output_tokens": 1 }"#,
        ))
        .unwrap();
    assert_eq!(
        stream.delta(&model()).unwrap(),
        Amounts::NONE.tokens(1101).cost(usd("0.000615"))
    );
    for (output, tokens, cost) in [
        (11, 10, "0.00015"),
        (11, 0, "0"),
        (5, 0, "0"),
        (12, 1, "0.000015"),
    ] {
        stream
            .observe(&report(&format!(r#"{{ "output_tokens": {output} }}"#)))
            .unwrap();
        assert_eq!(
            stream.delta(&model()).unwrap(),
            Amounts::NONE.tokens(tokens).cost(usd(cost))
        );
    }
    let before = stream.clone();
    assert!(stream.observe(&report(r#"{ "cache_creation_input_tokens": 9, "cache_creation": { "ephemeral_5m_input_tokens": 8 } }"#)).is_err());
    assert_eq!(
        stream, before,
        "a report that contradicts itself changes nothing"
    );
    assert_eq!(
        stream.so_far(),
        Some(TOKENS.input(100).cached_input(1000).output(12))
    );
}

#[test]
fn tokens_that_move_to_a_cheaper_class_are_not_counted_twice() {
    let mut stream = StreamUsage::<OpenAiUsage>::new();
    let report = |json: &str| serde_json::from_str::<OpenAiUsage>(json).unwrap();
    stream
        .observe(&report(
            r#"{ "prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101 }"#,
        ))
        .unwrap();
    assert_eq!(
        stream.delta(&model()).unwrap(),
        Amounts::NONE.tokens(101).cost(usd("0.000315"))
    );
    let last = report(
        r#"{ "prompt_tokens": 100, "completion_tokens": 2, "total_tokens": 102, "prompt_tokens_details": { "cached_tokens": 90 } }"#,
    );
    assert_eq!(
        stream.observe(&last),
        Ok(TOKENS.input(10).cached_input(90).output(2))
    );
    assert_eq!(
        stream.delta(&model()).unwrap(),
        Amounts::NONE.tokens(1).cost(usd("0")),
        "money is not taken back by a delta"
    );
    let more = report(r#"{ "completion_tokens": 12, "total_tokens": 112 }"#);
    assert_eq!(
        stream.observe(&more),
        Ok(TOKENS.input(10).cached_input(90).output(12))
    );
    assert_eq!(
        stream.delta(&model()).unwrap(),
        Amounts::NONE.tokens(10).cost(usd("0")),
        "nor told again: 0.000237 in all is still less than was told"
    );
    let late = report(
        r#"{ "completion_tokens": 2, "completion_tokens_details": { "reasoning_tokens": 2 } }"#,
    );
    assert_eq!(
        stream.observe(&late),
        Ok(TOKENS.input(10).cached_input(90).output(10).reasoning(2))
    );
}

#[test]
fn a_stream_that_was_dropped_costs_what_it_said_and_a_silent_one_the_hold() {
    let spent = |reports: &[&str]| {
        let stage = stage_with(
            BudgetEnforcerConfig::per_session()
                .tokens(10_000)
                .cost(usd("1")),
        );
        let charge = Charge::session(&session("s")).tokens(5000).cost(usd("0.5"));
        let mut running = stage.reserve(&charge).start(Floor::Hold).unwrap();
        let mut stream = StreamUsage::<OpenAiUsage>::new();
        for report in reports {
            if let Some(report) = serde_json::from_str::<Option<OpenAiUsage>>(report).unwrap() {
                stream.observe(&report).unwrap();
            }
            running.consume(stream.delta(&model()).unwrap());
        }
        drop(running);
        [Dimension::Tokens, Dimension::Cost]
            .map(|dimension| stage.usage(&session("s"), dimension).spent.units())
    };
    assert_eq!(spent(&[]), [5000, 500_000_000]);
    assert_eq!(
        spent(&["null", "null"]),
        [5000, 500_000_000],
        "null until the last chunk"
    );
    assert_eq!(
        spent(&[
            "null",
            r#"{ "prompt_tokens": 100, "completion_tokens": 10 }"#,
            "null"
        ]),
        [110, 450_000]
    );
}

proptest! {
    #[test]
    fn every_token_is_in_exactly_one_class(input in any::<[u32; 3]>(), output in any::<[u32; 2]>()) {
        let [plain, cached, write] = input.map(u64::from);
        let [visible, reasoning] = output.map(u64::from);
        let json = format!(
            r#"{{ "input_tokens": {}, "output_tokens": {}, "input_tokens_details": {{ "cached_tokens": {cached}, "cache_write_tokens": {write} }}, "output_tokens_details": {{ "reasoning_tokens": {reasoning} }} }}"#,
            plain + cached + write, visible + reasoning,
        );
        prop_assert_eq!(openai(&json), Ok(TOKENS.input(plain).cached_input(cached).cache_write(write).output(visible).reasoning(reasoning)));
    }

    #[test]
    fn no_report_makes_more_tokens_than_it_has(counts in any::<[Option<u64>; 7]>()) {
        let [prompt, completion, total, cached, write, reasoning, audio] = counts.map(|count| count.map_or("null".to_owned(), |count| (count >> (count % 64)).to_string()));
        let json = format!(
            r#"{{ "prompt_tokens": {prompt}, "completion_tokens": {completion}, "total_tokens": {total}, "prompt_tokens_details": {{ "cached_tokens": {cached}, "cache_write_tokens": {write}, "audio_tokens": {audio} }}, "completion_tokens_details": {{ "reasoning_tokens": {reasoning} }} }}"#
        );
        if let Ok(usage) = openai(&json) {
            let sum = u128::from(prompt.parse::<u64>().unwrap()) + completion.parse::<u128>().unwrap_or(0);
            prop_assert_eq!(u128::from(usage.tokens()), sum);
        }
    }

    #[test]
    fn the_deltas_add_up_to_the_cost_of_the_whole(steps in proptest::collection::vec((0_u64..1000, 0_u64..1000), 1..20)) {
        let rates = Rates::NONE.input("0.0003".parse().unwrap()).output("0.0007".parse().unwrap());
        let model = ModelPrice::new(rates).unwrap().tier(700, Rates::NONE.input("0.0009".parse().unwrap())).unwrap();
        let mut stream = StreamUsage::new();
        let mut sum = [0_u64; 2];
        for (input, output) in steps {
            stream.observe(&AnthropicUsage { input_tokens: Some(input), output_tokens: Some(output), ..AnthropicUsage::default() }).unwrap();
            let delta = stream.delta(&model).unwrap();
            sum = [sum[0] + delta.tokens.unwrap(), sum[1] + delta.cost.unwrap().nanos()];
        }
        let whole = model.amounts(&stream.so_far().unwrap()).unwrap();
        prop_assert_eq!(sum, [whole.tokens.unwrap(), whole.cost.unwrap().nanos()]);
    }
}
