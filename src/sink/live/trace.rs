//! A stream's samples, reduced to what a page can draw: the mean and the range of each channel over spans of
//! 50 ms.
//!
//! Spans are placed by the arrival time on this computer's clock, because all streams share it; device clocks
//! count from different starting points.

use super::kept_rows::{KeptRows, write_row};
use crate::signal::SampleBatch;

/// Length of a span in milliseconds.
pub(super) const SPAN: i64 = 50;
/// Maximum number of spans kept of one stream: those of the last 32 s, of which a page draws 30 s.
const MAX_SPANS: usize = 32_000 / SPAN as usize;
/// A sample that is more than this many spans older than the newest is taken as a sign that the computer's
/// clock was set back, rather than as a late sample.
const SET_BACK: i64 = 1000 / SPAN;
/// The longest time in nanoseconds between a sample and the last one of its batch at which the sample is
/// drawn at its own time. A batch that spans more did not come in real time; its earlier samples are drawn at
/// the batch's arrival.
const MAX_SPREAD: i64 = 5_000_000_000;
/// When the encoded spans are larger than this, in bytes, further spans are dropped until they are taken.
const MAX_READY: usize = 16 << 10;

/// The newest span of one stream, the finished spans that have not been sent yet, and those of the last half minute.
#[derive(Debug)]
pub(crate) struct Trace {
    /// Number of the newest span, counted in spans since 1970.
    index: i64,
    /// The newest span, for each channel.
    channels: Vec<ChannelRange>,
    /// The finished spans that have not been sent, encoded as the elements of a JSON array.
    ready: String,
    /// The finished spans of the last half minute.
    kept: KeptRows,
}

/// The finite values of one channel within one span.
#[derive(Clone, Copy, Debug, Default)]
struct ChannelRange {
    sum: f64,
    low: f32,
    high: f32,
    count: u32,
}

impl Default for Trace {
    fn default() -> Self {
        Self { index: 0, channels: Vec::new(), ready: String::new(), kept: KeptRows::new(MAX_SPANS) }
    }
}

impl Trace {
    /// Adds the samples of a batch. Finished spans are encoded to be sent if `is_sent`, and kept as far as there is room.
    pub(crate) fn take(&mut self, batch: &SampleBatch, is_sent: bool) {
        if !is_sent && !self.kept.has_room() {
            self.channels.clear();
            return;
        }
        let Some(&last) = batch.samples.times().last() else { return };
        self.channels.resize(batch.samples.channels(), ChannelRange::default());
        for (time, row) in batch.samples.iter() {
            let before = Some(last.since(time)).filter(|before| (0..MAX_SPREAD).contains(before));
            let arrived = batch.arrived.time.offset(-before.unwrap_or_default());
            let index = arrived.nanos().div_euclid(SPAN * 1_000_000);
            if index > self.index || index < self.index - SET_BACK {
                self.close(is_sent);
                self.index = index;
            }
            for (range, value) in self.channels.iter_mut().zip(row) {
                range.take(*value);
            }
        }
    }

    /// Finishes the newest span.
    fn close(&mut self, is_sent: bool) {
        if self.channels.iter().any(|range| range.count > 0) {
            let time = self.index * SPAN;
            let values: Vec<_> = self.channels.iter().flat_map(ChannelRange::values).collect();
            if is_sent && self.ready.len() < MAX_READY {
                if !self.ready.is_empty() {
                    self.ready.push(',');
                }
                write_row(time, values.iter().copied(), &mut self.ready);
            }
            self.kept.push(time, values.into_iter());
        }
        self.channels.fill(ChannelRange::default());
    }

    /// Takes the spans finished since the last call, as a JSON array; `None` if there are none.
    pub(crate) fn ready(&mut self) -> Option<String> {
        let ready = std::mem::take(&mut self.ready);
        (!ready.is_empty()).then(|| format!("[{ready}]"))
    }

    /// The spans of the last half minute as a JSON array, oldest first.
    pub(super) fn kept(&self) -> String {
        self.kept.json()
    }

    /// Takes an equal share of the memory for the kept spans of so many streams.
    pub(super) fn share_with(&mut self, streams: usize) {
        self.kept.share_with(streams);
    }
}

impl ChannelRange {
    fn take(&mut self, value: f32) {
        if !value.is_finite() {
            return;
        }
        if self.count == 0 {
            (self.low, self.high) = (value, value);
        }
        self.sum += f64::from(value);
        self.low = self.low.min(value);
        self.high = self.high.max(value);
        self.count += 1;
    }

