//! Message payloads: one object, one number, lines, or packed floats.

use serde::{Deserialize, Serialize};

use super::{csv, json};
use crate::signal::{Columns, DropReason, Drops, Samples, Time, TimeInput};

/// How a message's payload is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageFormat {
    /// [`MessageFormat::Json`] where the payload starts with `{`, else [`MessageFormat::Csv`].
    #[default]
    Auto,
    /// One JSON object.
    Json,
    /// Lines of numbers; a bare number is a line.
    Csv,
    /// Packed little-endian float32, one a column, row after row, without times.
    Float32,
}

/// Decodes one payload. What stands before a fault in it is kept.
pub fn decode(
    format: MessageFormat,
    payload: &[u8],
    columns: &Columns,
    time: &TimeInput,
    samples: &mut Samples,
    drops: &mut Drops,
) {
    let text = payload.trim_ascii_start();
    match format {
        MessageFormat::Json => json::object(payload, columns, time, samples, drops),
        MessageFormat::Auto if text.starts_with(b"{") => json::object(payload, columns, time, samples, drops),
        _ if payload.is_empty() => drops.add(DropReason::Malformed, || "the payload is empty".into()),
        MessageFormat::Auto | MessageFormat::Csv => {
            let mut rows = csv::CsvRows::live(columns.clone(), time.clone());
            rows.feed(payload, samples, drops);
            rows.finish(samples, drops);
        }
        MessageFormat::Float32 => float32(payload, columns, samples, drops),
    }
}

fn float32(payload: &[u8], columns: &Columns, samples: &mut Samples, drops: &mut Drops) {
    let row = 4 * columns.names().len();
    if !payload.len().is_multiple_of(row) {
        drops.add(DropReason::Malformed, || {
            format!(
                "the payload has {} bytes; rows of {} float32 take multiples of {row}",
                payload.len(),
                row / 4
            )
        });
        return;
    }
    let mut raw = Vec::with_capacity(row / 4);
    for bytes in payload.chunks_exact(row) {
        raw.clear();
        raw.extend(bytes.chunks_exact(4).map(|v| f64::from(f32::from_le_bytes([v[0], v[1], v[2], v[3]]))));
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
        decode(format, payload, &columns, &TimeInput::default(), &mut samples, &mut drops);
        (samples, drops)
    }

    #[test]
    fn every_way_to_write_a_sample_gives_the_same_sample() {
        let expected = run(MessageFormat::Auto, b"{\"t\": 12.3, \"m1\": 1.2}", 1).0;
        assert_eq!(expected.len(), 1);
        for payload in ["{\"samples\": [[12.3, 1.2]]}", "12.3,1.2", "12.3,1.2\r\n", "t,m1\n12.3,1.2\n"] {
            assert_eq!(run(MessageFormat::Auto, payload.as_bytes(), 1).0, expected, "{payload}");
        }
    }

    #[test]
    fn a_bare_number_is_a_sample_that_came_now() {
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
            "the payload has 7 bytes; rows of 2 float32 take multiples of 8"
        );
    }

    proptest! {
        #[test]
        fn any_payload_is_survived(payload in prop::collection::vec(any::<u8>(), 0..300)) {
            for format in [MessageFormat::Auto, MessageFormat::Json, MessageFormat::Csv, MessageFormat::Float32] {
                let (samples, drops) = run(format, &payload, 2);
                prop_assert!(samples.len() <= 300 && (drops.total() > 0 || !samples.is_empty() || !payload.is_empty()));
            }
        }
    }
}
