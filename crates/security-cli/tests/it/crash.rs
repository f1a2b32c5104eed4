//! `secstack audit append` killed at any moment: every line that it printed is in the log.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::time::Duration;

use audit_trail::AuditReader;

use crate::support::Log;

#[test]
fn what_was_printed_is_in_the_log_however_the_command_ended() {
    let rounds = std::env::var("AUDIT_TRAIL_ROUNDS").map_or(20, |rounds| rounds.parse().unwrap());
    let log = Log::new();
    let mut printed = BTreeMap::new();
    let mut noise: u64 = 0x9e37_79b9_7f4a_7c15;
    for round in 0..rounds {
        // Any sequence of moments will do.
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        let mut child = log.command("append").spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let writer = std::thread::spawn(move || {
            let text = "x".repeat(900);
            for n in 0.. {
                // Whoever is killed reads no more.
                if writeln!(
                    input,
                    r#"{{"event":"step","session":"{round}-{n}","reason":"{text}"}}"#
                )
                .is_err()
                {
                    return;
                }
            }
        });
        // Now and then before it has printed anything.
        let wanted = if round % 4 == 0 { 0 } else { noise % 400 };
        let killer = |child: &mut std::process::Child| {
            std::thread::sleep(Duration::from_micros(noise % 9000));
            child.kill().unwrap();
        };
        if wanted == 0 {
            killer(&mut child);
        }
        for (count, line) in (1..).zip(out.lines()) {
            // Written in pieces, perhaps; the last may be cut off.
            if let Ok(told) = serde_json::from_str::<serde_json::Value>(&line.unwrap()) {
                printed.insert(
                    told["index"].as_u64().unwrap(),
                    (
                        told["id"].to_string(),
                        told["leaf"].as_str().unwrap().to_owned(),
                    ),
                );
            }
            if count == wanted {
                killer(&mut child);
            }
        }
        child.wait().unwrap();
        writer.join().unwrap();
        let reader = AuditReader::open(log.dir(), Some(&log.vkey.parse().unwrap())).unwrap();
        for (index, (id, leaf)) in printed.iter().rev().take(1000) {
            let record = reader.entry(*index).unwrap_or_else(|error| {
                panic!("round {round}: entry {index} was printed: {error}")
            });
            assert_eq!(
                (format!("\"{}\"", record.id()), record.leaf().to_string()),
                (id.clone(), leaf.clone()),
                "round {round}: entry {index}"
            );
        }
    }
    assert!(printed.len() > 1000, "{} were printed", printed.len());
    let reader = AuditReader::open(log.dir(), Some(&log.vkey.parse().unwrap())).unwrap();
    for (index, (_, leaf)) in &printed {
        assert_eq!(
            reader.entry(*index).unwrap().leaf().to_string(),
            *leaf,
            "entry {index}"
        );
    }
    let ran = log.append(&[r#"{"event":"and on"}"#]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    assert_eq!(log.verify(&[]).status, Some(0));
}
