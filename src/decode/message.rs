//! Decodes the payloads of messages: JSON, lines of numbers, a single number, or packed floats.
//!
//! Each payload is decoded by itself; nothing is kept from one message to the next.

use serde::{Deserialize, Serialize};

use super::bytes::float32_values;
use super::csv::{CsvFormat, CsvRows};
use super::json;
use crate::signal::{Channel, Columns, DropReason, Drops, Samples, Time, TimeInput};

/// The format of the payloads of a source's messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageFormat {
    /// [`MessageFormat::Json`] if the payload starts with `{` or `[`, otherwise [`MessageFormat::Csv`].
    #[default]
    Auto,
    /// JSON: an object, a list, or several of them; see [`json`].
    Json,
    /// Lines of numbers separated by commas; a single number is also a line. See [`csv`](super::csv).
    Csv,
    /// Packed little-endian float32 values without times: rows of one value for each column.
    Float32,
}

/// Decodes one payload; `csv` says what is known about rows of CSV. If it has a fault, the samples that were
/// decoded without a fault are kept.
pub fn decode(
    format: MessageFormat,
    payload: &[u8],
    columns: &Columns,
    time: &TimeInput,
    csv: CsvFormat,
    samples: &mut Samples,
    drops: &mut Drops,
) {
    match format {
        MessageFormat::Json => json::decode(payload, columns, time, samples, drops),
        MessageFormat::Auto if json::starts(payload) => json::decode(payload, columns, time, samples, drops),
        _ if payload.is_empty() => drops.add(DropReason::Malformed, || "the payload is empty".into()),
        MessageFormat::Auto | MessageFormat::Csv => {
            let mut rows = CsvRows::live(columns.clone(), time.clone(), csv);
            rows.feed(payload, samples, drops);
            rows.finish(samples, drops);
        }
        MessageFormat::Float32 => float32(payload, columns, samples, drops),
    }
}

/// Decodes a payload that has the values of one channel: a number, several of them, or JSON objects whose key is
/// `value` or the name of the channel. The result has one value for each sample.
pub(crate) fn decode_channel(
    format: MessageFormat,
    payload: &[u8],
    channel: &str,
    time: &TimeInput,
    csv: CsvFormat,
    drops: &mut Drops,
) -> Samples {
    let (mut samples, mut own) = (Samples::new(1), Drops::default());
    for name in ["value", channel] {
        let Ok(column) = Columns::of(&[Channel::in_ampere(name)]) else { continue };
        let mut faults = Drops::default();
        samples.clear();
        decode(format, payload, &column, time, csv, &mut samples, &mut faults);
        if !samples.is_empty() || own.total() == 0 {
            own = faults;
        }
        if !samples.is_empty() {
            break;
        }
    }
    drops.merge(&own);
    samples
}

/// Decodes packed float32 values.
fn float32(payload: &[u8], columns: &Columns, samples: &mut Samples, drops: &mut Drops) {
    let row_bytes = 4 * columns.names().len();
    if !payload.len().is_multiple_of(row_bytes) {
        drops.add(DropReason::Malformed, || {
            format!(
                "the payload has {} bytes, which is not a multiple of {row_bytes}: send rows of {} float32 \
                 values",
                payload.len(),
                row_bytes / 4
            )
        });
        return;
    }
    samples.reserve(payload.len() / row_bytes);
    let mut raw = Vec::with_capacity(row_bytes / 4);
    for row in payload.chunks_exact(row_bytes) {
        raw.clear();
        raw.extend(float32_values(row));
        columns.push(Time::ARRIVAL, &raw, samples);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signal::Channel;

    fn run(format: MessageFormat, payload: &[u8], channels: usize) -> (Samples, Drops) {
        let channels: Vec<_> = (1..=channels).map(|i| Channel::in_ampere(&format!("m{i}"))).collect();
        let columns = Columns::of(&channels).unwrap();
        let (mut samples, mut drops) = (columns.samples(), Drops::default());
        let (time, csv) = (TimeInput::default(), CsvFormat::default());
        decode(format, payload, &columns, &time, csv, &mut samples, &mut drops);
        (samples, drops)
    }

    #[test]
    fn every_text_format_gives_the_same_sample() {
        let expected = run(MessageFormat::Auto, b"{\"t\": 12.3, \"m1\": 1.2}", 1).0;
        assert_eq!(expected.len(), 1);
        for payload in ["{\"samples\": [[12.3, 1.2]]}", "12.3,1.2", "12.3,1.2\r\n", "t,m1\n12.3,1.2\n"] {
            assert_eq!(run(MessageFormat::Auto, payload.as_bytes(), 1).0, expected, "{payload}");
        }
    }

    #[test]
    fn a_single_number_is_a_sample_without_a_time() {
        let (samples, drops) = run(MessageFormat::Auto, b" 1.25", 1);
        assert_eq!((samples.times(), samples.values()), (&[Time::ARRIVAL][..], &[1.25][..]));
        assert_eq!(drops.total(), 0);
    }

    #[test]
    fn packed_floats_are_rows() {
        let bytes: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(run(MessageFormat::Float32, &bytes, 2).0.len(), 2);
        let (samples, drops) = run(MessageFormat::Float32, &bytes[..7], 2);
        assert!(samples.is_empty());
        assert_eq!(
            drops.first().unwrap().1,
            "the payload has 7 bytes, which is not a multiple of 8: send rows of 2 float32 values"
        );
    }

    /// Bytes among which numbers, line ends and braces are common.
    fn payloads() -> impl Strategy<Value = Vec<u8>> {
        let likely = prop::sample::select(&b"0123456789.,-+e\n\r \"t:m{}[]"[..]);
        prop::collection::vec(prop_oneof![4 => likely, 1 => any::<u8>()], 0..300)
    }

    proptest! {
        #[test]
        fn any_payload_is_samples_or_faults_and_nothing_is_left_out_in_silence(payload in payloads()) {
            // Each line is a sample or a fault.
            let (samples, drops) = run(MessageFormat::Csv, &payload, 2);
            let lines = payload.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty()).count();
            let faults = if payload.is_empty() { 1 } else { lines as u64 - samples.len() as u64 };
            prop_assert_eq!(drops.total(), faults);

            // A payload is samples or faults, unless it is an empty list.
            let (samples, drops) = run(MessageFormat::Json, &payload, 2);
            prop_assert!(!samples.is_empty() || drops.total() > 0 || payload.contains(&b'['));

            let whole = !payload.is_empty() && payload.len() % 8 == 0;
            let (samples, drops) = run(MessageFormat::Float32, &payload, 2);
            let expected = if whole { (payload.len() / 8, 0) } else { (0, 1) };
            prop_assert_eq!((samples.len(), drops.total()), expected);

            let json = json::starts(&payload);
            let format = if json { MessageFormat::Json } else { MessageFormat::Csv };
            let (auto, told) = (run(MessageFormat::Auto, &payload, 2), run(format, &payload, 2));
            prop_assert_eq!(auto.0.times(), told.0.times());
            prop_assert_eq!(auto.1, told.1);
        }
    }
}
