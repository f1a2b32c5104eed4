//! What happened, provably. Recording only.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use security_bundle::audit_trail::{
    self, AuditReader, Checkpoint, NoteError, Record, Verified, VerifierKey,
};
use security_bundle::{Entry, SecurityStack};
use uuid::Uuid;

use crate::argument::{Count, Text};
use crate::failure::Failure;
use crate::filter::{AuditFilter, AuditQueryResult};
use crate::record::AuditRecord;
use crate::seat::Seat;

/// The audit log of the engine.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug)]
pub(crate) struct AuditLogger(pub(crate) Arc<Seat>);

fn id(text: Text<'_>) -> Result<Uuid, Failure> {
    Uuid::parse_str(text.0).map_err(|_| {
        let given: String = text
            .0
            .chars()
            .take(64)
            .flat_map(char::escape_debug)
            .collect();
        Failure::argument(format_args!(
            "`{given}` is not the id of a record: it is no UUID"
        ))
    })
}

fn key(stack: &SecurityStack) -> Result<VerifierKey, Failure> {
    stack
        .audit
        .verifier_key()
        .cloned()
        .ok_or(Failure::Internal("the log has no key"))
}

fn note(error: NoteError) -> Failure {
    Failure::Evidence(error.into())
}

impl AuditLogger {
    /// Reads the log, which takes as long as the log is: other threads run meanwhile.
    fn read<T: Send>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(&SecurityStack) -> Result<T, Failure> + Send,
    ) -> Result<T, Failure> {
        let stack = self.0.stack()?;
        py.detach(|| question(&stack))
    }
}

#[pymethods]
impl AuditLogger {
    /// Records an event beside the decisions.
    #[pyo3(signature = (event, *, agent_id=None, session_id=None, reason=None, resource=None))]
    fn log(
        &self,
        py: Python<'_>,
        event: Text<'_>,
        agent_id: Option<Text<'_>>,
        session_id: Option<Text<'_>>,
        reason: Option<Text<'_>>,
        resource: Option<Text<'_>>,
    ) -> PyResult<AuditRecord> {
        let record = self.0.act(py, |stack| {
            let mut entry = Entry::event(event.0);
            if let Some(agent) = &agent_id {
                entry = entry.agent(agent.0);
            }
            if let Some(session) = &session_id {
                entry = entry.session(session.0);
            }
            if let Some(reason) = &reason {
                entry = entry.reason_text(reason.0);
            }
            if let Some(resource) = &resource {
                entry = entry.resource(resource.0);
            }
            let index = stack.audit.log(entry)?.index;
            Ok(stack.audit.entry(index)?)
        })?;
        Ok(AuditRecord(record))
    }

    #[pyo3(signature = (filter=None))]
    fn query(
        &self,
        py: Python<'_>,
        filter: Option<&Bound<'_, AuditFilter>>,
    ) -> PyResult<AuditQueryResult> {
        let filter = filter.map_or_else(AuditFilter::default, |filter| filter.get().clone());
        let page = self.read(py, |stack| Ok(stack.audit.query(&filter.to_filter())?))?;
        AuditQueryResult::new(py, page.records, page.total_matched.unwrap_or_default())
    }

    /// The newest records, newest first.
    #[pyo3(signature = (n=Count(10)), text_signature = "($self, n=10)")]
    fn latest(&self, py: Python<'_>, n: Count) -> PyResult<Vec<AuditRecord>> {
        let filter = audit_trail::Filter::new().newest_first().limit(n.length());
        let page = self.read(py, |stack| Ok(stack.audit.query(&filter)?))?;
        Ok(page.records.into_iter().map(AuditRecord).collect())
    }

