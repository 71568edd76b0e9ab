//! The MCAP files of a replay: one for each recording, with its samples and everything that was found out.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::message::ResultMessage;
use super::result_file::{ResultFile, unwritable};
use crate::decision::{Outcome, Prediction, ServingContext};
use crate::model::card::Card;
use crate::recordings::Recording;
use crate::recordings::reader::{RecordingMetadata, log_offset};
use crate::signal::{SourceEvent, StreamId};
use crate::sink::json::JsonWriter;
use crate::source::file::Truth;
use crate::stream::ProblemDelta;

/// Where the MCAP files of a replay go.
#[derive(Clone, Debug)]
pub(crate) enum ResultPath {
    /// Into this file, for one recording.
    File(PathBuf),
    /// Into files with the names of the streams in this folder.
    Folder(PathBuf),
}

/// The MCAP files of a replay. Clones share the files.
#[derive(Clone)]
pub struct ReplayResults(Arc<Mutex<ResultFiles>>);

struct ResultFiles {
    path: ResultPath,
    card: Card,
    json: JsonWriter,
    truth: Truth,
    /// The recordings whose topics are copied into the files.
    copied: HashMap<StreamId, Recording>,
    open: HashMap<StreamId, ResultFile>,
    /// The stream that ended last. Its file is ended with the next one, because its last problems are told after its end.
    ended: Option<StreamId>,
    written: Vec<PathBuf>,
    /// The first error; nothing is written after it.
    fault: Option<String>,
}

impl ReplayResults {
    /// Writes the results of the model of this context. The topics of the recordings in `copied` are copied.
    pub(crate) fn new(
        path: ResultPath,
        context: &ServingContext,
        truth: Truth,
        copied: HashMap<StreamId, Recording>,
    ) -> Self {
        let (open, ended, written, fault) = Default::default();
        let (card, json) = (context.card.clone(), JsonWriter::of(context));
        Self(Arc::new(Mutex::new(ResultFiles {
            path,
            card,
            json,
            truth,
            copied,
            open,
            ended,
            written,
            fault,
        })))
    }

    /// Writes the samples of an event.
    pub(crate) fn observe(&self, event: &SourceEvent) {
        let SourceEvent::Samples(batch) = event else { return };
        self.write(&batch.stream, |file, _| {
            batch.samples.iter().try_for_each(|(time, row)| file.sample(time, row))
        });
    }

    /// Writes an outcome.
    pub(crate) fn take(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Prediction(Prediction { stream, time, .. }) => self.write(stream, |file, files| {
                let label = files.truth.with_labels(stream, |labels| labels.at(*time).map(str::to_owned));
                file.label(label.flatten(), *time)?;
                files.results(outcome).iter().try_for_each(|message| file.result(message))
            }),
            Outcome::Change(change) => self.write(&change.stream, |file, files| {
                files.results(outcome).iter().try_for_each(|message| file.result(message))
            }),
            Outcome::End(stream) | Outcome::Moved(stream) => {
                let before = self.files().ended.replace(stream.clone());
                before.iter().for_each(|before| self.end(before));
            }
            // A replay does not change its model.
            Outcome::Context(_) => {}
        }
    }

    /// Writes which problems began and ended.
    pub(crate) fn problems(&self, delta: &ProblemDelta) {
        for (stream, message) in ResultMessage::of_problems(delta) {
            if self.files().open.contains_key(stream) {
                self.write(stream, |file, _| file.result(&message));
            }
        }
    }

    /// The files that were written.
    ///
    /// # Errors
    /// Why one could not be written.
    pub(crate) fn finish(&self) -> Result<Vec<PathBuf>, String> {
        let streams: Vec<_> = self.files().open.keys().cloned().collect();
        streams.iter().for_each(|stream| self.end(stream));
        let mut files = self.files();
        files.fault.take().map_or_else(|| Ok(std::mem::take(&mut files.written)), Err)
    }

    fn files(&self) -> MutexGuard<'_, ResultFiles> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes to the file of a stream, which is created if it is not open.
    fn write(&self, stream: &StreamId, write: impl FnOnce(&mut ResultFile, &ResultFiles) -> io::Result<()>) {
        let mut files = self.files();
        if files.fault.is_some() {
            return;
        }
        let file = files.open.remove(stream).map_or_else(|| files.create(stream), Ok);
        match file {
            Ok(mut file) => {
                if let Err(error) = write(&mut file, &files) {
                    files.fault = Some(unwritable(file.path(), &error));
                }
                files.open.insert(stream.clone(), file);
            }
            Err(why) => files.fault = Some(why),
        }
    }

    /// Ends the file of a stream.
    fn end(&self, stream: &StreamId) {
        let mut files = self.files();
        let Some(file) = files.open.remove(stream) else { return };
        let path = file.path().to_owned();
        match file.end(files.copied.get(stream)) {
            Ok(()) => files.written.push(path),
            Err(why) => drop(files.fault.get_or_insert(why)),
        }
    }
}

impl ResultFiles {
    fn results(&self, outcome: &Outcome) -> Vec<ResultMessage> {
        ResultMessage::of_outcome(outcome, &self.json)
    }

    fn create(&self, stream: &StreamId) -> Result<ResultFile, String> {
        let path = match &self.path {
            ResultPath::File(path) => path.clone(),
            ResultPath::Folder(folder) => {
                std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
                folder.join(format!("{stream}.mcap"))
            }
        };
        let offset = match self.copied.get(stream) {
            Some(recording) => {
                log_offset(recording, &self.card.channels).map_err(|error| error.to_string())?
            }
            None => 0,
        };
        let about = RecordingMetadata {
            stream: stream.to_string(),
            channels: self.card.channels.clone(),
            label: None,
        };
        ResultFile::create(path.clone(), &about, &self.card.labels, offset)
            .map_err(|error| unwritable(&path, &error))
    }
}
