//! What calls cost: exact, rounded up once, and never zero for want of a price.

use budget_enforcer::{
    Amounts, BudgetEnforcerConfig, Charge, Floor, ModelPrice, PriceError, PriceTable, Rates,
    TokenPrice, TokenUsage, Usd,
};

use crate::stage::{session, stage_with, usd};

pub(crate) fn price(text: &str) -> TokenPrice {
    text.parse().unwrap()
}

pub(crate) fn model(input: &str, output: &str) -> ModelPrice {
    ModelPrice::new(Rates::NONE.input(price(input)).output(price(output))).unwrap()
}

pub(crate) fn cost(price: &ModelPrice, usage: TokenUsage) -> String {
    price.cost(&usage).unwrap().exact().to_string()
}

pub(crate) const TOKENS: TokenUsage = TokenUsage::NONE;

#[test]
fn every_class_has_its_price_and_the_total_is_rounded_up_once() {
    let rates = Rates::NONE
        .input(price("3"))
        .output(price("15"))
        .cached_input(price("0.3"));
    let rates = rates
        .cache_write(price("3.75"))
        .cache_write_long(price("6"))
        .reasoning(price("20"));
    let model = ModelPrice::new(rates).unwrap();
    let one = TokenUsage {
        input: 1,
        cached_input: 1,
        cache_write: 1,
        cache_write_long: 1,
        output: 1,
        reasoning: 1,
    };
    assert_eq!(cost(&model, one), "0.00004805");
    for (usage, alone) in [
        (TOKENS.input(1), "0.000003"),
        (TOKENS.cached_input(1), "0.0000003"),
        (TOKENS.cache_write(1), "0.00000375"),
        (TOKENS.cache_write_long(1), "0.000006"),
        (TOKENS.output(1), "0.000015"),
        (TOKENS.reasoning(1), "0.00002"),
    ] {
        assert_eq!(cost(&model, usage), alone);
    }
    // A third of a nano-dollar each: thrice rounded it would be three.
    let fine = ModelPrice::new(
        Rates::NONE
            .input(price("0.0003"))
            .output(price("0.0003"))
            .cached_input(price("0.0003")),
    )
    .unwrap();
    assert_eq!(
        fine.cost(&TOKENS.input(1).cached_input(1).output(1))
            .unwrap()
            .nanos(),
        1
    );
    assert_eq!(fine.cost(&TOKENS.input(10)).unwrap().nanos(), 3);
    assert_eq!(fine.cost(&TOKENS.input(11)).unwrap().nanos(), 4);
    assert_eq!(fine.cost(&TOKENS).unwrap(), Usd::ZERO);
}

#[test]
fn a_class_without_a_price_costs_what_it_is_a_part_of() {
    let plain = model("2", "8");
    for usage in [
        TOKENS.cached_input(1),
        TOKENS.cache_write(1),
        TOKENS.cache_write_long(1),
    ] {
        assert_eq!(cost(&plain, usage), "0.000002");
    }
    assert_eq!(cost(&plain, TOKENS.reasoning(1)), "0.000008");
    let writes = ModelPrice::new(
        Rates::NONE
            .input(price("2"))
            .output(price("8"))
            .cache_write(price("2.5")),
    )
    .unwrap();
    assert_eq!(cost(&writes, TOKENS.cache_write_long(1)), "0.0000025");
    for (rates, class) in [
        (Rates::NONE.input(price("1")), "output"),
        (Rates::NONE.output(price("1")), "input"),
    ] {
        assert_eq!(
            ModelPrice::new(rates).unwrap_err(),
            PriceError::MissingPrice { class }
        );
    }
}

#[test]
fn a_tier_holds_for_the_whole_request_from_one_token_above_its_threshold() {
    let tiered = model("1", "10")
        .tier(100, Rates::NONE.input(price("2")).output(price("15")))
        .unwrap();
    let tiered = tiered.tier(50, Rates::NONE.input(price("1.5"))).unwrap();
    assert_eq!(cost(&tiered, TOKENS.input(50).output(1)), "0.00006");
    assert_eq!(cost(&tiered, TOKENS.input(51).output(1)), "0.0000865");
    assert_eq!(cost(&tiered, TOKENS.input(100).output(1)), "0.00016");
    assert_eq!(cost(&tiered, TOKENS.input(101).output(1)), "0.000217");
    assert_eq!(
        cost(
            &tiered,
            TOKENS
                .input(1)
                .cached_input(50)
                .cache_write(25)
                .cache_write_long(25)
                .output(1)
        ),
        "0.000217",
        "all input counts"
    );
    assert_eq!(
        cost(&tiered, TOKENS.input(1).output(1000)),
        "0.010001",
        "output does not"
    );
}

