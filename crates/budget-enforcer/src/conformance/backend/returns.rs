//! The rules of how leases end: returned, expired, returned late, across a restart.

use std::time::Duration;

use super::Check;
use super::trial::{TTL, Trial, Verdict, calls, race, refused, said, same};
use crate::amounts::Amounts;
use crate::backend::{Lease, Refusal};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "a lease is returned once, and the same return again gets the same answer",
        run: returned_once,
    },
    Check {
        name: "a lease is not ended as if it were a hold",
        run: not_a_hold,
    },
    Check {
        name: "of returns that race, one wins",
        run: racing_returns,
    },
    Check {
        name: "an expired lease is spent in full until it is returned late",
        run: expiry,
    },
    Check {
        name: "an older lease of the same node is returned by itself",
        run: older_lease,
    },
    Check {
        name: "a lease that expired before it was answered is not answered as if it had not",
        run: answered_late,
    },
    Check {
        name: "a restart forgets no lease, no return and no fence",
        run: restart,
    },
];

fn returned_once(trial: &Trial<'_>) -> Verdict {
    let (lease, other) = (trial.lease(&trial.team, 5)?, trial.lease(&trial.team, 5)?);
    let ending = said(trial.give_back(&lease, calls(3)))?;
    same(
        "the ending",
        (ending.overspent, ending.late),
        (Amounts::NONE, false),
    )?;
    same(
        "the same ending again",
        said(trial.give_back(&lease, calls(3)))?,
        ending,
    )?;
    for spent in [0, 2, 5] {
        let refusal = refused("another amount", trial.give_back(&lease, calls(spent)))?;
        let field = "calls".into();
        same(
            "the refusal",
            refusal,
            Refusal::EndConflict {
                id: lease.id,
                field,
            },
        )?;
    }
    trial.stands("after one return", &trial.team, 3, 5)?;
    let ending = said(trial.give_back(&other, calls(8)))?;
    same(
        "what was spent beyond the limit",
        ending.overspent,
        calls(1),
    )?;
    trial.stands("after more than the slice was spent", &trial.team, 11, 0)
}

/// Its node goes on spending it: whoever guesses its name must not make room for another.
fn not_a_hold(trial: &Trial<'_>) -> Verdict {
    let lease = trial.lease(&trial.team, 5)?;
    let unknown = || Refusal::Unknown { id: lease.id };
    same(
        "releasing it",
        refused("a release", trial.release(lease.id))?,
        unknown(),
    )?;
    let settled = trial.settle(lease.id, calls(0));
    same("settling it", refused("a settlement", settled)?, unknown())?;
    trial.stands("after neither", &trial.team, 0, 5)?;
    said(trial.give_back(&lease, calls(2)))?;
    trial.stands("after its return", &trial.team, 2, 0)
}

fn racing_returns(trial: &Trial<'_>) -> Verdict {
    for _ in 0..8 {
        let lease = trial.lease(&trial.tool, 4)?;
        let told = race(|number| {
            // All but one tell of nothing; whoever is first is right.
            let spent = u64::from(number == 0);
            Ok(trial
                .give_back(&lease, calls(spent))
                .is_ok()
                .then_some(spent))
        })?;
        let told: Vec<u64> = told.into_iter().flatten().collect();
        let Some(first) = told
            .first()
            .copied()
            .filter(|first| told.iter().all(|told| told == first))
        else {
            return Err(format!(
                "returned with one amount and another, or not at all: {told:?}"
            ));
        };
        trial.stands("after the race", &trial.tool, first, 0)?;
        if first > 0 {
            break;
        }
    }
    Ok(())
}

fn expiry(trial: &Trial<'_>) -> Verdict {
    let (lease, other) = (trial.lease(&trial.team, 6)?, trial.lease(&trial.team, 3)?);
    trial
        .fixture
        .advance(TTL.saturating_sub(Duration::from_secs(1)));
    trial.stands("a second before", &trial.team, 0, 9)?;
    let in_time = said(trial.give_back(&other, calls(1)))?;
    same("whether that is late", in_time.late, false)?;
    trial.fixture.advance(Duration::from_secs(1));
    trial.stands("when it expires", &trial.team, 7, 0)?;
    let ending = said(trial.give_back(&lease, calls(2)))?;
    same(
        "the late ending",
        (ending.overspent, ending.late),
        (Amounts::NONE, true),
    )?;
    same(
        "the same again",
        said(trial.give_back(&lease, calls(2)))?,
        ending,
    )?;
    trial.stands("after it was returned late", &trial.team, 3, 0)?;
    let lease = trial.lease(&trial.team, 2)?;
    trial.fixture.advance(TTL);
    said(trial.give_back(&lease, calls(5)))?;
    trial.stands("after more than the slice was spent", &trial.team, 8, 0)
}

fn older_lease(trial: &Trial<'_>) -> Verdict {
    let older = trial.lease(&trial.team, 4)?;
    let newer = trial.lease(&trial.team, 5)?;
    said(trial.give_back(&older, calls(3)))?;
    trial.stands("after the older one was returned", &trial.team, 3, 5)?;
    trial.fixture.advance(TTL);
    let refusal = refused("the older one again", trial.give_back(&older, calls(0)))?;
    let field = "calls".into();
    same(
        "the refusal",
        refusal,
        Refusal::EndConflict {
            id: older.id,
            field,
        },
    )?;
    trial.stands("after the newer one expired", &trial.team, 8, 0)?;
    said(trial.give_back(&newer, calls(4)))?;
    trial.stands("after both were returned", &trial.team, 7, 0)
}

fn answered_late(trial: &Trial<'_>) -> Verdict {
    let request = trial.lease_request(&trial.team, calls(6), calls(6));
    let lease: Lease = said(trial.grant(&request))?;
    trial.fixture.advance(TTL);
    let refusal = refused("the answer after it expired", trial.grant(&request))?;
    same("the refusal", refusal, Refusal::LeaseExpired(lease))?;
    trial.stands("until it is returned", &trial.team, 6, 0)?;
    said(trial.give_back(&lease, calls(0)))?;
    trial.stands("after it was returned", &trial.team, 0, 0)
}

fn restart(trial: &Trial<'_>) -> Verdict {
    let returned = trial.lease(&trial.team, 3)?;
    let ending = said(trial.give_back(&returned, calls(2)))?;
    trial.hold(&trial.team, 4)?;
    let request = trial.lease_request(&trial.team, calls(6), calls(1));
    let lease = said(trial.grant(&request))?;
    let got = lease.amounts.calls.unwrap_or(0);
    if !trial.fixture.restart() {
        return Ok(());
    }
    let reserved = 4_u64.saturating_add(got);
    trial.stands("after a restart", &trial.team, 2, reserved)?;
    same(
        "the same return",
        said(trial.give_back(&returned, calls(2)))?,
        ending,
    )?;
    same("the same request", said(trial.grant(&request))?, lease)?;
    let later = trial.lease(&trial.team, 1)?;
    if later.fence <= lease.fence || later.id == lease.id {
        return Err(format!("fences do not grow: {lease:?} {later:?}"));
    }
    trial.fixture.advance(TTL);
    let ending = said(trial.give_back(&lease, calls(0)))?;
    same("whether it is late", ending.late, true)?;
    said(trial.give_back(&later, calls(0)))?;
    trial.stands("after both were returned late", &trial.team, 6, 0)
}
