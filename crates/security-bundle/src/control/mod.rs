//! The local control socket: how other processes reach the one owner of a data directory.
//!
//! What is asked and answered is not known here. A [`Server`] hands each request to a [`Service`]; a [`Client`] asks from any
//! executor or none. Both do their reading and writing on a thread of their own, so that nobody else needs a runtime.
//!
//! The socket is a file that only its owner may open (0600 from its first moment, in a directory that only its owner may write), and
//! each side looks at the other's credentials before it believes a byte.

mod client;
mod connection;
mod frame;
mod link;
mod message;
mod peer;
mod server;
mod socket;
mod wire;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;

use serde_json::value::RawValue;

#[cfg(test)]
pub(crate) use self::client::Gone;
pub(crate) use self::client::{CallError, Client, ConnectError, JOINING};
pub(crate) use self::message::{Hello, Refusal, Role, decode, encode};
pub(crate) use self::peer::Peer;
#[cfg(test)]
pub(crate) use self::server::BindError;
pub(crate) use self::server::Server;

/// What the owner of a data directory does for those who reach it. Called on the server's thread, for all connections in turn, so that
/// nothing here may wait for something slow other than by `.await`.
pub(crate) trait Service: Send + Sync + 'static {
    /// One joined process: a connection of it. Dropped once the connection is gone and its requests are.
    type Seat: Send + Sync + 'static;

    /// Lets a process in, or says why not.
    fn join(&self, hello: Hello, peer: Peer) -> Result<Self::Seat, Refusal>;

    /// Answers one request. The future is dropped, wherever it stands, when the asking side cancels or goes.
    fn handle(
        &self,
        seat: &Arc<Self::Seat>,
        request: Box<RawValue>,
    ) -> impl Future<Output = Result<Box<RawValue>, Refusal>> + Send;

    /// A process of somebody who has no business here was turned away, before a byte of it was read.
    fn stranger(&self, peer: Peer);
}
