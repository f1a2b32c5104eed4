//! Amounts at their edges: what is exact stays exact, what cannot be held is refused, and nothing wraps.

use budget_enforcer::{
    Amounts, BudgetError, BudgetId, BudgetSpec, Charge, Dimension, Floor, Limits, Quantity, Usd,
};
use proptest::prelude::*;

use crate::stage::{Stage, budget, calls, charge, code, stage, usd, used};

/// A budget with a limit of money.
fn purse(stage: &Stage, limit: Usd) -> BudgetId {
    stage.create(BudgetSpec::new(budget("purse")).cost(limit))
}

fn cost(id: &BudgetId, amount: Usd) -> Charge {
    Charge::budget(id).cost(amount)
}

/// Spends `price` again and again, up to `most` times; how often it was admitted.
fn spend(stage: &Stage, id: &BudgetId, price: Usd, most: u64) -> u64 {
    let admitted = (0..most).map_while(|_| stage.budget.reserve(&cost(id, price)).ok());
    let settled = admitted.map(|hold| {
        let running = hold.start(Floor::Hold).unwrap();
        running.settle(Amounts::NONE.cost(price)).unwrap()
    });
    u64::try_from(settled.count()).unwrap()
}

fn is_no_amount(text: &str) -> bool {
    matches!(text.parse::<Usd>(), Err(BudgetError::InvalidUsd { .. }))
}

#[test]
fn a_tenth_and_two_tenths_fit_three_tenths() {
    let float = |dollars| Usd::try_from_f64(dollars).unwrap();
    for (limit, parts) in [
        (usd("0.3"), vec![usd("0.1"), usd("0.2")]),
        (usd("0.3"), vec![float(0.1), float(0.2)]),
        (usd("0.3"), vec![float(0.1 + 0.2)]),
        (float(0.3), vec![float(0.1); 3]),
    ] {
        let stage = stage();
        let id = purse(&stage, limit);
        for part in parts {
            assert_eq!(spend(&stage, &id, part, 1), 1);
        }
        assert_eq!(stage.usage(&id, Dimension::Cost).spent.units(), 300_000_000);
        assert_eq!(
            code(stage.budget.reserve(&cost(&id, Usd::from_nanos(1)))),
            "exceeds_budget"
        );
    }
}

#[test]
fn ten_dollars_are_2500_calls_of_four_tenths_of_a_cent() {
    for price in [usd("0.004"), Usd::try_from_f64(0.004).unwrap()] {
        let stage = stage();
        let id = purse(&stage, usd("10"));
        assert_eq!(spend(&stage, &id, price, 3000), 2500);
        assert_eq!(
            stage.usage(&id, Dimension::Cost).available.unwrap().units(),
            0
        );
    }
}

#[test]
fn text_that_is_not_exactly_an_amount_is_refused() {
    for text in [
        "0.0000000000001",
        "1.0000000000000",
        "1.2345678901234",
        "1e3",
        "1E3",
        "1e-9",
        "1.5e+2",
        "0x10",
        "1_000",
        "1,000",
        "1.",
        ".1",
        "+1",
        "-0",
        "-1",
        "−1",
        "٣",
        "１",
        "1.٣",
        "¹",
        "½",
        "NaN",
        "nan",
        "inf",
        "Infinity",
        "-inf",
        "",
        " ",
        "1\n",
        "1\0",
        "18446744073.709551616",
        "18446744074",
        "340282366920938463463374607431768211456",
    ] {
        assert!(is_no_amount(text), "{text:?}");
        let json = serde_json::to_string(text).unwrap();
        assert!(serde_json::from_str::<Usd>(&json).is_err(), "{text:?}");
    }
}

#[test]
fn floats_that_are_no_amount_are_refused() {
    for float in [
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -1.0,
        -1e-12,
        -f64::MIN_POSITIVE,
        18_446_744_073.709_553,
        f64::MAX,
    ] {
        assert!(
            matches!(
                Usd::try_from_f64(float),
                Err(BudgetError::InvalidUsd { .. })
            ),
            "{float}"
        );
    }
}

