//! `secstack consent publish-notice`: which version of a notice people are to be shown.

use std::path::PathBuf;

use clap::Args;
use consent::{ConsentRecord, NoticeHash, NoticeId, NoticeVersion, OperatorId};
use security_bundle::operator::{ConsentAnswer, ConsentRequest};
use serde_json::json;

use super::told;
use crate::desk::{Desk, unexpected};
use crate::{Answer, GOOD, paint};

/// Publish a version of a notice; consents under earlier versions end, unless they stay good
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that consent is kept in
    dir: PathBuf,
    /// The name of the notice
    notice: NoticeId,
    /// Its version
    version: NoticeVersion,
    /// The SHA-256 of its text, 64 hexadecimal digits
    #[arg(long, value_name = "HEX")]
    sha256: NoticeHash,
    /// Consents under earlier versions stay in force: it says nothing new
    #[arg(long)]
    earlier_stay_good: bool,
    /// On whose word
    #[arg(long, value_name = "WHO")]
    by: OperatorId,
    /// Why, in at most 1024 bytes
    #[arg(long, value_name = "WHY")]
    reason: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let answer = Desk::of_consent(&arguments.dir)?.consent(ConsentRequest::PublishNotice {
        notice: arguments.notice,
        version: arguments.version,
        sha256: arguments.sha256,
        earlier_stay_good: arguments.earlier_stay_good,
        by: arguments.by,
        reason: arguments.reason,
    })?;
    let ConsentAnswer::Published {
        published: event,
        superseded,
    } = answer
    else {
        return Err(unexpected());
    };
    if arguments.json {
        let ended: Vec<_> = superseded.iter().map(ConsentRecord::record_id).collect();
        anstream::println!("{}", json!({ "published": event, "superseded": ended }));
        return Ok(GOOD);
    }
    let (good, dim) = (paint::GOOD, paint::DIM);
    anstream::println!(
        "{good}PUBLISHED{good:#}  {} {}",
        paint::plain(event.notice.as_str()),
        paint::plain(event.version.as_str())
    );
    for ended in &superseded {
        let (id, what) = (ended.record_id(), told::extent(ended.extent()));
        anstream::println!("  {dim}ends{dim:#}  {id}  {what}");
    }
    Ok(GOOD)
}
