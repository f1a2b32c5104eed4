//! `secstack consent give` and `renew`: what somebody agreed to.

use std::path::PathBuf;

use clap::Args;
use consent::{
    AgentId, DataType, Grant, GrantorId, Method, Notice, NoticeHash, NoticeId, NoticeVersion,
    Operation, Purpose, RecordId, Renewal, SubjectId,
};
use time::OffsetDateTime;

use super::{store, told, what};
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
        agent, data, how, ..
    } = arguments;
    let notice = how.notice();
    let mut grant = match arguments.purpose {
        Some(purpose) => Grant::new(agent, data, purpose, how.by),
        None => Grant::blanket(agent, data, how.by),
    };
    if let Some(subject) = arguments.subject {
        grant = grant.subject(subject);
    }
    if let Some(operation) = arguments.operation {
        grant = grant.operation(operation);
    }
    if let Some(from) = arguments.valid_from {
        grant = grant.valid_from(from);
    }
    if let Some(end) = how.expires_at {
        grant = grant.expires_at(end);
    }
    if let Some(notice) = notice {
        grant = grant.notice(notice);
    }
    if let Some(method) = how.method {
        grant = grant.method(method);
    }
    let (_, ledger) = store::open(&arguments.dir)?;
    told::tell("GIVEN", &*ledger.record(grant)?, how.json)?;
    Ok(GOOD)
}

pub(crate) fn renew(arguments: Renew) -> Answer {
    let how = arguments.how;
    let notice = how.notice();
    let mut renewal = Renewal::new(arguments.record, how.by);
    if let Some(end) = how.expires_at {
        renewal = renewal.expires_at(end);
    }
    if let Some(notice) = notice {
        renewal = renewal.notice(notice);
    }
    if let Some(method) = how.method {
        renewal = renewal.method(method);
    }
    let (_, ledger) = store::open(&arguments.dir)?;
    told::tell("RENEWED", &*ledger.renew(renewal)?, how.json)?;
    Ok(GOOD)
}
