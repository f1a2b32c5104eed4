//! A door for fuzzers to everything that reads bytes from a disk or from others: each function takes any bytes and panics where a promise is broken.
//!
//! What is promised: nothing panics; what is read is written to the same bytes again, so that there is one form of everything; and nothing that was
//! not signed opens. In tests the same functions run on arbitrary bytes and on damaged good ones.

use std::sync::LazyLock;

use uuid::Uuid;

use crate::checkpoint::{Checkpoint, parse_body};
use crate::cosignature::CosignerVerifierKey;
use crate::cursor::Cursor;
use crate::durable::frame::{self, ALIGN, Frame, HEADER, Header};
use crate::durable::index::blocks;
use crate::durable::index::sealed::Sealed;
use crate::durable::segment::{BLOCK, Start};
use crate::entry::Entry;
use crate::ext::Ext;
use crate::note::{Note, SigningKey, VerifierKey};
use crate::policy::TlogPolicy;
use crate::receipt::Receipt;
use crate::record::Record;
use crate::tiles::{TilePath, decode_bundle, encode_bundle};
use crate::tree::{CompactRange, leaf_hash};
use crate::witness::AddCheckpoint;
use crate::{AuditLog, verify_chain, verify_ndjson};

/// What a fuzzer calls.
pub type Target = fn(&[u8]);

/// Every target and its name.
pub const TARGETS: [(&str, Target); 12] = [
    ("frame", frame),
    ("segment", segment),
    ("index", index),
    ("entry", entry),
    ("ndjson", ndjson),
    ("note", note),
    ("receipt", receipt),
    ("request", request),
    ("policy", policy),
    ("tile", tile),
    ("cursor", cursor),
    ("chain", chain),
];

/// Good bytes for the target of that name, to begin with.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let sample = &*SAMPLE;
    let texts: &[&str] = match target {
        "frame" => return vec![sample.frame.clone()],
        "segment" => return vec![sample.segment.clone()],
        "index" => return vec![vec![0; 256]],
        "entry" => return sample.entries.clone(),
        "ndjson" => &[&sample.ndjson],
        "note" => &[&sample.note],
        "receipt" => &[&sample.receipt],
        "request" => &[&sample.request],
        "policy" => &[&sample.policy],
        "tile" => {
            return vec![
                sample.bundle.clone(),
                b"\0\0tile/entries/x001/234.p/17".to_vec(),
            ];
        }
        "cursor" => &[&sample.cursor],
        "chain" => &[CHAIN],
        _ => &[],
    };
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Commit frames. The checksums are made to hold, too, for no fuzzer guesses one.
pub fn frame(bytes: &[u8]) {
    let mut sealed = bytes.to_vec();
    if let Some((body, crc)) = sealed
        .split_at_mut_checked(48)
        .and_then(|(body, rest)| Some((body, rest.first_chunk_mut::<4>()?)))
    {
        body.iter_mut()
            .zip(frame::MAGIC)
            .for_each(|(byte, magic)| *byte = magic);
        *crc = crc32c::crc32c(body).to_be_bytes();
    }
    if let Some(header) = Header::decode(&sealed) {
        let content = header.payload.saturating_add(header.note);
        if let Some((content, rest)) = sealed
            .get_mut(HEADER..)
            .and_then(|rest| rest.split_at_mut_checked(content))
            && let Some(crc) = rest.first_chunk_mut::<4>()
        {
            *crc = crc32c::crc32c(content).to_be_bytes();
        }
    }
    for bytes in [bytes, &sealed] {
        let Some(frame) = Frame::decode(bytes) else {
            continue;
        };
        let payload: Vec<u8> = frame
            .entries()
            .flat_map(|(_, entry)| [&bundle_length(entry)[..], entry].concat())
            .collect();
        let mut again = Vec::new();
        frame::encode(&frame.header, &payload, frame.note.as_bytes(), &mut again);
        assert_eq!(
            bytes.get(..again.len()),
            Some(&again[..]),
            "a frame is written otherwise than it was read"
        );
        assert_eq!(
            again.len(),
            again.len().next_multiple_of(ALIGN),
            "frames are aligned"
        );
        for (at, entry) in frame.entries() {
            assert_eq!(
                bytes.get(at..at.saturating_add(entry.len())),
                Some(entry),
                "an entry stands where the frame says"
            );
        }
    }
}

