//! Tokens that other implementations made: the examples of the standards, and a file made with another library.

use agent_identity::{
    AuthenticatedBy, Authenticator as _, JwtAlgorithm, JwtAuthenticator, JwtKey, JwtProfile,
};
use serde_json::Value;

use super::fixture::{ALGORITHMS, Fixture};
use crate::fixture::{HOUR, NOON, decode, encode};

#[test]
fn tokens_of_another_library_are_read_in_every_algorithm() {
    let tokens: Value =
        serde_json::from_str(include_str!("../../data/tokens_made_elsewhere.json")).unwrap();
    for algorithm in ALGORITHMS {
        let token = tokens[algorithm.as_str()].as_str().unwrap();
        let agent = Fixture::new(algorithm).present(token).unwrap();
        assert_eq!(agent.id().as_str(), "desk-assistant", "{algorithm}");
        assert_eq!(agent.authenticated_by(), AuthenticatedBy::Jwt);
        assert_eq!(
            agent.issuer().unwrap().as_str(),
            "https://login.example.com"
        );
        assert_eq!(agent.key_id().unwrap().as_str(), "k1");
        assert_eq!(agent.valid_until(), Some(NOON + HOUR));
        for other in ALGORITHMS.into_iter().filter(|other| *other != algorithm) {
            assert_eq!(Fixture::new(other).verdict(token), "algorithm_refused");
        }
    }
}

/// The example's signature is found good, and spoiling it is noticed. Its claims are then found lacking, for
/// none of the examples names an audience.
fn assert_verifies(key: JwtKey, issuer: &str, token: &str, then: &str) {
    let (gate, _) = JwtAuthenticator::builder("gate".parse().unwrap())
        .trust(issuer.parse().unwrap(), "k1".parse().unwrap(), key)
        .clock(|| NOON)
        .build(JwtProfile::default())
        .unwrap();
    let verdict = |token: &str| gate.authenticate(token.as_bytes()).unwrap_err().code();
    assert_eq!(verdict(token), then);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = decode(signature);
    for at in (0..signature.len()).step_by(5) {
        let mut spoilt = signature.clone();
        spoilt[at] ^= 1;
        assert_eq!(
            verdict(&format!("{signed}.{}", encode(spoilt))),
            "bad_signature"
        );
    }
}

const JOE: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

#[test]
fn hs256_of_rfc_7515_a_1() {
    let secret = decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    );
    assert_verifies(
        JwtKey::from_secret(JwtAlgorithm::Hs256, &secret).unwrap(),
        "joe",
        &format!(
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        ),
        "missing_claim",
    );
}

#[test]
fn rs256_of_rfc_7515_a_2() {
    let jwk = r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#;
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    assert_verifies(
        JwtKey::from_jwk(jwk, JwtAlgorithm::Rs256).unwrap(),
        "joe",
        &format!("eyJhbGciOiJSUzI1NiJ9.{JOE}.{signature}"),
        "missing_claim",
    );
}

#[test]
fn es256_of_rfc_7515_a_3() {
    let jwk = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    assert_verifies(
        JwtKey::from_jwk(jwk, JwtAlgorithm::Es256).unwrap(),
        "joe",
        &format!(
            "eyJhbGciOiJFUzI1NiJ9.{JOE}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
        ),
        "missing_claim",
    );
}

#[test]
fn the_text_of_rfc_8037_a_4_is_no_token_though_it_is_signed() {
    let gate = Fixture::new(JwtAlgorithm::EdDsa);
    let example = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(gate.verdict(example), "malformed");
}
