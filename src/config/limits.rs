//! The section `[limits]`: bounds on everything that can grow, and time limits.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The section `[limits]`: bounds on everything that can grow, and time limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitsConfig {
    /// Maximum number of streams at the same time. The samples of further streams are dropped.
    pub streams: usize,
    /// A stream without samples for this long is removed.
    #[serde(with = "humantime_serde")]
    pub idle: Duration,
    /// The surface of a stream without samples for this long becomes unknown.
    #[serde(with = "humantime_serde")]
    pub silence: Duration,
    /// Maximum size of one MQTT payload, in bytes. Larger ones are dropped.
    pub payload: usize,
    /// Maximum number of windows that wait for the model. The oldest ones over it are dropped.
    pub windows: usize,
    /// Maximum time for each step of the shutdown.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            streams: 1024,
            idle: Duration::from_secs(600),
            silence: Duration::from_secs(5),
            payload: 1 << 20,
            windows: 4096,
            drain: Duration::from_secs(5),
        }
    }
}