fn bundle_length(entry: &[u8]) -> [u8; 2] {
    u16::try_from(entry.len()).unwrap_or_default().to_be_bytes()
}

/// First blocks of segments, with a checksum that holds.
pub fn segment(bytes: &[u8]) {
    let mut block = bytes.to_vec();
    block.resize(BLOCK.saturating_sub(4), 0);
    let crc = crc32c::crc32c(&block);
    block.extend_from_slice(&crc.to_be_bytes());
    if let Some(start) = Start::decode(&block) {
        assert_eq!(
            start.encode(),
            block,
            "a first block is written otherwise than it was read"
        );
    }
}

/// Index files, with checksums that hold: whatever is in them, asking is answered or an error.
pub fn index(bytes: &[u8]) {
    for file in [bytes.to_vec(), blocks::encode(bytes)] {
        let Ok(sealed) = Sealed::in_memory(file) else {
            continue;
        };
        let all = 0..u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        drop((
            sealed.offsets(&all),
            sealed.times(&all),
            sealed.zones(),
            sealed.wide(),
        ));
        drop((sealed.posting(&[7; 16], &all), sealed.of_id(Uuid::nil())));
    }
}

/// Entries, as they stand in a log and as a caller hands them in, and their `ext`.
pub fn entry(bytes: &[u8]) {
    if let Ok(record) = Record::parse(1, bytes) {
        assert_eq!(record.bytes(), bytes, "an entry is its bytes");
        let texts = [
            record.agent(),
            record.session(),
            record.event(),
            record.operator(),
            record.reason(),
        ];
        assert!(
            !texts
                .into_iter()
                .flatten()
                .any(|text| text.chars().any(char::is_control)),
            "a control character"
        );
    }
    if let Ok(entry) = Entry::from_json("fuzz", bytes) {
        let log = AuditLog::builder().namespace("fuzz").build();
        if let Ok(log) = log
            && let Ok(appended) = log.log(entry)
        {
            let bytes = log
                .entry(appended.index)
                .map(|record| record.bytes().to_vec())
                .unwrap_or_default();
            assert!(
                Record::parse(1, &bytes).is_ok(),
                "what was appended does not parse"
            );
        }
    }
    if let Ok(ext) = std::str::from_utf8(bytes).map_or(Ext::parse(""), Ext::parse) {
        assert!(
            Ext::parse(ext.as_str()) == Ok(ext),
            "an ext is read otherwise than it was written"
        );
    }
}

/// Exported files.
pub fn ndjson(bytes: &[u8]) {
    drop(verify_ndjson(bytes, KEY.verifier_key(), None));
    if let Ok(verified) = verify_ndjson(bytes, STRANGER.verifier_key(), None) {
        assert_eq!(verified.covered_size, 0, "this key has signed nothing");
    }
}

/// Notes, checkpoints, and verifier keys.
pub fn note(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(note) = Note::parse(text) {
        assert!(text.starts_with(note.text()), "a note begins with its text");
        drop(parse_body(note.text()));
    }
    if let Ok(checkpoint) = Checkpoint::open(text, KEY.verifier_key()) {
        assert_eq!(checkpoint.as_str(), text, "a checkpoint is its text");
    }
    assert!(
        Checkpoint::open(text, STRANGER.verifier_key()).is_err(),
        "this key has signed nothing"
    );
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(
            key.to_string(),
            text,
            "a key is written otherwise than it was read"
        );
    }
    if let Ok(key) = text.parse::<CosignerVerifierKey>() {
        assert_eq!(
            key.to_string(),
            text,
            "a key is written otherwise than it was read"
        );
    }
}

