//! Reads one recording in bounded memory: `csv` and `mcap` read the two forms of files.

mod csv;
#[cfg(feature = "mcap")]
mod mcap;

use self::csv::CsvRecording;
#[cfg(feature = "mcap")]
use self::mcap::McapRecording;
#[cfg(feature = "mcap")]
pub(crate) use self::mcap::{
    McapFiles, McapItem, RecordingMetadata, SAMPLES_TOPIC, TopicForm, TopicInfo, list_topics, log_offset,
};
use super::error::RecordingError;
use super::labels::Labels;
use super::layout::GroupBy;
use super::recording::Recording;
use crate::signal::{Channel, ChannelInput, Drops, Samples};

/// Reads the samples of one recording, in the order in which they were written.
pub struct RecordingReader<'a> {
    recording: &'a Recording,
    form: RecordingForm<'a>,
}

/// The form of a recording's file.
enum RecordingForm<'a> {
    Csv(Box<CsvRecording<'a>>),
    #[cfg(feature = "mcap")]
    Mcap(Box<McapRecording<'a>>),
}

/// Calls a method of either form.
macro_rules! of_form {
    ($form:expr, $recording:ident => $call:expr) => {
        match $form {
            RecordingForm::Csv($recording) => $call,
            #[cfg(feature = "mcap")]
            RecordingForm::Mcap($recording) => $call,
        }
    };
}

impl<'a> RecordingReader<'a> {
    /// Opens a recording to read the channels in `wanted`, or all that it has if that is `None`.
    ///
    /// # Errors
    /// [`RecordingError`] if the file cannot be read or is empty, its layout has invalid channels, or it
    /// lacks a wanted channel.
    pub fn open(recording: &'a Recording, wanted: Option<&[Channel]>) -> Result<Self, RecordingError> {
        let form = if recording.is_mcap() {
            #[cfg(not(feature = "mcap"))]
            return Err(recording.no_mcap());
            #[cfg(feature = "mcap")]
            RecordingForm::Mcap(Box::new(McapRecording::open(recording, wanted)?))
        } else {
            RecordingForm::Csv(Box::new(CsvRecording::open(recording, wanted)?))
        };
        Ok(Self { recording, form })
    }

    /// Empty [`Samples`] with the channels and sensor limits of the recording.
    pub fn samples(&self) -> Samples {
        of_form!(&self.form, recording => recording.samples())
    }

    /// Reads the next part and adds its samples. Returns whether more samples may follow.
    ///
    /// # Errors
    /// [`RecordingError`] if the file cannot be read, too much of it is damaged, or it has ended without a sample.
    pub fn next_batch(&mut self, samples: &mut Samples) -> Result<bool, RecordingError> {
        of_form!(&mut self.form, recording => recording.next_batch(samples))
    }

    /// What was dropped: damaged rows or messages, and an incomplete last row.
    pub fn drops(&self) -> &Drops {
        of_form!(&self.form, recording => recording.drops())
    }

    /// What was concluded about the form of the recording where its layout says nothing, in one sentence: once
    /// as soon as it is known, and again when it changes.
    pub fn take_conclusion(&mut self) -> Option<String> {
        of_form!(&mut self.form, recording => recording.take_conclusion())
    }

    /// That the times are not in seconds, if that was worked out because nothing says their unit.
    pub fn unit_conclusion(&self) -> Option<String> {
        match &self.form {
            RecordingForm::Csv(csv) => csv.unit_conclusion(),
            #[cfg(feature = "mcap")]
            RecordingForm::Mcap(_) => None,
        }
    }

    /// Whether the layout or the recording itself says the unit of the times.
    pub fn unit_is_known(&self) -> bool {
        match &self.form {
            RecordingForm::Csv(csv) => csv.unit_is_known(),
            #[cfg(feature = "mcap")]
            RecordingForm::Mcap(_) => true,
        }
    }

    /// What seems to be wrong with the recording although it can be read, with the fix; known when it has been read to its
    /// end.
    pub fn warning(&self) -> Option<String> {
        of_form!(&self.form, recording => recording.warning())
    }

    /// The labels of the recording. Those in a column or on a topic are known only as far as the recording has been read,
    /// and so is the unit of those in intervals if the name of the time column says it.
    ///
    /// # Errors
    /// [`RecordingError`] if the file with the intervals cannot be read or is not valid.
    pub fn labels(&self) -> Result<Labels, RecordingError> {
        of_form!(&self.form, recording => recording.labels())
    }

    /// The name of the recording's group. All recordings of a group go to either training or validation.
    pub fn group(&self) -> String {
        let recording = self.recording;
        let text = match (&self.form, recording.layout.split.group_by) {
            (RecordingForm::Csv(csv), GroupBy::Column) => csv.group_text(),
            (_, GroupBy::Folder) => {
                let folder = recording.session_folder.as_ref().or(recording.label_folder.as_ref());
                Some(folder.cloned().unwrap_or_default())
            }
            _ => None,
        };
        text.unwrap_or_else(|| recording.name.clone())
    }
}

/// The channels of a recording, as [`Layout::channels_of`](super::layout::Layout::channels_of) finds them in a CSV file; an MCAP
/// file has those that its layout lists, or those that this program wrote into it.
///
/// # Errors
/// [`RecordingError`] if the file cannot be read, or there is no channel.
pub(crate) fn channels_of(recording: &Recording) -> Result<Vec<ChannelInput>, RecordingError> {
    if !recording.is_mcap() {
        return recording.layout.channels_of(&recording.path);
    }
    #[cfg(not(feature = "mcap"))]
    return Err(recording.no_mcap());
    #[cfg(feature = "mcap")]
    mcap::channels(recording)
}
