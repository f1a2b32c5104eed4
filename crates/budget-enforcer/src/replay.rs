//! Comes to the state that a journal tells of, through the same bookings that made it.

use std::sync::Arc;

use crate::amounts::Amounts;
use crate::booking::Locked;
use crate::charge::{Charge, Envelope};
use crate::claims::Answer;
use crate::engine::Engine;
use crate::error::{BudgetError, Poisoned};
use crate::event::{Act, Event, Request};
use crate::hold::{ReservationId, Stage};
use crate::journal::{Revision, StoreError};
use crate::lines::Lines;
use crate::moment::Moment;
use crate::node::State;
use crate::path::Path;
use crate::refund;
use crate::snapshot::Snapshot;
use crate::tree::TreeState;

/// Replays the engine's journal, if it has one, into the engine, which is new. The ledger keeps every row meanwhile, so that
/// a refund finds what it refunds.
pub(crate) fn replay(engine: &Engine) -> Result<(), BudgetError> {
    take_up(engine).inspect_err(|_| {
        // A hold that somebody may hold on to keeps its tree alive, and the tree the hold.
        drop(each_tree(engine, TreeState::detach_all));
    })
}

fn take_up(engine: &Engine) -> Result<(), BudgetError> {
    let Some(journal) = engine.core.writer.journal() else {
        return Ok(());
    };
    let snapshot = journal.snapshot()?;
    let from = snapshot.as_ref().map_or(Revision::ZERO, Snapshot::revision);
    if let Some(snapshot) = snapshot {
        engine.restore(snapshot)?;
    }
    let mut last = from;
    let mut failed = None;
    let read = journal.replay(from, &mut |event| {
        let revision = event.revision;
        let applied = if revision == last.next() {
            apply(engine, event)
        } else {
            Err(misfit(
                revision,
                format_args!("revision {} was expected", last.next()),
            ))
        };
        last = revision;
        applied.map_err(|error| {
            let stop = StoreError::failed(error.to_string());
            failed = Some(match error {
                BudgetError::Replay { why, .. } => misfit(revision, why),
                error => misfit(revision, error),
            });
            stop
        })
    });
    if let Some(error) = failed {
        return Err(error);
    }
    read?;
    engine.core.writer.set_revision(last)?;
    engine
        .core
        .books
        .ledger
        .bound(engine.config.max_transactions);
    each_tree(engine, TreeState::detach_all)?;
    // A clock that was set back meanwhile may be put right again: no later than the newest event, that is no jump.
    let newest = engine.with_trees(|trees| {
        let mut newest = Moment::DAWN;
        for tree in trees {
            newest = newest.max(tree.lock()?.mark());
        }
        Ok::<_, Poisoned>(newest)
    })??;
    let time = &engine.core.time;
    time.accept(time.wall().max(newest));
    Ok(())
}

fn apply(engine: &Engine, event: Event) -> Result<(), BudgetError> {
    let at = Moment::from(event.at);
    let note = event.note.map(Arc::from);
    match event.act {
        Act::SessionOpened {
            session,
            limits,
            tree,
        } => engine.restore_session(&session, limits, tree, at),
        Act::SessionTemplateSet { limits } => engine.set_template(limits, at, || Ok(())),
        Act::BudgetCreated { spec, tree } => engine.create_budget(&spec, at, |_, number| {
            if number == tree {
                Ok(())
            } else {
                Err(BudgetError::Unknown((&spec.id).into()))
            }
        }),
        Act::LimitsUpdated {
            budget,
            period,
            limits,
        } => on_envelope(engine, &(&budget).into(), at, |locked| {
            locked.set_limits(period, limits);
        }),
        Act::Suspended { envelope } => set_state(engine, &envelope, at, State::Suspended),
        Act::Resumed { envelope } => set_state(engine, &envelope, at, State::Active),
        Act::Closed { envelope } => set_state(engine, &envelope, at, State::Closed),
        Act::ClockAccepted {} => each_tree(engine, |tree| tree.accept_clock(at)),
        Act::Started { reservation: id } => on_hold(engine, id, at, |locked| {
            locked.start(id);
        }),
        Act::Renewed {
            reservation: id,
            expires_at,
        } => on_hold(engine, id, at, |locked| locked.renew(id, expires_at.into())),
        Act::Drawn {
            reservation: id,
            more,
        } => on_hold(engine, id, at, |locked| {
            locked.draw(id, &more);
        }),
        Act::Settled {
            reservation: id,
            actual,
            at_least_hold,
        } => on_hold(engine, id, at, |locked| {
            locked.settle(id, &actual, at_least_hold);
        }),
        Act::Released { reservation: id } => on_hold(engine, id, at, |locked| locked.release(id)),
        act => {
            let (request, answer) = answer(engine, act, at, note)?;
            if let Some(key) = event.key {
                engine.claims.lock().map_err(|_| Poisoned)?.remember(
                    key,
                    request,
                    answer,
                    Revision::ZERO,
                    at,
                );
            }
            Ok(())
        }
    }
}

