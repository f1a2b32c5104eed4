//! The rules of taking leases.

use std::time::Duration;

use super::Check;
use super::trial::{TTL, Trial, Verdict, calls, denied, race, refused, said, same};
use crate::amounts::Dimension;
use crate::backend::{LeaseRequest, Refusal};
use crate::charge::{Charge, Envelope};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "a lease debits all of its slice, from the envelope and its ancestors",
        run: debits,
    },
    Check {
        name: "slices never add up to more than the limit, and the last unit can be leased",
        run: sum_of_slices,
    },
    Check {
        name: "a lease is smaller where there is less, but never smaller than asked",
        run: partial,
    },
    Check {
        name: "a slice has every dimension or there is none",
        run: dimensions,
    },
    Check {
        name: "a lease asked for again with the same key is the same lease, and a refusal the same refusal",
        run: repeated,
    },
    Check {
        name: "the same key for another lease is a conflict that names the field",
        run: key_conflict,
    },
    Check {
        name: "fences grow, and another fence returns nothing",
        run: fences,
    },
    Check {
        name: "a lease that makes no sense is refused and changes nothing",
        run: nonsense,
    },
];

fn debits(trial: &Trial<'_>) -> Verdict {
    let lease = trial.lease(&trial.agent, 6)?;
    same("when it expires", Some(lease.expires_at), trial.after(TTL))?;
    trial.stands("after a lease", &trial.agent, 0, 6)?;
    trial.stands("after a lease", &trial.team, 0, 6)?;
    let more = Charge::budget(&trial.team).calls(5);
    denied("5 calls of 4", trial.reserve(&trial.hold_request(more)))?;
    said(trial.give_back(&lease, calls(1)))?;
    trial.stands("after it was returned", &trial.agent, 1, 0)?;
    trial.stands("after it was returned", &trial.team, 1, 0)
}

fn sum_of_slices(trial: &Trial<'_>) -> Verdict {
    let sums = race(|_| {
        let mut sum = 0_u64;
        for _ in 0..12 {
            match trial.grant(&trial.lease_request(&trial.team, calls(3), calls(1))) {
                Ok(lease) => sum = sum.saturating_add(lease.amounts.calls.unwrap_or(u64::MAX)),
                answer => {
                    denied("a slice too many", answer)?;
                    break;
                }
            }
        }
        Ok(sum)
    })?;
    let sum = sums
        .iter()
        .fold(0_u64, |sum, more| sum.saturating_add(*more));
    same("calls leased of 10", sum, 10)?;
    trial.stands("after the race", &trial.team, 0, 10)
}

fn partial(trial: &Trial<'_>) -> Verdict {
    let held = trial.hold(&trial.team, 6)?;
    denied(
        "at least 5 calls of 4",
        trial.grant(&trial.lease_request(&trial.team, calls(8), calls(5))),
    )?;
    trial.stands("after a refusal", &trial.team, 0, 6)?;
    let lease = said(trial.grant(&trial.lease_request(&trial.team, calls(8), calls(3))))?;
    let got = lease.amounts.calls.unwrap_or(0);
    if !(3..=4).contains(&got) {
        return Err(format!("at least 3 of 4: {lease:?}"));
    }
    let all = 6_u64.saturating_add(got);
    trial.stands("after a partial lease", &trial.team, 0, all)?;
    said(trial.release(held.id))?;
    said(trial.give_back(&lease, calls(0)))?;
    trial.stands("after it was returned", &trial.team, 0, 0)
}

fn dimensions(trial: &Trial<'_>) -> Verdict {
    trial.hold(&trial.team, 5)?;
    let wanted = calls(6).tokens(600);
    let at_least = calls(6).tokens(1);
    denied(
        "6 calls of 5",
        trial.grant(&trial.lease_request(&trial.team, wanted, at_least)),
    )?;
    let tokens = trial.standing(&trial.team, Dimension::Tokens)?;
    same(
        "tokens after a refusal",
        (tokens.spent, tokens.reserved),
        (0, 0),
    )?;
    let mut both = trial.lease_request(&trial.agent, calls(5), calls(5));
    both.envelopes.push(Envelope::from(&trial.tool));
    denied("5 calls of `agent` and `tool`", trial.grant(&both))?;
    trial.stands("after a refusal", &trial.agent, 0, 0)?;
    let lease = said(trial.grant(&trial.lease_request(
        &trial.team,
        calls(5).tokens(600),
        calls(5).tokens(600),
    )))?;
    same("the slice", lease.amounts, calls(5).tokens(600))?;
    // What nobody tells of counts as spent.
    said(trial.give_back(&lease, calls(1)))?;
    let tokens = trial.standing(&trial.team, Dimension::Tokens)?;
    same(
        "tokens that nobody told of",
        (tokens.spent, tokens.reserved),
        (600, 0),
    )?;
    trial.stands("after it was returned", &trial.team, 1, 5)
}

