//! The attacks that JSON Web Tokens are known for (RFC 8725 §2), and any other change.

use std::sync::LazyLock;

use agent_identity::{JwtAlgorithm, JwtProfile, Replay};
use jsonwebtoken::EncodingKey;
use proptest::prelude::*;
use serde_json::json;

use super::fixture::{
    ALGORITHMS, Fixture, but, claims, header, signed, signed_with, text, token, token_saying,
};
use crate::fixture::{decode, encode};

/// Lets a token pass over and over, so that every refusal is for the change alone.
static OPEN: LazyLock<Fixture> = LazyLock::new(|| open(JwtAlgorithm::EdDsa));
static TOKEN: LazyLock<String> = LazyLock::new(|| token(JwtAlgorithm::EdDsa));

fn open(algorithm: JwtAlgorithm) -> Fixture {
    Fixture::with(algorithm, JwtProfile::default(), |builder| {
        builder.replay(Replay::Allow)
    })
}

#[test]
fn alg_none_is_refused_in_every_spelling() {
    for algorithm in ALGORITHMS {
        let gate = open(algorithm);
        let (_, signature) = token(algorithm)
            .rsplit_once('.')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        for none in [
            "none",
            "None",
            "NONE",
            "nOnE",
            "none ",
            " none",
            "none\0",
            "",
            "null",
            "n\u{043e}ne",
        ] {
            let header = but(header(algorithm), "alg", json!(none));
            let unsigned = format!(
                "{}.{}",
                encode(header.to_string()),
                encode(claims().to_string())
            );
            for signature in ["", &signature, "AA"] {
                assert_eq!(
                    gate.verdict(format!("{unsigned}.{signature}")),
                    "algorithm_refused",
                    "{none:?}"
                );
            }
        }
        for (alg, code) in [
            (json!(null), "missing_claim"),
            (json!(["none"]), "invalid_claim"),
            (json!(0), "invalid_claim"),
        ] {
            let header = but(header(algorithm), "alg", alg);
            let unsigned = format!(
                "{}.{}.",
                encode(header.to_string()),
                encode(claims().to_string())
            );
            assert_eq!(gate.verdict(unsigned), code);
        }
    }
}

#[test]
fn a_public_key_is_never_a_secret() {
    for key in ["public_pem", "public_spki", "public_pkcs1"] {
        let public = text("rsa", key);
        let bytes = if key == "public_pem" {
            public.clone().into_bytes()
        } else {
            decode(&public)
        };
        for hmac in [
            JwtAlgorithm::Hs256,
            JwtAlgorithm::Hs384,
            JwtAlgorithm::Hs512,
        ] {
            for secret in [&bytes, &public.trim_end().as_bytes().to_vec()] {
                let key = EncodingKey::from_secret(secret);
                for named in [hmac, JwtAlgorithm::Rs256] {
                    let forged = signed_with(
                        hmac.as_str(),
                        &key,
                        &header(named).to_string(),
                        &claims().to_string(),
                    );
                    let code = open(JwtAlgorithm::Rs256).verdict(forged);
                    let expected = if named == hmac {
                        "algorithm_refused"
                    } else {
                        "bad_signature"
                    };
                    assert_eq!(code, expected);
                }
            }
        }
    }
}

#[test]
fn the_raw_public_key_is_no_secret_either() {
    let x = decode(
        super::fixture::KEYS["ed25519"]["jwk"]["x"]
            .as_str()
            .unwrap(),
    );
    let forged = signed_with(
        "HS256",
        &EncodingKey::from_secret(&x),
        &header(JwtAlgorithm::Hs256).to_string(),
        &claims().to_string(),
    );
    assert_eq!(OPEN.verdict(forged), "algorithm_refused");
}

#[test]
fn a_key_is_for_its_one_algorithm_even_among_those_that_it_could_serve() {
    let rsa = [
        JwtAlgorithm::Rs256,
        JwtAlgorithm::Rs384,
        JwtAlgorithm::Rs512,
        JwtAlgorithm::Ps256,
        JwtAlgorithm::Ps384,
        JwtAlgorithm::Ps512,
    ];
    for bound in rsa {
        for used in rsa.into_iter().filter(|used| *used != bound) {
            assert_eq!(open(bound).verdict(token(used)), "algorithm_refused");
            let lying = signed(used, &header(bound).to_string(), &claims().to_string());
            assert_eq!(
                open(bound).verdict(lying),
                "bad_signature",
                "{used} as {bound}"
            );
        }
    }
}

