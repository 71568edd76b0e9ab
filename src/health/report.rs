//! The state of the daemon at one moment, as it is published.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::stream::Problem;

/// The state of the daemon at one moment. Its JSON is the payload of the topic `underfoot/health`.
#[derive(Clone, Debug, Serialize)]
pub struct HealthReport {
    /// Whether every source gives samples or has ended.
    pub healthy: bool,
    /// Whether the daemon is healthy, and there are no problems.
    pub state: DaemonState,
    /// What is wrong with the streams' input, at most a hundred problems.
    pub problems: Vec<Arc<Problem>>,
    /// The number of all problems, listed or not.
    pub problem_count: usize,
    /// What is wrong with the connection to the broker. `None` if it is up, or if there is no broker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_problem: Option<String>,
    /// Seconds since the start of the daemon.
    pub uptime: u64,
    /// The number of streams that are followed now.
    pub streams: u64,
    /// Predictions since the start.
    pub predictions: u64,
    /// The state of each source.
    pub sources: Vec<SourceReport>,
    /// What became of the reloads of the configuration and the model.
    pub reloads: Reloads,
    /// What was dropped since the start, by reason. Reasons without a drop are absent.
    pub dropped: BTreeMap<&'static str, u64>,
}

/// The state of the daemon in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DaemonState {
    /// Every source gives samples, the broker is connected, and there are no problems.
    Ok,
    /// A source gives no samples, the broker is not connected, or a stream's input has a problem.
    Degraded,
}

/// The state of one source at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct SourceReport {
    /// The name of the source in the configuration and in messages.
    pub name: String,
    /// Whether the source is connected and gives samples.
    pub state: SourceState,
    /// Samples from this source since the start.
    pub samples: u64,
    /// How often the source was opened again after a failure. Only the metrics show it.
    #[serde(skip)]
    pub reopened: u64,
    /// What was worked out about its samples because the configuration leaves it open, such as the unit of their
    /// times; `None` if nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<String>,
}

/// Whether a source is connected and gives samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// The source is being opened or connected.
    Connecting,
    /// The source gives samples.
    Ok,
    /// The source is connected, but gives no samples.
    Silent,
    /// The source has come to its end, as a recording does.
    Ended,
}

/// What became of the reloads of the configuration and the model since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reloads {
    /// Reloads after which the new configuration was active.
    pub done: u64,
    /// Reloads that failed, so that the old configuration stayed active.
    pub failed: u64,
    /// Why the last reload failed. `None` if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Keys that have changed but only take effect at the next start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs_restart: Vec<String>,
}
