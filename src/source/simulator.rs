//! The built-in simulator as a source: one simulated robot, at real speed or faster.

use std::time::Duration;

use tokio::time::Instant;

use super::handle::SourceHandle;
use crate::health::SourceState;
use crate::shutdown::Shutdown;
use crate::signal::{Channel, Drops, Samples, StreamId};
use crate::simulator::drive::{Drive, RATE};

/// How long the robot stays on each surface, in seconds.
const SECONDS_PER_SURFACE: f64 = 20.0;

/// A simulated robot.
#[derive(Clone, Debug)]
pub(crate) struct SimulatorSource {
    /// The stream that its samples belong to.
    pub stream: StreamId,
    /// The surfaces that it drives over, and the samples of this drive.
    pub drive: Drive,
    /// How many times faster than real time it drives.
    pub speed: f64,
}

impl SimulatorSource {
    /// A robot that drives over all surfaces in turn, for 20 s each, in real time, for 33 hours.
    pub(crate) fn new(stream: StreamId, seed: u64) -> Self {
        Self { stream, drive: Drive::rounds(seed, RATE, SECONDS_PER_SURFACE), speed: 1.0 }
    }

    /// The one channel of its samples: the motor current in A.
    pub(crate) fn channel() -> Channel {
        Channel::in_ampere("current")
    }

    /// Sends each sample when it is due, until the end of the drive or the shutdown.
    pub(crate) async fn run(self, handle: SourceHandle, mut shutdown: Shutdown) {
        let start = Instant::now();
        let mut samples = Samples::new(1);
        let mut no_drops = Drops::default();
        for reading in self.drive {
            let due = start + Duration::from_secs_f64(reading.time.seconds() / self.speed);
            if due > Instant::now() {
                let ready = std::mem::replace(&mut samples, Samples::new(1));
                if handle.send(&self.stream, ready, None, &mut no_drops).await.is_err() {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = shutdown.requested() => return,
                }
            }
            samples.push(reading.time, [reading.current]);
        }
        if handle.send(&self.stream, samples, None, &mut no_drops).await.is_ok() {
            handle.set_state(SourceState::Ended);
            // An error means that the pipeline has ended, and then nobody needs to know the end of the
            // stream.
            let _ = handle.end(&self.stream).await;
        }
    }
}
