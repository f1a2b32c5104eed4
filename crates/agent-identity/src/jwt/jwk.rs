//! Public keys as identity providers publish them: JSON Web Keys (RFC 7517), handed in as text. Nothing is fetched.

use serde_json::{Map, Value};

use super::algorithm::{Family, JwtAlgorithm};
use super::key::JwtKey;
use crate::error::IdentityError;
use crate::name::KeyId;
use crate::segments::decode;
use crate::strict_json::object;

type Members = Map<String, Value>;

/// The public keys of one issuer, with their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "keys are trusted once a builder or an administrator is given them"]
pub struct JwtKeys {
    keys: Vec<(KeyId, JwtKey)>,
}

impl JwtKeys {
    /// Reads a JSON Web Key Set, binding each key to one of the algorithms in `allowed`: the one that the key names, or the
    /// only one that fits it where it names none.
    ///
    /// Keys for other purposes or algorithms are left out, as RFC 7517 §5 has it. Members that are not known are ignored.
    ///
    /// # Errors
    /// [`IdentityError::InvalidKey`] if the text is not a key set or has a member twice; if no key is left; if a key that is
    /// left has no `kid`, fits several allowed algorithms, or is malformed; if any key is private or symmetric, for then
    /// the set is not one to publish. [`InvalidName`](IdentityError::InvalidName) if a `kid` is no key id.
    pub fn from_jwks(text: &str, allowed: &[JwtAlgorithm]) -> Result<Self, IdentityError> {
        let set = object(text.as_bytes());
        let listed = set.as_ref().and_then(|set| set.get("keys")?.as_array());
        let listed = listed.ok_or_else(|| {
            IdentityError::key("it is not an object with an array `keys`, each member once")
        })?;
        let mut keys = Vec::new();
        for jwk in listed {
            let jwk = jwk
                .as_object()
                .ok_or_else(|| IdentityError::key("an entry of `keys` is not an object"))?;
            refuse_secrets(jwk)?;
            if let Some(algorithm) = choose(jwk, allowed)? {
                let id = text_of(jwk, "kid").map_err(IdentityError::key)?;
                keys.push((id.parse()?, read(jwk, algorithm)?));
            }
        }
        if keys.is_empty() {
            return Err(IdentityError::key(
                "the set has no key for any of the allowed algorithms",
            ));
        }
        Ok(Self { keys })
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none. There always is one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(crate) fn into_keys(self) -> Vec<(KeyId, JwtKey)> {
        self.keys
    }
}

impl JwtKey {
    /// Reads one public key, bound to `algorithm`. Members that are not known are ignored.
    ///
    /// ```
    /// # use agent_identity::{JwtAlgorithm, JwtKey};
    /// let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#; // RFC 8037, A.2
    /// let key = JwtKey::from_jwk(jwk, JwtAlgorithm::EdDsa)?;
    /// assert!(JwtKey::from_jwk(jwk, JwtAlgorithm::Rs256).is_err());
    /// # Ok::<(), agent_identity::IdentityError>(())
    /// ```
    ///
    /// # Errors
    /// [`IdentityError::InvalidKey`] if the text is not such a key, has a member twice, says that it is for something else,
    /// or is private or symmetric.
    pub fn from_jwk(text: &str, algorithm: JwtAlgorithm) -> Result<Self, IdentityError> {
        let jwk = object(text.as_bytes())
            .ok_or_else(|| IdentityError::key("it is not an object, each member once"))?;
        refuse_secrets(&jwk)?;
        match choose(&jwk, &[algorithm])? {
            Some(algorithm) => read(&jwk, algorithm),
            None => Err(IdentityError::key(format!(
                "it is not a key for {algorithm} signatures"
            ))),
        }
    }
}

fn refuse_secrets(jwk: &Members) -> Result<(), IdentityError> {
    if jwk.contains_key("d") || jwk.contains_key("k") || says(jwk, "kty", "oct") {
        return Err(IdentityError::key(
            "it is a private or symmetric key, which belongs to the issuer alone; give the public one",
        ));
    }
    Ok(())
}

/// The allowed algorithm that the key is for, if any.
fn choose(jwk: &Members, allowed: &[JwtAlgorithm]) -> Result<Option<JwtAlgorithm>, IdentityError> {
    let verifies = |ops: &Value| {
        ops.as_array()
            .is_some_and(|ops| ops.iter().any(|op| op == "verify"))
    };
    if jwk.get("use").is_some_and(|usage| usage != "sig")
        || jwk.get("key_ops").is_some_and(|ops| !verifies(ops))
    {
        return Ok(None);
    }
    let named = jwk.get("alg");
    let mut fitting = allowed.iter().copied().filter(|algorithm| {
        fits(jwk, algorithm.family()) && named.is_none_or(|name| name == algorithm.as_str())
    });
    let first = fitting.next();
    if fitting.any(|other| Some(other) != first) {
        return Err(IdentityError::key(
            "a key without `alg` fits several of the allowed algorithms; allow one of them",
        ));
    }
    Ok(first)
}

fn fits(jwk: &Members, family: Family) -> bool {
    match family {
        Family::Ed25519 => says(jwk, "kty", "OKP") && says(jwk, "crv", "Ed25519"),
        Family::Curve(name, _) => says(jwk, "kty", "EC") && says(jwk, "crv", name),
        Family::Rsa => says(jwk, "kty", "RSA"),
        Family::Secret(_) => false,
    }
}

fn read(jwk: &Members, algorithm: JwtAlgorithm) -> Result<JwtKey, IdentityError> {
    let bytes = |member| -> Result<Vec<u8>, IdentityError> {
        let text = text_of(jwk, member).map_err(IdentityError::key)?;
        decode(text).map_err(|_| {
            IdentityError::key(format!("its `{member}` is not base64url without padding"))
        })
    };
    match algorithm.family() {
        Family::Ed25519 => {
            let key = bytes("x")?
                .try_into()
                .map_err(|_| IdentityError::key("its `x` is not 32 bytes long"))?;
            JwtKey::ed25519(key)
        }
        Family::Curve(_, length) => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            if x.len() != length || y.len() != length {
                return Err(IdentityError::key(format!(
                    "its `x` and `y` are not {length} bytes long each"
                )));
            }
            JwtKey::curve(algorithm, &[&[4], x.as_slice(), y.as_slice()].concat())
        }
        Family::Rsa => JwtKey::rsa(algorithm, &bytes("n")?, &bytes("e")?),
        Family::Secret(_) => Err(IdentityError::key("a secret is not read from a JWK")),
    }
}

fn says(jwk: &Members, member: &str, value: &str) -> bool {
    jwk.get(member).is_some_and(|found| found == value)
}

fn text_of<'a>(jwk: &'a Members, member: &str) -> Result<&'a str, String> {
    jwk.get(member)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("it has no text `{member}`"))
}
