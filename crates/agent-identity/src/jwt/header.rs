//! The header of a JWT. It is written by whoever presents the token, so it may name a key and nothing more.

use serde_json::{Map, Value};

use crate::error::{IdentityError, excerpt};
use crate::name::{KeyId, claimed};
use crate::strict_json::object;

/// Parameters with which a token brings its own key, its own rules or another token.
const REFUSED: &[(&str, &str)] = &[
    ("b64", "payloads that are not base64url are not read"),
    ("crit", "critical extensions are not understood"),
    ("cty", "a token within a token is not read"),
    ("jku", "keys come from the operator alone"),
    ("jwk", "keys come from the operator alone"),
    ("x5c", "keys come from the operator alone"),
    ("x5u", "keys come from the operator alone"),
];
/// Types that are accepted where the profile demands none.
const USUAL: &[&str] = &["JWT", "at+jwt"];

/// What is taken from a header. Parameters that are neither here nor refused are ignored (RFC 7515 §4).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) algorithm: String,
    pub(super) key: Option<KeyId>,
}

impl Header {
    pub(super) fn from_json(json: &[u8], typ: Option<&str>) -> Result<Self, IdentityError> {
        let header = object(json).ok_or_else(|| {
            IdentityError::malformed("its header is not a JSON object, each member once")
        })?;
        for (parameter, problem) in REFUSED {
            if header.contains_key(*parameter) {
                return Err(IdentityError::HeaderRefused { parameter, problem });
            }
        }
        check_typ(text(&header, "typ")?, typ)?;
        let algorithm = text(&header, "alg")?.ok_or_else(|| IdentityError::missing("alg"))?;
        let key = text(&header, "kid")?;
        Ok(Self {
            algorithm: algorithm.to_owned(),
            key: key.map(|id| claimed("kid", id)).transpose()?,
        })
    }

    pub(super) fn refused_algorithm(&self) -> IdentityError {
        IdentityError::AlgorithmRefused {
            algorithm: excerpt(&self.algorithm),
        }
    }
}

/// Types are compared as media types are: without regard to case, and with or without `application/` (RFC 7515 §4.1.9).
fn check_typ(found: Option<&str>, demanded: Option<&str>) -> Result<(), IdentityError> {
    let short = |typ: &str| {
        let typ = typ.to_ascii_lowercase();
        typ.strip_prefix("application/")
            .map_or_else(|| typ.clone(), str::to_owned)
    };
    let fits = match (found, demanded) {
        (Some(found), Some(demanded)) => short(found) == short(demanded),
        (Some(found), None) => USUAL.iter().any(|usual| short(usual) == short(found)),
        (None, demanded) => demanded.is_none(),
    };
    if fits {
        return Ok(());
    }
    Err(IdentityError::HeaderRefused {
        parameter: "typ",
        problem: "a token of this type is not accepted here",
    })
}

fn text<'a>(
    header: &'a Map<String, Value>,
    parameter: &str,
) -> Result<Option<&'a str>, IdentityError> {
    match header.get(parameter) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(IdentityError::claim(parameter, "is not a text")),
    }
}
