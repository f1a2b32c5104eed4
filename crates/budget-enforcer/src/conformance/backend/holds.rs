//! The rules of holds.

use std::time::Duration;

use super::Check;
use super::trial::{TTL, Trial, Verdict, calls, denied, race, refused, said, same};
use crate::amounts::{Amounts, Dimension};
use crate::backend::Refusal;
use crate::charge::Charge;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "a charge is taken from every envelope and dimension or from none",
        run: all_or_nothing,
    },
    Check {
        name: "no number of callers gets past the limit, and all of it can be had",
        run: hard_ceiling,
    },
    Check {
        name: "asked again with the same key, the first answer comes again and nothing is taken twice",
        run: repeated_request,
    },
    Check {
        name: "a refusal is repeated too",
        run: repeated_refusal,
    },
    Check {
        name: "the same key for another charge is a conflict that names the field",
        run: key_conflict,
    },
    Check {
        name: "a hold settles once, and the same settlement again gets the same answer",
        run: settles_once,
    },
    Check {
        name: "a hold is given back once",
        run: releases_once,
    },
    Check {
        name: "of ends that race, one wins",
        run: racing_ends,
    },
    Check {
        name: "what was used beyond the hold is booked, and what is unknown settles at the hold",
        run: beyond_the_hold,
    },
    Check {
        name: "a hold that expires is spent until it is settled late",
        run: expiry,
    },
    Check {
        name: "a request that makes no sense is refused and changes nothing",
        run: nonsense,
    },
    Check {
        name: "a restart forgets no hold, no end and no key",
        run: restart,
    },
];

fn all_or_nothing(trial: &Trial<'_>) -> Verdict {
    let (agent, tool) = (&trial.agent, &trial.tool);
    let both = |count| {
        Charge::budget(agent)
            .calls(count)
            .and(Charge::budget(tool).calls(count))
    };
    denied(
        "5 calls of `agent` and `tool`",
        trial.reserve(&trial.hold_request(both(5))),
    )?;
    let tokens = Charge::budget(&trial.team).calls(5).tokens(1001);
    denied("1001 tokens", trial.reserve(&trial.hold_request(tokens)))?;
    let tokens = Charge::budget(&trial.team).calls(11).tokens(5);
    denied("11 calls", trial.reserve(&trial.hold_request(tokens)))?;
    for budget in [&trial.team, agent, tool] {
        trial.stands("after refusals", budget, 0, 0)?;
    }
    said(trial.reserve(&trial.hold_request(both(4))))?;
    for budget in [&trial.team, agent, tool] {
        trial.stands("after a hold on `agent` and `tool`", budget, 0, 4)?;
    }
    Ok(())
}

fn hard_ceiling(trial: &Trial<'_>) -> Verdict {
    let held = race(|_| {
        let mut held = 0_usize;
        for _ in 0..5 {
            match trial.reserve(&trial.hold_request(Charge::budget(&trial.team).calls(1))) {
                Ok(_) => held = held.saturating_add(1),
                answer => denied("a call too many", answer)?,
            }
        }
        Ok(held)
    })?;
    same(
        "calls held by all callers of 10",
        held.iter().sum(),
        10_usize,
    )?;
    trial.stands("after the race", &trial.team, 0, 10)
}

fn repeated_request(trial: &Trial<'_>) -> Verdict {
    let request = trial.hold_request(Charge::budget(&trial.team).calls(4));
    let held = said(trial.reserve(&request))?;
    let again = race(|_| said(trial.reserve(&request)))?;
    if again.iter().any(|again| *again != held) {
        return Err(format!("{held:?} at first and then {again:?}"));
    }
    trial.stands("after the same request nine times", &trial.team, 0, 4)?;
    said(trial.settle(held.id, calls(1)))?;
    same(
        "the answer after it was settled",
        said(trial.reserve(&request))?,
        held,
    )?;
    trial.stands("after the same request once more", &trial.team, 1, 0)
}

