//! A door for fuzzers to everything that reads what others wrote: each function takes any bytes and panics where a promise is broken.
//!
//! What is promised: nothing panics or hangs; what was read is written so that it reads as the same again; a journal that a gate was opened on
//! stays one that it can be opened on; and nothing counts that was not signed. In tests the same functions run on good bytes, damaged ones, and
//! bytes that never were anything.

mod arguments;
mod history;
mod rules;
mod sample;
mod signed;
mod stage;
mod texts;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use arguments::arguments;
pub use history::{event, row};
pub use rules::{config, config_written, grant};
pub use signed::signed;
pub use texts::text;

/// What a fuzzer calls.
pub type Target = fn(&[u8]);

/// Every target and its name. The configuration in another format is [`config_written`].
pub const TARGETS: [(&str, Target); 7] = [
    ("arguments", arguments),
    ("signed", signed),
    ("grant", grant),
    ("event", event),
    ("config", config),
    ("text", text),
    ("row", row),
];

/// Good bytes for the target of that name, to begin with.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let sample = &*sample::SAMPLE;
    let texts: &[&str] = match target {
        "arguments" => arguments::SEEDS,
        "signed" => return sample.signed.clone(),
        "grant" => rules::GRANTS,
        "event" => return sample.journals.clone(),
        "config" => rules::CONFIGS,
        "toml" => rules::TOML,
        "text" => texts::SEEDS,
        "row" => return sample.rows.clone(),
        _ => &[],
    };
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// What the JSON says, if it is a `T`, after seeing that it is written as what it was read as.
fn read<T: Serialize + DeserializeOwned + PartialEq + Debug>(json: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(json).ok()?;
    assert_eq!(
        reread(&value).as_ref(),
        Some(&value),
        "it is read otherwise than it was written"
    );
    Some(value)
}

fn reread<T: Serialize + DeserializeOwned>(value: &T) -> Option<T> {
    let json = serde_json::to_vec(value).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests;