fn repeated(trial: &Trial<'_>) -> Verdict {
    let held = trial.hold(&trial.team, 7)?;
    let request = trial.lease_request(&trial.team, calls(8), calls(2));
    let too_much = trial.lease_request(&trial.team, calls(8), calls(4));
    denied("4 calls of 3", trial.grant(&too_much))?;
    let lease = said(trial.grant(&request))?;
    said(trial.release(held.id))?;
    let again = race(|_| said(trial.grant(&request)))?;
    if again.iter().any(|again| *again != lease) {
        return Err(format!("{lease:?} at first and then {again:?}"));
    }
    denied(
        "what was refused, where there is room by now",
        trial.grant(&too_much),
    )?;
    let got = lease.amounts.calls.unwrap_or(0);
    trial.stands("after the same requests", &trial.team, 0, got)?;
    said(trial.give_back(&lease, calls(1)))?;
    same(
        "the answer after it was returned",
        said(trial.grant(&request))?,
        lease,
    )?;
    trial.stands("after the same request once more", &trial.team, 1, 0)
}

fn key_conflict(trial: &Trial<'_>) -> Verdict {
    let first = trial.lease_request(&trial.team, calls(4), calls(4));
    said(trial.grant(&first))?;
    let more = LeaseRequest {
        wanted: calls(5),
        ..first.clone()
    };
    let elsewhere = LeaseRequest {
        envelopes: vec![Envelope::from(&trial.tool)],
        ..first
    };
    for (field, other) in [("calls", more), ("envelopes", elsewhere)] {
        let refusal = refused("another lease", trial.grant(&other))?;
        same(
            "the refusal",
            refusal,
            Refusal::KeyConflict {
                field: field.into(),
            },
        )?;
    }
    trial.stands("after the conflicts", &trial.team, 0, 4)?;
    trial.stands("after the conflicts", &trial.tool, 0, 0)
}

fn fences(trial: &Trial<'_>) -> Verdict {
    let first = trial.lease(&trial.team, 2)?;
    let second = trial.lease(&trial.team, 3)?;
    said(trial.give_back(&first, calls(2)))?;
    let third = trial.lease(&trial.team, 4)?;
    if !(first.fence < second.fence && second.fence < third.fence) {
        return Err(format!(
            "fences do not grow: {first:?} {second:?} {third:?}"
        ));
    }
    for fence in [first.fence, third.fence, 0, u64::MAX] {
        let refusal = refused(
            "another fence",
            trial.give_back_as(&second, fence, calls(0)),
        )?;
        same(
            "the refusal",
            refusal,
            Refusal::StaleFence {
                id: second.id,
                fence,
            },
        )?;
    }
    trial.stands("after the refusals", &trial.team, 2, 7)?;
    said(trial.give_back(&second, calls(1)))?;
    trial.stands("after the right fence", &trial.team, 3, 4)
}

fn nonsense(trial: &Trial<'_>) -> Verdict {
    let fine = trial.lease_request(&trial.team, calls(4), calls(2));
    let invalid = [
        (
            "ttl",
            LeaseRequest {
                ttl: Duration::ZERO,
                ..fine.clone()
            },
        ),
        (
            "at_least",
            LeaseRequest {
                at_least: calls(5),
                ..fine.clone()
            },
        ),
        (
            "at_least",
            LeaseRequest {
                at_least: calls(2).tokens(1),
                ..fine.clone()
            },
        ),
        (
            "at_least",
            LeaseRequest {
                at_least: calls(0),
                ..fine.clone()
            },
        ),
        (
            "envelopes",
            LeaseRequest {
                envelopes: Vec::new(),
                ..fine.clone()
            },
        ),
    ];
    for (expected, request) in invalid {
        let refusal = refused("it", trial.grant(&request))?;
        if !matches!(&refusal, Refusal::Invalid { field, .. } if field == expected) {
            return Err(format!("{request:?}: {refusal:?}"));
        }
    }
    let unknown = "nowhere".parse().map_err(|error| format!("{error}"))?;
    let refusal = refused(
        "an unknown budget",
        trial.grant(&trial.lease_request(&unknown, calls(4), calls(2))),
    )?;
    if !matches!(&refusal, Refusal::Denied(decision) if decision.code() == "no_budget") {
        return Err(format!("an unknown budget: {refusal:?}"));
    }
    trial.stands("after the refusals", &trial.team, 0, 0)?;
    let twice = LeaseRequest {
        envelopes: vec![Envelope::from(&trial.team); 2],
        ..fine
    };
    said(trial.grant(&twice))?;
    trial.stands(
        "after a lease that names the budget twice",
        &trial.team,
        0,
        4,
    )
}