    /// Its mean, lowest and highest value; not numbers if it has no value.
    fn values(&self) -> [f32; 3] {
        match self.count {
            0 => [f32::NAN; 3],
            count => [(self.sum / f64::from(count)) as f32, self.low, self.high],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::signal::{Arrival, Samples, StreamId, Time};

    /// A batch that arrives at `millis`, of samples at these milliseconds on the board's clock.
    fn batch(millis: i64, rows: &[(i64, [f32; 2])]) -> SampleBatch {
        let at = |millis: i64| Time::from_nanos(millis * 1_000_000).unwrap();
        let mut samples = Samples::new(2);
        for (time, row) in rows {
            samples.push(at(*time), *row);
        }
        let arrived = Arrival { instant: Instant::now(), time: at(millis) };
        SampleBatch { stream: StreamId::new("a").unwrap(), samples, arrived, rate: None }
    }

    #[test]
    fn a_span_has_the_mean_and_the_range_of_each_channel() {
        let mut trace = Trace::default();
        trace.take(&batch(1010, &[(7, [1.0, 5.0])]), true);
        trace.take(&batch(1030, &[(27, [2.0, f32::NAN])]), true);
        assert_eq!(trace.ready(), None, "the span is not finished");
        trace.take(&batch(1060, &[(57, [0.0, 0.0])]), true);
        let spans = trace.ready().unwrap();
        let spans: Vec<Vec<f64>> = serde_json::from_str(&spans).unwrap();
        assert_eq!(spans, [[1000.0, 1.5, 1.0, 2.0, 5.0, 5.0, 5.0]]);
        assert_eq!(trace.ready(), None);
    }

    #[test]
    fn samples_of_one_batch_are_placed_at_the_times_they_were_measured() {
        let mut trace = Trace::default();
        let rows: Vec<_> = (0..40).map(|i| (i * 10, [i as f32; 2])).collect();
        trace.take(&batch(5000, &rows), true);
        let spans: Vec<Vec<f64>> = serde_json::from_str(&trace.ready().unwrap()).unwrap();
        let times: Vec<_> = spans.iter().map(|span| span[0]).collect();
        assert_eq!(times, [4600.0, 4650.0, 4700.0, 4750.0, 4800.0, 4850.0, 4900.0, 4950.0]);
    }

    #[test]
    fn spans_that_are_never_taken_do_not_grow_without_a_bound() {
        let mut trace = Trace::default();
        for millis in 0..20_000 {
            trace.take(&batch(millis * 50, &[(0, [1.0, 2.0])]), true);
        }
        assert!(trace.ready.len() < MAX_READY + 200);
    }

    #[test]
    fn spans_that_are_not_sent_are_kept_all_the_same() {
        let mut trace = Trace::default();
        trace.take(&batch(1010, &[(7, [1.0, 5.0])]), false);
        trace.take(&batch(1060, &[(57, [0.0, 0.0])]), false);
        assert_eq!(trace.ready(), None);
        let kept: Vec<Vec<f64>> = serde_json::from_str(&trace.kept()).unwrap();
        assert_eq!(kept, [[1000.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0]]);
    }

    #[test]
    fn spans_for_which_there_is_no_room_are_only_sent() {
        let mut trace = Trace::default();
        trace.take(&batch(1010, &[(7, [1.0, 5.0])]), false);
        trace.share_with(1 << 20);
        for (millis, is_sent) in [(1060, false), (1110, true), (1160, true)] {
            trace.take(&batch(millis, &[(57, [0.0, 2.0])]), is_sent);
        }
        assert_eq!(trace.kept(), "[]");
        let spans: Vec<Vec<f64>> = serde_json::from_str(&trace.ready().unwrap()).unwrap();
        assert_eq!(spans, [[1100.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0]], "only since they are sent");
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_the_trace() {
        let mut trace = Trace::default();
        for millis in [90_000, 10_000, 10_100] {
            trace.take(&batch(millis, &[(0, [1.0, 2.0])]), true);
        }
        let spans: Vec<Vec<f64>> = serde_json::from_str(&trace.ready().unwrap()).unwrap();
        assert_eq!(spans.iter().map(|span| span[0]).collect::<Vec<_>>(), [90_000.0, 10_000.0]);
    }
}