/// The acts that answer a request, which an idempotency key may stand for.
fn answer(
    engine: &Engine,
    act: Act,
    at: Moment,
    note: Option<Arc<str>>,
) -> Result<(Request, Answer), BudgetError> {
    Ok(match act {
        Act::Reserved {
            reservation,
            charge,
            expires_at,
            started,
        } => {
            let stage = if started { Stage::Started } else { Stage::Held };
            let lines = Lines::of(&charge);
            let (path, due) = (find(engine, &charge, at)?, Moment::from(expires_at));
            engine.core.with(&path, at, |locked| {
                if locked.knows(reservation) {
                    return Err(BudgetError::Replay {
                        revision: 0,
                        why: format!("reservation {reservation} was taken before"),
                    });
                }
                locked.reserve(reservation, &lines, due, stage, note);
                Ok(())
            })??;
            (
                Request::Reserve { charge },
                Answer::Reserved {
                    id: reservation,
                    path,
                    at,
                    due,
                },
            )
        }
        Act::Recorded { charge } => {
            let path = find(engine, &charge, at)?;
            let row = engine
                .core
                .with(&path, at, |locked| locked.spend(&Lines::of(&charge), note))?;
            (Request::Record { charge }, Answer::Booked(row))
        }
        Act::Spent { session, tokens } => {
            let lines = Lines::One(Amounts::NONE.tokens(tokens).calls(1));
            let path = find(engine, &Charge::session(&session), at)?;
            let row = engine
                .core
                .with(&path, at, |locked| locked.spend(&lines, note))?;
            (
                Request::RecordSpending { session, tokens },
                Answer::Booked(row),
            )
        }
        Act::Refunded {
            transaction,
            amounts,
        } => {
            let (row, _) = refund::refund(engine, transaction, amounts, at, note, |_| {
                Ok(Revision::ZERO)
            })?;
            (
                Request::Refund {
                    transaction,
                    amounts,
                },
                Answer::Booked(row),
            )
        }
        Act::Refused { request, decision } => (request, Answer::Refused(decision)),
        other => {
            return Err(BudgetError::Replay {
                revision: 0,
                why: format!("{other:?} answers no request"),
            });
        }
    })
}

fn each_tree(engine: &Engine, f: impl Fn(&mut TreeState)) -> Result<(), BudgetError> {
    engine.with_trees(|trees| {
        for tree in trees {
            f(&mut *tree.lock()?);
        }
        Ok(())
    })?
}

fn find(engine: &Engine, charge: &Charge, at: Moment) -> Result<Path, BudgetError> {
    match engine.find(charge, at) {
        Ok(found) if !found.is_fresh => Ok(found.path),
        Ok(_) | Err(_) => Err(BudgetError::Unknown(charge.first_envelope().clone())),
    }
}

fn on_envelope(
    engine: &Engine,
    envelope: &Envelope,
    at: Moment,
    f: impl FnOnce(&mut Locked<'_, '_>),
) -> Result<(), BudgetError> {
    let path = engine
        .envelope(envelope)
        .ok_or_else(|| BudgetError::Unknown(envelope.clone()))?;
    Ok(engine.core.with(&path, at, f)?)
}

fn set_state(
    engine: &Engine,
    envelope: &Envelope,
    at: Moment,
    state: State,
) -> Result<(), BudgetError> {
    on_envelope(engine, envelope, at, |locked| locked.set_state(state))
}

fn on_hold(
    engine: &Engine,
    id: ReservationId,
    at: Moment,
    f: impl FnOnce(&mut Locked<'_, '_>),
) -> Result<(), BudgetError> {
    let path = engine.reservation(id)?;
    Ok(engine.core.with(&path, at, f)?)
}

fn misfit(revision: Revision, why: impl std::fmt::Display) -> BudgetError {
    BudgetError::Replay {
        revision: revision.number(),
        why: why.to_string(),
    }
}
