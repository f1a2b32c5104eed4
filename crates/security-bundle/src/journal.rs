//! The components' journals: whatever changes their state is an entry of the audit log (design: security-bundle, One log, one truth).

mod acts;
mod audited;
mod budget;
mod consent;
mod line;
mod restore;
mod trust;
pub(crate) mod under_way;

pub(crate) use self::acts::Acts;
pub(crate) use self::audited::{Audited, Book};
pub(crate) use self::budget::{BudgetActs, BudgetLog, BudgetReading};
pub(crate) use self::line::{KEY, LineOf};
pub(crate) use self::restore::{RestoreError, Restored};
