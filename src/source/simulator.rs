//! The built-in simulator as a source: one robot, in real time or faster.

use std::time::Duration;

use tokio::time::Instant;

use super::handle::SourceHandle;
use crate::health::SourceState;
use crate::shutdown::Shutdown;
use crate::signal::{Channel, Drops, Samples, StreamId};
use crate::simulator::drive::{Drive, RATE};

/// Seconds on each surface.
const STAY: f64 = 20.0;

/// A simulated robot.
#[derive(Clone, Debug)]
pub(crate) struct SimulatorSource {
    /// Its stream.
    pub stream: StreamId,
    /// Where it drives.
    pub drive: Drive,
    /// How many times faster than real.
    pub speed: f64,
}

impl SimulatorSource {
    /// A robot that drives over all surfaces, 20 s on each, in real time, for 33 hours.
    pub(crate) fn new(stream: StreamId, seed: u64) -> Self {
        Self { stream, drive: Drive::rounds(seed, RATE, STAY), speed: 1.0 }
    }

    /// The one channel that it gives.
    pub(crate) fn channel() -> Channel {
        Channel::in_ampere("current")
    }

    /// Drives until the drive or the daemon ends.
    pub(crate) async fn run(self, handle: SourceHandle, mut shutdown: Shutdown) {
        let begun = Instant::now();
        let mut samples = Samples::new(1);
        let mut none = Drops::default();
        for reading in self.drive {
            let due = begun + Duration::from_secs_f64(reading.time.seconds() / self.speed);
            if due > Instant::now() {
                let ready = std::mem::replace(&mut samples, Samples::new(1));
                if handle.send(&self.stream, ready, None, &mut none).await.is_err() {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = shutdown.requested() => return,
                }
            }
            samples.push(reading.time, [reading.current]);
        }
        if handle.send(&self.stream, samples, None, &mut none).await.is_ok() {
            handle.state(SourceState::Ended);
            // A closed pipeline needs no end.
            let _ = handle.end(&self.stream).await;
        }
    }
}
