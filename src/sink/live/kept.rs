//! The newest spans of one stream, kept for the pages that are opened later.

use std::collections::VecDeque;

use super::span::{SPAN, write_span};

/// Maximum number of spans kept of one stream: those of the last 32 s, of which a page draws 30 s.
const MAX_SPANS: usize = 32_000 / SPAN as usize;
/// Maximum size of the spans of all streams together, in bytes. Each stream has an equal share of it.
const MAX_BYTES: usize = 8 << 20;

/// The newest spans of one stream. The oldest ones are dropped for new ones.
#[derive(Debug)]
pub(super) struct KeptSpans {
    /// The number of values of a span: three for each channel.
    width: usize,
    /// The start of each span in milliseconds since 1970.
    times: VecDeque<i64>,
    /// The values of all spans, one span after the other.
    values: VecDeque<f32>,
    /// This stream's share of [`MAX_BYTES`].
    share: usize,
}

impl Default for KeptSpans {
    /// No spans yet, of the only stream.
    fn default() -> Self {
        Self { width: 0, times: VecDeque::new(), values: VecDeque::new(), share: MAX_BYTES }
    }
}

impl KeptSpans {
    /// Adds a span, and forgets the oldest one if there are too many. Spans of another width are those of an earlier
    /// model, and all forgotten.
    pub(super) fn push(&mut self, time: i64, values: impl ExactSizeIterator<Item = f32>) {
        if values.len() != self.width {
            *self = Self { width: values.len(), share: self.share, ..Self::default() };
        }
        let limit = self.limit();
        if limit == 0 {
            return;
        }
        self.forget_down_to(limit - 1);
        if self.times.len() == self.times.capacity() {
            // Growth by doubling could exceed the share.
            let more = self.times.len().clamp(16, limit.max(16)).min(limit - self.times.len());
            self.times.reserve_exact(more);
            self.values.reserve_exact(more * self.width);
        }
        self.times.push_back(time);
        self.values.extend(values);
    }

    /// Takes an equal share of the memory for the spans of so many streams.
    pub(super) fn share_with(&mut self, streams: usize) {
        self.share = MAX_BYTES / streams.max(1);
        let limit = self.limit();
        if self.times.capacity() > limit {
            self.forget_down_to(limit);
            self.times.shrink_to(limit);
            self.values.shrink_to(limit * self.width);
        }
    }

    /// The spans as a JSON array, oldest first.
    pub(super) fn json(&self) -> String {
        let mut out = String::from("[");
        let mut values = self.values.iter().copied();
        for (index, time) in self.times.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_span(*time, values.by_ref().take(self.width), &mut out);
        }
        out.push(']');
        out
    }

    /// The most spans that the share has room for.
    fn limit(&self) -> usize {
        let span = size_of::<i64>() + self.width * size_of::<f32>();
        (self.share / span).min(MAX_SPANS)
    }

    fn forget_down_to(&mut self, spans: usize) {
        let excess = self.times.len().saturating_sub(spans);
        self.times.drain(..excess);
        self.values.drain(..excess * self.width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(kept: &mut KeptSpans, spans: i64, width: usize) {
        for index in 0..spans {
            kept.push(index * SPAN, vec![index as f32; width].into_iter());
        }
    }

    fn bytes(kept: &KeptSpans) -> usize {
        kept.times.capacity() * size_of::<i64>() + kept.values.capacity() * size_of::<f32>()
    }

    #[test]
    fn the_newest_spans_are_kept_and_written_oldest_first() {
        let mut kept = KeptSpans::default();
        pushed(&mut kept, 1000, 3);
        let spans: Vec<Vec<f64>> = serde_json::from_str(&kept.json()).unwrap();
        assert_eq!((spans.len(), spans[0][0], spans[639][0]), (640, 360.0 * 50.0, 999.0 * 50.0));
        assert_eq!(spans[639], [49_950.0, 999.0, 999.0, 999.0]);
        kept.push(1, [f32::NAN; 6].into_iter());
        assert_eq!(kept.json(), "[[1,null,null,null,null,null,null]]", "another model has other channels");
    }

    #[test]
    fn the_spans_of_all_streams_together_never_exceed_the_limit() {
        for streams in [1, 10, 1024, 100_000] {
            for width in [3, 24, 768] {
                let mut kept = KeptSpans::default();
                pushed(&mut kept, 700, width);
                kept.share_with(streams);
                assert!(bytes(&kept) * streams <= MAX_BYTES, "{streams} {width}: {}", bytes(&kept));
                pushed(&mut kept, 700, width);
                assert!(bytes(&kept) * streams <= MAX_BYTES, "{streams} {width}: {}", bytes(&kept));
            }
        }
    }
}
