//! Fail closed, proven: whatever the log does at whichever moment of whatever is asked of a stack, an answer is a typed denial or
//! a permit that is in the log, nothing is held that is not accounted for, and each entry is there once or its loss is counted
//! (design: security-bundle, Order and rules 2, 3 and 6).

mod bench;
mod beside;
mod faulty;
mod half;
mod hanging;
mod reloading;
mod scenarios;
mod stages;
mod sums;

pub(crate) use self::bench::{Bench, Ground, State, agent, cost, ops, team};
pub(crate) use self::faulty::{Call, Fault, Faulty, Plan};
