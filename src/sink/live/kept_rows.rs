//! The newest samples or predictions of one stream, kept for the pages that are opened later.

use std::collections::VecDeque;
use std::fmt::Write;

/// Maximum size of the rows of one kind of all streams together, in bytes. Each stream has an equal share of it.
const MAX_BYTES: usize = 8 << 20;
/// A stream whose share has room for less than one part of so many of its rows keeps none: in a large fleet, rows would take time
/// for each sample, and show only a moment.
const LEAST_PART: usize = 8;

/// The newest rows of numbers of one stream, each with a time. The oldest ones are dropped for new ones.
#[derive(Debug)]
pub(super) struct KeptRows {
    /// Maximum number of rows.
    most: usize,
    /// The number of values of a row.
    width: usize,
    /// The time of each row in milliseconds since 1970.
    times: VecDeque<i64>,
    /// The values of all rows, one row after the other.
    values: VecDeque<f32>,
    /// This stream's share of [`MAX_BYTES`].
    share: usize,
}

impl KeptRows {
    /// No rows yet, of the only stream. At most `most` rows are kept.
    pub(super) fn new(most: usize) -> Self {
        Self { most, width: 0, times: VecDeque::new(), values: VecDeque::new(), share: MAX_BYTES }
    }

    /// Adds a row, and forgets the oldest one if there are too many. Rows of another width are those of an earlier
    /// model, and all forgotten.
    pub(super) fn push(&mut self, time: i64, values: impl ExactSizeIterator<Item = f32>) {
        if values.len() != self.width {
            *self = Self { width: values.len(), share: self.share, ..Self::new(self.most) };
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

    /// Whether the share has room for any rows.
    pub(super) fn has_room(&self) -> bool {
        self.limit() > 0
    }

    /// Takes an equal share of the memory for the rows of so many streams.
    pub(super) fn share_with(&mut self, streams: usize) {
        self.share = MAX_BYTES / streams.max(1);
        let limit = self.limit();
        if self.times.capacity() > limit {
            self.forget_down_to(limit);
            self.times.shrink_to(limit);
            self.values.shrink_to(limit * self.width);
        }
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        *self = Self { share: self.share, ..Self::new(self.most) };
    }

    /// The rows as a JSON array, oldest first.
    pub(super) fn json(&self) -> String {
        let mut out = String::from("[");
        let mut values = self.values.iter().copied();
        for (index, time) in self.times.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_row(*time, values.by_ref().take(self.width), &mut out);
        }
        out.push(']');
        out
    }

    /// The most rows that the share has room for; 0 if these are too few.
    fn limit(&self) -> usize {
        let row = size_of::<i64>() + self.width * size_of::<f32>();
        match self.share / row {
            rows if rows < self.most / LEAST_PART => 0,
            rows => rows.min(self.most),
        }
    }

    fn forget_down_to(&mut self, rows: usize) {
        let excess = self.times.len().saturating_sub(rows);
        self.times.drain(..excess);
        self.values.drain(..excess * self.width);
    }
}

/// Encodes a row as `[milliseconds, value, …]`. A value that is not a number becomes `null`.
pub(super) fn write_row(time: i64, values: impl Iterator<Item = f32>, out: &mut String) {
    // Writing to memory does not fail.
    let _ = write!(out, "[{time}");
    for value in values {
        let _ = match value.is_finite() {
            // Four significant digits are more than a screen can show.
            true => write!(out, ",{value:.3e}"),
            false => write!(out, ",null"),
        };
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 640;

    fn pushed(kept: &mut KeptRows, rows: i64, width: usize) {
        for index in 0..rows {
            kept.push(index * 50, vec![index as f32; width].into_iter());
        }
    }

    fn bytes(kept: &KeptRows) -> usize {
        kept.times.capacity() * size_of::<i64>() + kept.values.capacity() * size_of::<f32>()
    }

    #[test]
    fn the_newest_rows_are_kept_and_written_oldest_first() {
        let mut kept = KeptRows::new(MOST);
        pushed(&mut kept, 1000, 3);
        let rows: Vec<Vec<f64>> = serde_json::from_str(&kept.json()).unwrap();
        assert_eq!((rows.len(), rows[0][0], rows[639][0]), (640, 360.0 * 50.0, 999.0 * 50.0));
        assert_eq!(rows[639], [49_950.0, 999.0, 999.0, 999.0]);
        kept.push(1, [f32::NAN; 6].into_iter());
        assert_eq!(kept.json(), "[[1,null,null,null,null,null,null]]", "another model has other channels");
    }

    #[test]
    fn a_share_for_an_eighth_of_the_rows_is_used_and_a_smaller_one_is_not() {
        let eighth = MAX_BYTES / (MOST / LEAST_PART * 20);
        for (streams, expected) in [(eighth, MOST / LEAST_PART), (eighth + 1, 0)] {
            let mut kept = KeptRows::new(MOST);
            kept.share_with(streams);
            pushed(&mut kept, 700, 3);
            assert_eq!((kept.times.len(), kept.has_room()), (expected, expected > 0), "{streams}");
        }
    }

    #[test]
    fn the_rows_of_all_streams_together_never_exceed_the_limit() {
        for streams in [1, 10, 1024, 100_000] {
            for width in [3, 24, 768] {
                let mut kept = KeptRows::new(MOST);
                pushed(&mut kept, 700, width);
                kept.share_with(streams);
                assert!(bytes(&kept) * streams <= MAX_BYTES, "{streams} {width}: {}", bytes(&kept));
                pushed(&mut kept, 700, width);
                assert!(bytes(&kept) * streams <= MAX_BYTES, "{streams} {width}: {}", bytes(&kept));
            }
        }
    }
}
