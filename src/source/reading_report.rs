//! What is said about recordings while they are read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::recordings::{Recording, RecordingError};

/// Maximum number of warnings and of units that are kept.
const MAX_KEPT: usize = 100;

/// What is said about recordings while they are read. Clones share their contents.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadingReports(Arc<Mutex<ReadingReport>>);

/// What was said about recordings, in the order in which it was.
#[derive(Debug, Default)]
pub(crate) struct ReadingReport {
    /// Why recordings could not be read to their end.
    pub errors: Vec<RecordingError>,
    /// What seems to be wrong with recordings that could be read.
    pub warnings: Vec<String>,
    /// The units of times that nothing says, as far as they were worked out.
    pub units: Vec<String>,
}

impl ReadingReports {
    /// Adds why a recording could not be read to its end.
    pub(super) fn add_error(&self, error: RecordingError) {
        self.report().errors.push(error);
    }

    /// Adds what seems to be wrong with a recording.
    pub(super) fn add_warning(&self, recording: &Recording, warning: &str) {
        // Some warnings name the part of a bag.
        let path = format!("\"{}\"", recording.path.display());
        let warning = if warning.contains(&path) { warning.to_owned() } else { format!("{path}: {warning}") };
        let mut report = self.report();
        if report.warnings.len() < MAX_KEPT {
            report.warnings.push(warning);
        }
    }

    /// Adds the unit of times that nothing says.
    pub(super) fn add_unit(&self, conclusion: &str) {
        let mut report = self.report();
        if report.units.len() < MAX_KEPT {
            report.units.push(conclusion.to_owned());
        }
    }

    /// Removes and returns all that was said so far.
    pub(crate) fn take(&self) -> ReadingReport {
        std::mem::take(&mut self.report())
    }

    fn report(&self) -> MutexGuard<'_, ReadingReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
