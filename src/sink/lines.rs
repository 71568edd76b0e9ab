//! Outcomes as text: JSON lines, CSV, or a table of the changes.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::csv::RowWriter;
use crate::drops::{Drops, Reason};
use crate::prediction::{Json, Outcome, Prediction, micros, round};
use crate::sample::StreamId;
use crate::shutdown::ends_within;

/// Chunks of text that may wait for the reader.
const CHUNKS: usize = 64;
/// A chunk is handed on when it is this long, in bytes, or when a batch ends.
const CHUNK: usize = 64 * 1024;

/// How outcomes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A JSON object a prediction
    #[default]
    Jsonl,
    /// A row a prediction, with a header
    Csv,
    /// A line a change of surface, for people
    Table,
}

/// Writes outcomes on a thread of its own, so that a reader who does not read holds up nothing else.
pub struct Lines {
    format: Format,
    json: Json,
    text: Vec<u8>,
    row: RowWriter,
    windows: usize,
    /// A live daemon drops what the reader is too slow for; replay waits.
    live: bool,
    sender: Option<SyncSender<(Vec<u8>, usize)>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Lines {
    /// Starts writing to `out`.
    pub fn new(
        format: Format,
        json: Json,
        labels: &[String],
        live: bool,
        out: impl Write + Send + 'static,
    ) -> Self {
        let (sender, receiver) = sync_channel(CHUNKS);
        let thread = std::thread::spawn(move || write(out, &receiver));
        let mut text = Vec::new();
        let mut row = RowWriter::default();
        match format {
            Format::Jsonl => {}
            Format::Csv => {
                row.field("stream").field("t").field("surface").field("confidence");
                for label in labels {
                    row.field(label);
                }
                text.extend_from_slice(row.field("measured").end());
            }
            Format::Table => text.extend_from_slice(table("stream", "time", "surface", "sure").as_bytes()),
        }
        Self { format, json, text, row, windows: 0, live, sender: Some(sender), thread: Some(thread) }
    }

    /// Writes an outcome.
    pub fn take(&mut self, outcome: &Outcome, drops: &mut Drops) {
        match (self.format, outcome) {
            (Format::Jsonl, Outcome::Prediction(prediction)) => {
                self.json.prediction(prediction, true, &mut self.text);
                self.text.push(b'\n');
            }
            (Format::Csv, Outcome::Prediction(prediction)) => self.row(prediction),
            (Format::Table, Outcome::Change(change))
                // Another reason for the same is no change to tell.
                if change.previous.is_some() && change.time == change.since =>
            {
                let surface = self.json.name(change.surface);
                let time = format!("{:.2} s", micros(change.time));
                let sure = format!("{:.0} %", 100.0 * change.confidence);
                self.text.extend_from_slice(table(change.stream.as_str(), &time, surface, &sure).as_bytes());
            }
            (_, Outcome::Terms(terms)) => return self.json = terms.json(),
            _ => return,
        }
        self.windows += 1;
        if self.text.len() >= CHUNK {
            self.flush(drops);
        }
    }

    fn row(&mut self, prediction: &Prediction) {
        let Prediction { stream, time, surface, confidence, probabilities, quality, .. } = prediction;
        self.row.field(stream).field(micros(*time)).field(self.json.name(*surface)).field(round(*confidence));
        for value in probabilities.iter().map(|p| f64::from(*p)).chain([quality.measured]) {
            self.row.field(round(value));
        }
        self.text.extend_from_slice(self.row.end());
    }

    /// Hands on what was written since the last time.
    pub fn flush(&mut self, drops: &mut Drops) {
        if self.text.is_empty() {
            return;
        }
        let chunk = (std::mem::take(&mut self.text), std::mem::take(&mut self.windows));
        let Some(sender) = &self.sender else { return };
        // A reader that has gone away is told of at the end.
        if self.live
            && let Err(TrySendError::Full((_, windows))) = sender.try_send(chunk.clone())
        {
            drops.add_many(Reason::NotPublished, windows as u64, || {
                "standard output is not read fast enough".into()
            });
        } else if !self.live {
            let _ = sender.send(chunk);
        }
    }

    /// Waits until all is written, but no longer than `patience`.
    ///
    /// # Errors
    /// What the system said, or [`io::ErrorKind::TimedOut`]. A reader that went away is no error: it has what it wanted.
    pub fn finish(mut self, patience: Duration) -> io::Result<()> {
        self.flush(&mut Drops::default());
        self.sender = None;
        let Some(thread) = self.thread.take() else { return Ok(()) };
        if !ends_within(&thread, patience) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "its reader does not read"));
        }
        match thread.join() {
            Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

fn write(mut out: impl Write, chunks: &Receiver<(Vec<u8>, usize)>) -> io::Result<()> {
    for (text, _) in chunks {
        out.write_all(&text)?;
        out.flush()?;
    }
    Ok(())
}

fn table(stream: &str, time: &str, surface: &str, sure: &str) -> String {
    let wide = StreamId::MAX_BYTES / 3;
    format!("{stream:<wide$}  {time:>12}  {surface:<16} {sure:>6}\n")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    use super::*;
    use crate::quality::Quality;
    use crate::sample::Time;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn prediction() -> Outcome {
        Outcome::Prediction(Prediction {
            stream: StreamId::new("a,b").unwrap(),
            time: Time::from_seconds(1.5).unwrap(),
            surface: Some(1),
            confidence: 0.75,
            probabilities: vec![0.25, 0.75],
            quality: Quality::default(),
            arrived: Instant::now(),
        })
    }

    #[test]
    fn csv_has_a_header_and_quotes_names() {
        let labels = ["a".to_owned(), "b".to_owned()];
        let page = Page::default();
        let mut lines = Lines::new(Format::Csv, Json::new(&labels, "m"), &labels, false, page.clone());
        lines.take(&prediction(), &mut Drops::default());
        lines.finish(Duration::MAX).unwrap();
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "stream,t,surface,confidence,a,b,measured\n\"a,b\",1.5,b,0.75,0.25,0.75,1\n");
    }

    #[test]
    fn a_live_reader_that_does_not_read_costs_only_its_own_lines() {
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
        let mut lines = Lines::new(Format::Jsonl, Json::new(&["a".into()], "m"), &[], true, Stuck(receiver));
        let mut drops = Drops::default();
        for _ in 0..CHUNKS + 10 {
            lines.take(&prediction(), &mut drops);
            lines.flush(&mut drops);
        }
        assert!((8..=10).contains(&drops.count(Reason::NotPublished)), "{drops}");
        drop(sender);
        lines.finish(Duration::MAX).unwrap();
    }
}