/// Receipts (C2SP tlog-proof).
pub fn receipt(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(receipt) = text.parse::<Receipt>()
    {
        assert_eq!(
            receipt.to_string(),
            text,
            "a receipt is written otherwise than it was read"
        );
        let verified = receipt.verify(b"an entry that is in no log", KEY.verifier_key(), None);
        assert!(verified.is_err(), "a receipt for what is in no log");
    }
}

/// Bodies of `add-checkpoint` requests (C2SP tlog-witness).
pub fn request(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(request) = text.parse::<AddCheckpoint>()
    {
        assert_eq!(
            request.to_string(),
            text,
            "a request is written otherwise than it was read"
        );
    }
}

/// Policy files (C2SP tlog-policy), and what they say of a checkpoint that nobody has cosigned.
pub fn policy(bytes: &[u8]) {
    if let Ok(policy) = TlogPolicy::from_bytes(bytes)
        && let Ok(checkpoint) = Checkpoint::open(&SAMPLE.note, KEY.verifier_key())
        && let Ok(quorum) = policy.evaluate(&checkpoint)
    {
        assert_eq!(quorum.witnesses().signed, 0, "nobody has cosigned");
        assert_eq!(
            quorum.witnesses().known,
            policy.witnesses().count() as u64,
            "every witness counts once"
        );
    }
}

/// Entry bundles, of as many entries as the first two bytes say, and paths of tiles.
pub fn tile(bytes: &[u8]) {
    let Some((width, rest)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    if let Ok(entries) = decode_bundle(rest, u16::from_be_bytes(*width)) {
        let again = encode_bundle(entries);
        assert_eq!(
            again.as_deref(),
            Ok(rest),
            "a bundle is written otherwise than it was read"
        );
    }
    if let Ok(text) = std::str::from_utf8(rest)
        && let Ok(path) = text.parse::<TilePath>()
    {
        assert_eq!(
            path.to_string(),
            text,
            "a path is written otherwise than it was read"
        );
    }
}

/// Cursors.
pub fn cursor(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(cursor) = text.parse::<Cursor>()
    {
        assert_eq!(
            cursor.to_string(),
            text,
            "a cursor is written otherwise than it was read"
        );
    }
}

/// Hash chains of the logs that came before.
pub fn chain(bytes: &[u8]) {
    if let Ok(verified) = verify_chain(bytes) {
        assert!(
            verified.records <= bytes.len() as u64,
            "more records than bytes"
        );
    }
}

static KEY: LazyLock<SigningKey> = LazyLock::new(|| key(42));
/// Signs nothing.
static STRANGER: LazyLock<SigningKey> = LazyLock::new(|| key(43));

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed("fuzz.example/log", &[seed; 32]).unwrap_or_else(|_| std::process::abort())
}

/// One small log in every form.
struct Sample {
    frame: Vec<u8>,
    segment: Vec<u8>,
    entries: Vec<Vec<u8>>,
    bundle: Vec<u8>,
    ndjson: String,
    note: String,
    receipt: String,
    request: String,
    policy: String,
    cursor: String,
}

static SAMPLE: LazyLock<Sample> =
    LazyLock::new(|| sample().unwrap_or_else(|_| std::process::abort()));

/// A chain of one record.
const CHAIN: &str = r#"{"action":"deploy","agentId":"agent-2","id":"22222222-2222-4222-8222-222222222222","permitted":false,"previousHash":"0000000000000000000000000000000000000000000000000000000000000000","recordHash":"66b8331199c7a2c6eab388bba5e4fdf7dc28917bd0e7539db8bfed1fb5362b7f","timestamp":"2026-01-01T00:00:01.000Z"}
"#;

