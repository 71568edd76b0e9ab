//! Records samples as CSV files that the trainer reads without conversion.
//!
//! [`Recorder`] writes each stream's samples to `FOLDER/LABEL/<stream>-<time>.csv`, one file for each
//! uninterrupted run of the device's clock. [`RecorderHandle`] runs a recorder on a thread of its own, so
//! that a slow disk delays nothing else. Files are written through to the disk once a second, so a crash
//! loses at most the last second.

mod file;
mod options;
mod streams;
mod thread;

pub use self::options::{OnFault, RecorderOptions};
pub use self::streams::Recorder;
pub use self::thread::RecorderHandle;
