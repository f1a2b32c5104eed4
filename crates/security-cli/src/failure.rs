//! Bad usage or input: told in one line on standard error, with exit status 2.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::paint;

/// Why a verb could not answer.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self(message.to_string())
    }

    /// For `map_err`: names what was worked on.
    pub(crate) fn on<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |error| Self(format!("{what}: {error}"))
    }

    /// The same, naming where in the input.
    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }

    pub(crate) fn tell(&self) -> ExitCode {
        let style = paint::BAD;
        anstream::eprintln!("{style}error{style:#}: {}", self.0);
        ExitCode::from(2)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        Self(text)
    }
}

/// Whoever reads through a pipe may stop reading; that is no failure.
pub(crate) fn ignore_closed_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