    /// How many records there are.
    fn count(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.read(py, |stack| Ok(stack.audit.count()?))?)
    }

    /// The records of that id: a decision, and how what it permitted ended.
    fn get(&self, py: Python<'_>, record_id: Text<'_>) -> PyResult<Vec<AuditRecord>> {
        let id = id(record_id)?;
        let records = self.read(py, |stack| Ok(stack.audit.get(id)?))?;
        Ok(records.into_iter().map(AuditRecord).collect())
    }

    /// Checks every entry against the log's tree and its signature, and against a checkpoint that was kept.
    #[pyo3(signature = (checkpoint=None))]
    fn verify(&self, py: Python<'_>, checkpoint: Option<Text<'_>>) -> PyResult<VerificationReport> {
        let kept = checkpoint.map(|text| text.0);
        let verified = self.read(py, |stack| {
            let pin = kept
                .map(|text| Checkpoint::open(text, &key(stack)?).map_err(note))
                .transpose()?;
            Ok(stack.audit.verify(pin.as_ref())?)
        })?;
        Ok(VerificationReport(verified))
    }

    /// A signed statement of what the log holds now. Keep it elsewhere: what is missing later is found with it.
    fn checkpoint(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.read(py, |stack| Ok(stack.audit.checkpoint()?.to_string()))?)
    }

    /// The log's public key.
    #[getter]
    fn verifier_key(&self) -> PyResult<Option<String>> {
        Ok(self
            .0
            .ask(|stack| Ok(stack.audit.verifier_key().map(ToString::to_string)))?)
    }

    #[getter]
    fn namespace(&self) -> PyResult<String> {
        Ok(self.0.ask(|stack| Ok(stack.audit.namespace().to_owned()))?)
    }

    /// Shows offline, and to anybody, that the record is in the log: of a decision, its first entry.
    fn prove(&self, py: Python<'_>, record_id: Text<'_>) -> PyResult<Receipt> {
        let id = id(record_id)?;
        let receipt = self.read(py, |stack| {
            let found = stack.audit.get(id)?.into_iter().next();
            let record = found.ok_or_else(|| Failure::NotFound {
                what: "record",
                name: id.to_string(),
            })?;
            Receipt::of(&stack.audit, record)
        })?;
        Ok(receipt)
    }

    /// The same for the entry at a place in the log.
    fn receipt(&self, py: Python<'_>, index: Count) -> PyResult<Receipt> {
        let receipt = self.read(py, |stack| {
            if index.0 >= stack.audit.size()? {
                return Err(Failure::NotFound {
                    what: "entry",
                    name: index.0.to_string(),
                });
            }
            Receipt::of(&stack.audit, stack.audit.entry(index.0)?)
        })?;
        Ok(receipt)
    }

    /// The whole log, one entry a line, with the checkpoint at its end.
    fn export_ndjson<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let exported = self.read(py, |stack| {
            let mut bytes = Vec::new();
            stack.audit.export_ndjson(&mut bytes)?;
            Ok(bytes)
        })?;
        Ok(PyBytes::new(py, &exported))
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(Count(self.count(py)?).length())
    }
}

/// What a verification established.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug)]
pub(crate) struct VerificationReport(Verified);

#[pymethods]
impl VerificationReport {
    /// Whether the log is whole and signed to its end. Anything worse than that raises.
    #[getter]
    fn ok(&self) -> bool {
        self.0.fully_covered()
    }

    #[getter]
    fn fully_covered(&self) -> bool {
        self.0.fully_covered()
    }

    #[getter]
    fn size(&self) -> u64 {
        self.0.size
    }

    /// `tree`, `signed`, `pinned` or `witnessed`.
    #[getter]
    fn level(&self) -> String {
        self.0.level.to_string()
    }

    #[getter]
    fn root(&self) -> String {
        self.0.root.to_string()
    }

    fn __bool__(&self) -> bool {
        self.0.fully_covered()
    }

    fn __repr__(&self) -> String {
        format!("VerificationReport({})", self.0)
    }
}

/// A record, and all that is needed to show that it is in the log. `str()` is the receipt in the format of C2SP's tlog-proof.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug)]
pub(crate) struct Receipt {
    record: Record,
    receipt: audit_trail::Receipt,
}

impl Receipt {
    fn of(reader: &AuditReader, record: Record) -> Result<Self, Failure> {
        let receipt = reader.receipt(record.index())?;
        Ok(Self { record, receipt })
    }
}

#[pymethods]
impl Receipt {
    /// The exact bytes of the entry.
    #[getter]
    fn entry<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.record.bytes())
    }

    #[getter]
    fn record(&self) -> AuditRecord {
        AuditRecord(self.record.clone())
    }

    #[getter]
    fn index(&self) -> u64 {
        self.receipt.index()
    }

    /// The hashes from the entry to the log's root, in base64.
    #[getter]
    fn proof<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let hashes: Vec<String> = self
            .receipt
            .proof()
            .iter()
            .map(ToString::to_string)
            .collect();
        PyTuple::new(py, hashes)
    }

    #[getter]
    fn checkpoint(&self) -> &str {
        self.receipt.note()
    }

    /// Raises `VerificationError` where the receipt does not show, to whoever trusts this key, that the entry is in the log.
    #[pyo3(signature = (verifier_key, entry=None))]
    fn verify(&self, verifier_key: Text<'_>, entry: Option<&[u8]>) -> PyResult<()> {
        let key: VerifierKey = verifier_key.0.parse().map_err(note)?;
        let entry = entry.unwrap_or_else(|| self.record.bytes());
        self.receipt
            .verify(entry, &key, None)
            .map(drop)
            .map_err(|error| Failure::Evidence(error).into())
    }

    fn __str__(&self) -> String {
        self.receipt.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Receipt(index={})", self.receipt.index())
    }
}
