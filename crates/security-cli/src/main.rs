//! The `secstack` command.

fn main() {}
