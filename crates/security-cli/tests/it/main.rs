//! The command as a user runs it, one file a theme.

mod approvals;
mod audit;
mod audit_append;
mod audit_evidence;
mod audit_forms;
mod audit_read;
mod audit_served;
mod budget;
mod budget_read;
mod budget_stage;
mod budget_store;
mod configuration;
mod configuration_diff;
mod consent;
mod consent_evidence;
mod crash;
mod demo;
mod gate;
mod gates;
mod manual;
mod metrics;
mod stack;
mod stage;
mod support;
mod trust;
mod trust_store;