#[test]
fn a_class_that_a_tier_forgets_is_never_cheaper_for_it() {
    let rates = Rates::NONE
        .input(price("1"))
        .output(price("10"))
        .cached_input(price("0.1"));
    let rates = rates
        .cache_write(price("1.25"))
        .cache_write_long(price("4"))
        .reasoning(price("12"));
    let tiered = ModelPrice::new(rates)
        .unwrap()
        .tier(100, Rates::NONE.input(price("2")).output(price("15")))
        .unwrap();
    let long = TOKENS.input(101);
    assert_eq!(cost(&tiered, long), "0.000202");
    assert_eq!(
        cost(&tiered, long.cached_input(1)),
        "0.000204",
        "as input there"
    );
    assert_eq!(
        cost(&tiered, long.cache_write(1)),
        "0.000204",
        "as input there"
    );
    assert_eq!(
        cost(&tiered, long.cache_write_long(1)),
        "0.000206",
        "as below"
    );
    assert_eq!(
        cost(&tiered, long.reasoning(1)),
        "0.000217",
        "as output there"
    );
}

#[test]
fn a_tier_that_does_not_fit_is_refused() {
    let refused = |price: Result<ModelPrice, PriceError>| price.unwrap_err().to_string();
    let tier = Rates::NONE.input(price("2"));
    let tiered = model("1", "1").tier(5, tier).unwrap();
    insta::assert_snapshot!(refused(model("1", "1").tier(0, tier)), @"the tier above 0 input tokens holds for every request: write its prices as the model's own");
    insta::assert_snapshot!(refused(tiered.tier(5, tier)), @"the tier above 5 input tokens is there already");
    insta::assert_snapshot!(refused(model("1", "1").tier(5, Rates::NONE)), @"the tier above 5 input tokens names no price");
}

#[test]
fn nothing_wraps() {
    let dear = model("18446744073.709551615", "1");
    assert_eq!(
        dear.cost(&TOKENS.input(1_000_000)).unwrap().nanos(),
        u64::MAX
    );
    assert_eq!(
        dear.cost(&TOKENS.input(1_000_001)),
        Err(PriceError::TooLarge)
    );
    assert_eq!(
        dear.cost(&TOKENS.input(u64::MAX)),
        Err(PriceError::TooLarge)
    );
    let free = model("0", "0");
    assert_eq!(free.cost(&TOKENS.input(u64::MAX)).unwrap(), Usd::ZERO);
    assert_eq!(
        free.cost(&TOKENS.input(u64::MAX).cached_input(1)),
        Err(PriceError::TooLarge)
    );
    assert_eq!(
        free.amounts(&TOKENS.input(u64::MAX).output(1)),
        Err(PriceError::TooLarge)
    );
    assert_eq!(
        free.worst_case(&TOKENS.input(1), u64::MAX),
        Err(PriceError::TooLarge)
    );
    assert_eq!(
        free.max_output_tokens(
            &TOKENS.input(u64::MAX).output(1),
            &Amounts::NONE.tokens(u64::MAX)
        ),
        0
    );
    assert_eq!(
        dear.max_output_tokens(&TOKENS.input(u64::MAX), &Amounts::NONE.cost(usd("1"))),
        0
    );
}

#[test]
fn an_unknown_model_is_refused_unless_there_is_a_fallback() {
    let mut table = PriceTable::new();
    table.insert("openai", "m", model("1", "1")).unwrap();
    for (provider, name) in [
        ("openai", "M"),
        ("openai", "m-2026"),
        ("openai", ""),
        ("Openai", "m"),
        ("", "openai/m"),
        ("openai", "openai/m"),
    ] {
        assert!(
            matches!(
                table.price(provider, name),
                Err(PriceError::UnknownModel { .. })
            ),
            "{provider} {name}"
        );
    }
    insta::assert_snapshot!(table.price("openai", &"x".repeat(80)).unwrap_err(), @"no price for model `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` of provider `openai`: add it to the price table, or set a fallback");
    let table = table.fallback(model("20", "100"));
    assert_eq!(
        table.price("openai", "m-2026").unwrap(),
        &model("20", "100")
    );
    assert_eq!(table.price("openai", "m").unwrap(), &model("1", "1"));
}

