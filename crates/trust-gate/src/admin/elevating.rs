//! Raising a level for a while, alone or by two operators in an emergency, and looking into it afterwards.

use super::{TrustAdmin, nothing};
use crate::act::Act;
use crate::assignment::Assignment;
use crate::elevation::{Bounds, Elevation};
use crate::error::TrustError;
use crate::event::{Event, Revision};
use crate::ledger::{Now, Raise};
use crate::level::TrustLevel;
use crate::moment::Moment;
use crate::name::{AgentId, OperatorId};
use crate::scope::Scope;
use crate::snapshot::Snapshot;

impl TrustAdmin {
    /// Gives an agent a level for a while, on exactly this scope and nowhere within. When it is over the level is what it
    /// would have been without.
    ///
    /// It never goes above a cap, and a quarantined agent stays stopped. A [`revoke`](Self::revoke) on the scope ends it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use trust_gate::{Elevation, Scope, TrustGate, TrustLevel};
    /// let (gate, admin) = TrustGate::builder().build()?;
    /// let hour = Duration::from_secs(3_600);
    /// let by = "ops@example.com".parse()?;
    /// admin.elevate(&Elevation::new("bot".parse()?, TrustLevel::Suggest, hour, by, "migration"))?;
    /// assert_eq!(gate.level(&"bot".parse()?, &Scope::root()).effective, TrustLevel::Suggest);
    /// assert_eq!(gate.next_change(&"bot".parse()?, &Scope::root()).unwrap().to, TrustLevel::Observer);
    /// # Ok::<(), trust_gate::TrustError>(())
    /// ```
    ///
    /// # Errors
    /// [`TrustError::ReasonMissing`], [`TrustError::ElevatedTooHigh`], [`TrustError::ElevatedTooLong`],
    /// [`TrustError::AlreadyElevated`], [`TrustError::RaisesNothing`], [`TrustError::UnknownTier`].
    pub fn elevate(&self, elevation: &Elevation) -> Result<Event, TrustError> {
        self.0.act(
            &elevation.by,
            &elevation.reason,
            Raise::Allow,
            |snapshot, now| {
                let bounds = snapshot.rules.config.elevation.bounds();
                let (level, until) = draft(bounds, elevation, snapshot, now)?;
                Ok(Act::Elevate {
                    agent: elevation.agent.clone(),
                    scope: elevation.scope.clone(),
                    level,
                    until: until.to_datetime(),
                })
            },
        )
    }

    /// Gives an agent a level in an emergency: two operators answer for it, every decision meanwhile is marked with
    /// [`break_glass`](crate::TrustDecision::break_glass), and no glass of the gate can be broken again until
    /// [`close_review`](Self::close_review).
    ///
    /// It never goes above a cap, and a quarantined agent stays stopped.
    ///
    /// # Errors
    /// [`TrustError::SecondOperatorNeeded`] if both are one, [`TrustError::ReviewOpen`], and those of
    /// [`elevate`](Self::elevate).
    pub fn break_glass(
        &self,
        elevation: &Elevation,
        second: &OperatorId,
    ) -> Result<Event, TrustError> {
        self.0.act(
            &elevation.by,
            &elevation.reason,
            Raise::Allow,
            |snapshot, now| {
                if elevation.by == *second {
                    return Err(TrustError::SecondOperatorNeeded {
                        what: "breaking the glass",
                        operator: second.to_string(),
                    });
                }
                if let Some(open) = &snapshot.review {
                    return Err(TrustError::ReviewOpen {
                        opened: open.revision,
                    });
                }
                let bounds = snapshot.rules.config.break_glass.bounds();
                let (level, until) = draft(bounds, elevation, snapshot, now)?;
                Ok(Act::BreakGlass {
                    agent: elevation.agent.clone(),
                    scope: elevation.scope.clone(),
                    level,
                    until: until.to_datetime(),
                    second: second.clone(),
                })
            },
        )
    }

    /// Ends an elevation, or what a broken glass gave, on exactly this scope before its time.
    ///
    /// Like every narrowing act it is in force even if it cannot be stored.
    ///
    /// # Errors
    /// [`TrustError::NothingThere`].
    pub fn end_elevation(
        &self,
        agent: &AgentId,
        scope: &Scope,
        by: &OperatorId,
        reason: &str,
    ) -> Result<Event, TrustError> {
        self.0.act(by, reason, Raise::Refuse, |snapshot, _| {
            let slot = snapshot.slot(agent, scope);
            if slot.is_none_or(|slot| slot.elevation.is_none()) {
                return Err(nothing("elevation", agent, scope));
            }
            Ok(Act::EndElevation {
                agent: agent.clone(),
                scope: scope.clone(),
            })
        })
    }

    /// The broken glass that nobody has looked into yet.
    #[must_use]
    pub fn open_review(&self) -> Option<Assignment> {
        let present = self.0.present();
        present.snapshot.review.as_deref().cloned()
    }

    /// Closes the review of the glass that was broken at `opened`; `findings` says with what result. It must be over by
    /// then, and the operator who broke it cannot be the one who looks into it.
    ///
    /// # Errors
    /// [`TrustError::NoSuchReview`], [`TrustError::StillActive`], [`TrustError::SecondOperatorNeeded`],
    /// [`TrustError::ReasonMissing`].
    pub fn close_review(
        &self,
        opened: Revision,
        by: &OperatorId,
        findings: &str,
    ) -> Result<Event, TrustError> {
        self.0.act(by, findings, Raise::Refuse, |snapshot, now| {
            let what = "closing a review";
            if findings.trim().is_empty() {
                return Err(TrustError::ReasonMissing { what });
            }
            let broken = snapshot
                .review
                .as_ref()
                .filter(|broken| broken.revision == opened)
                .ok_or(TrustError::NoSuchReview { asked: opened })?;
            let active = snapshot
                .slot(&broken.agent, &broken.scope)
                .and_then(|slot| slot.elevation.as_ref())
                .filter(|elevation| elevation.assignment.revision == opened)
                .filter(|elevation| elevation.is_active(now.at));
            if let Some(elevation) = active {
                return Err(TrustError::StillActive {
                    opened,
                    until: elevation.until.to_datetime(),
                });
            }
            if broken.assigned_by == *by {
                return Err(TrustError::SecondOperatorNeeded {
                    what,
                    operator: by.to_string(),
                });
            }
            Ok(Act::CloseReview { opened })
        })
    }
}

/// The level and the end of an elevation that the rules admit, where none is active.
fn draft(
    bounds: Bounds<'_>,
    elevation: &Elevation,
    snapshot: &Snapshot,
    now: Now,
) -> Result<(TrustLevel, Moment), TrustError> {
    let level = bounds.admit(elevation, &snapshot.rules.config.tiers)?;
    let active = snapshot
        .slot(&elevation.agent, &elevation.scope)
        .and_then(|slot| slot.elevation.as_ref())
        .filter(|active| active.is_active(now.at));
    if let Some(active) = active {
        return Err(TrustError::AlreadyElevated {
            agent: elevation.agent.to_string(),
            scope: elevation.scope.to_string(),
            until: active.until.to_datetime(),
        });
    }
    Ok((level, now.at.after(elevation.lasts)))
}
