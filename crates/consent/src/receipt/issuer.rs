//! Issuing receipts, of the records of a ledger.

use crate::id::RecordId;
use crate::ledger::ConsentLedger;
use crate::receipt::content::Content;
use crate::receipt::document::unsigned;
use crate::receipt::later::Later;
use crate::receipt::verify::{verify, with_signature};
use crate::receipt::{
    Controller, Receipt, ReceiptError, ReceiptId, SigningKey, VerifiedReceipt, json,
};

/// Issues receipts in the name of one controller, signed with one key.
///
/// To change keys, make a new issuer, and keep the old public key for as long as receipts of it may be shown.
#[derive(Debug)]
pub struct ReceiptIssuer {
    controller: Controller,
    key: SigningKey,
}

impl ReceiptIssuer {
    /// An issuer.
    #[must_use]
    pub fn new(controller: Controller, key: SigningKey) -> Self {
        Self { controller, key }
    }

    /// Who it issues for.
    #[must_use]
    pub fn controller(&self) -> &Controller {
        &self.controller
    }

    /// A receipt of a record of the ledger, of whatever kind, and of what it has come to by now.
    ///
    /// The instant is the ledger's safe reading of its clock. It reads the whole history, and waits for an act that is
    /// under way.
    ///
    /// # Errors
    /// [`ReceiptError::NotInLedger`] when the ledger has no such record. Nothing is changed or recorded by issuing.
    pub fn issue(
        &self,
        ledger: &ConsentLedger,
        record_id: RecordId,
    ) -> Result<Receipt, ReceiptError> {
        let proof = ledger
            .prove(record_id)
            .ok_or(ReceiptError::NotInLedger { record_id })?;
        let key = self.key.verifying_key();
        let content = Content {
            id: ReceiptId(RecordId::new(proof.at).as_uuid()),
            issued_at: proof.at,
            key_id: key.id(),
            controller: self.controller.clone(),
            later: Later::of(&proof),
            record: proof.record,
        };
        let document = unsigned(&content);
        let signature = self.key.sign(&json::canonical(&document));
        let json = json::canonical(&with_signature(document, &signature));
        // No receipt leaves that would not be accepted, and what it says is what a verifier reads in it.
        verify(json.as_bytes(), &[key]).map(|VerifiedReceipt(receipt)| receipt)
    }
}
