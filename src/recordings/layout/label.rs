//! The table `[label]` of a `dataset.toml`.

use serde::{Deserialize, Serialize};

/// Where the labels come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LabelLayout {
    /// The kind of label.
    pub from: LabelFrom,
    /// The name of the column for [`LabelFrom::Column`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The name of the topic for [`LabelFrom::Topic`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The field of its messages that has the label. If `None`, it is `data`, or in JSON `label`, `data` or the whole message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Which folder is the label for [`LabelFrom::Folder`]. If `None`, it is the one that contains the recording,
    /// unless the split is by folder, too, and the names of the folders say that sessions are inside of surfaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<LabelFolder>,
}

/// Which folder of a recording is its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelFolder {
    /// The folder that contains the recording: `SESSION/SURFACE/file.csv`.
    Inner,
    /// The folder above it: `SURFACE/SESSION/file.csv`.
    Outer,
}

/// The kinds of labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelFrom {
    /// The label is the name of a folder, see [`LabelLayout::folder`]; the folder `unlabelled` has none.
    #[default]
    Folder,
    /// The label is the text in a column of the recording.
    Column,
    /// The labels are in a file `NAME.labels.csv` in the folder of `NAME.csv`: rows of `start,end,label`,
    /// with times on the recording's clock.
    Intervals,
    /// The label is the text of the newest message on a topic of an MCAP file.
    Topic,
    /// The label is the one that `underfoot record` wrote into an MCAP file.
    Metadata,
}

impl LabelLayout {
    /// Checks that the keys fit together.
    ///
    /// # Errors
    /// What is wrong, with the fix.
    pub(super) fn validate(&self) -> Result<(), String> {
        let wrong = match self.from {
            LabelFrom::Column if self.column.is_none() => {
                "label.from is \"column\", but label.column is not set; name the column"
            }
            LabelFrom::Topic if self.topic.is_none() => {
                "label.from is \"topic\", but label.topic is not set; name the topic"
            }
            LabelFrom::Folder => return Ok(()),
            _ if self.folder.is_some() => {
                "label.folder is set, but label.from is not \"folder\"; remove label.folder"
            }
            _ => return Ok(()),
        };
        Err(wrong.into())
    }
}
