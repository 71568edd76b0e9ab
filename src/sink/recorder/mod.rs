//! Records samples as CSV or MCAP files that the trainer reads without conversion.
//!
//! [`Recorder`] writes each stream's samples to `FOLDER/LABEL/<stream>-<time>.csv` or `.mcap`, one file for each
//! uninterrupted run of the device's clock with one label. The label is the one that the stream has over MQTT
//! (`labels.rs`), or else the one of the configuration. Streams without a label may also be left out, or be recorded only around stays on
//! surfaces that the model does not know (`novel`). [`start`] runs a recorder on a thread of its own, so that a slow disk
//! delays nothing else; what waits for that thread is bounded by bytes. Once a second everything is given to the
//! system, so that a crash of the program loses at most about the last second. Another thread then writes it
//! through to the disk, while recording goes on. A loss of power loses at most the last second, too, and what
//! was written while the disk was still busy with the second before.

mod budget;
mod file;
mod finished;
mod folder;
mod labels;
mod late_samples;
mod novel;
mod open_files;
mod options;
#[cfg(feature = "mcap")]
mod outcomes;
mod queue;
mod recording_file;
mod streams;
mod sync;
mod thread;

pub use self::finished::FinishedRecording;
pub(crate) use self::folder::check as check_folder;
pub(crate) use self::late_samples::LateSamples;
pub use self::novel::NovelStreams;
pub use self::options::{OnFault, RecorderOptions, Unlabelled};
#[cfg(feature = "mcap")]
pub use self::outcomes::RecordedOutcomes;
pub use self::streams::Recorder;
pub(crate) use self::thread::{RecordSender, Recorded, start};
