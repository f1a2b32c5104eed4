//! What holds for every price and every usage: the bounds are the tightest that are safe, and no digit is lost.

use budget_enforcer::{
    Amounts, CommunityPrices, ModelPrice, PriceError, PriceTable, Rates, TokenPrice, TokenUsage,
    Usd,
};
use proptest::prelude::*;

/// From nothing to far more than anything costs, in units that rarely divide evenly.
fn any_price() -> impl Strategy<Value = TokenPrice> {
    prop_oneof![
        Just("0".to_owned()),
        (0_u32..200, any::<u64>()).prop_map(|(whole, fraction)| format!("{whole}.{fraction:020}")),
        (0_u32..100, 0_u32..1000).prop_map(|(whole, fraction)| format!("{whole}.{fraction:03}")),
        (0_u64..18_446_744_073).prop_map(|whole| whole.to_string()),
    ]
    .prop_map(|text| text.parse().unwrap())
}

fn any_rates() -> impl Strategy<Value = Rates> {
    let maybe = || proptest::option::of(any_price());
    (any_price(), any_price(), maybe(), maybe(), maybe(), maybe()).prop_map(
        |(input, output, cached_input, cache_write, cache_write_long, reasoning)| Rates {
            input: Some(input),
            output: Some(output),
            cached_input,
            cache_write,
            cache_write_long,
            reasoning,
        },
    )
}

fn any_model() -> impl Strategy<Value = ModelPrice> {
    let tier = (1_u64..3000, any_rates(), any::<[bool; 6]>()).prop_map(|(above, rates, keep)| {
        let mut keep = keep.into_iter();
        let mut kept = |class: Option<TokenPrice>| class.filter(|_| keep.next().unwrap());
        let rates = Rates {
            input: kept(rates.input),
            output: kept(rates.output),
            cached_input: kept(rates.cached_input),
            cache_write: kept(rates.cache_write),
            cache_write_long: kept(rates.cache_write_long),
            reasoning: kept(rates.reasoning),
        };
        (above, rates)
    });
    (any_rates(), proptest::collection::vec(tier, 0..3)).prop_map(|(rates, tiers)| {
        let model = ModelPrice::new(rates).unwrap();
        tiers.into_iter().fold(model, |model, (above, rates)| {
            model.clone().tier(above, rates).unwrap_or(model)
        })
    })
}

fn any_input() -> impl Strategy<Value = TokenUsage> {
    let count = || prop_oneof![0_u64..10, 0_u64..2000];
    (count(), count(), count(), count()).prop_map(
        |(input, cached_input, cache_write, cache_write_long)| TokenUsage {
            input,
            cached_input,
            cache_write,
            cache_write_long,
            ..TokenUsage::NONE
        },
    )
}

/// The price in units of 10^-26 USD per token, from its text.
fn by_hand(price: TokenPrice) -> u128 {
    let text = price.to_string();
    let (whole, fraction) = text.split_once('.').unwrap();
    format!("{whole}{fraction:0<20}").parse().unwrap()
}

/// Whether `input` and `n` tokens of output, all of them of the dearer class, are within the bounds.
fn fits(model: &ModelPrice, input: &TokenUsage, n: u64, within: &Amounts) -> bool {
    [input.output(n), input.reasoning(n)].iter().all(|usage| {
        let cost = model.cost(usage);
        let tokens = u128::from(input.tokens()) + u128::from(n);
        let by_tokens = tokens <= u128::from(within.tokens.unwrap_or(u64::MAX));
        by_tokens
            && within
                .cost
                .is_none_or(|most| cost.is_ok_and(|cost| cost <= most))
    })
}

