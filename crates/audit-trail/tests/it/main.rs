//! The behaviour of the log, through its public interface.

mod append;
mod arbitrary;
#[cfg(feature = "tokio")]
mod asynchronous;
mod attacks;
mod bad_input;
mod bounded;
mod chain;
mod child;
mod cosignatures;
mod crash;
mod directory;
mod durable;
mod evidence;
mod export;
mod faults;
mod follow;
mod full;
mod grown;
mod judges;
mod judges_large;
mod personal;
mod policy;
mod published;
mod query;
mod receipts;
mod schema;
mod siem;
mod sink;
mod tamper;
mod tiles;
mod vectors;
mod witness;

use audit_trail::{AuditLog, Entry, ManualClock, SigningKey};
use time::macros::datetime;

/// A log whose key and clock are always the same.
fn fixed_log() -> (AuditLog, ManualClock) {
    let clock = ManualClock::new(datetime!(2026-11-22 12:00 UTC));
    let key = SigningKey::from_seed("test.example/log", &[42; 32]).unwrap();
    let log = AuditLog::builder()
        .namespace("test")
        .signer(key)
        .clock(clock.clone())
        .build()
        .unwrap();
    (log, clock)
}

/// A log with `n` entries after the genesis entry.
fn log_of(n: usize) -> AuditLog {
    let (log, _) = fixed_log();
    for i in 0..n {
        log.log(Entry::event(&format!("event-{i}"))).unwrap();
    }
    log
}
