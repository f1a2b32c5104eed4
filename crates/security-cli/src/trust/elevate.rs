//! A level for a while, by one operator or in an emergency by two, and the review afterwards.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use security_bundle::operator::TrustRequest;
use trust_gate::{LevelRef, OperatorId, Revision};

use super::told;
use super::who::{By, Place};
use crate::desk::Desk;
use crate::{Answer, GOOD, paint, times};

/// Give an agent a level for a while, on exactly this scope and nowhere within
///
/// When it is over, the level is what it would have been without. It never goes above a cap, and a quarantined agent stays stopped.
#[derive(Debug, Args)]
pub(crate) struct Elevate {
    #[command(flatten)]
    place: Place,
    /// The level, such as `L4`, or a tier of the rules
    #[arg(long)]
    level: LevelRef,
    /// For how long from now: `30m`, `8h`
    #[arg(long = "for", value_name = "SPAN", value_parser = times::span)]
    lasts: Duration,
    #[command(flatten)]
    by: By,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Give an agent a level in an emergency: two operators answer for it, and it has to be reviewed
///
/// Every decision meanwhile says that the glass was broken, and it cannot be broken again until `close-review`.
#[derive(Debug, Args)]
pub(crate) struct BreakGlass {
    #[command(flatten)]
    elevate: Elevate,
    /// The second operator
    #[arg(long, value_name = "WHO")]
    second: OperatorId,
}

/// Close the review of a broken glass; `--reason` says what was found
///
/// It must be over by then, and who broke it cannot be the one who looks into it.
#[derive(Debug, Args)]
pub(crate) struct CloseReview {
    /// The directory that trust is kept in
    dir: PathBuf,
    /// The revision at which it was broken
    revision: u64,
    #[command(flatten)]
    by: By,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn elevate(arguments: Elevate) -> Answer {
    let Elevate {
        place,
        level,
        lasts,
        by,
        json,
    } = arguments;
    let event = Desk::of_trust(&place.dir)?.act(TrustRequest::Elevate {
        agent: place.agent,
        scope: place.scope,
        level,
        lasts,
        by: by.by,
        reason: by.reason,
    })?;
    told::tell("ELEVATED", &event, json)?;
    Ok(GOOD)
}

pub(crate) fn break_glass(arguments: BreakGlass) -> Answer {
    let BreakGlass { elevate, second } = arguments;
    let Elevate {
        place,
        level,
        lasts,
        by,
        json,
    } = elevate;
    let event = Desk::of_trust(&place.dir)?.act(TrustRequest::BreakGlass {
        agent: place.agent,
        scope: place.scope,
        level,
        lasts,
        by: by.by,
        second,
        reason: by.reason,
    })?;
    told::tell("GLASS BROKEN", &event, json)?;
    if !json {
        let warn = paint::WARN;
        anstream::eprintln!(
            "{warn}to be reviewed{warn:#}: `secstack trust close-review` with revision {}",
            event.revision
        );
    }
    Ok(GOOD)
}

pub(crate) fn close_review(arguments: CloseReview) -> Answer {
    let CloseReview {
        dir,
        revision,
        by,
        json,
    } = arguments;
    let opened: Revision = serde_json::from_value(revision.into())?;
    let event = Desk::of_trust(&dir)?.act(TrustRequest::CloseReview {
        opened,
        by: by.by,
        reason: by.reason,
    })?;
    told::tell("REVIEW CLOSED", &event, json)?;
    Ok(GOOD)
}
