//! The statistics of a diagnosis.
//!
//! - [`estimate`]: the mean of a few differences between training runs, with its interval.
//! - [`false_discovery`]: the correction for the number of tests.
//! - [`loss_curve`]: how rough a loss curve is, and where it spikes.

pub(crate) mod estimate;
pub(crate) mod false_discovery;
pub(crate) mod loss_curve;
