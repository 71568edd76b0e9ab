//! The forms of recordings that this program writes.

use serde::{Deserialize, Serialize};

/// The form of the recordings that this program writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum RecordingFormat {
    /// Rows of text, which every program reads.
    #[default]
    Csv,
    /// MCAP, compressed, with the label and the units, for Foxglove and programs of ROS 2.
    #[cfg(feature = "mcap")]
    Mcap,
}

impl RecordingFormat {
    /// The extension of its files.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            #[cfg(feature = "mcap")]
            Self::Mcap => "mcap",
        }
    }
}
