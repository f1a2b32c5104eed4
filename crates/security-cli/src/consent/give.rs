//! `secstack consent give` and `renew`: what somebody agreed to.

use std::path::{Path, PathBuf};

use clap::Args;
use consent::{
    AgentId, DataType, GrantorId, Method, Notice, NoticeHash, NoticeId, NoticeVersion, Operation,
    Purpose, RecordId, SubjectId,
};
use security_bundle::operator::{ConsentAnswer, ConsentRequest, Purposes};
use time::OffsetDateTime;

use super::{told, what};
use crate::desk::{Desk, unexpected};
use crate::{Answer, GOOD, times};

/// Record that somebody agreed that an agent uses data for a purpose
#[derive(Debug, Args)]
pub(crate) struct Give {
    /// The directory that consent is kept in
    dir: PathBuf,
    /// Which agent
    #[arg(long)]
    agent: AgentId,
    /// Which data, and all below it, such as `user.contact`
    #[arg(long)]
    data: DataType,
    /// What for
    #[arg(long, required_unless_present = "blanket")]
    purpose: Option<Purpose>,
    /// For every purpose, those included that no one has thought of yet
    #[arg(long, conflicts_with = "purpose")]
    blanket: bool,
    /// Whose data [default: everyone's]
    #[arg(long)]
    subject: Option<SubjectId>,
    /// In which operation [default: every one]
    #[arg(long)]
    operation: Option<Operation>,
    /// Not before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    valid_from: Option<OffsetDateTime>,
    #[command(flatten)]
    how: How,
}

/// Record that somebody gave an earlier consent anew: for longer, or under the notice of today
#[derive(Debug, Args)]
pub(crate) struct Renew {
    /// The directory that consent is kept in
    dir: PathBuf,
    /// The earlier consent
    #[arg(value_parser = what::record_id)]
    record: RecordId,
    #[command(flatten)]
    how: How,
}

/// Who agreed, how, to what text and until when.
#[derive(Debug, Args)]
struct How {
    /// Who agreed
    #[arg(long, value_name = "WHO")]
    by: GrantorId,
    /// Before this time (RFC 3339) [default: without end]
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    expires_at: Option<OffsetDateTime>,
    /// How it was obtained, such as `web-form`
    #[arg(long)]
    method: Option<Method>,
    /// The name of the notice that was shown
    #[arg(long, value_name = "NAME", requires = "notice_version")]
    notice: Option<NoticeId>,
    /// Its version
    #[arg(long, value_name = "VERSION", requires = "notice_sha256")]
    notice_version: Option<NoticeVersion>,
    /// The SHA-256 of its text, 64 hexadecimal digits
    #[arg(long, value_name = "HEX", requires = "notice_version")]
    notice_sha256: Option<NoticeHash>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl How {
    fn notice(&self) -> Option<Notice> {
        let version = self.notice_version.clone();
        let notice = version.zip(self.notice_sha256);
        let notice = notice.map(|(version, sha256)| Notice::new(version, sha256))?;
        Some(match &self.notice {
            Some(name) => notice.named(name.clone()),
            None => notice,
        })
    }
}

pub(crate) fn give(arguments: Give) -> Answer {
    let Give {
        dir,
        agent,
        data,
        purpose,
        blanket: _,
        subject,
        operation,
        valid_from,
        how,
    } = arguments;
    let request = ConsentRequest::Give {
        agent,
        data_type: data,
        // Without one it is said to be blanket: clap sees to that.
        purposes: purpose.map_or(Purposes::Every, Purposes::Named),
        subject,
        operation,
        valid_from,
        expires_at: how.expires_at,
        notice: how.notice(),
        method: how.method,
        by: how.by,
    };
    tell(&dir, request, "GIVEN", how.json)
}

pub(crate) fn renew(arguments: Renew) -> Answer {
    let Renew { dir, record, how } = arguments;
    let request = ConsentRequest::Renew {
        record,
        expires_at: how.expires_at,
        notice: how.notice(),
        method: how.method,
        by: how.by,
    };
    tell(&dir, request, "RENEWED", how.json)
}

fn tell(dir: &Path, request: ConsentRequest, done: &str, json: bool) -> Answer {
    match Desk::of_consent(dir)?.consent(request)? {
        ConsentAnswer::Given(record) => told::tell(done, &record, json)?,
        _ => return Err(unexpected()),
    }
    Ok(GOOD)
}