#[test]
fn names_of_algorithms_are_to_the_letter() {
    for name in ["eddsa", "EDDSA", "Ed25519", "EdDSA ", "EdDSA\n"] {
        let header = but(header(JwtAlgorithm::EdDsa), "alg", json!(name));
        let token = signed(
            JwtAlgorithm::EdDsa,
            &header.to_string(),
            &claims().to_string(),
        );
        assert_eq!(OPEN.verdict(token), "algorithm_refused", "{name:?}");
    }
}

#[test]
fn a_signature_of_another_length_is_refused() {
    for algorithm in ALGORITHMS {
        let gate = open(algorithm);
        let token = token(algorithm);
        assert_eq!(gate.verdict(&token), "ok", "{algorithm}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = decode(signature);
        let mut longer = signature.clone();
        longer.push(0);
        let mut padded = signature.clone();
        padded.insert(0, 0);
        for other in [
            Vec::new(),
            vec![0],
            vec![0; signature.len()],
            signature[1..].to_vec(),
            longer,
            padded,
        ] {
            assert_eq!(
                gate.verdict(format!("{signed}.{}", encode(other))),
                "bad_signature",
                "{algorithm}"
            );
        }
    }
}

#[test]
fn nothing_may_stand_before_after_or_between() {
    let token = &*TOKEN;
    for more in [" ", "\n", "=", ".", "A", "\0", "é"] {
        assert_ne!(OPEN.verdict(format!("{token}{more}")), "ok", "{more:?}");
        assert_ne!(OPEN.verdict(format!("{more}{token}")), "ok", "{more:?}");
    }
    assert_eq!(
        OPEN.verdict(format!("{token}.AA.AA")),
        "malformed",
        "the form of an encrypted token"
    );
    assert_eq!(
        OPEN.verdict(r#"{"payload":"","signatures":[]}"#),
        "malformed",
        "the JSON form"
    );
    for end in 0..token.len() {
        assert_ne!(OPEN.verdict(&token[..end]), "ok", "{end}");
    }
}

#[test]
fn what_is_too_long_or_no_text_is_refused() {
    assert_eq!(OPEN.verdict(vec![b'a'; 8_193]), "too_long");
    assert_eq!(OPEN.verdict(vec![b'a'; 8_192]), "malformed");
    let long = but(claims(), "ignored", json!("x".repeat(8_192)));
    assert_eq!(
        OPEN.verdict(token_saying(JwtAlgorithm::EdDsa, &long)),
        "too_long"
    );
    assert_eq!(OPEN.verdict([0xff, b'.', b'.']), "malformed");
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(1_500), "]".repeat(1_500));
    assert_eq!(
        OPEN.verdict(signed(
            JwtAlgorithm::EdDsa,
            &header(JwtAlgorithm::EdDsa).to_string(),
            &deep
        )),
        "malformed"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_token_with_any_one_byte_changed_is_refused(at: prop::sample::Index, change in 1_u8..=255) {
        let mut token = TOKEN.clone().into_bytes();
        let at = at.index(token.len());
        token[at] ^= change;
        prop_assert_ne!(OPEN.verdict(&token), "ok");
    }

    #[test]
    fn any_bytes_are_refused_and_none_panics(one: Vec<u8>, two: Vec<u8>, three: Vec<u8>) {
        prop_assert_ne!(OPEN.verdict(&one), "ok");
        prop_assert_ne!(OPEN.verdict(format!("{}.{}.{}", encode(&one), encode(&two), encode(&three))), "ok");
        let head = encode(header(JwtAlgorithm::EdDsa).to_string());
        let body = encode(claims().to_string());
        prop_assert_ne!(OPEN.verdict(format!("{head}.{}.{}", encode(&one), encode(&two))), "ok");
        prop_assert_ne!(OPEN.verdict(format!("{head}.{body}.{}", encode(&three))), "ok");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn one_flipped_bit_is_one_too_many_in_every_algorithm(which in 0..ALGORITHMS.len(), at: prop::sample::Index, bit in 0_u32..8) {
        let algorithm = ALGORITHMS[which];
        let mut token = token(algorithm).into_bytes();
        let at = at.index(token.len());
        token[at] ^= 1 << bit;
        prop_assert_ne!(open(algorithm).verdict(&token), "ok");
    }
}
