//! An operator's line to the owner of a data directory: what is asked over it is in force in the running gates at once.

use std::path::Path;

use super::service::Request;
use super::socket_of;
use crate::control::{CallError, Client, ConnectError, Hello, Role, decode, encode};
use crate::operator::{OperatorAnswer, OperatorRefusal, OperatorRequest};

/// A connection to the process that owns a data directory, for an operator of the same user.
#[derive(Debug, Clone)]
pub struct OperatorLine {
    client: Client,
}

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorLineError {
    /// Nobody owns the directory now: it can be opened instead.
    #[error("no process owns the data directory")]
    NoOwner,
    /// Somebody does, and cannot be asked.
    #[error("the owner of the data directory cannot be asked: {0}")]
    Unreachable(String),
}

impl OperatorLine {
    /// Reaches the owner of this data directory. `name` is what the log calls the caller. Blocks for five seconds at most.
    ///
    /// # Errors
    /// Nobody is there, or the caller is not let in.
    pub fn connect(directory: impl AsRef<Path>, name: &str) -> Result<Self, OperatorLineError> {
        let hello = Hello {
            role: Role::Operator,
            config: None,
            name: name.to_owned(),
        };
        match Client::connect(&socket_of(directory.as_ref()), &hello) {
            Ok(client) => Ok(Self { client }),
            Err(ConnectError::NoOwner { .. }) => Err(OperatorLineError::NoOwner),
            Err(error) => Err(OperatorLineError::Unreachable(error.to_string())),
        }
    }

    /// Has the owner do what is asked. Blocks until it has.
    ///
    /// # Errors
    /// What was refused; the code is `owner_gone` where it cannot be told whether it was done.
    pub fn perform(&self, request: &OperatorRequest) -> Result<OperatorAnswer, OperatorRefusal> {
        let refused = |error: CallError| match error {
            CallError::Refused(refusal) => OperatorRefusal::new(&refusal.code, refusal.message),
            CallError::Gone(gone) => OperatorRefusal::new("owner_gone", gone.to_string()),
            error @ CallError::TooLarge { .. } => {
                OperatorRefusal::new("refused", error.to_string())
            }
        };
        let request = encode(&Request::Operate(Box::new(request.clone())))
            .map_err(|refusal| refused(refusal.into()))?;
        let answer = self.client.call_blocking(request).map_err(refused)?;
        decode(&answer).map_err(|refusal| refused(refusal.into()))
    }
}
