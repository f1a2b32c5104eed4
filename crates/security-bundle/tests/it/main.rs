//! The bundle through its public API, one file a theme.

mod acts;
mod combinations;
mod configuration;
mod configuration_formats;
mod data_dir;
mod endings;
mod entries;
mod hostile;
mod leaks;
mod revocation;
mod seed_000;
mod seed_004;
mod support;
mod surface;
