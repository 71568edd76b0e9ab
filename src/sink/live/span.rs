//! The length of a span of samples, and how a span is written for the page.

use std::fmt::Write;

/// Length of a span in milliseconds.
pub(super) const SPAN: i64 = 50;

/// Encodes a span as `[milliseconds, mean, low, high, mean, low, high, …]`, with three values for each channel. A value
/// that is not a number becomes `null`.
pub(super) fn write_span(time: i64, values: impl Iterator<Item = f32>, out: &mut String) {
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
