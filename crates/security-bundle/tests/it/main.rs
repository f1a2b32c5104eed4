//! The bundle through its public API, one file a theme.

mod acts;
mod combinations;
mod configuration;
mod configuration_agreement;
mod configuration_diff;
mod configuration_diff_any;
mod configuration_diff_budget;
mod configuration_diff_trust;
mod configuration_environment;
mod configuration_formats;
mod configuration_schema;
#[cfg(unix)]
mod crash;
mod crowd;
mod data_dir;
mod doctor;
mod endings;
mod entries;
#[cfg(feature = "metrics")]
mod exposition;
mod for_operator;
mod hostile;
mod leaks;
mod observers;
#[cfg(feature = "opentelemetry")]
mod opentelemetry;
mod operator;
mod operator_any;
mod peers;
#[cfg(feature = "metrics")]
mod prometheus;
mod reload;
mod restart;
mod revocation;
#[cfg(all(unix, feature = "control"))]
mod seat;
mod seed_000;
mod seed_004;
#[cfg(all(target_os = "linux", feature = "control"))]
mod silent_owner;
#[cfg(feature = "tracing")]
mod spans;
mod support;
mod surface;
#[cfg(feature = "reload")]
mod watching;
