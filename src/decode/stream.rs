//! The decoder of a byte stream, in any of the stream formats.

use serde::{Deserialize, Serialize};

use super::binary::Frames;
use super::csv::CsvRows;
use super::json::JsonLines;
use crate::signal::{Columns, Drops, Samples, TimeInput};

/// The format of a byte stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamFormat {
    /// Lines of numbers separated by commas, with or without a header; see [`csv`](super::csv).
    #[default]
    Csv,
    /// One JSON object on each line; see [`json`](super::json).
    Json,
    /// Binary frames with a checksum, for high rates; see [`binary`](super::binary).
    Binary,
}

impl std::str::FromStr for StreamFormat {
    type Err = &'static str;

    /// Parses the name of a format. The error lists the names: `csv`, `json` and `binary`.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "csv" => Ok(StreamFormat::Csv),
            "json" => Ok(StreamFormat::Json),
            "binary" => Ok(StreamFormat::Binary),
            _ => Err("it must be csv, json or binary"),
        }
    }
}

/// The decoder of one byte stream.
#[derive(Debug)]
pub enum StreamDecoder {
    /// Decodes [`StreamFormat::Csv`].
    Csv(Box<CsvRows>),
    /// Decodes [`StreamFormat::Json`].
    Json(JsonLines),
    /// Decodes [`StreamFormat::Binary`].
    Binary(Frames),
}

impl StreamDecoder {
    /// Creates a decoder for a live stream, which may begin in the middle of a line or frame.
    pub fn new(format: StreamFormat, columns: Columns, time: TimeInput) -> Self {
        match format {
            StreamFormat::Csv => StreamDecoder::Csv(Box::new(CsvRows::live(columns, time))),
            StreamFormat::Json => StreamDecoder::Json(JsonLines::new(columns, time)),
            StreamFormat::Binary => StreamDecoder::Binary(Frames::new(columns)),
        }
    }

    /// Decodes the next bytes. The start of an incomplete line or frame is kept for the next call.
    pub fn feed(&mut self, bytes: &[u8], samples: &mut Samples, drops: &mut Drops) {
        match self {
            StreamDecoder::Csv(rows) => rows.feed(bytes, samples, drops),
            StreamDecoder::Json(lines) => lines.feed(bytes, samples, drops),
            StreamDecoder::Binary(frames) => frames.feed(bytes, samples, drops),
        }
    }

    /// Decodes a last line that has no line end, at the end of the stream. An incomplete binary frame is
    /// ignored.
    pub fn finish(&mut self, samples: &mut Samples, drops: &mut Drops) {
        match self {
            StreamDecoder::Csv(rows) => rows.finish(samples, drops),
            StreamDecoder::Json(lines) => lines.finish(samples, drops),
            StreamDecoder::Binary(_) => {}
        }
    }
}
