//! Outcomes as text: predictions as JSON lines or CSV, or a table of the surface changes.
//!
//! A thread does the writing, so that a reader that does not read delays nothing else. A live daemon drops
//! and counts the predictions for which the reader is too slow; a replay waits. The pipeline watches the
//! thread, which ends when the sink is closed, and before that when its output cannot be written.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SendError, SyncSender, TrySendError, sync_channel};

use super::json::{JsonWriter, micros, novelty, round};
use crate::csv::RowWriter;
use crate::decision::{Outcome, Prediction};
use crate::model::card_text::printable;
use crate::signal::{DropReason, Drops, StreamId};
use crate::thread::{NamedThread, test_panic};

/// Capacity of the queue to the writing thread, in chunks of text.
const QUEUE: usize = 64;
/// Length in bytes from which on a chunk is sent before its batch ends.
const CHUNK_BYTES: usize = 64 * 1024;

/// How outcomes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TextFormat {
    /// One JSON object per line and prediction
    #[default]
    Jsonl,
    /// A header, then one row per prediction
    Csv,
    /// A table for people: one line per surface change
    Table,
}

/// Writes outcomes as text on a thread of its own.
pub struct TextSink {
    format: TextFormat,
    json: JsonWriter,
    /// Text that has not been sent to the thread yet.
    text: Vec<u8>,
    row: RowWriter,
    /// Number of predictions or changes in `text`.
    count: usize,
    /// Whether text is dropped when the queue is full, rather than waited for.
    live: bool,
    /// Chunks of text, each with the number of predictions or changes in it; `None` once the sink is closed.
    sender: Option<SyncSender<(Vec<u8>, usize)>>,
    /// The thread, until the pipeline takes it to watch it.
    thread: Option<NamedThread<io::Result<()>>>,
}

impl TextSink {
    /// Starts a thread that writes to `out`. If `live` is true, text is dropped when `out` is too slow;
    /// otherwise the sink waits.
    pub fn new(
        format: TextFormat,
        json: JsonWriter,
        labels: &[String],
        live: bool,
        out: impl Write + Send + 'static,
    ) -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        let thread = NamedThread::spawn("output", move || write(out, &receiver));
        let mut text = Vec::new();
        let mut row = RowWriter::default();
        match format {
            TextFormat::Jsonl => {}
            TextFormat::Csv => {
                row.field("stream").field("t").field("surface").field("confidence");
                for label in labels {
                    row.field(printable(label));
                }
                text.extend_from_slice(row.field("measured").field("novelty").field("candidates").end());
            }
            TextFormat::Table => {
                text.extend_from_slice(table("stream", "time", "surface", "confidence").as_bytes())
            }
        }
        Self { format, json, text, row, count: 0, live, sender: Some(sender), thread: Some(thread) }
    }

    /// Writes an outcome.
    pub fn take(&mut self, outcome: &Outcome, drops: &mut Drops) {
        match (self.format, outcome) {
            (TextFormat::Jsonl, Outcome::Prediction(prediction)) => {
                self.json.prediction(prediction, true, &mut self.text);
                self.text.push(b'\n');
            }
            (TextFormat::Csv, Outcome::Prediction(prediction)) => self.row(prediction),
            // A change later than `since` only has another reason for the same surface.
            (TextFormat::Table, Outcome::Change(change))
                if change.previous.is_some() && change.time == change.since =>
            {
                let surface = self.json.name(change.surface);
                let time = format!("{:.2} s", micros(change.time));
                let confidence = format!("{:.0} %", 100.0 * change.confidence);
                let line = table(change.stream.as_str(), &time, surface, &confidence);
                self.text.extend_from_slice(line.as_bytes());
            }
            (_, Outcome::Context(context)) => return self.json = JsonWriter::of(context),
            _ => return,
        }
        self.count += 1;
        if self.text.len() >= CHUNK_BYTES {
            self.flush(drops);
        }
    }

    fn row(&mut self, prediction: &Prediction) {
        let Prediction { stream, time, surface, confidence, probabilities, quality, .. } = prediction;
        self.row
            .field(printable(stream.as_str()))
            .field(micros(*time))
            .field(printable(self.json.name(*surface)));
        self.row.field(round(*confidence));
        for value in probabilities.iter().map(|p| f64::from(*p)).chain([quality.measured]) {
            self.row.field(round(value));
        }
        match prediction.novelty {
            Some(value) => self.row.field(novelty(value)),
            None => self.row.field(""),
        };
        let names = self.json.candidates(prediction).into_iter().flatten();
        self.row.field(printable(&names.collect::<Vec<_>>().join("|")));
        self.text.extend_from_slice(self.row.end());
    }

    /// Sends the text since the last call to the writing thread.
    pub fn flush(&mut self, drops: &mut Drops) {
        if self.text.is_empty() {
            return;
        }
        let chunk = (std::mem::take(&mut self.text), std::mem::take(&mut self.count));
        let Some(sender) = &self.sender else { return };
        let unsent = if self.live {
            match sender.try_send(chunk) {
                Ok(()) => return,
                Err(TrySendError::Full((_, count))) => {
                    drops.add_many(DropReason::NotPublished, count as u64, || {
                        "standard output is read too slowly, so predictions are dropped".into()
                    });
                    return;
                }
                Err(TrySendError::Disconnected((_, count))) => count,
            }
        } else {
            match sender.send(chunk) {
                Ok(()) => return,
                Err(SendError((_, count))) => count,
            }
        };
        drops.add_many(DropReason::NotPublished, unsent as u64, || {
            "standard output is closed or cannot be written, so predictions are dropped".into()
        });
    }

    /// Whether outcomes are dropped if the reader is too slow. Otherwise the sink waits for it.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// The thread that writes. It returns the error of a failed write at once, and otherwise ends after
    /// [`close`](Self::close). `None` if it was taken before.
    pub(crate) fn take_thread(&mut self) -> Option<NamedThread<io::Result<()>>> {
        self.thread.take()
    }

    /// Sends the rest to the thread and lets it end.
    pub(crate) fn close(&mut self, drops: &mut Drops) {
        self.flush(drops);
        self.sender = None;
    }
}

