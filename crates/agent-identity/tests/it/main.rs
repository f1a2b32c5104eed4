//! Behaviour through the public API. One file, one theme.

mod agents;
mod clock;
mod fixture;
mod forgery;
mod keys;
mod names;
mod replay;
mod secrecy;
mod surface;
mod tokens;

#[cfg(feature = "jwt")]
mod jwt;
