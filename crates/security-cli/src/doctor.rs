//! `secstack doctor`: what is wrong with a stack's data directory, and what to do about it.

use std::path::PathBuf;

use clap::Args;
use security_bundle::{Doctor, Finding, Verdict};

use crate::audit::progress::Bar;
use crate::{Answer, GOOD, no, output, paint};

/// Say what is wrong with a stack's data directory and what to do, changing nothing
///
/// Works beside the process that owns the directory, and where none does. The exit status is 0 if nothing is wrong, 1 if something
/// is, and 2 if it is no stack's data directory.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The stack's data directory
    dir: PathBuf,
    /// The file of the log's signing key, where the configuration names one as `audit.key`
    #[arg(long, value_name = "FILE")]
    log_key: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let mut bar = Bar::new();
    let mut doctor = Doctor::at(&arguments.dir).progress(|progress| bar.show(progress));
    if let Some(file) = &arguments.log_key {
        doctor = doctor.key(file);
    }
    let report = doctor.examine();
    drop(bar);
    let report = report?;
    if arguments.json {
        anstream::println!("{}", serde_json::to_string(&report)?);
    } else {
        output::write(|out| {
            report
                .findings
                .iter()
                .try_for_each(|finding| tell(out, finding))
        })?;
    }
    Ok(if report.is_good() { GOOD } else { no() })
}

fn tell(out: &mut dyn std::io::Write, finding: &Finding) -> std::io::Result<()> {
    let style = match finding.verdict {
        Verdict::Good => paint::GOOD,
        Verdict::Note => paint::WARN,
        _ => paint::BAD,
    };
    let verdict = finding.verdict.as_str().to_uppercase();
    writeln!(
        out,
        "{style}{verdict:<5}{style:#}  {:<9}  {}",
        finding.check,
        paint::plain(&finding.found)
    )?;
    let Some(to_do) = &finding.to_do else {
        return Ok(());
    };
    let dim = paint::DIM;
    writeln!(out, "{:18}{dim}{}{dim:#}", "", paint::plain(to_do))
}
