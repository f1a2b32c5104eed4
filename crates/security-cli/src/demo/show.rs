//! How the demo looks.

use std::fs;
use std::path::Path;

use rmcp::model::CallToolResult;
use rmcp::service::ServiceError;
use security_bundle::Usd;
use security_bundle::audit_trail::{
    BudgetFields, Kind, Quantity, Record, VerifierKey, verify_ndjson,
};
use serde_json::Value;

use crate::failure::Failure;
use crate::paint::{self, cut, plain};

pub(super) fn beginning(config: &str) {
    let (head, dim) = (paint::HEAD, paint::DIM);
    anstream::println!("{head}secstack demo{head:#}  an agent's tool calls through the gate\n");
    anstream::println!(
        "{dim}agent <-> secstack mcp <-> a real MCP server, under these rules:{dim:#}\n"
    );
    for line in config.lines().filter(|line| !line.is_empty()) {
        anstream::println!("  {dim}{line}{dim:#}");
    }
}

pub(super) fn tools(names: &[&str]) {
    let (head, dim) = (paint::HEAD, paint::DIM);
    anstream::println!(
        "\n{head}tools that the agent sees{head:#}  {}",
        names.join(", ")
    );
    anstream::println!("{dim}(delete_file needs L5, so the list does not show it){dim:#}");
}

pub(super) fn scene(title: &str) {
    let head = paint::HEAD;
    anstream::println!("\n{head}{title}{head:#}");
}

/// One call: what the log says was decided, what the agent got, and how it ended.
pub(super) fn call(
    tool: &str,
    args: &Value,
    answer: &Result<CallToolResult, ServiceError>,
    news: &[Record],
) {
    let decided = news.iter().find(|record| record.kind() == Kind::Decision);
    let outcome = decided
        .and_then(Record::outcome)
        .map_or("-", |outcome| outcome.as_str());
    let code = decided
        .and_then(Record::decision)
        .map_or("", |decision| decision.reason_code.as_ref());
    let (style, dim) = (paint::outcome(outcome), paint::DIM);
    anstream::println!(
        "  {:<13} {dim}{:<44}{dim:#} {style}{outcome:<17}{style:#} {code}",
        cut(tool, 13),
        cut(&args.to_string(), 44),
    );
    let said = match answer {
        Ok(result) => text(result),
        Err(ServiceError::McpError(error)) => format!("error {}: {}", error.code.0, error.message),
        Err(error) => error.to_string(),
    };
    anstream::println!("                {dim}agent gets{dim:#}  {}", wrapped(&said));
    let held = decided.and_then(Record::budget).map(charges);
    for end in news.iter().filter(|record| record.kind() == Kind::Outcome) {
        let booked = end.budget().map(charges);
        let raised = if booked == held {
            String::new()
        } else {
            format!("  (held: {})", held.as_deref().unwrap_or("nothing"))
        };
        anstream::println!(
            "                {dim}{:<11} {}{dim:#}{raised}",
            end.event().unwrap_or_default(),
            booked.as_deref().unwrap_or("nothing"),
        );
    }
}

/// Breaks at spaces, under the column where the text begins.
fn wrapped(said: &str) -> String {
    const WIDTH: usize = 90;
    let said = plain(said.trim());
    let mut lines = vec![String::new()];
    for word in said.split(' ') {
        let length = lines.last().map_or(0, |line| line.chars().count());
        if length > 0 && length.saturating_add(word.chars().count()) > WIDTH {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n                            ")
}

pub(super) fn repeated(tool: &str, times: usize) {
    let (good, dim) = (paint::GOOD, paint::DIM);
    anstream::println!(
        "  {tool:<13} {dim}{:<44}{dim:#} {good}allow{good:#}",
        format!("{times} more calls"),
    );
}

/// Verifies the log, then changes one byte and verifies again. Whether both went as they should.
pub(super) fn evidence(log: &Path, key: &VerifierKey) -> Result<bool, Failure> {
    scene("the log, checked against its signed checkpoints");
    let bytes = fs::read(log)?;
    let good = verify(&bytes, key);
    scene("the same log with one byte changed");
    let mut forged = bytes;
    let lie = forged
        .windows(LIE.len())
        .position(|window| window == LIE)
        .and_then(|start| forged.get_mut(start..)?.get_mut(OFFSET));
    if let Some(byte) = lie {
        *byte = b'5';
    }
    let dim = paint::DIM;
    anstream::println!("  {dim}the agent's level in the first decision, 4, is now a 5{dim:#}");
    let found = !verify(&forged, key);
    Ok(good && found)
}

/// Where the first decision tells the effective level.
const LIE: &[u8] = b"\"effective\":4";
const OFFSET: usize = LIE.len() - 1;

fn verify(log: &[u8], key: &VerifierKey) -> bool {
    match verify_ndjson(log, key, None) {
        Ok(verified) if verified.fully_covered() => {
            let good = paint::GOOD;
            anstream::println!("  {good}VERIFIED{good:#}  {verified}");
            true
        }
        Ok(verified) => {
            let bad = paint::BAD;
            anstream::println!("  {bad}NOT WHOLLY VERIFIED{bad:#}  {verified}");
            false
        }
        Err(error) => {
            let bad = paint::BAD;
            anstream::println!("  {bad}TAMPERED{bad:#}  {}", plain(&error.to_string()));
            false
        }
    }
}

fn text(result: &CallToolResult) -> String {
    result
        .content
        .iter()
        .filter_map(|content| content.as_text().map(|text| text.text.clone()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn charges(budget: &BudgetFields<'_>) -> String {
    budget
        .charges
        .iter()
        .map(|charge| match (charge.unit.as_ref(), &charge.amount) {
            ("nano_usd", Quantity::Integer(nanos)) => u64::try_from(*nanos).map_or_else(
                |_| charge.amount.to_string(),
                |nanos| format!("{} USD", Usd::from_nanos(nanos).exact()),
            ),
            ("calls", Quantity::Integer(1)) => "1 call".to_owned(),
            (unit, amount) => format!("{amount} {unit}"),
        })
        .collect::<Vec<_>>()
        .join(", ")
}
