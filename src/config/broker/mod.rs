//! The servers that samples come from and surfaces go to, and what the daemon logs in with.

pub(super) mod mqtt;
pub(super) mod nats;
pub(super) mod secret;
mod secret_file;
