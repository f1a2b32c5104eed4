//! The evidence bundle: entries with everything that a third party needs to verify them without us and without a network, as one archive.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

use super::columns::entry;
use super::{Exported, Selection};
use crate::AuditError;
use crate::checkpoint::Checkpoint;
use crate::filter::{Filter, Order};
use crate::hex::hex;
use crate::reader::AuditReader;

/// How a third party verifies by hand.
const README: &str = include_str!("evidence/README.md");
/// The same as a program that needs Python's standard library alone.
const VERIFY: &str = include_str!("evidence/verify.py");

impl AuditReader {
    /// Writes the entries that a filter finds as a tar archive that proves itself: unpacked anywhere, it is verified offline
    /// with `python3 verify.py`, or step by step with other people's tools as its `README.md` says.
    ///
    /// | file | what |
    /// |---|---|
    /// | `README.md` | how to verify, and what that shows |
    /// | `checkpoint` | signed note (C2SP tlog-checkpoint) that covers all the entries |
    /// | `entries.ndjson` | the exact entries, one a line, in the filter's order |
    /// | `manifest.json` | SHA-256 of each other file, and how much of the log was selected |
    /// | `proofs/<index>.tlog-proof` | a receipt for each entry (C2SP tlog-proof) |
    /// | `verifier-key` | the log's key (C2SP signed-note); whoever verifies compares it with one from elsewhere |
    /// | `verify.py` | stand-alone verifier, Python 3.8 or newer, standard library only; exit status 0 or 1 |
    ///
    /// Of one state of a log the archive is always the same, byte for byte. It proves what the entries say and where they
    /// stand, not that the filter found all: gaps between the indexes are entries that were not selected. Personal data behind
    /// commitments is not in it. Memory stays bounded; each proof is made twice.
    ///
    /// # Errors
    /// [`AuditError::NoCheckpoint`] without a signed checkpoint, [`AuditError::OutOfRange`] for an entry that no checkpoint
    /// covers yet, [`AuditError::Evicted`] for one that leaves memory meanwhile, [`AuditError::Export`] if `writer`
    /// fails; part of the archive may be written then. Otherwise as [`query`](Self::query).
    ///
    /// ```
    /// use audit_trail::{AuditLog, Entry, Filter};
    ///
    /// let log = AuditLog::builder().build()?;
    /// log.log(Entry::event("tool-call-complete"))?;
    /// let mut archive = Vec::new();
    /// let exported = log.export_evidence(&mut archive, &Filter::new())?;
    /// assert_eq!(exported.entries, 2);
    /// # Ok::<(), audit_trail::AuditError>(())
    /// ```
    pub fn export_evidence(
        &self,
        writer: impl Write,
        filter: &Filter,
    ) -> Result<Exported, AuditError> {
        let selection = self.select(filter)?;
        let checkpoint = self.checkpoint()?;
        // After a rotation not the key by which the caller knows the log.
        let key = self.key_in_force()?;
        let bundle = Bundle {
            log: self,
            selection: &selection,
            key: format!("{key}\n"),
            checkpoint: &checkpoint,
        };
        let contents = bundle.contents()?;
        let mut archive = Archive(io::BufWriter::new(writer));
        bundle.write(&contents, &mut archive)?;
        archive.finish().map_err(AuditError::Export)?;
        Ok(Exported {
            entries: contents.entries,
            checkpoint: Some(checkpoint),
        })
    }
}

/// What goes into one archive.
struct Bundle<'b> {
    log: &'b AuditReader,
    selection: &'b Selection<'b>,
    key: String,
    checkpoint: &'b Checkpoint,
}

/// What must be known of the entries before the first byte of the archive is written.
struct Contents {
    entries: u64,
    bytes: u64,
    sha256: String,
    /// Decimal digits of all the indexes together.
    digits: u64,
}