fn write(mut out: impl Write, chunks: &Receiver<(Vec<u8>, usize)>) -> io::Result<()> {
    for (text, _) in chunks {
        test_panic("output");
        out.write_all(&text)?;
        out.flush()?;
    }
    Ok(())
}

/// One line of the table.
fn table(stream: &str, time: &str, surface: &str, confidence: &str) -> String {
    let wide = StreamId::MAX_BYTES / 3;
    let (stream, surface) = (printable(stream), printable(surface));
    format!("{stream:<wide$}  {time:>12}  {surface:<16} {confidence:>10}\n")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    use super::*;
    use crate::signal::Time;
    use crate::stream::Quality;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Closes a sink and waits for its thread.
    fn finish(mut sink: TextSink) -> io::Result<()> {
        let mut thread = sink.take_thread().unwrap();
        sink.close(&mut Drops::default());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(thread.end()).unwrap()
    }

    fn prediction() -> Outcome {
        Outcome::Prediction(Prediction {
            stream: StreamId::new("a,b").unwrap(),
            time: Time::from_seconds(1.5).unwrap(),
            surface: Some(1),
            confidence: 0.75,
            withheld: None,
            probabilities: vec![0.25, 0.75],
            novelty: Some(0.5),
            quality: Quality::default(),
            arrived: Instant::now(),
        })
    }

    #[test]
    fn csv_has_a_header_and_quoted_names() {
        let labels = ["a".to_owned(), "b".to_owned()];
        let shared = Shared::default();
        let mut sink =
            TextSink::new(TextFormat::Csv, JsonWriter::new(&labels, "m"), &labels, false, shared.clone());
        sink.take(&prediction(), &mut Drops::default());
        finish(sink).unwrap();
        let text = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            text,
            "stream,t,surface,confidence,a,b,measured,novelty,candidates\n\"a,b\",1.5,b,0.75,0.25,0.75,1,0.5,\n"
        );
    }

    #[test]
    fn names_that_change_a_terminal_are_not_printed_as_they_are() {
        assert!(table("a\u{202e}b", "1.00 s", "\u{1b}[2J", "75 %").starts_with("a\u{fffd}b "));
        let labels = ["\u{1b}[2J".to_owned(), "b".to_owned()];
        let shared = Shared::default();
        let sink =
            TextSink::new(TextFormat::Csv, JsonWriter::new(&labels, "m"), &labels, false, shared.clone());
        finish(sink).unwrap();
        assert!(!shared.0.lock().unwrap().contains(&0x1b));
    }

    #[test]
    fn a_live_sink_drops_and_counts_what_its_reader_does_not_read() {
        struct Stuck(Receiver<()>);
        impl Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.recv().map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (sender, receiver) = sync_channel(0);
        let mut sink =
            TextSink::new(TextFormat::Jsonl, JsonWriter::new(&["a".into()], "m"), &[], true, Stuck(receiver));
        let mut drops = Drops::default();
        for _ in 0..QUEUE + 10 {
            sink.take(&prediction(), &mut drops);
            sink.flush(&mut drops);
        }
        assert!((8..=10).contains(&drops.count(DropReason::NotPublished)), "{drops}");
        drop(sender);
        assert_eq!(finish(sink).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn what_a_closed_output_does_not_take_is_counted() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for live in [true, false] {
            let mut sink =
                TextSink::new(TextFormat::Jsonl, JsonWriter::new(&["a".into()], "m"), &[], live, Closed);
            let mut thread = sink.take_thread().unwrap();
            let mut drops = Drops::default();
            sink.take(&prediction(), &mut drops);
            sink.flush(&mut drops);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            assert!(runtime.block_on(thread.end()).unwrap().is_err());
            sink.take(&prediction(), &mut drops);
            sink.flush(&mut drops);
            assert_eq!(drops.to_string(), "1 not_published");
        }
    }
}
