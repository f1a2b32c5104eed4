//! What a verb is about: which agent, data, purpose, person and operation.

use clap::{ArgGroup, Args};
use consent::{AgentId, DataType, Extent, Operation, Purpose, RecordId, SubjectId};
use security_bundle::operator::ConsentRequest;
use time::OffsetDateTime;

/// What is left out means every.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What it is about (what is left out means every)")]
pub(super) struct What {
    /// This agent
    #[arg(long)]
    agent: Option<AgentId>,
    /// This data and all below it, such as `user.contact`
    #[arg(long)]
    data: Option<DataType>,
    /// This purpose and all below it
    #[arg(long)]
    purpose: Option<Purpose>,
    /// The data of this person
    #[arg(long)]
    subject: Option<SubjectId>,
    /// This operation
    #[arg(long)]
    operation: Option<Operation>,
}

impl What {
    /// As much of it as was named.
    pub(super) fn extent(self) -> Extent {
        let mut extent = Extent::default();
        extent.agent = self.agent;
        extent.data_type = self.data;
        extent.purpose = self.purpose;
        extent.subject = self.subject;
        extent.operation = self.operation;
        extent
    }
}

/// The same where something has to be named: silence must not take everything from everybody.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("named").args(["agent", "data", "purpose", "subject", "operation"]).required(true).multiple(true))]
pub(super) struct Named {
    #[command(flatten)]
    pub(super) what: What,
}

/// A use of data.
#[derive(Debug, Clone, Args)]
pub(super) struct Use {
    /// Which data, such as `user.contact`
    #[arg(long)]
    data: DataType,
    /// What for [default: every purpose]
    #[arg(long)]
    purpose: Option<Purpose>,
    /// Whose [default: everyone's]
    #[arg(long)]
    subject: Option<SubjectId>,
    /// In which operation [default: every one]
    #[arg(long)]
    operation: Option<Operation>,
}

impl Use {
    /// Which agents may, now or then.
    pub(super) fn request(self, at: Option<OffsetDateTime>) -> ConsentRequest {
        ConsentRequest::WhoMay {
            data_type: self.data,
            purpose: self.purpose,
            subject: self.subject,
            operation: self.operation,
            at,
        }
    }
}

/// For clap.
pub(super) fn record_id(text: &str) -> Result<RecordId, String> {
    serde_json::from_value(text.into()).map_err(|_| {
        "it is no record's id, which is a UUID as `secstack consent show` prints it".to_owned()
    })
}
