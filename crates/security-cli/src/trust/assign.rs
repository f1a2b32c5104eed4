//! `secstack trust assign`: a level for an agent, in place of what was granted there before.

use clap::Args;
use security_bundle::operator::TrustRequest;
use serde::Deserialize as _;
use time::OffsetDateTime;
use trust_gate::{Decay, Grant, LevelRef};

use super::told;
use super::who::{By, Place};
use crate::desk::Desk;
use crate::{Answer, GOOD, paint, times};

/// Give an agent a level in a scope, in place of what was granted there before
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    level: Given,
    #[command(flatten)]
    by: By,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Which level, and until when.
#[derive(Debug, Args)]
pub(super) struct Given {
    /// The level, such as `L2`, or a tier of the rules
    #[arg(long)]
    level: LevelRef,
    /// It holds before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    expires_at: Option<OffsetDateTime>,
    /// How it wears out, as in the configuration: `{ shape = "step", every = "7d", floor = "L1" }`
    #[arg(long, value_name = "SHAPE", value_parser = decay)]
    decay: Option<Decay>,
}

impl Given {
    pub(super) fn grant(self, place: Place, by: By) -> Grant {
        let mut grant = Grant::new(place.agent, self.level, by.by)
            .scope(place.scope)
            .reason(by.reason);
        if let Some(end) = self.expires_at {
            grant = grant.expires_at(end);
        }
        if let Some(decay) = self.decay {
            grant = grant.decay(decay);
        }
        grant
    }
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let Arguments {
        place,
        level,
        by,
        json,
    } = arguments;
    let desk = Desk::of_trust(&place.dir)?;
    let event = desk.act(TrustRequest::Assign {
        agent: place.agent,
        scope: place.scope,
        level: level.level,
        expires_at: level.expires_at,
        decay: level.decay.unwrap_or(Decay::None),
        by: by.by,
        reason: by.reason,
    })?;
    told::tell("ASSIGNED", &event, json)?;
    Ok(GOOD)
}

fn decay(text: &str) -> Result<Decay, String> {
    let written: Result<toml::Value, _> = text.parse();
    let read = written.and_then(Decay::deserialize);
    read.map_err(|error| paint::plain(error.message()))
}
