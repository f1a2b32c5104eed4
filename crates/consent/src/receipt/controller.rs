//! Who answers for the use of the data, as receipts name them.

use serde::{Deserialize, Serialize};

use crate::receipt::ReceiptError;
use crate::receipt::error::quoted;

/// The longest field, in bytes.
const MAX_FIELD: usize = 512;

/// The controller (ISO: *PII controller*): who decides what the data is used for, and issues the receipts.
///
/// As configuration it is read with unknown keys refused and with the rules of [`Controller::new`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Plain")]
pub struct Controller {
    name: String,
    contact: String,
    jurisdiction: String,
    privacy_policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawal: Option<String>,
}

impl Controller {
    /// A controller of this name, that can be reached under `contact` (a mail address, a telephone number), under the
    /// law of `jurisdiction` (an ISO 3166 code such as `IE` or `US-CA`, or `EU`), with its privacy policy published at
    /// `privacy_policy` (an `https` or `http` URL).
    ///
    /// # Errors
    /// [`ReceiptError::Controller`] for a text that is empty, longer than 512 bytes, begins or ends with white space or
    /// holds control characters, and for what is no code or no URL.
    pub fn new(
        name: &str,
        contact: &str,
        jurisdiction: &str,
        privacy_policy: &str,
    ) -> Result<Self, ReceiptError> {
        Ok(Self {
            name: text("name", name)?,
            contact: text("contact", contact)?,
            jurisdiction: code("jurisdiction", jurisdiction)?,
            privacy_policy: url("privacy_policy", privacy_policy)?,
            address: None,
            withdrawal: None,
        })
    }

    /// Adds the postal address.
    ///
    /// # Errors
    /// [`ReceiptError::Controller`], as for a name.
    pub fn with_address(self, address: &str) -> Result<Self, ReceiptError> {
        Ok(Self {
            address: Some(text("address", address)?),
            ..self
        })
    }

    /// Adds the `https` or `http` URL at which consent can be withdrawn.
    ///
    /// # Errors
    /// [`ReceiptError::Controller`] for what is no such URL.
    pub fn with_withdrawal(self, url_of_it: &str) -> Result<Self, ReceiptError> {
        Ok(Self {
            withdrawal: Some(url("withdrawal", url_of_it)?),
            ..self
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How to reach it.
    #[must_use]
    pub fn contact(&self) -> &str {
        &self.contact
    }

    /// Under whose law it acts.
    #[must_use]
    pub fn jurisdiction(&self) -> &str {
        &self.jurisdiction
    }

    /// The URL of its privacy policy.
    #[must_use]
    pub fn privacy_policy(&self) -> &str {
        &self.privacy_policy
    }

    /// Its postal address.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// The URL at which consent can be withdrawn.
    #[must_use]
    pub fn withdrawal(&self) -> Option<&str> {
        self.withdrawal.as_deref()
    }
}

/// A controller as it stands in a configuration, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    name: String,
    contact: String,
    jurisdiction: String,
    privacy_policy: String,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    withdrawal: Option<String>,
}

impl TryFrom<Plain> for Controller {
    type Error = ReceiptError;

    fn try_from(plain: Plain) -> Result<Self, ReceiptError> {
        let mut controller = Self::new(
            &plain.name,
            &plain.contact,
            &plain.jurisdiction,
            &plain.privacy_policy,
        )?;
        if let Some(address) = plain.address {
            controller = controller.with_address(&address)?;
        }
        if let Some(withdrawal) = plain.withdrawal {
            controller = controller.with_withdrawal(&withdrawal)?;
        }
        Ok(controller)
    }
}

fn text(field: &'static str, text: &str) -> Result<String, ReceiptError> {
    let problem = if text.is_empty() {
        "is empty; give it at least one character"
    } else if text.len() > MAX_FIELD {
        "is longer than 512 bytes; shorten it"
    } else if text.trim() != text {
        "begins or ends with white space; remove it"
    } else if text.chars().any(char::is_control) {
        "holds a control character; remove it"
    } else {
        return Ok(text.to_owned());
    };
    Err(refused(field, problem, text))
}

/// An ISO 3166 code: two capitals, and for a part of a country a hyphen with one to three capitals or digits.
fn code(field: &'static str, text: &str) -> Result<String, ReceiptError> {
    let (country, part) = text.split_once('-').unwrap_or((text, "0"));
    let is_code = country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && (1..=3).contains(&part.len())
        && part
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if is_code {
        Ok(text.to_owned())
    } else {
        let problem = "is no ISO 3166 code; write one such as `IE` or `US-CA`, or `EU`";
        Err(refused(field, problem, text))
    }
}

/// An absolute URL of the characters that RFC 3986 allows, percent-encoded where need be.
fn url(field: &'static str, url: &str) -> Result<String, ReceiptError> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let is_url = rest
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':']))
        && url
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte))
        && url.split('%').skip(1).all(|rest| {
            let mut digits = rest.bytes().take(2).filter(u8::is_ascii_hexdigit);
            digits.next().and(digits.next()).is_some()
        });
    if is_url {
        text(field, url)
    } else {
        let problem =
            "is no `https` or `http` URL; write one, with what is not ASCII percent-encoded";
        Err(refused(field, problem, url))
    }
}

fn refused(field: &'static str, problem: &'static str, text: &str) -> ReceiptError {
    ReceiptError::Controller {
        field,
        problem,
        quoted: quoted(text),
    }
}
