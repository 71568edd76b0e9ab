//! Notices that bytes arrive but no samples come of them.

use std::time::Duration;

use crate::decode::StreamFormat;
use crate::signal::{DropReason, Drops};

/// After this long with bytes but without a sample, the source has a problem.
const NO_SAMPLES: Duration = Duration::from_secs(1);

/// Fewer bytes than this may be the start of a line.
const MIN_BYTES: usize = 64;

/// What has become of the bytes of a stream since its last sample. Times are counted from when it was opened.
#[derive(Debug)]
pub(super) struct ReadProgress {
    is_binary: bool,
    /// When the first byte since the last sample arrived; `None` if none has.
    waiting_since: Option<Duration>,
    /// When the last line or frame ended, or `waiting_since` if none has since then.
    last_line: Duration,
    /// The bytes since the last line end that have not been counted yet.
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
    /// Creates the progress of a stream that has just been opened.
    pub(super) fn new(format: StreamFormat) -> Self {
        Self {
            is_binary: format == StreamFormat::Binary,
            waiting_since: None,
            last_line: Duration::ZERO,
            unfinished: 0,
            malformed: None,
        }
    }

    /// Adds bytes that arrived at `now`, with the number of samples and the drops that came of them.
    pub(super) fn add(&mut self, bytes: &[u8], samples: usize, drops: &Drops, now: Duration) {
        if samples > 0 {
            (self.waiting_since, self.unfinished, self.malformed) = (None, 0, None);
            return;
        }
        if self.waiting_since.is_none() {
            (self.waiting_since, self.last_line) = (Some(now), now);
        }
        let last_end =
            if self.is_binary { memchr::memrchr(0, bytes) } else { memchr::memrchr2(b'\n', b'\r', bytes) };
        match last_end {
            Some(end) => (self.last_line, self.unfinished) = (now, bytes.len() - end - 1),
            None => self.unfinished += bytes.len(),
        }
        // A line that is too long has no end.
        let fault = drops.first().filter(|(reason, _)| *reason != DropReason::TooLarge);
        if let (None, Some((_, detail))) = (&self.malformed, fault) {
            self.malformed = Some(detail.to_owned());
        }
    }

    /// What is wrong, once bytes have arrived for some seconds without a sample. Bytes without a line are counted in
    /// `drops`.
    pub(super) fn fault(&mut self, drops: &mut Drops, now: Duration) -> Option<ReadFault> {
        if now.saturating_sub(self.waiting_since?) < NO_SAMPLES {
            return None;
        }
        if self.malformed.is_some() || self.unfinished < MIN_BYTES {
            return self.malformed.clone().map(ReadFault::Malformed);
        }
        let without_line = now.saturating_sub(self.last_line);
        if without_line < NO_SAMPLES {
            return None;
        }
        let bytes = std::mem::take(&mut self.unfinished);
        drops.add(DropReason::Malformed, || {
            format!("{bytes} bytes arrived without a line end; check that the baud rate and the format are the board's")
        });
        Some(ReadFault::NoLines(without_line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn malformed(count: u64) -> Drops {
        let mut drops = Drops::default();
        drops.add_many(DropReason::Malformed, count, || "no number".into());
        drops
    }

    fn at(tenths: u64) -> Duration {
        Duration::from_millis(100 * tenths)
    }

    #[test]
    fn bytes_without_a_line_are_a_fault_and_are_counted() {
        let (mut progress, mut drops) = (ReadProgress::new(StreamFormat::Csv), Drops::default());
        for tenths in 0..10 {
            progress.add(&[0x80; 100], 0, &Drops::default(), at(tenths));
            assert_eq!(progress.fault(&mut drops, at(tenths)), None);
        }
        progress.add(&[0x80; 100], 0, &Drops::default(), at(10));
        assert_eq!(progress.fault(&mut drops, at(10)), Some(ReadFault::NoLines(at(10))));
        let (reason, detail) = drops.first().unwrap();
        assert_eq!(reason, DropReason::Malformed);
        assert!(detail.starts_with("1100 bytes arrived without a line end"), "{detail}");
        progress.add(b"1\n", 1, &Drops::default(), at(11));
        assert_eq!(progress.fault(&mut drops, at(90)), None);
    }

    #[test]
    fn lines_that_all_have_a_fault_are_a_fault_with_the_first_reason() {
        let (mut progress, mut drops) = (ReadProgress::new(StreamFormat::Csv), Drops::default());
        for tenths in 0..=10 {
            progress.add(b"x\n", 0, &malformed(1), at(tenths));
        }
        assert_eq!(progress.fault(&mut drops, at(10)), Some(ReadFault::Malformed("no number".into())));
        assert_eq!(drops.total(), 0, "the decoder has counted them");
    }

    #[test]
    fn silence_and_a_pause_after_a_header_are_no_faults_of_this_kind() {
        let (mut progress, mut drops) = (ReadProgress::new(StreamFormat::Csv), Drops::default());
        assert_eq!(progress.fault(&mut drops, at(600)), None);
        progress.add(b"t,current\n", 0, &Drops::default(), at(600));
        progress.add(b"1.0,", 0, &Drops::default(), at(620));
        assert_eq!(progress.fault(&mut drops, at(620)), None, "the start of the first row");
    }
}
