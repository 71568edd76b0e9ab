//! Bytes to samples, without I/O and without a clock.
//!
//! Byte streams ([`StreamDecoder`]: serial ports, files, standard input) and messages ([`message`]: MQTT payloads) hold the
//! same lines and objects. What cannot be read is counted in [`Drops`], with the first in words,
//! and decoding goes on with the next good line or frame.

pub mod binary;
pub mod csv;
pub mod json;
pub mod message;

use serde::{Deserialize, Serialize};

use crate::signal::{Columns, DropReason, Drops, Samples, TimeInput};

/// The longest line or frame, in bytes; a longer one is dropped.
pub const MAX_LINE: usize = 64 * 1024;

/// How a byte stream is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamFormat {
    /// Lines of comma-separated numbers, with or without a header.
    #[default]
    Csv,
    /// A JSON object a line.
    Json,
    /// COBS frames; see [`binary`].
    Binary,
}

impl std::str::FromStr for StreamFormat {
    type Err = &'static str;

    /// The format of this name; else what it takes.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "csv" => Ok(StreamFormat::Csv),
            "json" => Ok(StreamFormat::Json),
            "binary" => Ok(StreamFormat::Binary),
            _ => Err("it takes csv, json or binary"),
        }
    }
}

/// The decoder of one byte stream.
#[derive(Debug)]
pub enum StreamDecoder {
    /// Lines of comma-separated numbers.
    Csv(Box<csv::CsvRows>),
    /// A JSON object a line.
    Json(json::JsonLines),
    /// COBS frames.
    Binary(binary::Frames),
}

impl StreamDecoder {
    /// A decoder at the start of a live stream.
    pub fn new(format: StreamFormat, columns: Columns, time: TimeInput) -> Self {
        match format {
            StreamFormat::Csv => StreamDecoder::Csv(Box::new(csv::CsvRows::live(columns, time))),
            StreamFormat::Json => StreamDecoder::Json(json::JsonLines::new(columns, time)),
            StreamFormat::Binary => StreamDecoder::Binary(binary::Frames::new(columns)),
        }
    }

    /// Decodes the next bytes; a line or frame that they leave open is kept for the next call.
    pub fn feed(&mut self, bytes: &[u8], samples: &mut Samples, drops: &mut Drops) {
        match self {
            StreamDecoder::Csv(rows) => rows.feed(bytes, samples, drops),
            StreamDecoder::Json(lines) => lines.feed(bytes, samples, drops),
            StreamDecoder::Binary(frames) => frames.feed(bytes, samples, drops),
        }
    }

    /// Decodes what is left open, at the end of the stream.
    pub fn finish(&mut self, samples: &mut Samples, drops: &mut Drops) {
        match self {
            StreamDecoder::Csv(rows) => rows.finish(samples, drops),
            StreamDecoder::Json(lines) => lines.finish(samples, drops),
            StreamDecoder::Binary(_) => {}
        }
    }
}

/// Cuts a byte stream at a delimiter, across calls and within a bound.
#[derive(Debug)]
struct Splitter {
    delimiter: u8,
    limit: usize,
    open: Vec<u8>,
    /// The open piece is over the limit: the rest of it is thrown away.
    skipping: bool,
}

impl Splitter {
    fn new(delimiter: u8, limit: usize) -> Self {
        Self { delimiter, limit, open: Vec::new(), skipping: false }
    }

    /// Gives each whole piece, without its delimiter.
    fn feed(&mut self, mut bytes: &[u8], drops: &mut Drops, mut piece: impl FnMut(&[u8], &mut Drops)) {
        while let Some(end) = memchr::memchr(self.delimiter, bytes) {
            let (head, rest) = bytes.split_at(end);
            if self.open.is_empty() && !self.skipping && head.len() <= self.limit {
                piece(head, drops);
            } else {
                self.keep(head, drops);
                if !std::mem::take(&mut self.skipping) {
                    piece(&self.open, drops);
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

    /// Gives the last piece, which no delimiter ended.
    fn finish(&mut self) -> Option<Vec<u8>> {
        let skipping = std::mem::take(&mut self.skipping);
        let open = std::mem::take(&mut self.open);
        (!skipping && !open.is_empty()).then_some(open)
    }
}

/// The start of hostile or broken bytes, fit to be quoted in a message.
pub(crate) fn quote(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    let start = String::from_utf8_lossy(bytes.get(..SHOWN).unwrap_or(bytes));
    if bytes.len() > SHOWN { format!("{start:?}…") } else { format!("{start:?}") }
}
