//! The command as a user runs it, one file a theme.

mod audit;
mod configuration;
mod demo;
mod gate;
mod support;