fn sample() -> Result<Sample, Box<dyn std::error::Error>> {
    let log = AuditLog::builder()
        .namespace("fuzz")
        .signer(key(42))
        .build()?;
    let ext = Ext::parse(r#"{"list":[1,2.5,null,{"x":"y"}]}"#)?;
    log.log(
        Entry::event("step")
            .agent("a")
            .session("s")
            .reason("because")
            .ext(ext),
    )?;
    log.log(
        Entry::decision(crate::DecisionFields::new(
            crate::Outcome::Deny,
            "no_record",
        ))
        .operator("ops@example.com"),
    )?;
    let checkpoint = log.checkpoint()?;
    let entries: Vec<Vec<u8>> = log
        .latest(3)?
        .iter()
        .map(|record| record.bytes().to_vec())
        .collect();
    let payload = encode_bundle(entries.iter().map(Vec::as_slice))?;
    let header = Header {
        payload: payload.len(),
        count: 3,
        note: checkpoint.as_str().len(),
        first: 0,
        time: 1,
        segment: [7; 16],
    };
    let mut bytes = Vec::new();
    frame::encode(
        &header,
        &payload,
        checkpoint.as_str().as_bytes(),
        &mut bytes,
    );
    let mut range = CompactRange::default();
    for entry in &entries {
        range.push(leaf_hash(entry));
    }
    let start = Start {
        id: [7; 16],
        range,
        time: 1,
        note: checkpoint.as_str().to_owned(),
    };
    let mut ndjson = Vec::new();
    log.export_ndjson(&mut ndjson)?;
    let witness = crate::CosignerKey::from_seed("w.example", &[1; 32])?;
    let page = log.query(&crate::Filter::new().limit(1))?;
    Ok(Sample {
        frame: bytes,
        segment: start.encode(),
        bundle: [&[0, 3][..], &payload].concat(),
        entries,
        ndjson: String::from_utf8(ndjson)?,
        note: checkpoint.as_str().to_owned(),
        receipt: log.receipt(1)?.to_string(),
        request: AddCheckpoint::new(2, log.consistency_proof(2, 3)?, checkpoint.as_str())?
            .to_string(),
        policy: format!(
            "log {}\nwitness w {}\ngroup g any w\nquorum g\n",
            KEY.verifier_key(),
            witness.verifier_key()
        ),
        cursor: page
            .next
            .map(|cursor| cursor.to_string())
            .unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A good sample with a piece cut out and other bytes put in, twice; or bytes that never were anything.
    fn bytes(target: &'static str) -> impl Strategy<Value = Vec<u8>> {
        let piece = || {
            (
                any::<prop::sample::Index>(),
                0_usize..9,
                prop::collection::vec(any::<u8>(), 0..9),
            )
        };
        let damaged = (
            any::<prop::sample::Index>(),
            prop::collection::vec(piece(), 0..3),
        )
            .prop_map(move |(seed, pieces)| {
                let seeds = seeds(target);
                let mut bytes = seed.get(&seeds).clone();
                for (at, cut, put) in pieces {
                    let at = at.index(bytes.len() + 1);
                    let end = (at + cut).min(bytes.len());
                    bytes.splice(at..end, put);
                }
                bytes
            });
        prop_oneof![4 => damaged, 1 => prop::collection::vec(any::<u8>(), 0..400)]
    }

    #[test]
    fn every_target_has_seeds_and_keeps_its_promises_on_them() {
        for (name, target) in TARGETS {
            let seeds = seeds(name);
            assert!(!seeds.is_empty(), "{name}");
            for seed in &seeds {
                target(seed);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn promises_are_kept_on_damaged_and_arbitrary_bytes((number, bytes) in (0..TARGETS.len()).prop_flat_map(|number| (Just(number), bytes(TARGETS[number].0)))) {
            TARGETS[number].1(&bytes);
        }
    }
}
