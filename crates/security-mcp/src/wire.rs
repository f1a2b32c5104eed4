//! The wire: lines of JSON-RPC, read strictly and written plainly. No policy lives here.

mod fault;
mod id;
mod line;
mod message;
mod object;
mod reply;

pub(crate) use fault::Fault;
pub use id::RequestId;
pub(crate) use line::{Line, LineReader};
pub(crate) use message::{Message, Outcome, peek, read, unambiguous};
pub(crate) use object::Object;
pub(crate) use reply::{error, tool_refusal};
