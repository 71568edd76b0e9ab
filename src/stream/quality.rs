//! How far the samples of a stream can be trusted: settings, measures of a window, and faults of its
//! channels.
//!
//! A [`QualityMonitor`](super::QualityMonitor) finds three kinds of faults. Each kind ends at a lower limit
//! than it begins, so that a fault does not come and go with every window.
//!
//! - **Stuck**: the channel did not change at all within a whole window, although it changes in the training
//!   data. The fault ends when the channel changes in a quarter of the window's steps. A channel that stood still
//!   for whole windows of the training data, too, is stuck after twice the longest such time, until it changes.
//! - **Saturated**: the channel was at the sensor's limits for a quarter of the window's steps, or for the
//!   share in `[quality] clipped`. The fault ends below half of that share. The limits are those of the
//!   source (`[[source.channel]] min, max`). If the source has none, a sample is at a limit if it is the
//!   fifth equal one in a row, or a later one, and its value is at the edge of the range of the training data
//!   or beyond. The current of a motor is never that steady at its extremes, but a converter at the end of
//!   its range is. The value 0 is never a limit, because a motor at rest draws no current.
//! - **Drifted**: the root mean square z-score of the channel is more than `[quality] drift`. The z-score of
//!   a value is its distance from the training data's mean, divided by the training data's standard
//!   deviation. The mean square is an exponentially weighted average over `[quality] drift_time`. The fault
//!   ends below 0.8 of the limit. The measure responds to offsets, gains and noise alike. It is 1 for the
//!   training data as a whole, and at most sqrt(1/w) for a part that makes up the share w of the training
//!   data. Input that is like any surface with at least a ninth of the training windows therefore never
//!   exceeds the default of 3, in whatever order the robot drives over the surfaces.

use std::time::Duration;

use super::timing::RateFault;
use crate::model::card::Statistics;
use crate::signal::Channel;
use serde::{Deserialize, Serialize};

/// The section `[quality]` of the configuration: when a channel has a fault, and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QualityOptions {
    /// Whether the surface is unknown while a channel is stuck.
    pub unknown_when_stuck: bool,
    /// Whether the surface is unknown while a channel is saturated.
    pub unknown_when_saturated: bool,
    /// A channel is saturated when at least this share of a window's steps is at its limits, from 0 to 1.
    pub clipped: f64,
    /// A channel has drifted when its root mean square z-score is more than this. In the training data it is
    /// 1.
    pub drift: f64,
    /// The time constant of the average that finds drift. No drift is reported before a stream is that old.
    #[serde(with = "humantime_serde")]
    pub drift_time: Duration,
}

impl Default for QualityOptions {
    fn default() -> Self {
        Self {
            unknown_when_stuck: true,
            unknown_when_saturated: true,
            clipped: 0.25,
            drift: 3.0,
            drift_time: Duration::from_secs(180),
        }
    }
}

/// How far the samples of a window can be trusted.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// The share of the window's steps that were measured rather than interpolated, from 0 to 1.
    pub measured: f64,
    /// The share of the window's steps in which any channel is at its sensor's limits, from 0 to 1.
    pub clipped: f64,
    /// The share of the samples during the window that were dropped because they were late, from 0 to 1.
    pub late: f64,
    /// The root mean square z-score of the channel that is farthest from the training data; 1 is like
    /// training. `None` during the first `drift_time` of a stream, and if the statistics of the training data
    /// are not known.
    pub drift: Option<f64>,
    /// What is wrong with the rate of the samples; `None` if nothing is.
    pub rate: Option<RateFault>,
    /// The faults of the channels.
    pub faults: Vec<ChannelFault>,
}

impl Default for Quality {
    /// A window of measured samples without any fault.
    fn default() -> Self {
        Self { measured: 1.0, clipped: 0.0, late: 0.0, drift: None, rate: None, faults: Vec::new() }
    }
}

impl Quality {
    /// The first fault of a channel because of which the surface is unknown. `None` if there is none.
    pub fn blocking_fault(&self) -> Option<&ChannelFault> {
        self.faults.iter().find(|fault| fault.blocks_decision)
    }

    /// Why the surface is unknown, in a few words that do not change while that lasts. `None` if the surface can
    /// be decided.
    pub fn blocking_reason(&self) -> Option<String> {
        let rate = self.rate.map(|_| RateFault::NAME.to_owned());
        rate.or_else(|| self.blocking_fault().map(ChannelFault::reason))
    }
}

/// A fault of one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelFault {
    /// The channel with the fault.
    pub channel: Channel,
    /// What is wrong with it.
    pub kind: FaultKind,
    /// Whether the surface is unknown while the fault lasts.
    pub blocks_decision: bool,
}

/// What is wrong with a channel, with the numbers that show it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FaultKind {
    /// The channel does not change.
    Stuck {
        /// The value that it keeps, in the channel's unit.
        value: f32,
    },
    /// The channel is at its sensor's limits.
    Saturated {
        /// The share of the window's steps at the limits, from 0 to 1.
        share: f64,
    },
    /// The channel is far from what it was in the training data.
    Drifted {
        /// The weighted mean of the channel over the last `drift_time`, in the channel's unit.
        mean: f64,
        /// The root mean square z-score; 1 is like training.
        distance: f64,
        /// The statistics of the channel in the training data.
        training: Statistics,
    },
}

impl FaultKind {
    /// The name of the fault in messages and in `underfoot/health`.
    pub fn name(&self) -> &'static str {
        match self {
            FaultKind::Stuck { .. } => "stuck",
            FaultKind::Saturated { .. } => "saturated",
            FaultKind::Drifted { .. } => "drifted",
        }
    }
}

impl ChannelFault {
    /// The fault in a few words without numbers, which do not change while it lasts.
    pub fn reason(&self) -> String {
        let verb = if matches!(self.kind, FaultKind::Drifted { .. }) { "has" } else { "is" };
        format!("{} {verb} {}", self.channel.name, self.kind.name())
    }

    /// The fault in a sentence, with its numbers and how to fix it.
    pub fn detail(&self) -> String {
        let Channel { name, unit } = &self.channel;
        match self.kind {
            FaultKind::Stuck { value } => {
                format!("{name} stays at {value} {unit}; check the sensor and its wires")
            }
            FaultKind::Saturated { share } => format!(
                "{name} is at its sensor's limits for {:.0} % of a window; check the sensor, and its range \
                 and scale",
                100.0 * share
            ),
            FaultKind::Drifted { mean, distance, training } => format!(
                "{name} is {mean:.3} {unit} on average, but {:.3} \u{b1} {:.3} {unit} in the training data (root \
                 mean square z-score {distance:.1}); check the sensor's scale and offset, or train with new \
                 recordings",
                training.mean, training.deviation
            ),
        }
    }
}
