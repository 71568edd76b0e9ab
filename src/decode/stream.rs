//! The decoder of a byte stream, in any of the stream formats.

use serde::{Deserialize, Serialize};

use super::binary::Frames;
use super::csv::{CsvFormat, CsvRows};
use super::json::JsonLines;
use crate::signal::{Columns, Drops, Hold, Samples, TimeInput};

/// The format of a byte stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamFormat {
    /// Lines of numbers, with or without a header; see [`csv`](super::csv).
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
pub struct StreamDecoder {
    decoder: FormatDecoder,
    /// Fills missing values; `None` if no channel is held.
    hold: Option<Hold>,
    /// Whether the unit of the times is configured.
    unit_is_configured: bool,
}

/// The decoder of each format.
#[derive(Debug)]
enum FormatDecoder {
    Csv(Box<CsvRows>),
    Json(Box<JsonLines>),
    Binary(Frames),
}

impl StreamDecoder {
    /// Creates a decoder for a live stream. What it has to know about rows of CSV is worked out from them.
    pub fn new(format: StreamFormat, columns: Columns, time: TimeInput) -> Self {
        Self::with_csv(format, columns, time, CsvFormat::default())
    }

    /// Creates a decoder for a live stream; `csv` says what is known about rows of CSV.
    pub fn with_csv(format: StreamFormat, columns: Columns, time: TimeInput, csv: CsvFormat) -> Self {
        let hold = Hold::new(&columns, time.rate);
        let unit_is_configured = time.unit.is_some();
        let decoder = match format {
            StreamFormat::Csv => FormatDecoder::Csv(Box::new(CsvRows::live(columns, time, csv))),
            StreamFormat::Json => FormatDecoder::Json(Box::new(JsonLines::new(columns, time))),
            StreamFormat::Binary => FormatDecoder::Binary(Frames::new(columns)),
        };
        Self { decoder, hold, unit_is_configured }
    }

    /// Says that the stream may begin within a line, as that of a serial port does. A first row of CSV that
    /// may be the end of a longer one is then left out. Binary frames may always begin so.
    #[must_use]
    pub fn beginning_within_a_line(mut self) -> Self {
        if let FormatDecoder::Csv(rows) = &mut self.decoder {
            rows.begin_within_a_line();
        }
        self
    }

    /// Decodes the next bytes. The start of an incomplete line or frame is kept for the next call, and so are
    /// the first rows of CSV until their form is known.
    pub fn feed(&mut self, bytes: &[u8], samples: &mut Samples, drops: &mut Drops) {
        let first = samples.len();
        match &mut self.decoder {
            FormatDecoder::Csv(rows) => rows.feed(bytes, samples, drops),
            FormatDecoder::Json(lines) => lines.feed(bytes, samples, drops),
            FormatDecoder::Binary(frames) => frames.feed(bytes, samples, drops),
        }
        self.fill(samples, first);
    }

    /// Decodes a last line that has no line end, at the end of the stream. An incomplete binary frame is
    /// ignored.
    pub fn finish(&mut self, samples: &mut Samples, drops: &mut Drops) {
        let first = samples.len();
        match &mut self.decoder {
            FormatDecoder::Csv(rows) => rows.finish(samples, drops),
            FormatDecoder::Json(lines) => lines.finish(samples, drops),
            FormatDecoder::Binary(_) => {}
        }
        self.fill(samples, first);
    }

    fn fill(&mut self, samples: &mut Samples, first: usize) {
        if let Some(hold) = &mut self.hold {
            hold.fill(samples, first);
        }
    }

    /// What was concluded about rows of CSV where nothing is configured, in one sentence: once as soon as it is
    /// known, and again when it changes.
    pub fn take_conclusion(&mut self) -> Option<String> {
        match &mut self.decoder {
            FormatDecoder::Csv(rows) => rows.take_conclusion(),
            FormatDecoder::Json(_) | FormatDecoder::Binary(_) => None,
        }
    }

    /// Whether the unit of the times is configured, or the input itself says it.
    pub fn unit_is_known(&self) -> bool {
        match &self.decoder {
            FormatDecoder::Csv(rows) => rows.unit_is_known(),
            FormatDecoder::Json(_) => self.unit_is_configured,
            FormatDecoder::Binary(_) => true,
        }
    }
}
