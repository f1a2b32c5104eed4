//! Where a node's one slice is, what is left of it, and what has to be sent next: no clock, no lock, no network.

use std::time::Duration;

use super::wire::{Lease, LeaseRequest, LeaseReturn};
use crate::amounts::{Amounts, Dimension};
use crate::moment::Moment;

pub(super) struct State {
    pub(super) slice: Slice,
    pub(super) is_closed: bool,
}

/// Where the one slice is.
pub(super) enum Slice {
    None,
    /// Asked for, and perhaps granted.
    Asked {
        request: LeaseRequest,
        since: Reading,
    },
    Open {
        lease: Lease,
        spent: Amounts,
        since: Reading,
    },
    /// Spent no further, and perhaps returned.
    Owed(LeaseReturn),
}

#[derive(Clone, Copy)]
pub(super) enum Reading {
    Elapsed(Duration),
    Wall(Moment),
}

/// What has to be sent.
pub(super) enum Step {
    Ask(LeaseRequest),
    Return(LeaseReturn),
    Nothing,
}

impl State {
    /// What has to be sent before there is no slice; one that is open is closed with that.
    pub(super) fn next(&mut self) -> Step {
        if let Slice::Open { lease, spent, .. } = &self.slice {
            self.slice = Slice::Owed(unspent(lease, spent));
        }
        match &self.slice {
            Slice::Asked { request, .. } => Step::Ask(request.clone()),
            Slice::Owed(lease) => Step::Return(*lease),
            Slice::None | Slice::Open { .. } => Step::Nothing,
        }
    }
}

/// How `lease` is returned. Every dimension of it is named: what is absent would count as spent.
pub(super) fn unspent(lease: &Lease, spent: &Amounts) -> LeaseReturn {
    LeaseReturn {
        id: lease.id,
        fence: lease.fence,
        spent: each_of(&lease.amounts, |dimension, _| {
            spent.units(dimension).unwrap_or(0)
        }),
    }
}

pub(super) fn left(lease: &Lease, spent: &Amounts) -> Amounts {
    each_of(&lease.amounts, |dimension, units| {
        units.saturating_sub(spent.units(dimension).unwrap_or(0))
    })
}

pub(super) fn fits(lease: &Lease, spent: &Amounts, amounts: &Amounts) -> bool {
    let left = left(lease, spent);
    Dimension::ALL.iter().all(|dimension| {
        amounts.units(*dimension).unwrap_or(0) <= left.units(*dimension).unwrap_or(0)
    })
}

pub(super) fn is_nothing(amounts: &Amounts) -> bool {
    Dimension::ALL
        .iter()
        .all(|dimension| amounts.units(*dimension).unwrap_or(0) == 0)
}

/// `units` for each dimension that `amounts` has.
pub(super) fn each_of(amounts: &Amounts, units: impl Fn(Dimension, u64) -> u64) -> Amounts {
    Amounts::from_units(|dimension| Some(units(dimension, amounts.units(dimension)?)))
}
