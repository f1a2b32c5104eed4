#![doc = include_str!("../README.md")]

// What Python hands in, and what it is told.
mod amounts;
mod argument;
mod failure;
mod json;
mod vocabulary;

// The engine and its four managers.
mod action;
mod answer;
mod approvals;
mod audit;
mod budget;
mod consent;
mod decision;
mod engine;
mod filter;
mod permit;
mod record;
mod reservation;
mod trust;
mod usage;

// Calls of language models, for the clients that are written in Python.
mod model_call;

// The seed's bundle, component by component.
mod bundle;

// What holds it together.
mod fork;
mod interpreter;
mod pending;
mod seat;
mod wakes;

/// The native part of `aumos_governance`.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::action::GovernanceAction;
    #[pymodule_export]
    use crate::answer::{BudgetCheckResult, Transaction};
    #[pymodule_export]
    use crate::approvals::{Approval, Approvals};
    #[pymodule_export]
    use crate::audit::{AuditLogger, Receipt, VerificationReport};
    #[pymodule_export]
    use crate::budget::BudgetManager;
    #[pymodule_export]
    use crate::bundle::{SessionBudget, TrustGate};
    #[pymodule_export]
    use crate::consent::{ConsentCheckResult, ConsentManager, ConsentRecord};
    #[pymodule_export]
    use crate::decision::GovernanceDecision;
    #[pymodule_export]
    use crate::engine::{Engine, check_configuration};
    #[pymodule_export]
    use crate::filter::{AuditFilter, AuditQueryResult};
    #[pymodule_export]
    use crate::fork::note_fork;
    #[pymodule_export]
    use crate::model_call::{CallBooking, ModelCall, PriceTable, provider_refusal};
    #[pymodule_export]
    use crate::pending::Pending;
    #[pymodule_export]
    use crate::permit::{Permit, Settlement};
    #[pymodule_export]
    use crate::record::AuditRecord;
    #[pymodule_export]
    use crate::reservation::Reservation;
    #[pymodule_export]
    use crate::trust::{TrustCheckResult, TrustManager};
    #[pymodule_export]
    use crate::usage::BudgetUtilization;
    #[pymodule_export]
    use crate::wakes::stop_wakes;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::interpreter::only_the_first(module.py())
    }
}
