//! How a call can end, in the words of the log.

/// How a call, or what it streams, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// With its last event.
    Complete,
    /// It was stopped, for it used more than was held.
    HoldUsedUp,
    /// The connection broke, or the last event never came.
    Disconnected,
    /// The provider reported an error, or sent what cannot be read.
    Failed,
    /// The caller stopped reading.
    Aborted,
}

impl End {
    /// As the log calls it.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::HoldUsedUp => "hold_used_up",
            Self::Disconnected => "disconnected",
            Self::Failed => "provider_error",
            Self::Aborted => "aborted",
        }
    }
}
