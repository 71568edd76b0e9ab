//! `underfoot replay --mcap`: the results as files that Foxglove shows.

use std::path::{Path, PathBuf};

use crate::command::failure::Failure;
use crate::daemon::parts::Observer;
use crate::decision::ServingContext;
use crate::recordings::Recording;
use crate::signal::{SourceEvent, StreamId};
use crate::sink::Sink;
use crate::sink::mcap::{ReplayResults, ResultPath};
use crate::source::file::Truth;

/// Where the results go as MCAP.
#[derive(Debug, clap::Args)]
pub(super) struct ResultArgs {
    /// Also write samples, predictions, surfaces and problems as MCAP, which Foxglove shows: to this file for one
    /// recording, or to a folder, which gets a file for each
    #[arg(long, value_name = "FILE.mcap|FOLDER")]
    mcap: Option<PathBuf>,
    /// With --mcap: also copy all topics of the recordings, such as the pictures of a camera
    #[arg(long, requires = "mcap")]
    copy_topics: bool,
}

/// The MCAP files that a replay writes.
pub(super) struct McapResults(ReplayResults);

impl ResultArgs {
    /// The files that are written; `None` if none are wanted. `paths` is what was given to replay.
    ///
    /// # Errors
    /// [`Failure`] with exit code 2 if the files would be among the recordings, or be one for several.
    pub(super) fn open(
        &self,
        paths: &[PathBuf],
        recordings: &[(StreamId, Recording)],
        context: &ServingContext,
        truth: &Truth,
    ) -> Result<Option<McapResults>, Failure> {
        let Some(path) = &self.mcap else { return Ok(None) };
        let is_file = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mcap"));
        if is_file && recordings.len() > 1 {
            return Err(Failure::usage(format!(
                "--mcap {path:?} is one file, but {} recordings are replayed; give a folder, which gets a file for each",
                recordings.len()
            )));
        }
        if paths.iter().any(|input| is_within(path, input)) {
            return Err(Failure::usage(format!(
                "--mcap {path:?} is among the recordings that are replayed; give another place, or the next command reads both"
            )));
        }
        let path = if is_file { ResultPath::File(path.clone()) } else { ResultPath::Folder(path.clone()) };
        let copied =
            recordings.iter().filter(|(_, recording)| self.copy_topics && recording.is_mcap()).cloned();
        Ok(Some(McapResults(ReplayResults::new(path, context, truth.clone(), copied.collect()))))
    }
}

impl McapResults {
    /// Adds the sink for what is found out. Returns what takes the samples.
    pub(super) fn connect(&self, sinks: &mut Vec<Sink>) -> Observer {
        // Before the scores, with which the labels are forgotten.
        sinks.insert(0, Sink::Results(self.0.clone()));
        let results = self.0.clone();
        Box::new(move |event: &SourceEvent| results.observe(event))
    }

    /// Ends the files, and says which they are.
    ///
    /// # Errors
    /// [`Failure`] if one could not be written.
    pub(super) fn finish(self) -> Result<(), Failure> {
        for file in self.0.finish().map_err(Failure::failed)? {
            eprintln!("wrote {}", file.display());
        }
        Ok(())
    }
}

/// Whether a path, which need not exist, is this file or in this folder.
fn is_within(path: &Path, other: &Path) -> bool {
    let existing = path.ancestors().find(|part| part.exists()).unwrap_or(Path::new("."));
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    existing.canonicalize().is_ok_and(|path| other.canonicalize().is_ok_and(|other| path.starts_with(other)))
}
