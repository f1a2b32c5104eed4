//! What people read, word for word.

use budget_enforcer::{
    Amounts, BudgetEnforcerConfig, BudgetId, BudgetSpec, Charge, IdempotencyKey, Period,
    ReservationId, Usd,
};
use insta::assert_snapshot;

use crate::stage::{budget, charge, session, stage_with, usd};

#[test]
fn reasons() {
    let stage = stage_with(
        BudgetEnforcerConfig::per_session()
            .tokens(10_000)
            .calls(100),
    );
    let llm = stage.create(BudgetSpec::new(budget("llm-calls")).cost(usd("100")));
    let reason = |charge: &Charge| stage.budget.check(charge).reason().to_string();
    let cost = |amount: &str| Charge::budget(&llm).cost(usd(amount));
    assert_snapshot!(reason(&cost("1.5")), @"Category 'llm-calls': 1.5000 requested, 100.0000 available (0.0000 of 100.0000 spent).");
    stage.budget.record(&cost("99.2")).unwrap();
    assert_snapshot!(reason(&cost("1.5")), @"Category 'llm-calls': 1.5000 requested but only 0.8000 remains (99.2000 of 100.0000 spent).");
    assert_snapshot!(reason(&cost("0.5").tokens(7)), @"Category 'llm-calls': 0.5000 requested, 0.8000 available (99.2000 of 100.0000 spent).");
    let s = session("s-1");
    assert_snapshot!(reason(&Charge::session(&s).tokens(500)), @"Session 's-1': 500 tokens requested, 10000 available (0 of 10000 spent).");
    assert_snapshot!(reason(&Charge::session(&s).cost(usd("3"))), @"Session 's-1': 3.0000 requested, no limit (0.0000 spent).");
    assert_snapshot!(stage.budget.check_budget(&s).reason().to_string(), @"Session 's-1': 10000 tokens available (0 of 10000 spent).");
    stage.budget.record_spending(&s, 10_500).unwrap();
    assert_snapshot!(stage.budget.check_budget(&s).reason().to_string(), @"Session 's-1': 0 tokens remains (10500 of 10000 spent).");
    assert_snapshot!(reason(&Charge::session(&s).tokens(1)), @"Session 's-1': 1 tokens requested but only 0 remains (10500 of 10000 spent).");
    assert_snapshot!(reason(&Charge::budget(&llm)), @"Category 'llm-calls' was named without an amount in a dimension that it limits.");
    assert_snapshot!(reason(&charge(&budget("none"), 1)), @"Category 'none' has no budget.");
    stage.admin.suspend(&llm).unwrap();
    assert_snapshot!(reason(&cost("0.5")), @"Category 'llm-calls' is suspended.");
}

#[test]
fn errors_say_what_was_wrong_and_what_to_do() {
    let error = |result: Result<(), budget_enforcer::BudgetError>| result.unwrap_err().to_string();
    assert_snapshot!(error("a\u{7}b".parse::<BudgetId>().map(drop)), @r"`a\u{7}b` is not a valid budget id: it contains a control character");
    assert_snapshot!(error("x".repeat(300).parse::<BudgetId>().map(drop)), @"`xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` is not a valid budget id: it is longer than 256 bytes");
    assert_snapshot!(error("1.0000000001".parse::<Usd>().map(drop)), @"`1.0000000001` is not an amount in USD: it has more than nine digits behind the point");
    assert_snapshot!(error(Usd::try_from_f64(f64::NAN).map(drop)), @"`NaN` is not an amount in USD: it is not a number");
    assert_snapshot!(error("fortnightly".parse::<Period>().map(drop)), @"`fortnightly` is not a period: write hourly, daily, weekly, monthly, yearly, lifetime, or a length of at least a minute such as `every 36h`");
    assert_snapshot!(error("Mars/Base".parse::<budget_enforcer::Zone>().map(drop)), @"`Mars/Base` is not a time zone: write an IANA name such as `Europe/Berlin`");
    assert_snapshot!(error("r1".parse::<ReservationId>().map(drop)), @"`r1` is not a valid reservation id: write it as `r-0-1f`");
    assert_snapshot!(error("67e55044-10b1-426f-9247-bb680e5fe0c8".parse::<IdempotencyKey>().map(drop)), @"`67e55044-10b1-426f-9247-bb680e5fe0c8` is not a valid idempotency key: it is not a UUID of version 7");
}

#[test]
fn configuration_reads_and_refuses_unknown_keys() {
    let json = r#"{"session": {"tokens": 10000, "cost": "5.00"}, "default_ttl": "90s", "max_sessions": 5}"#;
    let config: BudgetEnforcerConfig = serde_json::from_str(json).unwrap();
    assert_eq!(config.session.unwrap().cost, Some(usd("5")));
    assert_eq!(config.default_ttl.as_secs(), 90);
    assert_snapshot!(serde_json::to_string(&config).unwrap(), @r#"{"session":{"tokens":10000,"cost":"5.00"},"allow_overdraft":false,"rollover_on_reset":false,"max_sessions":5,"default_ttl":"90s","max_ttl":"1d","late_settle_window":"1h","max_transactions":65536,"lanes":"when_contended","idempotency_window":"1d","max_idempotency_keys":65536}"#);
    for json in [
        r#"{"sesion": {}}"#,
        r#"{"session": {"token": 1}}"#,
        r#"{"default_ttl": 90}"#,
        r#"{"default_ttl": "90"}"#,
        r#"{"session": {"cost": 5.0}}"#,
        r#"{"session": {"calls": -1}}"#,
    ] {
        assert!(
            serde_json::from_str::<BudgetEnforcerConfig>(json).is_err(),
            "{json}"
        );
    }
}

#[test]
fn specs_and_charges_keep_their_form() {
    let spec: BudgetSpec = serde_json::from_str(
        r#"{"id": "b", "limits": {"calls": 5}, "period": "every 36h", "zone": "Asia/Kolkata"}"#,
    )
    .unwrap();
    assert_snapshot!(serde_json::to_string(&spec).unwrap(), @r#"{"id":"b","limits":{"calls":5},"period":"every 36h","zone":"Asia/Kolkata"}"#);
    assert!(
        serde_json::from_str::<BudgetSpec>(r#"{"id": "b", "limits": {}, "perod": "daily"}"#)
            .is_err()
    );
    let charge = Charge::session(&session("s"))
        .calls(1)
        .and(Charge::budget(&budget("b")).amounts(Amounts::NONE.cost(usd("0.01"))));
    let json = serde_json::to_string(&charge).unwrap();
    assert_snapshot!(json, @r#"[{"envelope":{"session":"s"},"amounts":{"calls":1}},{"envelope":{"budget":"b"},"amounts":{"cost":"0.01"}}]"#);
    assert_eq!(serde_json::from_str::<Charge>(&json).unwrap(), charge);
    assert!(serde_json::from_str::<Charge>("[]").is_err());
}
