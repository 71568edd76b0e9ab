//! What the decoders have in common: cutting bytes into lines or frames, reading packed floats, and quoting
//! bytes.

use crate::signal::{DropReason, Drops};

/// The longest line, in bytes; a longer one is dropped.
pub(super) const MAX_LINE: usize = 64 * 1024;

/// Cuts a byte stream into lines or frames, which a delimiter ends and which may be spread over several
/// calls.
#[derive(Debug)]
pub(super) struct Splitter {
    delimiter: u8,
    /// The longest line or frame without its delimiter, in bytes; a longer one is dropped.
    limit: usize,
    /// The bytes so far of the line or frame whose delimiter has not arrived yet.
    open: Vec<u8>,
    /// Whether the open line or frame is already over the limit, so that the rest of it is ignored.
    skipping: bool,
}

impl Splitter {
    pub(super) fn new(delimiter: u8, limit: usize) -> Self {
        Self { delimiter, limit, open: Vec::new(), skipping: false }
    }

    /// Calls `decode` with each complete line or frame, without its delimiter.
    ///
    /// Bytes after the last delimiter are kept for the next call.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        drops: &mut Drops,
        mut decode: impl FnMut(&[u8], &mut Drops),
    ) {
        while let Some(end) = memchr::memchr(self.delimiter, bytes) {
            let (head, rest) = bytes.split_at(end);
            if self.open.is_empty() && !self.skipping && head.len() <= self.limit {
                decode(head, drops);
            } else {
                self.keep(head, drops);
                if !std::mem::take(&mut self.skipping) {
                    decode(&self.open, drops);
                }
                self.open.clear();
            }
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.keep(bytes, drops);
    }

    fn keep(&mut self, bytes: &[u8], drops: &mut Drops) {
        if self.skipping {
            return;
        }
        if self.open.len() + bytes.len() > self.limit {
            drops
                .add(DropReason::TooLarge, || format!("a line or frame is longer than {} bytes", self.limit));
            self.skipping = true;
            self.open.clear();
        } else {
            self.open.extend_from_slice(bytes);
        }
    }

    /// Returns the bytes after the last delimiter, at the end of the stream; `None` if there are none.
    pub(super) fn finish(&mut self) -> Option<Vec<u8>> {
        let skipping = std::mem::take(&mut self.skipping);
        let open = std::mem::take(&mut self.open);
        (!skipping && !open.is_empty()).then_some(open)
    }
}

/// The numbers in packed little-endian float32 values; up to three bytes after the last whole value are
/// ignored.
pub(super) fn float32_values(bytes: &[u8]) -> impl Iterator<Item = f64> {
    bytes.as_chunks().0.iter().map(|value| f64::from(f32::from_le_bytes(*value)))
}

/// Quotes the start of bytes that may be damaged or hostile, for a message.
pub(super) fn quote(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    let start = String::from_utf8_lossy(bytes.get(..SHOWN).unwrap_or(bytes));
    if bytes.len() > SHOWN { format!("{start:?}…") } else { format!("{start:?}") }
}
