//! What can be done with the public types, pinned: a way to make an agent must not slip in unnoticed.

/// The public functions of a source file, in order, without their bodies.
fn public_functions(source: &str) -> String {
    let mut found = Vec::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if !line.starts_with("pub fn ") && !line.starts_with("pub const fn ") {
            continue;
        }
        let mut signature = line.to_owned();
        while !signature.ends_with('{') {
            signature.push(' ');
            signature.push_str(lines.next().unwrap().trim());
        }
        found.push(signature.trim_end_matches(" {").to_owned());
    }
    found.join("\n")
}

#[test]
fn an_agent_is_made_by_local_agent_and_by_nothing_else_that_is_public() {
    insta::assert_snapshot!(public_functions(include_str!("../../src/agent.rs")));
}

#[test]
fn an_authenticator_cannot_add_or_revoke_keys() {
    let public = public_functions(concat!(
        include_str!("../../src/token/authenticator.rs"),
        include_str!("../../src/jwt/authenticator.rs"),
    ));
    insta::assert_snapshot!(public, @r"
    pub fn builder(audience: Audience) -> AuthenticatorBuilder<VerifyingKey>
    pub fn build(self) -> Result<(TokenAuthenticator, KeyAdmin<VerifyingKey>), IdentityError>
    pub fn builder(audience: Audience) -> AuthenticatorBuilder<JwtKey>
    pub fn trust_keys(self, issuer: &Issuer, keys: JwtKeys) -> Self
    pub fn build( self, profile: JwtProfile, ) -> Result<(JwtAuthenticator, KeyAdmin<JwtKey>), IdentityError>
    ");
}

#[test]
fn an_agent_derives_nothing_that_could_make_one() {
    let source = include_str!("../../src/agent.rs");
    let (before, _) = source.split_once("pub struct VerifiedAgent").unwrap();
    let derives = before
        .lines()
        .rfind(|line| line.starts_with("#[derive"))
        .unwrap();
    assert_eq!(derives, "#[derive(Debug, Clone, PartialEq, Eq)]");
    assert_eq!(
        source.matches("for VerifiedAgent").count(),
        0,
        "no trait is implemented by hand"
    );
}

#[test]
fn agents_are_made_in_two_places() {
    let made = |source: &str| source.matches("VerifiedAgent::new(").count();
    assert_eq!(made(include_str!("../../src/agent.rs")), 1, "local_agent");
    assert_eq!(
        made(include_str!("../../src/acceptance.rs")),
        1,
        "a signed statement"
    );
    for other in [
        include_str!("../../src/token/authenticator.rs"),
        include_str!("../../src/jwt/authenticator.rs"),
        include_str!("../../src/jwt/claims.rs"),
        include_str!("../../src/keyring.rs"),
        include_str!("../../src/builder.rs"),
    ] {
        assert_eq!(made(other), 0);
    }
}
