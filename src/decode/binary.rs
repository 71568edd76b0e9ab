//! The binary serial frame, for high rates.
//!
//! A frame is `COBS(payload) 0x00`. The payload, little-endian:
//!
//! | bytes | field |
//! |---|---|
//! | 1 | version, 1 |
//! | 2 | sequence number, one more each frame, wrapping |
//! | 4 | the device's microseconds, wrapping |
//! | 4 each | values, float32, one a column |
//! | 4 | CRC-32 (ISO-HDLC, as in zlib) of all before it |
//!
//! COBS (Cheshire and Baker, "Consistent overhead byte stuffing", 1999) keeps 0x00 out of the frame, so that after lost
//! or damaged bytes the next 0x00 is the start of a good frame.

use super::{Splitter, quote};
use crate::signal::{Columns, DropReason, Drops, Samples, Time};

const VERSION: u8 = 1;
const HEAD: usize = 7;
const CHECK: usize = 4;
/// Room for 64 columns, and COBS's overhead.
const MAX_FRAME: usize = 512;
/// A jump in the sequence of more than this is a restart of the device, not that many lost frames.
const MAX_LOST: u16 = 0x7fff;

/// Encodes one sample as a frame, its closing 0x00 included, onto `out`.
///
/// `micros` is the device's counter; it wraps after 71.6 minutes, which the reader undoes.
pub fn encode(sequence: u16, micros: u32, values: &[f32], out: &mut Vec<u8>) {
    let mut payload = Vec::with_capacity(HEAD + 4 * values.len() + CHECK);
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

/// Decodes a stream of frames.
#[derive(Debug)]
pub struct Frames {
    columns: Columns,
    splitter: Splitter,
    expected: Option<u16>,
    /// Bytes before the first 0x00 are half a frame, as a port that is opened in mid-stream gives.
    started: bool,
    raw: Vec<f64>,
}

impl Frames {
    /// A decoder that may begin anywhere in the stream.
    pub fn new(columns: Columns) -> Self {
        let raw = Vec::with_capacity(columns.names().len());
        Self { columns, splitter: Splitter::new(0, MAX_FRAME), expected: None, started: false, raw }
    }

    /// Decodes the next bytes.
    pub fn feed(&mut self, bytes: &[u8], samples: &mut Samples, drops: &mut Drops) {
        let Self { columns, splitter, expected, started, raw } = self;
        splitter.feed(bytes, drops, |frame, drops| {
            let first = !std::mem::replace(started, true);
            if frame.is_empty() {
                return;
            }
            let mut bytes = [0; MAX_FRAME];
            match payload(frame, &mut bytes) {
                Some((sequence, micros, values)) => {
                    count_lost(expected.replace(sequence.wrapping_add(1)), sequence, drops);
                    raw.clear();
                    raw.extend(
                        values
                            .chunks_exact(4)
                            .map(|v| f64::from(f32::from_le_bytes([v[0], v[1], v[2], v[3]]))),
                    );
                    let wanted = columns.names().len();
                    if raw.len() != wanted {
                        drops.add(DropReason::Malformed, || {
                            let names = columns.names().join(", ");
                            format!("a frame holds {} values, the columns are {wanted}: {names}", raw.len())
                        });
                        return;
                    }
                    let time = Time::from_units(f64::from(micros), 1e3).unwrap_or(Time::ARRIVAL);
                    columns.push(time, raw, samples);
                }
                None if first => {}
                None => drops
                    .add(DropReason::CorruptFrame, || format!("a frame fails its check: {}", quote(frame))),
            }
        });
    }
}

/// The sequence number, microseconds and value bytes of a frame that passes its check.
fn payload<'a>(frame: &[u8], bytes: &'a mut [u8; MAX_FRAME]) -> Option<(u16, u32, &'a [u8])> {
    let length = cobs::decode(frame, bytes.get_mut(..frame.len())?).ok()?.frame_size();
    let decoded = bytes.get(..length)?;
    let (body, check) = decoded.split_at(decoded.len().checked_sub(CHECK)?);
    if crc32fast::hash(body).to_le_bytes() != *check {
        return None;
    }
    let (head, values) = body.split_at_checked(HEAD)?;
    let &[VERSION, s0, s1, t0, t1, t2, t3] = head else { return None };
    if values.len() % 4 != 0 {
        return None;
    }
    Some((u16::from_le_bytes([s0, s1]), u32::from_le_bytes([t0, t1, t2, t3]), values))
}

fn count_lost(expected: Option<u16>, sequence: u16, drops: &mut Drops) {
    let Some(expected) = expected else { return };
    let lost = sequence.wrapping_sub(expected);
    if (1..=MAX_LOST).contains(&lost) {
        drops.add_many(DropReason::LostFrame, u64::from(lost), || {
            format!("frame {sequence} came where {expected} was due: {lost} lost")
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
        fn what_is_encoded_is_decoded_however_the_bytes_are_cut(
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
            let expected: Vec<_> = rows.iter().map(|(us, row)| (i64::from(*us) * 1000, row.to_vec())).collect();
            prop_assert_eq!(decoded, expected);
        }

        #[test]
        fn any_bytes_are_survived_and_the_next_good_frame_is_read(noise in prop::collection::vec(any::<u8>(), 0..2000)) {
            let mut bytes = noise;
            bytes.push(0);
            encode(7, 42, &[1.5], &mut bytes);
            let (samples, _) = decode(&bytes, 1, 64);
            let last = samples.iter().last().map(|(t, row)| (t.nanos(), row.to_vec()));
            prop_assert_eq!(last, Some((42_000, vec![1.5])));
        }
    }

    #[test]
    fn lost_and_damaged_frames_are_counted_and_the_stream_goes_on() {
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
    fn half_a_frame_at_the_start_is_not_an_error() {
        let mut bytes = Vec::new();
        encode(0, 0, &[1.0], &mut bytes);
        let cut = bytes.split_off(5);
        let mut whole = cut;
        encode(1, 1, &[2.0], &mut whole);
        let (samples, drops) = decode(&whole, 1, 64);
        assert_eq!((samples.len(), drops.total()), (1, 0));
    }

    #[test]
    fn a_frame_with_another_number_of_values_is_malformed() {
        let mut bytes = Vec::new();
        encode(0, 0, &[1.0, 2.0], &mut bytes);
        let (samples, drops) = decode(&bytes, 3, 64);
        assert!(samples.is_empty());
        assert_eq!(drops.first().unwrap().1, "a frame holds 2 values, the columns are 3: m0, m1, m2");
    }
}
