//! `secstack audit export`: the log in a form that other programs read.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::read;
use super::select::Selection;
use crate::failure::Failure;
use crate::{Answer, GOOD};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The log: entries and signed checkpoints, one a line
    file: PathBuf,
    /// Check the signed checkpoints with this verifier key, or file that holds it
    #[arg(long, value_name = "KEY|FILE")]
    vkey: Option<String>,
    #[command(flatten)]
    select: Selection,
    /// The form to write
    #[arg(long)]
    format: Format,
    /// Where to, if not to standard output; must not be there yet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Each entry as it stands in the log, one a line
    Ndjson,
    /// RFC 4180, safe to open in a spreadsheet
    Csv,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let (log, _) = read(&arguments.file, arguments.vkey.as_deref())?;
    let target: Box<dyn Write> = match &arguments.out {
        Some(path) => Box::new(File::create_new(path).map_err(Failure::on(path.display()))?),
        None => Box::new(io::stdout().lock()),
    };
    let mut target = BufWriter::new(target);
    let filter = arguments.select.filter();
    match arguments.format {
        Format::Ndjson => log.export_ndjson_matching(&mut target, &filter)?,
        Format::Csv => log.export_csv(&mut target, &filter)?,
    };
    target.flush()?;
    Ok(GOOD)
}
