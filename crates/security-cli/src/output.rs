//! Standard output, whose reader may stop reading.

use std::io::{self, BufWriter, Write};

use crate::failure::ignore_closed_pipe;

pub(crate) fn write(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(anstream::stdout().lock());
    ignore_closed_pipe(write(&mut out).and_then(|()| out.flush()))
}