#[test]
fn a_model_stands_once_and_ones_own_price_is_laid_over() {
    let mut table = PriceTable::new();
    table.insert("openai", "m", model("1", "1")).unwrap();
    let before = table.clone();
    insta::assert_snapshot!(table.insert("openai", "m", model("2", "2")).unwrap_err(), @"model `m` of provider `openai` has a price already");
    insta::assert_snapshot!(table.insert("", "m", model("2", "2")).unwrap_err(), @"a provider needs a name");
    assert_eq!(table, before, "a refusal changes nothing");
    let mut own = PriceTable::new();
    own.insert("openai", "m", model("2", "2")).unwrap();
    own.insert("openai", "n", model("3", "3")).unwrap();
    let table = table.fallback(model("9", "9")).overlaid_with(own);
    assert_eq!(table.price("openai", "m").unwrap(), &model("2", "2"));
    assert_eq!(table.price("openai", "n").unwrap(), &model("3", "3"));
    assert_eq!(table.price("openai", "o").unwrap(), &model("9", "9"));
    assert_eq!(table.len(), 2);
    let table = table.overlaid_with(PriceTable::new().fallback(model("8", "8")));
    assert_eq!(table.price("openai", "o").unwrap(), &model("8", "8"));
}

#[test]
fn a_hold_becomes_the_providers_max_tokens() {
    let stage = stage_with(
        BudgetEnforcerConfig::per_session()
            .tokens(10_000)
            .cost(usd("1")),
    );
    let model = model("1000", "10000");
    let charge = Charge::session(&session("s")).tokens(100).cost(usd("0.5"));
    let mut running = stage.reserve(&charge).start(Floor::Hold).unwrap();
    let input = TOKENS.input(10);
    assert_eq!(
        running.max_output_tokens(&model, &input),
        49,
        "0.01 of 0.5 is for input, 0.01 for each token of output"
    );
    assert_eq!(
        running.max_output_tokens(&model.clone().output_limit(5), &input),
        5,
        "the model gives no more"
    );
    assert_eq!(running.max_output_tokens(&model, &TOKENS.input(500)), 0);
    let cheap = self::model("1", "1");
    assert_eq!(
        running.max_output_tokens(&cheap, &input),
        90,
        "tokens bound it too"
    );
    running.consume(Amounts::NONE.tokens(60).cost(usd("0.4")));
    assert_eq!(running.max_output_tokens(&model, &input), 9);
    assert_eq!(running.max_output_tokens(&cheap, &input), 30);
    running.draw(Amounts::NONE.tokens(5)).unwrap();
    assert_eq!(running.max_output_tokens(&cheap, &input), 35);
    running.consume(Amounts::NONE.tokens(600));
    assert_eq!(running.max_output_tokens(&cheap, &TOKENS), 0);
    running
        .settle(Amounts::NONE.tokens(65).cost(usd("0.5")))
        .unwrap();
}

#[test]
fn max_tokens_are_exact_to_the_smallest_unit() {
    let finest = model("0.000000000000000000001", "0.000000000000000000001");
    let nano = Amounts::NONE.cost(Usd::from_nanos(1));
    assert_eq!(finest.max_output_tokens(&TOKENS, &nano), 10_u64.pow(18));
    assert_eq!(
        finest.max_output_tokens(&TOKENS.input(1), &nano),
        10_u64.pow(18) - 1
    );
    assert_eq!(
        model("0", "0").max_output_tokens(&TOKENS.input(1), &nano),
        u64::MAX - 1,
        "free, and still not more tokens than can be counted"
    );
}

#[test]
fn what_the_worst_case_reserves_gives_its_max_tokens_back() {
    let model = model("2.5", "10").output_limit(1_000_000);
    let charge = model.worst_case(&TOKENS.input(1000), 400).unwrap();
    assert_eq!(charge, Amounts::NONE.tokens(1400).cost(usd("0.0065")));
    assert_eq!(model.max_output_tokens(&TOKENS.input(1000), &charge), 400);
    assert_eq!(
        model.amounts(&TOKENS.input(1000).output(1)).unwrap(),
        Amounts::NONE.tokens(1001).cost(usd("0.00251"))
    );
    assert_eq!(
        model.max_output_tokens(&TOKENS.input(1000), &Amounts::NONE.calls(1)),
        1_000_000,
        "nothing else bounds it"
    );
}
