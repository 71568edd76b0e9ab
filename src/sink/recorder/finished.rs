//! A recording that has been closed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::recording_file::RecordingFile;

/// A recording that has been closed: where it is, and how much it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedRecording {
    /// The file.
    pub path: PathBuf,
    /// The number of samples in it.
    pub samples: u64,
    /// The time from its first sample to its last.
    pub span: Duration,
}

impl FinishedRecording {
    /// The mean sample rate in Hz; `None` if there are too few samples for one.
    pub fn rate(&self) -> Option<f64> {
        let intervals = self.samples.checked_sub(1).filter(|intervals| *intervals > 0)?;
        (self.span > Duration::ZERO).then(|| intervals as f64 / self.span.as_secs_f64())
    }
}

/// The recordings that have been closed.
#[derive(Debug, Default)]
pub(super) struct FinishedRecordings {
    /// The files that are not known to be on the disk yet.
    pub(super) unsynced: Vec<Arc<RecordingFile>>,
    /// The recordings for the report at the end. The oldest are forgotten if there are too many: a daemon may record for months.
    remembered: Vec<FinishedRecording>,
}

impl FinishedRecordings {
    /// Maximum number of recordings that are remembered.
    const MAX: usize = 1000;

    /// Adds a recording, which is only left to be synced. One without samples, because its form cannot hold their times, is
    /// removed.
    pub(super) fn close(&mut self, (file, recording): (Arc<RecordingFile>, FinishedRecording)) {
        if recording.samples == 0 {
            let _ = std::fs::remove_file(&recording.path);
            return;
        }
        self.unsynced.push(file);
        self.remember(recording);
    }

    /// Adds a recording for the report.
    pub(super) fn remember(&mut self, recording: FinishedRecording) {
        if self.remembered.len() >= Self::MAX {
            self.remembered.remove(0);
        }
        self.remembered.push(recording);
    }

    /// The recordings for the report, the oldest first.
    pub(super) fn into_vec(self) -> Vec<FinishedRecording> {
        self.remembered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_the_number_of_intervals_in_their_time() {
        let recording = |samples, span| FinishedRecording { path: PathBuf::new(), samples, span };
        assert_eq!(recording(101, Duration::from_secs(1)).rate(), Some(100.0));
        for (samples, seconds) in [(0, 0), (1, 0), (5, 0)] {
            assert_eq!(recording(samples, Duration::from_secs(seconds)).rate(), None);
        }
    }
}
