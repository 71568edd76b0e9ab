//! Notices that bytes arrive but no samples come of them.

use std::time::Duration;

use crate::signal::{DropReason, Drops};

/// After this long with bytes but without a sample, the source has a problem.
const NO_SAMPLES: Duration = Duration::from_secs(3);

/// What has become of the bytes of a stream since its last sample. Times are counted from when it was opened.
#[derive(Debug, Default)]
pub(super) struct ReadProgress {
    /// When the first byte since the last sample arrived; `None` if none has.
    waiting_since: Option<Duration>,
    /// When the last line or frame ended, or `waiting_since`.
    last_line: Duration,
    /// The bytes since the last line or frame that have not been counted yet.
    unfinished: usize,
    /// What was wrong with the first line or frame since the last sample.
    malformed: Option<String>,
}

/// Why bytes arrive but no samples come of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReadFault {
    /// No line or frame ended for this long.
    NoLines(Duration),
    /// Lines or frames arrive, but each has a fault, of which this is the first.
    Malformed(String),
}

impl ReadProgress {
    /// Adds bytes that arrived at `now`, with the number of samples and the drops that came of them.
    pub(super) fn add(&mut self, bytes: usize, samples: usize, drops: &Drops, now: Duration) {
        if samples > 0 {
            return *self = Self::default();
        }
        if self.waiting_since.is_none() {
            (self.waiting_since, self.last_line) = (Some(now), now);
        }
        self.unfinished += bytes;
        // A line that is too long has no end either.
        if drops.total() > drops.count(DropReason::TooLarge) {
            (self.last_line, self.unfinished) = (now, 0);
            if let (None, Some((_, detail))) = (&self.malformed, drops.first()) {
                self.malformed = Some(detail.to_owned());
            }
        }
    }

    /// What is wrong, once bytes have arrived for some seconds without a sample. Bytes without a line are counted in
    /// `drops`.
    pub(super) fn fault(&mut self, drops: &mut Drops, now: Duration) -> Option<ReadFault> {
        if now.saturating_sub(self.waiting_since?) < NO_SAMPLES {
            return None;
        }
        let without_line = now.saturating_sub(self.last_line);
        if without_line < NO_SAMPLES {
            return self.malformed.clone().map(ReadFault::Malformed);
        }
        let bytes = std::mem::take(&mut self.unfinished);
        if bytes > 0 {
            drops.add(DropReason::Malformed, || {
                format!("{bytes} bytes arrived without a line end; check that the baud rate and the format are the board's")
            });
        }
        Some(ReadFault::NoLines(without_line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn malformed(count: u64) -> Drops {
        let mut drops = Drops::default();
        drops.add_many(DropReason::Malformed, count, || "no number".into());
        drops
    }

    #[test]
    fn bytes_without_a_line_are_a_fault_and_are_counted() {
        let (mut progress, mut drops) = (ReadProgress::default(), Drops::default());
        for second in 0..3 {
            progress.add(1000, 0, &Drops::default(), second * SECOND);
            assert_eq!(progress.fault(&mut drops, second * SECOND), None);
        }
        progress.add(1000, 0, &Drops::default(), 3 * SECOND);
        assert_eq!(progress.fault(&mut drops, 3 * SECOND), Some(ReadFault::NoLines(3 * SECOND)));
        let (reason, detail) = drops.first().unwrap();
        assert_eq!(reason, DropReason::Malformed);
        assert!(detail.starts_with("4000 bytes arrived without a line end"), "{detail}");
        progress.add(1, 1, &Drops::default(), 4 * SECOND);
        assert_eq!(progress.fault(&mut drops, 9 * SECOND), None);
    }

    #[test]
    fn lines_that_all_have_a_fault_are_a_fault_with_the_first_reason() {
        let (mut progress, mut drops) = (ReadProgress::default(), Drops::default());
        for second in 0..=3 {
            progress.add(10, 0, &malformed(1), second * SECOND);
        }
        assert_eq!(progress.fault(&mut drops, 3 * SECOND), Some(ReadFault::Malformed("no number".into())));
        assert_eq!(drops.total(), 0, "the decoder has counted them");
    }

    #[test]
    fn silence_before_the_first_byte_is_no_fault_of_this_kind() {
        let (mut progress, mut drops) = (ReadProgress::default(), Drops::default());
        assert_eq!(progress.fault(&mut drops, 60 * SECOND), None);
        progress.add(1, 0, &Drops::default(), 60 * SECOND);
        assert_eq!(progress.fault(&mut drops, 61 * SECOND), None);
    }
}
