//! `secstack audit export`: the log in a form that other programs read.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use audit_trail::{AuditError, AuditReader, Exported, Syslog};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::select::Selection;
use super::source;
use crate::failure::Failure;
use crate::{Answer, GOOD};

/// Write entries in another form
///
/// Without conditions `ndjson` is the whole log with a signed checkpoint, which `verify` verifies; with conditions it is an extract.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The log: its directory, or a file with entries and signed checkpoints, one a line
    #[arg(value_name = "DIR|FILE")]
    log: PathBuf,
    /// The log's verifier key, or a file that holds it [default: the key that the log names itself]
    #[arg(long, value_name = "KEY|FILE")]
    vkey: Option<String>,
    /// The form to write
    #[arg(long)]
    format: Format,
    /// Where to, if not to standard output; must not be there yet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// For syslog: your private enterprise number (IANA), in the name of the structured data; the default stands for examples
    #[arg(long, value_name = "NUMBER", default_value_t = 32473)]
    enterprise: u32,
    /// For syslog: the host name in the messages
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Print one JSON object with the number of entries, and the checkpoint in them
    #[arg(long, requires = "out")]
    json: bool,
    #[command(flatten)]
    select: Selection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Each entry as it stands in the log, one a line
    Ndjson,
    /// RFC 4180, safe to open in a spreadsheet
    Csv,
    /// Common Event Format, one event a line
    Cef,
    /// OCSF API Activity, one JSON object a line
    Ocsf,
    /// RFC 5424, one message a line
    Syslog,
    /// OpenTelemetry log records (OTLP/JSON)
    Otel,
    /// A tar archive with receipts, key and a verifier: everything to check the entries offline
    Evidence,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let log = source::reader_by_own_key(&arguments.log, arguments.vkey.as_deref())?;
    let Some(path) = &arguments.out else {
        let out = io::stdout().lock();
        if arguments.format == Format::Evidence && out.is_terminal() {
            return Err(Failure::new(
                "an archive is nothing for a terminal; give --out",
            ));
        }
        return match write(&log, arguments, out) {
            Err(AuditError::Export(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(GOOD),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(GOOD),
        };
    };
    let file = File::create_new(path).map_err(Failure::on(path.display()))?;
    let exported = match write(&log, arguments, &file) {
        Ok(exported) => exported,
        Err(error) => {
            // A part of an export looks like one.
            fs::remove_file(path)?;
            return Err(error.into());
        }
    };
    file.sync_all().map_err(Failure::on(path.display()))?;
    if arguments.json {
        let checkpoint = exported.checkpoint.map(|checkpoint| checkpoint.to_string());
        anstream::println!(
            "{}",
            json!({ "entries": exported.entries, "checkpoint": checkpoint })
        );
    }
    Ok(GOOD)
}

fn write(
    log: &AuditReader,
    arguments: &Arguments,
    target: impl Write,
) -> Result<Exported, AuditError> {
    let mut target = BufWriter::new(target);
    let filter = arguments.select.filter();
    let is_whole = arguments.select.is_everything() && log.checkpoint().is_ok();
    let exported = match arguments.format {
        Format::Ndjson if is_whole => log.export_ndjson(&mut target),
        Format::Ndjson => log.export_ndjson_matching(&mut target, &filter),
        Format::Csv => log.export_csv(&mut target, &filter),
        Format::Cef => log.export_cef(&mut target, &filter),
        Format::Ocsf => log.export_ocsf(&mut target, &filter),
        Format::Syslog => {
            syslog(arguments).and_then(|syslog| log.export_syslog(&mut target, &filter, &syslog))
        }
        Format::Otel => log.export_otel(&mut target, &filter),
        Format::Evidence => log.export_evidence(&mut target, &filter),
    }?;
    target.flush().map_err(AuditError::Export)?;
    Ok(exported)
}

fn syslog(arguments: &Arguments) -> Result<Syslog, AuditError> {
    let syslog = Syslog::new(arguments.enterprise);
    match &arguments.hostname {
        Some(name) => syslog.hostname(name),
        None => Ok(syslog),
    }
}
