//! The decoders: lines of CSV, lines of JSON, binary frames and message payloads.

use underfoot::decode::csv::{CsvFormat, CsvRows, Header};
use underfoot::decode::message::{self, MessageFormat};
use underfoot::decode::{StreamDecoder, StreamFormat};
use underfoot::signal::{Channel, Columns, Drops, Samples, TimeInput, TimeUnit};

use super::split_first;

const UNITS: [TimeUnit; 6] =
    [TimeUnit::S, TimeUnit::Ms, TimeUnit::Us, TimeUnit::Ns, TimeUnit::Rfc3339, TimeUnit::None];

/// Two channels, and a unit of time chosen by `choice`.
fn input(choice: u8) -> (Columns, TimeInput) {
    let channels = [Channel::in_ampere("left"), Channel::in_ampere("right")];
    let columns = Columns::of(&channels).unwrap_or_else(|error| panic!("{error}"));
    let unit = UNITS[usize::from(choice) % UNITS.len()];
    (columns, TimeInput { unit: Some(unit), ..TimeInput::default() })
}

/// Every sample as bits, so that NaN equals NaN.
fn bits(samples: &Samples) -> Vec<(i64, Vec<u32>)> {
    samples
        .iter()
        .map(|(time, row)| (time.nanos(), row.iter().map(|value| value.to_bits()).collect()))
        .collect()
}

/// Decodes a byte stream that arrives in pieces of `piece` bytes.
fn decode_stream(format: StreamFormat, choice: u8, bytes: &[u8], piece: usize) -> (Samples, Drops) {
    let (columns, time) = input(choice);
    let (mut samples, mut drops) = (columns.samples(), Drops::default());
    let mut decoder = StreamDecoder::new(format, columns, time);
    for bytes in bytes.chunks(piece.max(1)) {
        decoder.feed(bytes, &mut samples, &mut drops);
    }
    decoder.finish(&mut samples, &mut drops);
    (samples, drops)
}

/// The samples and the number of drops do not depend on how the bytes were cut, and a sample has one value for each channel.
fn stream(format: StreamFormat, data: &[u8]) {
    let (choice, bytes) = split_first(data);
    let (whole, drops) = decode_stream(format, choice, bytes, bytes.len());
    assert_eq!(whole.values().len(), 2 * whole.len());
    for piece in [1, 7] {
        let (cut, cut_drops) = decode_stream(format, choice, bytes, piece);
        assert_eq!(bits(&whole), bits(&cut), "in pieces of {piece}");
        assert_eq!(drops.total(), cut_drops.total(), "in pieces of {piece}");
    }
}

/// Live lines of CSV.
pub fn csv(data: &[u8]) {
    stream(StreamFormat::Csv, data);
}

/// Live lines of JSON.
pub fn json(data: &[u8]) {
    stream(StreamFormat::Json, data);
}

/// Binary frames.
pub fn binary(data: &[u8]) {
    stream(StreamFormat::Binary, data);
}

/// Recorded rows with a header and quoted fields.
pub fn recorded_csv(data: &[u8]) {
    let (choice, bytes) = split_first(data);
    let header = if choice >> 5 == 7 { Header::Missing } else { Header::Line(1 + u64::from(choice >> 5)) };
    let delimiter = if choice & 16 == 0 { ',' } else { ';' };
    let format = CsvFormat::new(Some(delimiter), None).unwrap_or_else(|error| panic!("{error}"));
    let decode = |piece: usize| {
        let (columns, time) = input(choice);
        let (mut samples, mut drops) = (columns.samples(), Drops::default());
        let mut rows = CsvRows::recorded(columns, time, format, header, Vec::new());
        bytes.chunks(piece.max(1)).for_each(|bytes| rows.feed(bytes, &mut samples, &mut drops));
        rows.finish(&mut samples, &mut drops);
        (bits(&samples), drops.total())
    };
    assert_eq!(decode(bytes.len()), decode(3));
}

/// The payload of one message, in each format.
pub fn message(data: &[u8]) {
    let (choice, payload) = split_first(data);
    let (columns, time) = input(choice);
    for format in [MessageFormat::Auto, MessageFormat::Json, MessageFormat::Csv, MessageFormat::Float32] {
        let (mut samples, mut drops) = (columns.samples(), Drops::default());
        message::decode(format, payload, &columns, &time, CsvFormat::default(), &mut samples, &mut drops);
        assert_eq!(samples.values().len(), 2 * samples.len());
        assert!(samples.len() <= payload.len(), "a sample takes a byte or more");
        assert!(
            drops.total() > 0
                || !samples.is_empty()
                || payload.trim_ascii().is_empty()
                || is_empty_json(payload)
        );
    }
}

/// Whether a payload may hold nothing at all without being malformed: headers, comments and empty lists.
fn is_empty_json(payload: &[u8]) -> bool {
    payload.contains(&b'[') || payload.iter().any(u8::is_ascii_alphabetic)
}