impl Bundle<'_> {
    fn contents(&self) -> Result<Contents, AuditError> {
        let (mut bytes, mut digits, mut sha256) = (0_u64, 0_u64, Sha256::new());
        let entries = self.selection.each(|record| {
            sha256.update(record.bytes());
            sha256.update(b"\n");
            bytes = bytes
                .saturating_add(record.bytes().len() as u64)
                .saturating_add(1);
            digits = digits.saturating_add(record.index().to_string().len() as u64);
            Ok(())
        })?;
        Ok(Contents {
            entries,
            bytes,
            sha256: hex(&sha256.finalize()),
            digits,
        })
    }

    /// The files in the order of their names, proofs in the order of the entries.
    fn write(
        &self,
        contents: &Contents,
        archive: &mut Archive<impl Write>,
    ) -> Result<(), AuditError> {
        archive.text("README.md", README)?;
        archive.text("checkpoint", self.checkpoint.as_str())?;
        archive.begin("entries.ndjson", contents.bytes)?;
        self.selection.each(|record| {
            archive.part(entry(record))?;
            archive.part("\n")
        })?;
        archive.end(contents.bytes)?;
        self.write_manifest(contents, archive)?;
        self.selection.each(|record| {
            archive.text(&proof_name(&record.index()), &self.proof(record.index())?)
        })?;
        archive.text("verifier-key", &self.key)?;
        archive.text("verify.py", VERIFY)
    }

    fn proof(&self, index: u64) -> Result<String, AuditError> {
        Ok(self.log.receipt_under(index, self.checkpoint)?.to_string())
    }

    /// One line for each file: the size is known from the number of lines and the digits of the indexes, before a proof is made.
    fn write_manifest(
        &self,
        contents: &Contents,
        archive: &mut Archive<impl Write>,
    ) -> Result<(), AuditError> {
        let line = |name: &str, sha256: &str| format!("    \"{name}\": \"{sha256}\"");
        let digest = |text: &str| hex(&Sha256::digest(text));
        let before = format!(
            "{{\n  \"files\": {{\n{},\n{},\n{},\n",
            line("README.md", &digest(README)),
            line("checkpoint", &digest(self.checkpoint.as_str())),
            line("entries.ndjson", &contents.sha256),
        );
        let order = match self.selection.filter.order {
            Order::Ascending => "ascending",
            Order::Descending => "descending",
        };
        let origin = serde_json::Value::from(self.checkpoint.origin());
        let after = format!(
            "{},\n{}\n  }},\n  \"format\": \"audit-trail evidence v1\",\n  \"log\": {{ \"origin\": {origin}, \"size\": {} }},\n  \"selected\": {{ \"entries\": {}, \"order\": \"{order}\" }}\n}}\n",
            line("verifier-key", &digest(&self.key)),
            line("verify.py", &digest(VERIFY)),
            self.checkpoint.size(),
            contents.entries,
        );
        // Index and digest apart, each proof's line is as long as any other.
        let each = line(&proof_name(&""), &digest("")).len().saturating_add(2);
        let size = contents
            .entries
            .saturating_mul(each as u64)
            .saturating_add(contents.digits)
            .saturating_add(before.len() as u64)
            .saturating_add(after.len() as u64);
        archive.begin("manifest.json", size)?;
        archive.part(&before)?;
        self.selection.each(|record| {
            let sha256 = digest(&self.proof(record.index())?);
            archive.part(&line(&proof_name(&record.index()), &sha256))?;
            archive.part(",\n")
        })?;
        archive.part(&after)?;
        archive.end(size)
    }
}

fn proof_name(index: &impl std::fmt::Display) -> String {
    format!("proofs/{index}.tlog-proof")
}

/// A tar archive whose headers say nothing of when, where and by whom it was made.
struct Archive<W: Write>(io::BufWriter<W>);

/// What files in a tar archive are filled up to.
const BLOCK: u64 = 512;

impl<W: Write> Archive<W> {
    fn text(&mut self, name: &str, text: &str) -> Result<(), AuditError> {
        self.begin(name, text.len() as u64)?;
        self.part(text)?;
        self.end(text.len() as u64)
    }

    fn begin(&mut self, name: &str, size: u64) -> Result<(), AuditError> {
        let mut header = tar::Header::new_gnu();
        header.set_path(name).map_err(AuditError::Export)?;
        header.set_size(size);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        self.0
            .write_all(header.as_bytes())
            .map_err(AuditError::Export)
    }

    fn part(&mut self, text: &str) -> Result<(), AuditError> {
        self.0
            .write_all(text.as_bytes())
            .map_err(AuditError::Export)
    }

    /// Fills up a file of `size` bytes.
    fn end(&mut self, size: u64) -> Result<(), AuditError> {
        let missing = size.next_multiple_of(BLOCK).saturating_sub(size);
        self.zeros(missing).map_err(AuditError::Export)
    }

    fn finish(mut self) -> io::Result<()> {
        self.zeros(BLOCK.saturating_mul(2))?;
        self.0.flush()
    }

    fn zeros(&mut self, count: u64) -> io::Result<()> {
        io::copy(&mut io::Read::take(io::repeat(0), count), &mut self.0).map(|_| ())
    }
}
