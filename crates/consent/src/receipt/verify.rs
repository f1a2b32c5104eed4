//! Whether a receipt is to be believed.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::Value;

use crate::receipt::document::unsigned;
use crate::receipt::error::quoted;
use crate::receipt::json;
use crate::receipt::reading::content;
use crate::receipt::{MAX_BYTES, Receipt, ReceiptError, VerifiedReceipt, VerifyingKey};

const PROOF: &str = "sec:proof";
const PROOF_VALUE: &str = "sec:proofValue";
/// Marks base64url without padding (multibase).
const MULTIBASE: char = 'u';

/// Reads a receipt and makes sure that one of `keys` signed it, all of it and nothing else.
///
/// What it says counts, not how it is laid out: white space and the order of members may have changed. It blocks on
/// nothing and reads no clock; linear in the receipt's length, which is bounded by [`MAX_BYTES`].
///
/// # Errors
/// [`ReceiptError::TooLong`]; [`ReceiptError::NotJson`], also for a key that is there twice;
/// [`ReceiptError::UnknownKey`]; [`ReceiptError::Forged`] for whatever the signature does not cover; and
/// [`ReceiptError::Unfamiliar`] for what is well signed, but not what this version issues.
pub fn verify(receipt: &[u8], keys: &[VerifyingKey]) -> Result<VerifiedReceipt, ReceiptError> {
    if receipt.len() > MAX_BYTES {
        return Err(ReceiptError::TooLong {
            bytes: receipt.len(),
        });
    }
    let mut document = json::read(receipt).map_err(|error| ReceiptError::NotJson {
        problem: quoted(&error.to_string()),
    })?;
    let signature = take_signature(&mut document)?;
    let named = document
        .get(PROOF)
        .and_then(|proof| proof.get("sec:verificationMethod")?.as_str())
        .unwrap_or_default();
    let key = keys.iter().find(|key| key.id().to_string() == named);
    let key = key.ok_or_else(|| ReceiptError::UnknownKey {
        key_id: quoted(named),
    })?;
    // What is verified is the very document that is interpreted below.
    if !key.verifies(&json::canonical(&document), &signature) {
        return Err(ReceiptError::Forged);
    }
    let content = content(&document, key.id())?;
    if unsigned(&content) != document {
        return Err(ReceiptError::Unfamiliar {
            problem: "it says more or says it otherwise".to_owned(),
        });
    }
    Ok(VerifiedReceipt(Receipt {
        json: json::canonical(&with_signature(document, &signature)),
        content,
    }))
}

/// The document with the value of its proof.
pub(crate) fn with_signature(mut document: Value, signature: &[u8]) -> Value {
    let value = format!("{MULTIBASE}{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
    if let Some(proof) = document.get_mut(PROOF).and_then(Value::as_object_mut) {
        proof.insert(PROOF_VALUE.to_owned(), Value::from(value));
    }
    document
}

/// Takes the value of the proof out of the document.
fn take_signature(document: &mut Value) -> Result<Vec<u8>, ReceiptError> {
    let proof = document.get_mut(PROOF).and_then(Value::as_object_mut);
    let value = proof.and_then(|proof| proof.remove(PROOF_VALUE));
    let encoded = value
        .as_ref()
        .and_then(|value| value.as_str()?.strip_prefix(MULTIBASE));
    encoded
        .and_then(|encoded| BASE64_URL_SAFE_NO_PAD.decode(encoded).ok())
        .ok_or(ReceiptError::Forged)
}
