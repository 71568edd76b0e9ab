//! Encodes samples as a board would send them.

use std::io::Write;

use super::drive::Reading;
use crate::decode::{StreamFormat, binary};
use crate::signal::{Channel, Time};

/// Encodes the samples of one stream in a format that [`StreamDecoder`](crate::decode::StreamDecoder)
/// decodes.
///
/// Decoding gives the same values bit for bit, and the same times if they are whole microseconds. This holds
/// for the first 52 days in the text formats, and for the first 71.6 minutes in binary frames, whose counter
/// wraps after that.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    format: StreamFormat,
    /// The names of the channels as JSON strings, with quotes.
    keys: Vec<String>,
    /// The sequence number of the next binary frame.
    sequence: u16,
}

impl Wire {
    /// Creates an encoder for samples with these channels, at the start of a stream.
    pub(crate) fn new(format: StreamFormat, channels: &[Channel]) -> Self {
        let keys = channels.iter().map(|channel| serde_json::Value::from(channel.name.as_str()).to_string());
        Self { format, keys: keys.collect(), sequence: 0 }
    }

    /// Encodes one sample, with one value for each channel, and appends it to `out`.
    pub(crate) fn encode(&mut self, time: Time, values: &[f32], out: &mut Vec<u8>) {
        match self.format {
            StreamFormat::Csv => append_csv(time, values, out),
            StreamFormat::Json => self.append_json(time, values, out),
            StreamFormat::Binary => {
                let micros = time.nanos().div_euclid(1000) as u32;
                binary::encode(self.sequence, micros, values, out);
                self.sequence = self.sequence.wrapping_add(1);
            }
        }
    }

    fn append_json(&self, time: Time, values: &[f32], out: &mut Vec<u8>) {
        append(out, format_args!("{{\"t\":{:.6}", time.seconds()));
        for (key, value) in self.keys.iter().zip(values) {
            // JSON has no infinity and no NaN.
            let value: &dyn std::fmt::Display = if value.is_finite() { value } else { &"null" };
            append(out, format_args!(",{key}:{value}"));
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Encodes a reading as the payload of an MQTT message, which is a JSON object.
pub(crate) fn message(reading: &Reading) -> String {
    format!("{{\"t\":{:.6},\"current\":{}}}", reading.time.seconds(), reading.current)
}

fn append_csv(time: Time, values: &[f32], out: &mut Vec<u8>) {
    append(out, format_args!("{:.6}", time.seconds()));
    for value in values {
        append(out, format_args!(",{value}"));
    }
    out.push(b'\n');
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::StreamDecoder;
    use crate::signal::{Columns, Drops, Samples, TimeInput};
    use crate::simulator::drive::{Drive, RATE};

    const FORMATS: [StreamFormat; 3] = [StreamFormat::Csv, StreamFormat::Json, StreamFormat::Binary];

    /// The samples after encoding and decoding.
    fn round_trip(format: StreamFormat, samples: &Samples) -> Samples {
        let channels: Vec<_> =
            (0..samples.channels()).map(|i| Channel::in_ampere(&format!("m\"{i}"))).collect();
        let mut wire = Wire::new(format, &channels);
        // The decoder ignores everything before the end of the first frame, which may be incomplete.
        let mut bytes = if format == StreamFormat::Binary { vec![0] } else { vec![] };
        samples.iter().for_each(|(time, row)| wire.encode(time, row, &mut bytes));
        let mut stream = StreamDecoder::new(format, Columns::of(&channels).unwrap(), TimeInput::default());
        let (mut decoded, mut drops) = (Samples::new(channels.len()), Drops::default());
        stream.feed(&bytes, &mut decoded, &mut drops);
        stream.finish(&mut decoded, &mut drops);
        assert_eq!(drops.total(), 0, "{:?}", drops.first());
        decoded
    }

    #[test]
    fn every_format_preserves_a_drive_bit_for_bit() {
        let mut samples = Samples::new(1);
        Drive::tour(5, RATE, 20.0).for_each(|reading| samples.push(reading.time, [reading.current]));
        for format in FORMATS {
            assert_eq!(round_trip(format, &samples), samples, "{format:?}");
        }
    }

    proptest! {
        #[test]
        fn every_format_preserves_any_finite_values_bit_for_bit(
            rows in prop::collection::vec((any::<u32>(), any::<[f32; 2]>()), 1..40),
        ) {
            let mut samples = Samples::new(2);
            for (micros, row) in rows {
                let time = Time::from_nanos(i64::from(micros) * 1000).unwrap();
                samples.push(time, row.map(|value| if value.is_finite() { value } else { 0.0 }));
            }
            for format in FORMATS {
                prop_assert_eq!(round_trip(format, &samples), samples.clone());
            }
        }
    }

    #[test]
    fn a_value_that_is_not_a_number_is_null_in_json() {
        let mut out = Vec::new();
        Wire::new(StreamFormat::Json, &[Channel::in_ampere("current")]).encode(
            Time::from_seconds(12.3).unwrap(),
            &[f32::NAN],
            &mut out,
        );
        assert_eq!(out, b"{\"t\":12.300000,\"current\":null}\n");
    }
}
