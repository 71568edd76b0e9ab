//! The binary format for serial ports at high sample rates: one frame for each sample.
//!
//! A frame is `COBS(payload) 0x00`. The payload, in little-endian byte order:
//!
//! | bytes | field |
//! |---|---|
//! | 1 | version, which is 1 |
//! | 2 | sequence number, which increases by one with each frame and wraps |
//! | 4 | the device's time in microseconds, which wraps |
//! | 4 for each column | value, float32 |
//! | 4 | CRC-32 (ISO-HDLC, as in zlib) of all bytes before it |
//!
//! COBS (Cheshire and Baker, "Consistent overhead byte stuffing", 1999) keeps 0x00 out of the encoded
//! payload. After lost or damaged bytes, the byte after the next 0x00 is therefore the start of an intact
//! frame.

use super::bytes::{Splitter, float32_values, quote};
use crate::signal::{Columns, DropReason, Drops, Samples, Time};

const VERSION: u8 = 1;
/// Bytes of the payload before the values.
const HEADER: usize = 7;
/// Bytes of the checksum.
const CHECKSUM: usize = 4;
/// The longest frame in bytes: enough for 64 columns and the overhead of COBS.
const MAX_FRAME: usize = 512;
/// A larger jump in the sequence numbers is taken as a restart of the device, not as that many lost frames.
const MAX_LOST: u16 = 0x7fff;

/// Encodes one sample as a frame, and appends it with its closing 0x00 to `out`.
///
/// `micros` is the device's time. It wraps after 71.6 minutes; the daemon unwraps it.
pub fn encode(sequence: u16, micros: u32, values: &[f32], out: &mut Vec<u8>) {
    let mut payload = Vec::with_capacity(HEADER + 4 * values.len() + CHECKSUM);
    payload.push(VERSION);
    payload.extend_from_slice(&sequence.to_le_bytes());
    payload.extend_from_slice(&micros.to_le_bytes());
    for value in values {
        payload.extend_from_slice(&value.to_le_bytes());
    }
    payload.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
    let start = out.len();
    out.resize(start + cobs::max_encoding_length(payload.len()), 0);
    let written = cobs::encode(&payload, &mut out[start..]);
    out.truncate(start + written);
    out.push(0);
}

/// Decodes a byte stream of frames.
#[derive(Debug)]
pub struct Frames {
    columns: Columns,
    splitter: Splitter,
    /// The sequence number that the next frame should have; `None` before the first frame.
    expected: Option<u16>,
    /// Whether a 0x00 has arrived. The bytes before the first one are usually half a frame, because the port
    /// was opened in the middle of the stream. They are not counted as a corrupt frame.
    started: bool,
    /// The raw values of one frame.
    raw: Vec<f64>,
}

impl Frames {
    /// Creates a decoder for a stream that may begin in the middle of a frame.
    pub fn new(columns: Columns) -> Self {
        let raw = Vec::with_capacity(columns.names().len());
        Self { columns, splitter: Splitter::new(0, MAX_FRAME), expected: None, started: false, raw }
    }

    /// Decodes the next bytes. The start of an incomplete frame is kept for the next call.
    pub fn feed(&mut self, bytes: &[u8], samples: &mut Samples, drops: &mut Drops) {
        let Self { columns, splitter, expected, started, raw } = self;
        splitter.feed(bytes, drops, |frame, drops| {
            let is_first = !std::mem::replace(started, true);
            if frame.is_empty() {
                return;
            }
            let mut buffer = [0; MAX_FRAME];
            match decode_payload(frame, &mut buffer) {
                Some((sequence, micros, values)) => {
                    count_lost(expected.replace(sequence.wrapping_add(1)), sequence, drops);
                    raw.clear();
                    raw.extend(float32_values(values));
                    let wanted = columns.names().len();
                    if raw.len() != wanted {
                        drops.add(DropReason::Malformed, || {
                            let names = columns.names().join(", ");
                            format!(
                                "a frame has {} values, but there are {wanted} columns ({names}); send one \
                                 value for each column",
                                raw.len()
                            )
                        });
                        return;
                    }
                    let time = Time::from_units(f64::from(micros), 1e3).unwrap_or(Time::ARRIVAL);
                    columns.push(time, raw, samples);
                }
                None if is_first => {}
                None => drops.add(DropReason::CorruptFrame, || {
                    format!(
                        "a frame has a wrong checksum, length or version: {}; check the wires and the port's speed",
                        quote(frame)
                    )
                }),
            }
        });
    }
}

