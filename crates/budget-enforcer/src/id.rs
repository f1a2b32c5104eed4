//! Names that people give, as types of their own, so that a session cannot be passed for a budget.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::BudgetError;

/// The longest id, in bytes.
const MAX_LEN: usize = 256;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// 1 to 256 bytes, without control characters and without white space at either end; anything else is refused,
        /// never trimmed. Cloning shares the text.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BudgetError;

            fn from_str(text: &str) -> Result<Self, BudgetError> {
                match fault(text) {
                    None => Ok(Self(Arc::from(text))),
                    Some(why) => Err(BudgetError::invalid_id($what, text, why)),
                }
            }
        }

        impl TryFrom<&str> for $name {
            type Error = BudgetError;

            fn try_from(text: &str) -> Result<Self, BudgetError> {
                text.parse()
            }
        }

        impl TryFrom<String> for $name {
            type Error = BudgetError;

            fn try_from(text: String) -> Result<Self, BudgetError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.as_str().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }
    };
}

text_id! {
    /// Name of a budget, the category that money or calls are counted under: `llm-calls`, `team-a`.
    BudgetId, "budget id"
}
text_id! {
    /// Name of a session. Fix it outside the agent: an id that an agent chooses would mint a budget of its own.
    SessionId, "session id"
}
text_id! {
    /// Who performed an administrative act: `ops@example.com`.
    OperatorId, "operator id"
}
#[cfg(feature = "backend")]
text_id! {
    /// Name of a node that takes leases from an authority elsewhere: `eu-1/worker-7`.
    NodeId, "node id"
}

fn fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("it is empty")
    } else if text.len() > MAX_LEN {
        Some("it is longer than 256 bytes")
    } else if text.chars().any(char::is_control) {
        Some("it contains a control character")
    } else if text.trim().len() != text.len() {
        Some("it begins or ends with white space")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_one_to_256_bytes() {
        assert_eq!("s".parse::<SessionId>().unwrap().as_str(), "s");
        assert!("s".repeat(256).parse::<SessionId>().is_ok());
        assert!("größe ok".parse::<BudgetId>().is_ok());
    }

    #[test]
    fn refuses_what_two_readers_could_read_differently() {
        for text in [
            "",
            " a",
            "a ",
            "a\u{a0}",
            "a\nb",
            "a\0",
            "\u{7f}",
            "a\u{85}b",
            &"s".repeat(257),
        ] {
            assert!(
                matches!(text.parse::<BudgetId>(), Err(BudgetError::InvalidId { .. })),
                "{text:?}"
            );
            assert!(
                serde_json::from_value::<BudgetId>(serde_json::json!(text)).is_err(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn serialises_as_a_string() {
        let id: BudgetId = "llm-calls".parse().unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), r#""llm-calls""#);
        assert_eq!(
            serde_json::from_str::<BudgetId>(r#""llm-calls""#).unwrap(),
            id
        );
    }
}
