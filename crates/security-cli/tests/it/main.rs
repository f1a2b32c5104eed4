//! The command as a user runs it, one file a theme.

mod audit;
mod audit_append;
mod audit_evidence;
mod audit_forms;
mod audit_read;
mod audit_served;
mod configuration;
mod crash;
mod demo;
mod gate;
mod support;
