//! Levels and tiers: every spelling that is accepted, and nothing that clamps.

use trust_gate::{LevelRef, Tier, Tiers, TrustError, TrustLevel};

#[test]
fn every_spelling_of_a_level_is_read() {
    for level in TrustLevel::ALL {
        let number = level.as_u8();
        let spellings = [
            number.to_string(),
            format!("L{number}"),
            level.code().to_owned(),
            level.name().to_owned(),
        ];
        for spelling in spellings {
            assert_eq!(spelling.parse::<TrustLevel>().unwrap(), level, "{spelling}");
            let json = serde_json::to_string(&spelling).unwrap();
            assert_eq!(
                serde_json::from_str::<TrustLevel>(&json).unwrap(),
                level,
                "{json}"
            );
        }
        assert_eq!(TrustLevel::try_from(number).unwrap(), level);
        assert_eq!(
            serde_json::from_str::<TrustLevel>(&number.to_string()).unwrap(),
            level
        );
        assert_eq!(serde_json::to_string(&level).unwrap(), number.to_string());
        assert_eq!(level.to_string(), format!("L{number}"));
    }
}

#[test]
fn codes_labels_and_names_are_the_published_ones() {
    let table: Vec<String> = TrustLevel::ALL
        .iter()
        .map(|level| {
            format!(
                "{} | {} | {} | {}",
                level.as_u8(),
                level.code(),
                level.label(),
                level.name()
            )
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r"
    0 | L0_OBSERVER | Observer | observer
    1 | L1_MONITOR | Monitor | monitor
    2 | L2_SUGGEST | Suggest | suggest
    3 | L3_ACT_APPROVE | Act (Approval Required) | act_with_approval
    4 | L4_ACT_REPORT | Act (Report After) | act_and_report
    5 | L5_AUTONOMOUS | Autonomous | autonomous
    ");
}

#[test]
fn levels_out_of_range_or_misspelt_are_refused() {
    for text in [
        "",
        "6",
        "-1",
        "03",
        "+3",
        " 3",
        "3 ",
        "l3",
        "L6",
        "L",
        "Suggest",
        "SUGGEST",
        "2.0",
        "٣",
        "autonomous ",
    ] {
        assert!(text.parse::<TrustLevel>().is_err(), "{text:?}");
    }
    for json in [
        "6",
        "-1",
        "2.0",
        "1e0",
        "null",
        "true",
        "[3]",
        "18446744073709551616",
        "256",
    ] {
        assert!(serde_json::from_str::<TrustLevel>(json).is_err(), "{json}");
    }
    assert!((6..=u8::MAX).all(|number| TrustLevel::try_from(number).is_err()));
}

#[test]
fn a_level_may_be_named_by_a_default_tier() {
    let named =
        ["public", "verified", "privileged"].map(|tier| tier.parse::<TrustLevel>().unwrap());
    assert_eq!(named.map(TrustLevel::as_u8), [0, 2, 4]);
}

#[test]
fn operators_add_and_replace_tiers() {
    let tiers: Tiers = serde_json::from_str(r#"{ "verified": "L3", "staff": 5 }"#).unwrap();
    let all: Vec<_> = tiers
        .iter()
        .map(|(tier, level)| (tier, level.as_u8()))
        .collect();
    assert_eq!(
        all,
        [
            ("privileged", 4),
            ("public", 0),
            ("staff", 5),
            ("verified", 3)
        ]
    );

    let verified: LevelRef = "verified".parse().unwrap();
    assert_eq!(
        tiers.resolve(&verified).unwrap(),
        TrustLevel::ActWithApproval,
        "the operator's table decides"
    );
    let again: Tiers = serde_json::from_str(&serde_json::to_string(&tiers).unwrap()).unwrap();
    assert_eq!(again, tiers);
}

#[test]
fn an_unknown_tier_is_refused_by_name() {
    let error = Tiers::default()
        .resolve(&Tier("trusted").into())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`trusted` is neither a trust level nor a tier; the tiers are `privileged`, `public`, `verified`"
    );
}

#[test]
fn a_tier_cannot_take_the_name_of_a_level() {
    for name in ["L3", "3", "suggest", "L2_SUGGEST"] {
        let error = Tiers::default()
            .with(name, TrustLevel::Autonomous)
            .unwrap_err();
        assert!(
            matches!(error, TrustError::AmbiguousTier { .. }),
            "{name}: {error}"
        );
    }
    assert!(
        Tiers::default()
            .with(" staff", TrustLevel::Monitor)
            .is_err()
    );
    assert!(serde_json::from_str::<Tiers>(r#"{ "L0": 5 }"#).is_err());
}
