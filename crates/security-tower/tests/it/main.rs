//! The layer through its public API: around services in memory, and in real servers under real clients.

mod axum_app;
mod body_end;
mod collected;
mod denials;
mod grpc;
mod identity;
mod support;
mod transaction;
