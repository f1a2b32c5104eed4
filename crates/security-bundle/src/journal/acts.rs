//! Records what operators do before a component takes it, and whatever else a component has to keep.

use std::fmt;
use std::sync::Arc;

use audit_trail::{Entry, Ext};

use super::line::LineOf;
use super::under_way;
use crate::recorder::{RecordError, Recorded, Recorder};

/// Stands for whoever acted without a name.
pub(super) const UNNAMED: &str = "unnamed";

impl fmt::Debug for Acts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acts")
    }
}

/// The components' way into the log.
#[derive(Clone)]
pub(crate) struct Acts(Arc<dyn Recorder>);

impl Acts {
    pub(crate) fn new(recorder: Arc<dyn Recorder>) -> Self {
        Self(recorder)
    }

    /// Puts an entry into the log's queue, with the change of state that it tells of.
    pub(crate) fn write(
        &self,
        entry: Entry<'_>,
        line: LineOf<'_>,
        besides: Option<&serde_json::Value>,
    ) -> Result<Recorded, RecordError> {
        self.0.record(entry.ext(line.ext(besides)?))
    }

    /// Puts an entry into the log's queue that tells of no change of state.
    pub(crate) fn note(
        &self,
        entry: Entry<'_>,
        besides: &serde_json::Value,
    ) -> Result<Recorded, RecordError> {
        let ext = Ext::encode(besides).map_err(RecordError::new)?;
        self.0.record(entry.ext(ext))
    }

    /// Returns once the entry, and with it all before it, is stored: acts are rare, and whoever made one waits for it. In the
    /// middle of a decision nobody waits here, for the decision waits for its own entry, which comes later.
    pub(crate) fn stored(&self, recorded: &Recorded) -> Result<(), RecordError> {
        if recorded.stored || under_way::is_deciding() {
            return Ok(());
        }
        self.0.wait(recorded)
    }
}
