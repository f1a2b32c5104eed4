//! Receipts: what a person can take away and show, of one record of the ledger.
//!
//! A receipt is a signed JSON-LD document in the structure of ISO/IEC TS 27560:2023 (*consent record information
//! structure*: receipt metadata, record header, processing, parties, events), written with the terms of the W3C
//! [Data Privacy Vocabulary](https://w3id.org/dpv) 2.3 as its guide to that specification does
//! (<https://w3id.org/dpv/guides/consent-27560>). Its `@context` is part of it, so reading one needs no network.
//!
//! It is evidence of what a ledger held when it was issued, and no more: reading one brings nothing into force.
//!
//! ```
//! # use consent::{ConsentGate, Grant};
//! use consent::receipt::{self, Controller, ReceiptIssuer, SigningKey};
//!
//! # let (_, ledger) = ConsentGate::builder().build()?;
//! let controller = Controller::new("Example Ltd", "privacy@example.com", "IE", "https://example.com/privacy")?;
//! let key = SigningKey::from_seed(&[7; 32]); // in earnest: 32 random bytes, kept secret
//! let public = key.verifying_key();
//! let issuer = ReceiptIssuer::new(controller, key);
//!
//! let record = ledger.record(Grant::new("bot".parse()?, "user.contact".parse()?, "support".parse()?, "ada".parse()?))?;
//! let receipt = issuer.issue(&ledger, record.record_id())?;
//!
//! let verified = receipt::verify(receipt.to_json_ld().as_bytes(), &[public])?;
//! assert!(verified.matches(&record));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod content;
mod context;
mod controller;
mod document;
mod error;
mod issuer;
pub(crate) mod json;
mod key;
mod later;
mod reading;
pub(crate) mod verify;

pub use content::{Receipt, ReceiptId, VerifiedReceipt};
pub use controller::Controller;
pub use error::ReceiptError;
pub use issuer::ReceiptIssuer;
pub use key::{KeyId, SigningKey, VerifyingKey};
pub use verify::verify;

/// The longest receipt that is read, in bytes. No issuer writes one that long.
pub const MAX_BYTES: usize = 32_768;