proptest! {
    #[test]
    fn max_output_tokens_fit_and_one_more_does_not(
        model in any_model(),
        limit in proptest::option::of(0_u64..5000),
        input in any_input(),
        tokens in proptest::option::of(0_u64..10_000),
        nanos in proptest::option::of(prop_oneof![0_u64..100_000, 0_u64..10_000_000_000, any::<u64>()]),
    ) {
        let within = Amounts { tokens, calls: None, cost: nanos.map(Usd::from_nanos) };
        let model = match limit {
            Some(limit) => model.output_limit(limit),
            None => model,
        };
        let n = model.max_output_tokens(&input, &within);
        prop_assert!(n == 0 || fits(&model, &input, n, &within));
        prop_assert!(limit == Some(n) || !fits(&model, &input, n.checked_add(1).unwrap(), &within));
        prop_assert!(limit.is_none_or(|limit| n <= limit));
    }

    #[test]
    fn no_output_within_the_bound_costs_more_than_the_worst_case(
        model in any_model(), input in any_input(), most in 0_u64..5000, share in 0_u64..=100, part in 0_u64..=100,
    ) {
        let used = most * share / 100;
        let reasoning = used * part / 100;
        let usage = input.output(used - reasoning).reasoning(reasoning);
        let (Ok(actual), Ok(worst)) = (model.amounts(&usage), model.worst_case(&input, most)) else { return Ok(()); };
        prop_assert!(actual.cost <= worst.cost && actual.tokens <= worst.tokens, "{actual:?} {worst:?}");
    }

    #[test]
    fn what_is_reserved_for_n_is_enough_for_n(model in any_model(), input in any_input(), n in 0_u64..5000) {
        let model = model.output_limit(u64::MAX);
        let Ok(worst) = model.worst_case(&input, n) else { return Ok(()); };
        prop_assert_eq!(model.max_output_tokens(&input, &worst), n);
    }

    #[test]
    fn cost_is_exact_and_rounded_up_once(model in any_rates(), counts in proptest::array::uniform6(0_u64..10_000_000)) {
        let [input, cached_input, cache_write, cache_write_long, output, reasoning] = counts;
        let usage = TokenUsage { input, cached_input, cache_write, cache_write_long, output, reasoning };
        let price = |own: Option<TokenPrice>, of: Option<TokenPrice>| by_hand(own.or(of).unwrap());
        let write = model.cache_write.or(model.input);
        let sum = price(model.input, None) * u128::from(input)
            + price(model.cached_input, model.input) * u128::from(cached_input)
            + price(model.cache_write, model.input) * u128::from(cache_write)
            + price(model.cache_write_long, write) * u128::from(cache_write_long)
            + price(model.output, None) * u128::from(output)
            + price(model.reasoning, model.output) * u128::from(reasoning);
        // In units of 10^-26 USD; a nano-dollar has 10^17.
        let nanos = sum.div_ceil(10_u128.pow(17));
        let cost = ModelPrice::new(model).unwrap().cost(&usage);
        let expected = u64::try_from(nanos).map(Usd::from_nanos).map_err(|_| PriceError::TooLarge);
        prop_assert_eq!(cost, expected);
    }

    #[test]
    fn a_json_number_of_fifteen_digits_is_read_as_it_is_written(digits in 0_u64..1_000_000_000_000_000, point in 0_usize..=22) {
        let text = format!("{digits:0>width$}", width = point + 1);
        let (whole, fraction) = text.split_at(text.len() - point);
        let written = if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
        prop_assume!(TokenPrice::per_token(&written).is_ok());
        for written in [written.clone(), format!("{digits}e-{point}")] {
            let entry = format!(r#"{{ "m": {{ "litellm_provider": "p", "input_cost_per_token": {written}, "output_cost_per_token": 0 }} }}"#);
            let table: PriceTable = serde_json::from_str::<CommunityPrices>(&entry).unwrap().into();
            let model = ModelPrice::new(Rates::NONE.input(TokenPrice::per_token(&written).unwrap()).output(TokenPrice::FREE)).unwrap();
            prop_assert_eq!(table.price("p", "m"), Ok(&model));
        }
    }

    #[test]
    fn a_price_reads_back_from_its_text(price in any_price()) {
        prop_assert_eq!(price.to_string().parse::<TokenPrice>(), Ok(price));
    }
}