/// The sequence number, the microseconds and the bytes of the values of a frame; `None` if it is damaged.
///
/// `buffer` is the memory for the decoded payload.
fn decode_payload<'a>(frame: &[u8], buffer: &'a mut [u8; MAX_FRAME]) -> Option<(u16, u32, &'a [u8])> {
    let length = cobs::decode(frame, buffer.get_mut(..frame.len())?).ok()?.frame_size();
    let payload = buffer.get(..length)?;
    let (body, checksum) = payload.split_at(payload.len().checked_sub(CHECKSUM)?);
    if crc32fast::hash(body).to_le_bytes() != *checksum {
        return None;
    }
    let (header, values) = body.split_at_checked(HEADER)?;
    let &[VERSION, s0, s1, t0, t1, t2, t3] = header else { return None };
    if values.len() % 4 != 0 {
        return None;
    }
    Some((u16::from_le_bytes([s0, s1]), u32::from_le_bytes([t0, t1, t2, t3]), values))
}

/// Counts the frames that are missing between the expected sequence number and the one that arrived.
fn count_lost(expected: Option<u16>, sequence: u16, drops: &mut Drops) {
    let Some(expected) = expected else { return };
    let lost = sequence.wrapping_sub(expected);
    if (1..=MAX_LOST).contains(&lost) {
        drops.add_many(DropReason::LostFrame, u64::from(lost), || {
            format!("frame {sequence} arrived instead of frame {expected}; frames lost: {lost}")
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signal::Channel;

    fn columns(count: usize) -> Columns {
        let channels: Vec<_> = (0..count).map(|i| Channel::in_ampere(&format!("m{i}"))).collect();
        Columns::of(&channels).unwrap()
    }

    fn decode(bytes: &[u8], channels: usize, chunk: usize) -> (Samples, Drops) {
        let mut frames = Frames::new(columns(channels));
        let (mut samples, mut drops) = (Samples::new(channels), Drops::default());
        for part in bytes.chunks(chunk) {
            frames.feed(part, &mut samples, &mut drops);
        }
        (samples, drops)
    }

    proptest! {
        #[test]
        fn encoded_samples_are_decoded_however_the_bytes_are_split(
            rows in prop::collection::vec((any::<u32>(), prop::array::uniform3(-1e6f32..1e6)), 1..40),
            chunk in 1usize..50,
        ) {
            let mut bytes = vec![0];
            for (sequence, (micros, row)) in rows.iter().enumerate() {
                encode(sequence as u16, *micros, row, &mut bytes);
            }
            let (samples, drops) = decode(&bytes, 3, chunk);
            prop_assert_eq!(drops.total(), 0);
            let decoded: Vec<_> = samples.iter().map(|(t, row)| (t.nanos(), row.to_vec())).collect();
            let nanos = |micros: u32| i64::from(micros) * 1000;
            let expected: Vec<_> = rows.iter().map(|(micros, row)| (nanos(*micros), row.to_vec())).collect();
            prop_assert_eq!(decoded, expected);
        }

        #[test]
        fn an_intact_frame_is_decoded_after_any_bytes(noise in prop::collection::vec(any::<u8>(), 0..2000)) {
            let mut bytes = noise;
            bytes.push(0);
            encode(7, 42, &[1.5], &mut bytes);
            let (samples, _) = decode(&bytes, 1, 64);
            let last = samples.iter().last().map(|(t, row)| (t.nanos(), row.to_vec()));
            prop_assert_eq!(last, Some((42_000, vec![1.5])));
        }
    }

    #[test]
    fn lost_and_damaged_frames_are_counted_and_the_next_ones_are_decoded() {
        let mut frames: Vec<Vec<u8>> = Vec::new();
        for i in 0..10u16 {
            let mut frame = Vec::new();
            encode(65_530_u16.wrapping_add(i), u32::from(i), &[f32::from(i)], &mut frame);
            frames.push(frame);
        }
        frames[3][4] ^= 0x40;
        frames.remove(7);
        let (samples, drops) = decode(&frames.concat(), 1, 5);
        assert_eq!(samples.len(), 8);
        assert_eq!(drops.count(DropReason::CorruptFrame), 1);
        assert_eq!(drops.count(DropReason::LostFrame), 2, "the damaged one and the removed one");
    }

    #[test]
    fn half_a_frame_at_the_start_is_not_counted() {
        let mut bytes = Vec::new();
        encode(0, 0, &[1.0], &mut bytes);
        let mut bytes = bytes.split_off(5);
        encode(1, 1, &[2.0], &mut bytes);
        let (samples, drops) = decode(&bytes, 1, 64);
        assert_eq!((samples.len(), drops.total()), (1, 0));
    }

    #[test]
    fn a_frame_with_a_different_number_of_values_is_malformed() {
        let mut bytes = Vec::new();
        encode(0, 0, &[1.0, 2.0], &mut bytes);
        let (samples, drops) = decode(&bytes, 3, 64);
        assert!(samples.is_empty());
        assert_eq!(
            drops.first().unwrap().1,
            "a frame has 2 values, but there are 3 columns (m0, m1, m2); send one value for each column"
        );
    }
}
