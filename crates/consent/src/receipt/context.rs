//! The `@context` that every receipt carries: what its terms mean, and where that is defined.

use serde_json::{Value, json};

/// The schema that a receipt follows: the W3C group's profile of ISO/IEC TS 27560:2023.
pub(super) const SCHEMA: &str = "https://w3id.org/dpv/schema/dpv-27560";
/// How the proof is made: the name of this crate's own recipe, in the form of W3C Data Integrity.
pub(super) const CRYPTOSUITE: &str = "consent-receipt-ed25519-jcs-1";

pub(super) fn context() -> Value {
    json!({
        "ai": "https://w3id.org/dpv/ai#",
        "dct": "http://purl.org/dc/terms/",
        "dpv": "https://w3id.org/dpv#",
        "loc": "https://w3id.org/dpv/loc#",
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "schema": "https://schema.org/",
        "sec": "https://w3id.org/security#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "dct:conformsTo": { "@type": "@id" },
        "dct:created": { "@type": "xsd:dateTime" },
        "dct:source": { "@type": "@id" },
        "dpv:hasJurisdiction": { "@type": "@id" },
        "dpv:hasLegalBasis": { "@type": "@id" },
        "dpv:isExercisedAt": { "@type": "@id" },
        "dpv:isIndicatedAtTime": { "@type": "xsd:dateTime" },
        "rdf:value": { "@type": "xsd:dateTime" },
        "schema:position": { "@type": "xsd:nonNegativeInteger" },
        "schema:validFrom": { "@type": "xsd:dateTime" },
        "sec:cryptosuite": { "@type": "sec:cryptosuiteString" },
        "sec:proof": { "@container": "@graph", "@type": "@id" },
        "sec:proofPurpose": { "@type": "@id" },
        "sec:proofValue": { "@type": "sec:multibase" },
        "sec:verificationMethod": { "@type": "@id" },
    })
}