fn repeated_refusal(trial: &Trial<'_>) -> Verdict {
    let held = trial.hold(&trial.team, 8)?;
    let request = trial.hold_request(Charge::budget(&trial.team).calls(4));
    denied("4 calls of 2", trial.reserve(&request))?;
    said(trial.release(held.id))?;
    denied(
        "the same request where there is room by now",
        trial.reserve(&request),
    )?;
    trial.stands("after the refusals", &trial.team, 0, 0)
}

fn key_conflict(trial: &Trial<'_>) -> Verdict {
    let first = trial.hold_request(Charge::budget(&trial.team).calls(4));
    said(trial.reserve(&first))?;
    for (field, charge) in [
        ("calls", Charge::budget(&trial.team).calls(5)),
        ("tokens", Charge::budget(&trial.team).calls(4).tokens(1)),
        ("envelopes", Charge::budget(&trial.tool).calls(4)),
    ] {
        let mut other = first.clone();
        other.charge = charge;
        let refusal = refused("another charge", trial.reserve(&other))?;
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

fn settles_once(trial: &Trial<'_>) -> Verdict {
    let held = trial.hold(&trial.team, 5)?;
    let ending = said(trial.settle(held.id, calls(3)))?;
    same(
        "the ending",
        (ending.overspent, ending.late),
        (Amounts::NONE, false),
    )?;
    same(
        "the same ending again",
        said(trial.settle(held.id, calls(3)))?,
        ending,
    )?;
    let refusal = refused("another amount", trial.settle(held.id, calls(2)))?;
    let conflict = |field: &'static str| Refusal::EndConflict {
        id: held.id,
        field: field.into(),
    };
    same("the refusal of another amount", refusal, conflict("calls"))?;
    let refusal = refused("a release of what is settled", trial.release(held.id))?;
    same("the refusal of a release", refusal, conflict("operation"))?;
    trial.stands("after one settlement", &trial.team, 3, 0)
}

fn releases_once(trial: &Trial<'_>) -> Verdict {
    let (held, other) = (trial.hold(&trial.team, 5)?, trial.hold(&trial.team, 5)?);
    said(trial.release(held.id))?;
    said(trial.release(held.id))?;
    let refusal = refused(
        "a settlement of what was given back",
        trial.settle(held.id, calls(1)),
    )?;
    let field = "operation".into();
    same(
        "the refusal",
        refusal,
        Refusal::EndConflict { id: held.id, field },
    )?;
    trial.stands("after one release", &trial.team, 0, 5)?;
    said(trial.release(other.id))?;
    trial.stands("after both", &trial.team, 0, 0)
}

fn racing_ends(trial: &Trial<'_>) -> Verdict {
    for _ in 0..8 {
        let before = trial.standing(&trial.team, Dimension::Calls)?;
        let held = trial.hold(&trial.team, 5)?;
        let ends = race(|number| {
            let gives_back = number % 2 == 0;
            let answer = if gives_back {
                trial.release(held.id)
            } else {
                trial.settle(held.id, calls(0)).map(|_| ())
            };
            Ok(answer.is_ok().then_some(gives_back))
        })?;
        let winners: Vec<bool> = ends.into_iter().flatten().collect();
        if winners.is_empty() || winners.iter().any(|winner| Some(winner) != winners.first()) {
            return Err(format!("settled and released, or neither: {winners:?}"));
        }
        same(
            "after the race",
            trial.standing(&trial.team, Dimension::Calls)?,
            before,
        )?;
    }
    Ok(())
}

fn beyond_the_hold(trial: &Trial<'_>) -> Verdict {
    let held = trial.hold(&trial.tool, 3)?;
    let ending = said(trial.settle(held.id, calls(6)))?;
    same("what was not covered", ending.overspent, calls(2))?;
    same(
        "the same again",
        said(trial.settle(held.id, calls(6)))?,
        ending,
    )?;
    trial.stands("after 6 calls of 4", &trial.tool, 6, 0)?;
    denied(
        "a call more",
        trial.reserve(&trial.hold_request(Charge::budget(&trial.tool).calls(1))),
    )?;
    let charge = Charge::budget(&trial.team).calls(2).tokens(100);
    let held = said(trial.reserve(&trial.hold_request(charge)))?;
    said(trial.settle(held.id, calls(1)))?;
    let tokens = trial.standing(&trial.team, Dimension::Tokens)?;
    same(
        "tokens that nobody told of",
        (tokens.spent, tokens.reserved),
        (100, 0),
    )?;
    trial.stands("after 1 call", &trial.team, 1, 0)
}

fn expiry(trial: &Trial<'_>) -> Verdict {
    let request = trial.hold_request(Charge::budget(&trial.team).calls(6));
    let held = said(trial.reserve(&request))?;
    let open = trial.hold(&trial.team, 2)?;
    same("when it expires", Some(held.expires_at), trial.after(TTL))?;
    trial
        .fixture
        .advance(TTL.saturating_sub(Duration::from_secs(1)));
    trial.stands("a second before", &trial.team, 0, 8)?;
    said(trial.settle(open.id, calls(1)))?;
    trial.fixture.advance(Duration::from_secs(1));
    trial.stands("when it expires", &trial.team, 7, 0)?;
    let refusal = refused("the answer after it expired", trial.reserve(&request))?;
    same("the refusal", refusal, Refusal::Expired { id: held.id })?;
    let ending = said(trial.settle(held.id, calls(2)))?;
    same(
        "the late ending",
        (ending.overspent, ending.late),
        (Amounts::NONE, true),
    )?;
    same(
        "the same again",
        said(trial.settle(held.id, calls(2)))?,
        ending,
    )?;
    trial.stands("after it was settled late", &trial.team, 3, 0)?;
    let unsent = trial.hold(&trial.team, 4)?;
    trial.fixture.advance(TTL);
    said(trial.release(unsent.id))?;
    trial.stands("after one was given back late", &trial.team, 3, 0)
}

fn nonsense(trial: &Trial<'_>) -> Verdict {
    let held = trial.hold(&trial.team, 5)?;
    let mut request = trial.hold_request(Charge::budget(&trial.team).calls(1));
    request.ttl = Duration::ZERO;
    let refusal = refused("a hold that lasts no time", trial.reserve(&request))?;
    if !matches!(&refusal, Refusal::Invalid { field, .. } if field == "ttl") {
        return Err(format!("a hold that lasts no time: {refusal:?}"));
    }
    let unknown = "nowhere".parse().map_err(|error| format!("{error}"))?;
    let refusal = refused(
        "an unknown budget",
        trial.reserve(&trial.hold_request(Charge::budget(&unknown).calls(1))),
    )?;
    if !matches!(&refusal, Refusal::Denied(decision) if decision.code() == "no_budget") {
        return Err(format!("an unknown budget: {refusal:?}"));
    }
    let id = "r-ffff-ffff".parse().map_err(|error| format!("{error}"))?;
    same(
        "a settlement of nothing",
        refused("it", trial.settle(id, calls(1)))?,
        Refusal::Unknown { id },
    )?;
    same(
        "a release of nothing",
        refused("it", trial.release(id))?,
        Refusal::Unknown { id },
    )?;
    trial.stands("after the refusals", &trial.team, 0, 5)?;
    said(trial.release(held.id))
}

fn restart(trial: &Trial<'_>) -> Verdict {
    let settled = trial.hold(&trial.team, 4)?;
    let ending = said(trial.settle(settled.id, calls(3)))?;
    let request = trial.hold_request(Charge::budget(&trial.team).calls(5));
    let held = said(trial.reserve(&request))?;
    let too_much = trial.hold_request(Charge::budget(&trial.team).calls(3));
    denied("3 calls of 2", trial.reserve(&too_much))?;
    if !trial.fixture.restart() {
        return Ok(());
    }
    trial.stands("after a restart", &trial.team, 3, 5)?;
    same(
        "the same settlement",
        said(trial.settle(settled.id, calls(3)))?,
        ending,
    )?;
    same("the same request", said(trial.reserve(&request))?, held)?;
    trial.fixture.advance(TTL);
    trial.stands("after it expired", &trial.team, 8, 0)?;
    let ending = said(trial.settle(held.id, calls(0)))?;
    same("whether it is late", ending.late, true)?;
    denied("what was refused", trial.reserve(&too_much))?;
    trial.stands("after it was settled late", &trial.team, 3, 0)
}
