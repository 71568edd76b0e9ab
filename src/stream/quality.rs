//! How far a stream's samples can be trusted: sensors that are stuck or at their limits, and input that left what the model was
//! trained on.
//!
//! - **Stuck**: a channel did not change at all in a whole window, though it does in training. It is well again when a quarter of
//!   the window's steps have changes.
//! - **Saturated**: a quarter of a window's steps, or what `[quality] clipped` says, is at the sensor's limits; it is well again
//!   at half of that. The limits are the source's (`[[source.channel]] min, max`). Without them a sample is at a limit from the
//!   fifth equal one in a row on, where that value lies on the edge of what training had or beyond: a motor's current is never so
//!   steady at its extremes, and a converter at the end of its range is. 0 is what a motor at rest draws, and no limit.
//! - **Drifted**: the root of the mean square distance from the training's mean, in deviations, over the last minutes with
//!   exponential weights, is over `[quality] drift`; it is well again below 0.8 of that. In training it is 1. A part of the training
//!   data that has the share w of it cannot be farther than the root of 1/w: 3 is never reached by input that is like any surface
//!   with a ninth of the training windows, whatever the order in which the robot drives on them. It sees offsets, gains and noise alike.
//!
//! [`Gauge`](crate::stream::quality_monitor::QualityMonitor) finds it out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::card::Statistics;
use crate::signal::Channel;

/// When input is told to be bad, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QualityOptions {
    /// Whether the surface is unknown while a channel is stuck.
    pub unknown_when_stuck: bool,
    /// Whether the surface is unknown while a channel is saturated.
    pub unknown_when_saturated: bool,
    /// A channel is saturated when this share of a window's steps is at its limits.
    pub clipped: f64,
    /// Input drifts when it is so many times as far from the training's mean as training was.
    pub drift: f64,
    /// Over how long that is looked at.
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

/// How far a window's samples can be trusted.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// The share of its steps that were measured rather than interpolated, from 0 to 1.
    pub measured: f64,
    /// The share of its steps with a channel at its sensor's limits.
    pub clipped: f64,
    /// The share of the samples of its time that came too late to be used.
    pub late: f64,
    /// How many times as far from the training's mean as training was, the farthest channel; none in the first minutes.
    pub drift: Option<f64>,
    /// What is wrong.
    pub faults: Vec<ChannelFault>,
}

impl Default for Quality {
    /// Nothing is wrong.
    fn default() -> Self {
        Self { measured: 1.0, clipped: 0.0, late: 0.0, drift: None, faults: Vec::new() }
    }
}

impl Quality {
    /// The fault that makes the surface unknown, if one does.
    pub fn withheld(&self) -> Option<&ChannelFault> {
        self.faults.iter().find(|fault| fault.withholds)
    }
}

/// What is wrong with one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelFault {
    /// Which.
    pub channel: Channel,
    /// What is wrong.
    pub kind: FaultKind,
    /// Whether the surface is unknown because of it.
    pub withholds: bool,
}

/// What is wrong with a channel, with the numbers that say so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FaultKind {
    /// It does not change.
    Stuck {
        /// Its value.
        value: f32,
    },
    /// It is at its limits.
    Saturated {
        /// For which share of the window.
        share: f64,
    },
    /// It is far from what training had.
    Drifted {
        /// Its mean over the last minutes.
        mean: f64,
        /// How many times as far from the training's mean as training was.
        distance: f64,
        /// What training had.
        training: Statistics,
    },
}

impl FaultKind {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            FaultKind::Stuck { .. } => "stuck",
            FaultKind::Saturated { .. } => "saturated",
            FaultKind::Drifted { .. } => "drifted",
        }
    }
}

impl ChannelFault {
    /// The fault in few words, which stay the same while it lasts.
    pub fn reason(&self) -> String {
        let verb = if matches!(self.kind, FaultKind::Drifted { .. }) { "has" } else { "is" };
        format!("{} {verb} {}", self.channel.name, self.kind.name())
    }

    /// The fault with its numbers and its mend.
    pub fn detail(&self) -> String {
        let Channel { name, unit } = &self.channel;
        match self.kind {
            FaultKind::Stuck { value } => {
                format!("{name} stays at {value} {unit}; check the sensor and its wires")
            }
            FaultKind::Saturated { share } => format!(
                "{name} is at its sensor's limits for {:.0} % of a window; check the sensor, and its range and scale",
                100.0 * share
            ),
            FaultKind::Drifted { mean, distance, training } => format!(
                "{name} is {mean:.3} {unit} on average, {distance:.1} times as far from the training's {:.3} \u{b1} {:.3} {unit} as \
                 training was; check the sensor's scale and offset, or train with recordings of today",
                training.mean, training.deviation
            ),
        }
    }
}
