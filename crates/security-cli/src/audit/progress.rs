//! How far a long verification has got, on standard error and only where that is a terminal.

use std::io::{self, IsTerminal, Write};

use audit_trail::Progress;

/// What is read in a moment needs no bar.
const LONG: u64 = 128 << 20;
const WIDTH: u64 = 30;

/// A bar that is drawn over and over on one line, and is gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Bar {
    is_shown: bool,
    drawn: Option<u64>,
}

impl Bar {
    pub(crate) fn new() -> Self {
        Self {
            is_shown: io::stderr().is_terminal(),
            drawn: None,
        }
    }

    pub(crate) fn show(&mut self, progress: Progress) {
        let total = progress.total_bytes.unwrap_or(0);
        let percent = progress
            .bytes
            .saturating_mul(100)
            .checked_div(total)
            .unwrap_or(0)
            .min(100);
        if !self.is_shown || total < LONG || self.drawn == Some(percent) {
            return;
        }
        self.drawn = Some(percent);
        let line = line(percent, progress.entries);
        // A bar that cannot be drawn is no reason to stop.
        drop(write!(io::stderr(), "\r{line}"));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            drop(write!(io::stderr(), "\r\u{1b}[K"));
        }
    }
}

fn line(percent: u64, entries: u64) -> String {
    let full = percent.saturating_mul(WIDTH).checked_div(100).unwrap_or(0);
    let bar: String = (0..WIDTH)
        .map(|at| if at < full { '#' } else { '.' })
        .collect();
    format!("verifying [{bar}] {percent:>3} %  {entries} entries")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_its_percentage() {
        assert_eq!(
            line(0, 0),
            "verifying [..............................]   0 %  0 entries"
        );
        assert_eq!(
            line(50, 7),
            "verifying [###############...............]  50 %  7 entries"
        );
        assert_eq!(
            line(100, 9),
            "verifying [##############################] 100 %  9 entries"
        );
    }
}
