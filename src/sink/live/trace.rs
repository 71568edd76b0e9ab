//! A stream's samples as a page can draw them: the mean and the range of each channel over short spans.

use std::fmt::Write;

use crate::signal::SampleBatch;

/// Milliseconds in a span.
pub(crate) const SPAN: i64 = 50;
/// A sample this many spans before the newest is no late one: the computer's clock was set back.
const SET_BACK: i64 = 1000 / SPAN;
/// Samples of one block that are further apart than this, in nanoseconds, did not come in real time.
const SPREAD: i64 = 5_000_000_000;
/// Bytes that may wait to be sent; more is left out.
const WAITING: usize = 16 << 10;

/// One stream's newest span, and those that wait to be sent.
///
/// Times are those of arrival, on this computer's clock: all streams share it, whatever their boards count from.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    index: i64,
    channels: Vec<Range>,
    /// The spans that are complete, as the elements of a JSON array.
    ready: String,
}

#[derive(Clone, Copy, Debug, Default)]
struct Range {
    sum: f64,
    low: f32,
    high: f32,
    count: u32,
}

impl Trace {
    /// Takes in the samples of a block.
    pub(crate) fn take(&mut self, batch: &SampleBatch) {
        let Some(&last) = batch.samples.times().last() else { return };
        for (time, row) in batch.samples.iter() {
            let before = Some(last.since(time)).filter(|before| (0..SPREAD).contains(before));
            let arrived = batch.arrived.time.offset(-before.unwrap_or_default());
            let index = (arrived.nanos() / 1_000_000).div_euclid(SPAN);
            if index > self.index || index < self.index - SET_BACK {
                self.close();
                self.index = index;
            }
            self.channels.resize(row.len(), Range::default());
            for (range, value) in self.channels.iter_mut().zip(row) {
                range.take(*value);
            }
        }
    }

    /// Ends the newest span: `[milliseconds, mean, low, high, mean, low, high, …]`.
    fn close(&mut self) {
        let some = self.channels.iter().any(|range| range.count > 0);
        if some && self.ready.len() < WAITING {
            let comma = if self.ready.is_empty() { "" } else { "," };
            // Memory takes all that is written.
            let _ = write!(self.ready, "{comma}[{}", self.index * SPAN);
            for range in &self.channels {
                range.write(&mut self.ready);
            }
            self.ready.push(']');
        }
        self.channels.fill(Range::default());
    }

    /// The spans that became complete since this was last asked, as a JSON array.
    pub(crate) fn ready(&mut self) -> Option<String> {
        let ready = std::mem::take(&mut self.ready);
        (!ready.is_empty()).then(|| format!("[{ready}]"))
    }
}

impl Range {
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

    fn write(&self, out: &mut String) {
        let _ = match self.count {
            0 => write!(out, ",null,null,null"),
            // Four digits are more than a screen shows.
            count => {
                let mean = self.sum / f64::from(count);
                write!(out, ",{mean:.3e},{:.3e},{:.3e}", self.low, self.high)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::signal::Arrival;
    use crate::signal::{Samples, StreamId, Time};

    /// A block that arrives at `millis`, of samples at these milliseconds of the board's own.
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
        trace.take(&batch(1010, &[(7, [1.0, 5.0])]));
        trace.take(&batch(1030, &[(27, [2.0, f32::NAN])]));
        assert_eq!(trace.ready(), None, "the span is not over");
        trace.take(&batch(1060, &[(57, [0.0, 0.0])]));
        let spans = trace.ready().unwrap();
        let spans: Vec<Vec<f64>> = serde_json::from_str(&spans).unwrap();
        assert_eq!(spans, [[1000.0, 1.5, 1.0, 2.0, 5.0, 5.0, 5.0]]);
        assert_eq!(trace.ready(), None);
    }

    #[test]
    fn samples_that_come_together_are_put_where_they_were_measured() {
        let mut trace = Trace::default();
        let rows: Vec<_> = (0..40).map(|i| (i * 10, [i as f32; 2])).collect();
        trace.take(&batch(5000, &rows));
        let spans: Vec<Vec<f64>> = serde_json::from_str(&trace.ready().unwrap()).unwrap();
        let times: Vec<_> = spans.iter().map(|span| span[0]).collect();
        assert_eq!(times, [4600.0, 4650.0, 4700.0, 4750.0, 4800.0, 4850.0, 4900.0, 4950.0]);
    }

    #[test]
    fn what_is_never_asked_for_does_not_grow() {
        let mut trace = Trace::default();
        for millis in 0..20_000 {
            trace.take(&batch(millis * 50, &[(0, [1.0, 2.0])]));
        }
        assert!(trace.ready.len() < WAITING + 200);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_the_trace() {
        let mut trace = Trace::default();
        for millis in [90_000, 10_000, 10_100] {
            trace.take(&batch(millis, &[(0, [1.0, 2.0])]));
        }
        let spans: Vec<Vec<f64>> = serde_json::from_str(&trace.ready().unwrap()).unwrap();
        assert_eq!(spans.iter().map(|span| span[0]).collect::<Vec<_>>(), [90_000.0, 10_000.0]);
    }
}
