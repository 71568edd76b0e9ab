//! Inputs made from seeds, tokens and chance.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use fastrand::Rng;
use underfoot::decode::binary;

use crate::dictionary;

/// The usual maximum size of an input in bytes.
const MAX_BYTES: usize = 4096;
/// One in so many inputs may be larger.
const LARGE_EVERY: u64 = 2000;
/// The maximum size of a large input: above the limits on lines and frames.
const MAX_LARGE_BYTES: usize = 256 << 10;
/// The most mutations of one input.
const MAX_MUTATIONS: usize = 12;
/// Bytes at the ends of ranges and between kinds of characters.
const INTERESTING: [u8; 16] = *b"\x00\x01\x7f\x80\xff\xfe\n\r\t ,;\"{[0";

/// Makes inputs for one target.
pub(crate) struct Mutator {
    seeds: Vec<Vec<u8>>,
    tokens: Vec<Vec<u8>>,
    /// Whether the target takes binary frames. No mutation finds a checksum, so whole frames are inserted.
    framed: bool,
}

impl Mutator {
    /// Reads the seeds and the dictionary of a target. One without a dictionary has no tokens.
    pub(crate) fn of(folder: &Path, target: &str) -> Self {
        let files = std::fs::read_dir(folder.join("seeds").join(target)).into_iter().flatten().flatten();
        let mut paths: Vec<_> = files.map(|file| file.path()).collect();
        paths.sort();
        let seeds = paths.iter().filter_map(|path| std::fs::read(path).ok()).collect();
        let dictionary = folder.join("dictionaries").join(format!("{target}.dict"));
        let tokens = dictionary::tokens(&std::fs::read_to_string(dictionary).unwrap_or_default());
        Self { seeds, tokens, framed: target == "binary" }
    }

    /// The input with this number. The same arguments give the same input.
    pub(crate) fn input(&self, seed: u64, target: &str, number: u64) -> Vec<u8> {
        let mut hasher = DefaultHasher::new();
        (seed, target, number).hash(&mut hasher);
        let mut chance = Rng::with_seed(hasher.finish());
        let large = number % LARGE_EVERY == LARGE_EVERY - 1;
        let mut input = match chance.u8(..16) {
            0 => Vec::new(),
            _ => self.seed(&mut chance).to_vec(),
        };
        for _ in 0..=chance.usize(..MAX_MUTATIONS) {
            self.mutate(&mut input, &mut chance);
            if chance.u8(..4) == 0 {
                break;
            }
        }
        if large {
            self.enlarge(&mut input, &mut chance);
        }
        input.truncate(if large { MAX_LARGE_BYTES } else { MAX_BYTES });
        input
    }

    fn seed(&self, chance: &mut Rng) -> &[u8] {
        chance.choice(&self.seeds).map_or(&[], Vec::as_slice)
    }

    fn token(&self, chance: &mut Rng) -> Vec<u8> {
        if self.framed && chance.bool() {
            return frame(chance);
        }
        chance.choice(&self.tokens).cloned().unwrap_or_else(|| vec![chance.u8(..)])
    }

    /// Changes an input in one place.
    fn mutate(&self, input: &mut Vec<u8>, chance: &mut Rng) {
        let range = some_range(input.len(), chance);
        match chance.u8(..13) {
            0 => {
                if let Some(byte) = chance.choice(&mut *input) {
                    *byte ^= 1 << chance.u8(..8);
                }
            }
            1 => {
                let value =
                    if chance.bool() { chance.u8(..) } else { *chance.choice(&INTERESTING).unwrap_or(&0) };
                if let Some(byte) = chance.choice(&mut *input) {
                    *byte = value;
                }
            }
            2 | 3 => drop(input.splice(range.start..range.start, self.token(chance))),
            4 | 5 => drop(input.splice(range, self.token(chance))),
            6 => drop(input.drain(range)),
            7 => {
                let again = input.get(range.clone()).unwrap_or_default().repeat(1 + chance.usize(..4));
                drop(input.splice(range.end..range.end, again));
            }
            8 => {
                // The start of this input and the end of another one.
                let other = self.seed(chance);
                input.truncate(range.start);
                input.extend_from_slice(other.get(chance.usize(..=other.len())..).unwrap_or_default());
            }
            9 => {
                let bytes: Vec<u8> = (0..chance.usize(1..17)).map(|_| chance.u8(..)).collect();
                drop(input.splice(range, bytes));
            }
            10 => {
                let run = self.token(chance).repeat(1 << chance.u8(..10));
                drop(input.splice(range.start..range.start, run));
            }
            11 => {
                // A digit of a number.
                let digits: Vec<_> = input.iter_mut().filter(|byte| byte.is_ascii_digit()).collect();
                let count = digits.len();
                if let Some(digit) = digits.into_iter().nth(chance.usize(..count.max(1))) {
                    *digit = *chance.choice(b"0123456789.-e").unwrap_or(&b'0');
                }
            }
            _ => {
                // A piece moves to another place.
                let piece: Vec<u8> = input.drain(range).collect();
                let at = chance.usize(..=input.len());
                drop(input.splice(at..at, piece));
            }
        }
    }

    /// Makes an input large: a piece, or a token, again and again.
    fn enlarge(&self, input: &mut Vec<u8>, chance: &mut Rng) {
        let range = some_range(input.len(), chance);
        let piece = match input.get(range.clone()) {
            Some(piece) if !piece.is_empty() && chance.bool() => piece.to_vec(),
            _ => self.token(chance),
        };
        let count = chance.usize(..MAX_LARGE_BYTES) / piece.len().max(1);
        drop(input.splice(range.end..range.end, piece.repeat(count)));
    }
}

/// A range of an input, short most of the time.
fn some_range(size: usize, chance: &mut Rng) -> std::ops::Range<usize> {
    let start = chance.usize(..=size);
    let longest = if chance.u8(..4) == 0 { size - start } else { (size - start).min(16) };
    start..start + chance.usize(..=longest)
}

/// A frame with a correct checksum, and any contents.
fn frame(chance: &mut Rng) -> Vec<u8> {
    let columns = if chance.u8(..8) == 0 { chance.usize(..70) } else { 2 };
    let values: Vec<f32> = (0..columns)
        .map(|_| if chance.bool() { chance.f32() } else { f32::from_bits(chance.u32(..)) })
        .collect();
    let sequence = if chance.bool() { chance.u16(..8) } else { chance.u16(..) };
    let micros = if chance.bool() { chance.u32(..100_000) } else { chance.u32(..) };
    let mut out = Vec::new();
    binary::encode(sequence, micros, &values, &mut out);
    out
}
