//! `secstack audit append`: entries from standard input into the log, and a line for each that is on disk.

use std::io::{self, BufRead, BufWriter, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use audit_trail::witness::WitnessClient;
use audit_trail::{Acknowledgement, AuditLog, Entry, Filter, MAX_ENTRY, Pending};
use clap::Args;

use super::{keys, source};
use crate::failure::Failure;
use crate::{Answer, GOOD};

/// Entries that are waited for together.
const BATCH: usize = 1024;
/// How long a witness may take to answer.
const WITNESS_TIMEOUT: Duration = Duration::from_secs(10);

/// Append entries from standard input, one JSON object a line; tells of each once it is on disk
///
/// Reads JSON objects with the keys of an entry, one a line: `{"event":"deployed","agent":"a"}`. `id`, `ts` and `namespace` are added where they are not
/// given, `kind` is `event` where an `event` is given and no `decision`. Unknown or repeated keys, `null`, and kinds that the log writes itself are refused:
/// nothing of that line and of those after it is recorded, and the exit status is 2.
///
/// Prints `{"index":…,"id":…,"leaf":…}` for each entry once it is on disk, in order and without waiting for the next line or the end; `leaf` is the hash of its leaf in base64.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The log's directory
    dir: PathBuf,
    /// The file with the key that signs the log [default: DIR.key]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Tell of an entry only when a quorum of the witnesses in this policy (C2SP tlog-policy) has cosigned it; waits for as long as there is none
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let mut builder = source::writer(&arguments.dir, arguments.key.as_deref())?;
    let mut level = Acknowledgement::Durable;
    if let Some(path) = &arguments.policy {
        builder = builder.witnesses(WitnessClient::new(keys::policy(path)?, WITNESS_TIMEOUT));
        level = Acknowledgement::Witnessed;
    }
    let log = builder.build()?;
    let appended = append(&log, &lines()?, level);
    let published = log.publish_checkpoint();
    appended?;
    published?;
    Ok(GOOD)
}

/// Whatever has come by now goes to the disk together; so does a single line, when no other has come.
fn append(
    log: &AuditLog,
    lines: &Receiver<io::Result<Vec<u8>>>,
    level: Acknowledgement,
) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut number = 0_u64;
    while let Ok(line) = lines.recv() {
        let mut batch = Vec::new();
        let mut refused = Ok(());
        let mut next = Some(line);
        while let Some(line) = next.take() {
            number = number.saturating_add(1);
            match submit(log, line) {
                Ok(pending) => batch.push(pending),
                Err(error) => {
                    refused = Err(error.at(format_args!("line {number}")));
                    break;
                }
            }
            if batch.len() < BATCH {
                next = lines.try_recv().ok();
            }
        }
        acknowledge(log, &batch, level, &mut out)?;
        refused?;
    }
    Ok(())
}

fn submit(log: &AuditLog, line: io::Result<Vec<u8>>) -> Result<Pending, Failure> {
    let entry = Entry::from_json(log.namespace(), &line?)?;
    Ok(log.submit(entry)?)
}

/// Waits for the batch and tells of it.
fn acknowledge(
    log: &AuditLog,
    batch: &[Pending],
    level: Acknowledgement,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
        return Ok(());
    };
    // Entries get there in the order of their indexes.
    let last = last.wait(level)?.index;
    let recorded = log
        .query(&Filter::new().indexes(first.appended().index..=last))?
        .records;
    // The log may have said something itself in between.
    let mut recorded = recorded.iter();
    for pending in batch {
        let index = pending.appended().index;
        let record = recorded
            .find(|record| record.index() == index)
            .ok_or_else(|| Failure::new(format!("entry {index} was written and cannot be read")))?;
        writeln!(
            out,
            r#"{{"index":{index},"id":"{}","leaf":"{}"}}"#,
            record.id(),
            record.leaf()
        )
        .map_err(unheard)?;
    }
    out.flush().map_err(unheard)
}

fn unheard(error: io::Error) -> Failure {
    Failure::on("standard output, where nobody hears any more which entries are on disk")(error)
}

/// The lines of standard input, read ahead while others are on their way to the disk.
fn lines() -> Result<Receiver<io::Result<Vec<u8>>>, Failure> {
    let (give, take) = sync_channel(BATCH);
    thread::Builder::new().name("input".into()).spawn(move || {
        let mut input = io::stdin().lock();
        while let Some(line) = next_line(&mut input).transpose() {
            let is_last = line.is_err();
            if give.send(line).is_err() || is_last {
                return;
            }
        }
    })?;
    Ok(take)
}

/// The next line without its newline; of one that is longer than any entry, as much as shows that.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let limit = (MAX_ENTRY as u64).saturating_add(2);
    let read = input.take(limit).read_until(b'\n', &mut line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok((read > 0).then_some(line))
}
