//! What stands now, since operators have changed it, of which a configuration's file knows nothing.

use consent::{ConsentGate, Extent};
use trust_gate::{Grant, Tiers, TrustGate, TrustLevel};

use crate::config::ConfigError;
use crate::rules::consent_query;

/// An assignment to a level above the one that its agent has there now.
pub(super) struct Raised<'a> {
    pub(super) grant: &'a Grant,
    pub(super) from: TrustLevel,
    pub(super) to: TrustLevel,
}

/// Those of the assignments that would raise a level which stands lower now.
pub(super) fn raised<'a>(
    gate: &TrustGate,
    tiers: &Tiers,
    assignments: impl Iterator<Item = &'a Grant>,
) -> Result<Vec<Raised<'a>>, ConfigError> {
    let mut found = Vec::new();
    for grant in assignments {
        let to = tiers.resolve(&grant.level);
        let to = to.map_err(|error| ConfigError::at("trust.assignments", error))?;
        let from = gate.level(&grant.agent, &grant.scope).decayed;
        if to > from {
            found.push(Raised { grant, from, to });
        }
    }
    Ok(found)
}

/// Whether exactly this is consented to now.
pub(super) fn consents_to(gate: &ConsentGate, extent: &Extent) -> bool {
    let (Some(agent), Some(data_type)) = (&extent.agent, &extent.data_type) else {
        return false;
    };
    let query = consent_query(
        agent,
        data_type,
        extent.purpose.as_ref(),
        extent.subject.as_ref(),
        extent.operation.as_ref(),
    );
    gate.check(&query).allowed()
}
