//! Whatever bytes come in, nothing panics and nothing of them is believed.

use audit_trail::note::Note;
use audit_trail::{
    AuditReader, Checkpoint, Cursor, Ext, Hash, Record, SigningKey, VerifierKey, verify_ndjson,
};
use proptest::prelude::*;

use crate::log_of;

/// Text with the characters that these formats are made of.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[{}\\[\\]\",:a-f0-9\\\\u+=/. —\n-]{0,200}",
        "— [a-z]{0,3} [A-Za-z0-9+/=]{0,90}\n"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn text_readers_refuse_or_read(text in texts()) {
        let key = SigningKey::from_seed("k", &[1; 32]).unwrap();
        prop_assert!(Checkpoint::open(&text, key.verifier_key()).is_err());
        prop_assert!(text.parse::<SigningKey>().is_err());
        prop_assert!(text.parse::<VerifierKey>().is_err());
        drop(Note::parse(&text));
        let _ = text.parse::<Hash>();
        drop(text.parse::<Cursor>());
        if let Ok(ext) = Ext::parse(&text) {
            prop_assert_eq!(Ext::parse(ext.as_str()).unwrap(), ext);
        }
    }

    #[test]
    fn byte_readers_refuse_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let key = SigningKey::from_seed("k", &[1; 32]).unwrap();
        prop_assert!(Record::parse(0, &bytes).is_err());
        prop_assert!(verify_ndjson(&bytes[..], key.verifier_key(), None).is_err());
        prop_assert!(AuditReader::read_ndjson(&bytes[..], None, None).is_err());
    }

    #[test]
    fn damaged_entries_are_refused_or_read(at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..6), cut in 0_usize..6) {
        let mut bytes = log_of(1).entry(1).unwrap().bytes().to_vec();
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, with);
        if let Ok(record) = Record::parse(1, &bytes) {
            prop_assert_eq!(record.bytes(), &bytes[..]);
            prop_assert!(record.event().is_none_or(|event| !event.chars().any(char::is_control)));
        }
    }
}
