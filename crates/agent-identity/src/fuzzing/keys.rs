//! Public keys as identity providers publish them.

use serde_json::{Value, json};

use super::jwt::ALGORITHMS;
use crate::{JwtAlgorithm, JwtAuthenticator, JwtKey, JwtKeys, JwtProfile};

pub(super) const JWK: &[&str] = &[
    r#"{"kty":"OKP","crv":"Ed25519","x":"3gz1_n3jiURfXbsuLDsaU_BETRRHgo_b2P6XJIB4QDg"}"#,
    r#"{"kty":"EC","crv":"P-256","x":"xlUJfr8tjhrY9PkRwcm8bnOmRMs2ncYXYpPm9pnMogc","y":"80PVaZ6_cZ9nlRpFEynCOk6dA0Zp2nXkV0rW0fPQV90"}"#,
    r#"{"kty":"EC","crv":"P-384","x":"Rut9gw_M0Mw1-LTFA9K2XPHkSVyvut4gmTxp79-wxJMqgef1dkJ0a_RsRB0BB4y9","y":"anZKviJtj3eB8iBAxmMozrzXmBrRj51ZNzCVNmyEG71nuZMVRF34DlsEA-FHrTXT"}"#,
    r#"{"kty":"RSA","n":"mzGdmqCP6go4ep9V3-6l7Dd_UUIN-qk2ba3Cz7r-pl3YOJsknB48MqHKBiTz3Y4xQCvD8tNn9uqI3XarFqlIqGi2UtB5vT4E3XdfNI79vf_1Dp1-5vXTZ4VRj-2IkCJLXOGjwTSkSczSkCnyYlZKGEY_s8swDjnwEbGz-R5KA37GGsbAgBSq48lBjB4MYYkiYAR5OfhzWlJQSS5eIctXJKEMERo_HjX0pqjN_iRuq6XWT7qAokIUXo8mU1n15AHsD2eg6bZu4sBfEbjnSV3bg8_vCn2utA3VRf7hnCOejHNjY0bAHpP6mQHKD7KUqs19fqZlyWOpYzLIzBCRnhpUVw","e":"AQAB"}"#,
];
pub(super) const JWKS: &[&str] = &[
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"3gz1_n3jiURfXbsuLDsaU_BETRRHgo_b2P6XJIB4QDg","kid":"ed25519","use":"sig","alg":"EdDSA","key_ops":["verify"]},{"kty":"EC","crv":"P-256","x":"xlUJfr8tjhrY9PkRwcm8bnOmRMs2ncYXYpPm9pnMogc","y":"80PVaZ6_cZ9nlRpFEynCOk6dA0Zp2nXkV0rW0fPQV90","kid":"p256","use":"sig","alg":"ES256","key_ops":["verify"]},{"kty":"EC","crv":"P-384","x":"Rut9gw_M0Mw1-LTFA9K2XPHkSVyvut4gmTxp79-wxJMqgef1dkJ0a_RsRB0BB4y9","y":"anZKviJtj3eB8iBAxmMozrzXmBrRj51ZNzCVNmyEG71nuZMVRF34DlsEA-FHrTXT","kid":"p384","use":"sig","alg":"ES384","key_ops":["verify"]},{"kty":"RSA","n":"mzGdmqCP6go4ep9V3-6l7Dd_UUIN-qk2ba3Cz7r-pl3YOJsknB48MqHKBiTz3Y4xQCvD8tNn9uqI3XarFqlIqGi2UtB5vT4E3XdfNI79vf_1Dp1-5vXTZ4VRj-2IkCJLXOGjwTSkSczSkCnyYlZKGEY_s8swDjnwEbGz-R5KA37GGsbAgBSq48lBjB4MYYkiYAR5OfhzWlJQSS5eIctXJKEMERo_HjX0pqjN_iRuq6XWT7qAokIUXo8mU1n15AHsD2eg6bZu4sBfEbjnSV3bg8_vCn2utA3VRf7hnCOejHNjY0bAHpP6mQHKD7KUqs19fqZlyWOpYzLIzBCRnhpUVw","e":"AQAB","kid":"rsa","use":"sig","alg":"PS256","key_ops":["verify"]}]}"#,
    r#"{"keys":[{"kid":"k1","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},{"kty":"unknown"}],"x":1}"#,
];

/// A JSON Web Key, for each algorithm that there is.
pub fn jwk(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let fitting =
        |algorithm: &JwtAlgorithm| Some((*algorithm, JwtKey::from_jwk(text, *algorithm).ok()?));
    for (algorithm, key) in ALGORITHMS.iter().filter_map(fitting) {
        assert_eq!(key.algorithm(), algorithm);
        assert!(
            !algorithm.as_str().starts_with("HS"),
            "a public key as a secret"
        );
        assert!(!format!("{key:?}").contains('"'), "the key is shown");
        let mut named: Value = serde_json::from_str(text).unwrap_or_default();
        let secret = ["d", "k"].iter().any(|member| named.get(member).is_some());
        assert!(!secret, "what belongs to the issuer alone");
        if let Some(members) = named.as_object_mut() {
            members.insert("kid".to_owned(), Value::from("k"));
        }
        let set = json!({ "keys": [named] }).to_string();
        let keys = JwtKeys::from_jwks(&set, &[algorithm]).map(JwtKeys::into_keys);
        let alone = keys.is_ok_and(|keys| keys.iter().map(|(_, key)| key).eq([&key]));
        assert!(alone, "a set reads its key otherwise");
    }
}

/// A JSON Web Key Set, for all algorithms that take public keys and for some of them.
pub fn jwks(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for allowed in [
        &ALGORITHMS[..],
        &[
            JwtAlgorithm::EdDsa,
            JwtAlgorithm::Es256,
            JwtAlgorithm::Es384,
            JwtAlgorithm::Rs256,
        ],
        &[JwtAlgorithm::Ps256],
        &[],
    ] {
        let Ok(keys) = JwtKeys::from_jwks(text, allowed) else {
            continue;
        };
        assert!(!keys.is_empty(), "a set of nothing");
        let each = keys.clone().into_keys();
        assert_eq!(each.len(), keys.len());
        for (_, key) in &each {
            assert!(
                allowed.contains(&key.algorithm()),
                "an algorithm that is not allowed"
            );
        }
        let (Ok(issuer), Ok(audience)) = ("https://login.example.com".parse(), "gate".parse())
        else {
            continue;
        };
        let builder = JwtAuthenticator::builder(audience).trust_keys(&issuer, keys);
        if let Ok((gate, _)) = builder.build(JwtProfile::default()) {
            super::jwt::accepts_nothing(&gate);
        }
    }
}