#[test]
fn numbers_in_files_are_whole_and_in_range() {
    let reads = |json: &str| serde_json::from_str::<Amounts>(json).is_ok();
    assert!(reads(r#"{"tokens":18446744073709551615,"calls":0}"#));
    for number in [
        "18446744073709551616",
        "-1",
        "-0.0",
        "1.0",
        "1.5",
        "1e3",
        "NaN",
        "Infinity",
        "٣",
    ] {
        for dimension in Dimension::ALL {
            let json = format!(r#"{{"{dimension}":{number}}}"#);
            assert!(!reads(&json), "{json}");
        }
    }
    assert!(!reads(r#"{"tokens":"1"}"#) && reads(r#"{"cost":"1"}"#));
}

/// The largest number itself is refused as an amount, for it stands for sums that are too large: one less can be asked for.
#[test]
fn the_largest_limit_is_reached_exactly_and_never_passed() {
    let all = |units| {
        Amounts::NONE
            .tokens(units)
            .calls(units)
            .cost(Usd::from_nanos(units))
    };
    let stage = stage();
    let largest = BudgetSpec::new(budget("a"))
        .tokens(u64::MAX)
        .calls(u64::MAX)
        .cost(Usd::from_nanos(u64::MAX));
    let id = stage.create(largest);
    let of = |units| Charge::budget(&id).amounts(all(units));
    let hold = stage.reserve(&of(u64::MAX - 1));
    assert_eq!(code(stage.budget.reserve(&of(2))), "exceeds_budget");
    let last = stage.reserve(&of(1));
    for dimension in Dimension::ALL {
        let usage = stage.usage(&id, dimension);
        assert_eq!(usage.reserved.units(), u64::MAX, "{dimension}");
        assert_eq!(usage.available.map(Quantity::units), Some(0), "{dimension}");
    }
    for more in [
        Charge::budget(&id).tokens(1),
        Charge::budget(&id).calls(1),
        cost(&id, Usd::from_nanos(1)),
        of(u64::MAX),
    ] {
        assert_eq!(code(stage.budget.reserve(&more)), "exceeds_budget");
    }
    for (hold, units) in [(hold, u64::MAX - 1), (last, 1)] {
        let running = hold.start(Floor::Hold).unwrap();
        running.settle(all(units)).unwrap();
    }
    assert_eq!(code(stage.budget.reserve(&of(1))), "exceeds_budget");
    assert_eq!(stage.calls(&id), [u64::MAX, 0, 0, 0]);
}

#[test]
fn amounts_that_add_up_to_more_than_there_are_numbers_are_refused() {
    let stage = stage();
    let parent = stage.create(calls("parent", u64::MAX));
    let [a, b] = ["a", "b"].map(|name| stage.create(calls(name, u64::MAX).parent(parent.clone())));
    for (of_a, of_b) in [
        (u64::MAX, u64::MAX),
        (u64::MAX - 1, u64::MAX - 1),
        (u64::MAX - 1, 2),
        (1 << 63, 1 << 63),
    ] {
        let both = charge(&a, of_a).and(charge(&b, of_b));
        assert_eq!(code(stage.budget.reserve(&both)), "exceeds_budget");
    }
    for id in [&parent, &a, &b] {
        assert_eq!(stage.calls(id), [0, 0, 0, u64::MAX]);
    }
    let fits = charge(&a, u64::MAX - 2).and(charge(&b, 1));
    drop(stage.reserve(&fits));
}

#[test]
fn zero_allows_nothing_and_costs_nothing() {
    let stage = stage();
    let id = stage.create(BudgetSpec::new(budget("a")).calls(0));
    assert_eq!(
        code(stage.budget.reserve(&charge(&id, 1))),
        "exceeds_budget"
    );
    let nothing = stage.reserve(&charge(&id, 0));
    nothing.start(Floor::Hold).unwrap().settle(used(0)).unwrap();
    assert_eq!(stage.calls(&id), [0, 0, 0, 0]);
}

#[test]
fn amounts_and_limits_name_each_dimension() {
    assert_eq!(
        Dimension::ALL.map(|dimension| dimension.to_string()),
        ["tokens", "calls", "cost"]
    );
    let amounts = Amounts::NONE.tokens(1).calls(2).cost(Usd::from_nanos(3));
    assert_eq!(
        Dimension::ALL.map(|dimension| amounts.units(dimension)),
        [Some(1), Some(2), Some(3)]
    );
    assert!(Amounts::NONE.is_none() && Limits::NONE.is_none());
    assert!(!Amounts::NONE.tokens(0).is_none(), "zero is not absent");
    assert!(!Amounts::NONE.calls(0).is_none());
    assert!(!Amounts::NONE.cost(Usd::ZERO).is_none());
}

/// The nearest nano-dollar, read off the float's own decimal digits, all of which `format!` knows.
fn nearest(float: f64) -> Option<u64> {
    let digits = format!("{float:.1100}");
    let (whole, fraction) = digits.split_once('.').unwrap();
    let down: u64 = format!("{whole}{}", &fraction[..9]).parse().ok()?;
    down.checked_add(u64::from(&fraction[9..10] >= "5"))
}

fn check_float(float: f64) -> Result<(), TestCaseError> {
    let expected = nearest(float);
    let held = Usd::try_from_f64(float).ok().map(Usd::nanos);
    prop_assert_eq!(held, expected, "{:e}", float);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_amount_reads_back_from_its_exact_text(nanos in any::<u64>(), shift in 0..64_u32) {
        let amount = Usd::from_nanos(nanos >> shift);
        prop_assert_eq!(usd(&amount.exact().to_string()), amount);
        let json = serde_json::to_string(&amount).unwrap();
        prop_assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), amount);
    }

    /// As many digits as asked for, the last one rounded half up.
    #[test]
    fn shown_amounts_are_rounded_half_up(nanos in any::<u64>(), shift in 0..64_u32, digits in 0..=9_usize) {
        let nanos = nanos >> shift;
        let unit = 10_u128.pow(9 - u32::try_from(digits).unwrap());
        let rounded = (u128::from(nanos) + unit / 2) / unit;
        let per_usd = 1_000_000_000 / unit;
        let shown = format!("{:.digits$}", Usd::from_nanos(nanos));
        let expected = match digits {
            0 => rounded.to_string(),
            _ => format!("{}.{:0digits$}", rounded / per_usd, rounded % per_usd),
        };
        prop_assert_eq!(shown, expected);
    }

    /// Over the whole range of floats that have a sign for plus, with those around an amount, half an amount, and the largest.
    #[test]
    fn floats_become_the_nearest_nano_dollar(bits in any::<u64>(), amount in 0.0..2e10_f64, nanos in any::<u64>(), shift in 0..64_u32) {
        let any = f64::from_bits(bits >> 1);
        if any.is_finite() {
            check_float(any)?;
        }
        check_float(amount)?;
        let half = ((nanos >> shift) as f64 + 0.5) / 1e9;
        let whole = (nanos >> shift) as f64 / 1e9;
        // Of these every other one is a half exactly.
        let tie = (nanos >> 32) as f64 / 1024.0;
        for float in [half, whole, tie, 18_446_744_073.709_55] {
            check_float(float)?;
            check_float(float.next_up())?;
            check_float(float.next_down().max(0.0))?;
        }
    }

    /// A float made from an amount of up to a million dollars is that amount again.
    #[test]
    fn floats_with_a_few_digits_are_what_they_say(nanos in 0..=1_000_000_000_000_000_u64) {
        let amount = Usd::from_nanos(nanos);
        let float: f64 = amount.exact().to_string().parse().unwrap();
        prop_assert_eq!(Usd::try_from_f64(float).unwrap(), amount);
    }

    /// As many calls as the price goes into the limit, neither one less nor one more.
    #[test]
    fn a_price_is_admitted_as_often_as_it_goes_into_the_limit(price in 1..u64::MAX / 40, times in 0..40_u64, rest in any::<u64>()) {
        let stage = stage();
        let id = purse(&stage, Usd::from_nanos(price * times + rest % price));
        prop_assert_eq!(spend(&stage, &id, Usd::from_nanos(price), 50), times);
        let left = stage.usage(&id, Dimension::Cost).available.unwrap().units();
        prop_assert_eq!(left, rest % price);
    }
}
