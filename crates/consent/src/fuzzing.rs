//! A door for fuzzers to everything that reads what others wrote: each function takes any bytes and panics where a promise is broken.
//!
//! What is promised: nothing panics or hangs; what was read is written so that it reads as the same again; a journal that a ledger was opened on
//! stays one that it can be opened on; and no receipt is believed that was not signed. In tests the same functions run on good bytes, damaged
//! ones, and bytes that never were anything.

mod history;
mod receipts;
mod sample;
mod stage;
mod texts;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use history::{event, row};
pub use receipts::receipt;
pub use texts::{extent, text};

/// What a fuzzer calls.
pub type Target = fn(&[u8]);

/// Every target and its name.
pub const TARGETS: [(&str, Target); 5] = [
    ("event", event),
    ("row", row),
    ("receipt", receipt),
    ("extent", extent),
    ("text", text),
];

/// Good bytes for the target of that name, to begin with.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let sample = &*sample::SAMPLE;
    let texts: &[&str] = match target {
        "event" => return vec![sample.journal.clone()],
        "row" => return sample.rows.clone(),
        "receipt" => return sample.receipts.clone(),
        "extent" => texts::EXTENTS,
        "text" => texts::TEXTS,
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
