//! The one stack that an engine and its managers share, until it is closed or the process is another one.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use pyo3::Python;
use security_bundle::trust_gate::Decay;
use security_bundle::{SecurityStack, SecurityStackConfig, create_security_stack};

use crate::failure::Failure;
use crate::fork::Generation;

/// The stack, its place in this process, and what the Python face adds to assignments.
pub(crate) struct Seat {
    stack: ArcSwapOption<SecurityStack>,
    generation: Generation,
    /// Tells one engine's actions from another's.
    number: u64,
    /// Whether an act may wait for a disk.
    is_durable: bool,
    /// What wears out the levels that are set by hand.
    pub(crate) decay: Decay,
}

impl Seat {
    /// Opens a stack. Blocks on reading the data directory, where there is one.
    pub(crate) fn open(config: SecurityStackConfig, decay: Decay) -> Result<Self, Failure> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let is_durable = config.data_dir.is_some();
        let stack = create_security_stack(config)?;
        Ok(Self {
            stack: ArcSwapOption::from_pointee(stack),
            generation: Generation::current(),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            is_durable,
            decay,
        })
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.is_durable
    }

    /// The stack, for as long as one call needs it.
    pub(crate) fn stack(&self) -> Result<Arc<SecurityStack>, Failure> {
        if !self.generation.is_here() {
            return Err(Failure::Forked);
        }
        self.stack.load_full().ok_or(Failure::Closed)
    }

    /// Asks what no disk is waited for.
    pub(crate) fn ask<T>(
        &self,
        question: impl FnOnce(&SecurityStack) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if !self.generation.is_here() {
            return Err(Failure::Forked);
        }
        let stack = self.stack.load();
        question(stack.as_ref().ok_or(Failure::Closed)?)
    }

    /// Does what may wait for a disk, and lets other threads run meanwhile where it may.
    pub(crate) fn act<T: Send>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&SecurityStack) -> Result<T, Failure> + Send,
    ) -> Result<T, Failure> {
        if self.is_durable {
            let stack = self.stack()?;
            py.detach(|| act(&stack))
        } else {
            self.ask(act)
        }
    }

    /// Lets go of the stack; what is still running on it ends first.
    pub(crate) fn close(&self) {
        if self.generation.is_here() {
            drop(self.stack.swap(None));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.generation.is_here() {
            // Its threads are the parent's: to wait for them here would be for ever.
            mem::forget(self.stack.swap(None));
        }
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
