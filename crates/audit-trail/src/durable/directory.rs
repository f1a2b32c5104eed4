//! What a reader of a directory knows besides the catalog: whose log it is, and which key is in force.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::AuditError;
use crate::checkpoint::Checkpoint;
use crate::durable::catalog::Catalog;
use crate::durable::check::{self, Progress};
use crate::durable::segment::{self, Frames};
use crate::error::shortened;
use crate::filter::Filter;
use crate::kind::Kind;
use crate::note::{Note, NoteError, VerifierKey};
use crate::query::{Plan, View};
use crate::reader::{Whole, optional};
use crate::record::Record;
use crate::tree::{CompactRange, Hash};
use crate::verdict::{Verified, VerifyError};

/// A log's directory, to be read.
#[derive(Debug)]
pub(crate) struct Directory {
    catalog: Arc<Catalog>,
    namespace: String,
    origin: String,
    /// The key of the genesis entry, as the log itself says.
    genesis: VerifierKey,
    /// The key by which the caller knows the log.
    key: Option<VerifierKey>,
    first_leaf: Hash,
    /// The key that the caller's has led to, and up to which size that was looked at.
    in_force: Mutex<Option<(u64, VerifierKey)>>,
}

impl Directory {
    pub(crate) fn new(catalog: Arc<Catalog>, key: Option<VerifierKey>) -> Result<Self, AuditError> {
        // The newest segment is taken in when somebody reads what is in it.
        if catalog.size() == 0 && catalog.current()? == 0 {
            return Err(AuditError::Config(
                "there is no log in this directory, or nothing was committed to it yet".into(),
            ));
        }
        let record = catalog.record(0)?;
        let genesis = genesis_key(&record).ok_or_else(|| AuditError::Corrupt {
            file: segment::name(0),
            range: segment::BLOCK as u64..segment::BLOCK as u64,
            problem: "entry 0 is not a genesis entry that names the log's key".into(),
        })?;
        if let Some(key) = key.as_ref().filter(|key| key.name() != genesis.name()) {
            return Err(AuditError::Config(format!(
                "the directory holds the log `{}`, not `{}`",
                shortened(genesis.name()),
                shortened(key.name())
            )));
        }
        Ok(Self {
            catalog,
            namespace: record.namespace().to_owned(),
            origin: genesis.name().to_owned(),
            genesis,
            key,
            first_leaf: *record.leaf(),
            in_force: Mutex::default(),
        })
    }

    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn key(&self) -> Option<&VerifierKey> {
        self.key.as_ref()
    }

    /// The newest commit's checkpoint.
    pub(crate) fn checkpoint(&self) -> Result<Checkpoint, AuditError> {
        self.newest().map(|(checkpoint, _)| checkpoint)
    }

    /// The key that the newest checkpoint opens with.
    pub(crate) fn key_in_force(&self) -> Result<VerifierKey, AuditError> {
        self.newest().map(|(_, key)| key)
    }

    fn newest(&self) -> Result<(Checkpoint, VerifierKey), AuditError> {
        self.catalog.current()?;
        let key = self.key.as_ref().ok_or(AuditError::NoCheckpoint)?;
        let note = self.catalog.note()?;
        match Checkpoint::open(&note, key) {
            Err(NoteError::Unsigned) => {}
            opened => return Ok((opened?, key.clone())),
        }
        // Signed by others: perhaps by the key that this one has led to.
        let key = self.in_force(key)?;
        Ok((Checkpoint::open(&note, &key)?, key))
    }

    pub(crate) fn plan(&self, filter: &Filter) -> Result<(View, Plan), AuditError> {
        let size = self.catalog.current()?;
        let plan = Plan::new(filter, &(0..size), filter.digest(Some(&self.first_leaf)))?;
        let view = View::Directory {
            catalog: Arc::clone(&self.catalog),
            range: plan.whole.clone(),
        };
        Ok((view, plan))
    }

    pub(crate) fn everything(&self) -> Result<Whole, AuditError> {
        let checkpoint = optional(self.checkpoint())?;
        let size = self.catalog.size();
        let size = checkpoint.as_ref().map_or(size, Checkpoint::size);
        Ok(Whole {
            view: View::Directory {
                catalog: Arc::clone(&self.catalog),
                range: 0..size,
            },
            before: CompactRange::default(),
            checkpoint,
        })
    }

    pub(crate) fn verify(
        &self,
        pin: Option<&Checkpoint>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Verified, VerifyError> {
        let rotations = self.rotations(0);
        let rotations = rotations.map_err(|error| VerifyError::Log(error.to_string()))?;
        let check = check::Check {
            files: self.catalog.files.afresh(),
            until: self.catalog.target(),
            genesis: &self.genesis,
            key: self.key.as_ref(),
            pin,
        };
        check.run(rotations, progress)
    }

    /// Follows rotations from `key` on. Each must have been signed for by the key before it, or anybody could append one.
    fn in_force(&self, key: &VerifierKey) -> Result<VerifierKey, AuditError> {
        let size = self.catalog.size();
        let known = self
            .in_force
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let (mut seen, mut current) = known.unwrap_or((0, key.clone()));
        if seen < size {
            let rotations = self.rotations(seen)?;
            let from = rotations.iter().position(|(_, new)| new == key);
            let from = from.map_or(0, |at| at.saturating_add(1));
            for (index, new) in rotations.into_iter().skip(from) {
                let note = self.note_covering(index)?;
                let note = Note::parse(&note)?;
                note.verify(&[&current])?;
                note.verify(&[&new])?;
                current = new;
            }
            seen = size;
        }
        let mut known = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((seen, current.clone()));
        Ok(current)
    }

    /// Rotation entries from `from` on, and the key that each names.
    fn rotations(&self, from: u64) -> Result<Vec<(u64, VerifierKey)>, AuditError> {
        let mut rotations = Vec::new();
        let range = from..self.catalog.size();
        let filter = Filter::new().kind(Kind::KeyRotation);
        self.catalog.visit(&range, &filter, 0, &mut |record| {
            rotations.extend(named_key(&record).map(|key| (record.index(), key)));
            ControlFlow::Continue(())
        })?;
        Ok(rotations)
    }

    /// The note of the commit that holds an entry.
    fn note_covering(&self, index: u64) -> Result<String, AuditError> {
        let out_of_range = AuditError::OutOfRange {
            index,
            size: self.catalog.size(),
        };
        let parts = self.catalog.parts(&(index..index.saturating_add(1)))?;
        let Some((first, _)) = parts.first() else {
            return Err(out_of_range);
        };
        let failed = || AuditError::storage(format!("reading {}", segment::name(*first)));
        if let Some((file, start)) = self.catalog.start(*first)? {
            let mut frames = Frames::new(file, &start).map_err(failed())?;
            while let Some((_, frame)) = frames.next().map_err(failed())? {
                if index < frame.header.end() {
                    return Ok(frame.note.to_owned());
                }
            }
        }
        Err(out_of_range)
    }
}

/// The key that a genesis entry names, if it is one and the key goes by the log's name.
pub(crate) fn genesis_key(record: &Record) -> Option<VerifierKey> {
    let genesis = record.kind() == Kind::Genesis && record.event() == Some(crate::SCHEMA);
    let origin = record.ext().filter(|_| genesis)?.to_value();
    let origin = origin.get("origin").and_then(Value::as_str)?.to_owned();
    named_key(record).filter(|key| key.name() == origin)
}

/// The key in an entry's `ext.key`.
pub(crate) fn named_key(record: &Record) -> Option<VerifierKey> {
    let ext = record.ext()?.to_value();
    ext.get("key")?.as_str()?.parse().ok()
}
