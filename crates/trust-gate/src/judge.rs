//! The rule that turns a level and a demand into an outcome. Pure: no clock, no store, no lock.

use std::num::NonZeroU8;

use crate::approval::ApprovalId;
use crate::decision::{DenyReason, Obligations, Particular, TrustDecision, TrustOutcome};
use crate::effect::Effect;
use crate::level::TrustLevel;
use crate::policy::Demand;

/// What an agent at `effective` may do where `demand` is made of it (design: trust-gate, Decision).
#[inline]
pub(crate) fn judge(effective: TrustLevel, demand: Demand) -> TrustOutcome {
    if effective < demand.required {
        return TrustOutcome::Deny(DenyReason::TrustTooLow);
    }
    let outcome = match demand.effect {
        None => TrustOutcome::Permit {
            obligations: Obligations::NONE,
        },
        Some(effect) => table(effective, effect, demand.approvers),
    };
    match outcome {
        TrustOutcome::Permit { .. } if demand.always_ask => TrustOutcome::NeedsApproval {
            approvers: demand.approvers,
        },
        outcome => outcome,
    }
}

/// The decision on a call that needed an approval and has used one up.
pub(crate) fn approved(decision: TrustDecision, approval: ApprovalId) -> TrustDecision {
    let report = decision.effective == TrustLevel::ActAndReport || decision.break_glass();
    let obligations = if report {
        Obligations::REPORT
    } else {
        Obligations::NONE
    };
    TrustDecision {
        outcome: TrustOutcome::Permit { obligations },
        particular: Some(Particular::Approved(approval)),
        ..decision
    }
}

/// The level × effect table, for a level that meets the required one.
#[inline]
fn table(level: TrustLevel, effect: Effect, approvers: NonZeroU8) -> TrustOutcome {
    use Effect::{Destructive, ReadPublic, ReadSensitive, Write};
    use TrustLevel::{ActAndReport, ActWithApproval, Autonomous, Monitor, Observer, Suggest};

    match (level, effect) {
        (Observer | Monitor, ReadSensitive | Write | Destructive) => {
            TrustOutcome::Deny(DenyReason::EffectNotAllowed)
        }
        (Suggest, Write | Destructive) => TrustOutcome::ProposeOnly,
        (ActWithApproval, Write | Destructive) => TrustOutcome::NeedsApproval { approvers },
        (ActAndReport, ReadSensitive | Write | Destructive) => TrustOutcome::Permit {
            obligations: Obligations::REPORT,
        },
        (_, ReadPublic) | (Suggest | ActWithApproval, ReadSensitive) | (Autonomous, _) => {
            TrustOutcome::Permit {
                obligations: Obligations::NONE,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far an outcome lets a call go.
    fn freedom(outcome: TrustOutcome) -> u8 {
        match outcome {
            TrustOutcome::Deny(_) => 0,
            TrustOutcome::ProposeOnly => 1,
            TrustOutcome::NeedsApproval { .. } => 2,
            TrustOutcome::Permit { obligations } if !obligations.is_empty() => 3,
            TrustOutcome::Permit { .. } => 4,
        }
    }

    fn demand(required: TrustLevel, effect: Option<Effect>, always_ask: bool) -> Demand {
        Demand {
            required,
            effect,
            always_ask,
            approvers: NonZeroU8::MIN,
        }
    }

    #[test]
    fn no_outcome_grows_with_a_stricter_demand() {
        for level in TrustLevel::ALL {
            for required in TrustLevel::ALL {
                for ask in [false, true] {
                    let plain = freedom(judge(level, demand(required, None, ask)));
                    let effects = Effect::ALL
                        .map(|effect| freedom(judge(level, demand(required, Some(effect), ask))));
                    assert!(
                        effects.iter().all(|freedom| *freedom <= plain),
                        "{level} {required}"
                    );
                    assert!(
                        effects.is_sorted_by(
                            |mild, strict| mild >= strict || (*mild == 3 && *strict == 3)
                        ),
                        "{level} {required} {effects:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn asking_always_never_turns_a_refusal_into_a_question() {
        for level in TrustLevel::ALL {
            for effect in Effect::ALL {
                let by_level = freedom(judge(
                    level,
                    demand(TrustLevel::Observer, Some(effect), false),
                ));
                let always = freedom(judge(
                    level,
                    demand(TrustLevel::Observer, Some(effect), true),
                ));
                assert_eq!(always, by_level.min(2));
            }
        }
    }
}
