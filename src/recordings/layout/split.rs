//! The table `[split]` of a `dataset.toml`.

use serde::{Deserialize, Serialize};

/// Which recordings stay together when the data are split into training and validation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitLayout {
    /// What the recordings of a group have in common.
    pub group_by: GroupBy,
    /// The name of the column for [`GroupBy::Column`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What the recordings of a session have in common. If `None`, it is [`SessionBy::Gap`] for recordings whose
    /// start is known, and for others [`SessionBy::Folder`] if they are grouped by folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionBy>,
}

/// What the recordings of a session have in common. Within a session, nothing but the surface should have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionBy {
    /// They were started on the same day.
    Day,
    /// They are in folders of the same name, where the label comes from the folder inside of it or above it.
    Folder,
    /// There is no break of four hours or more between them.
    Gap,
}

/// What the recordings of a group have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// Each recording is a group by itself.
    #[default]
    File,
    /// The recordings in a folder are a group. If labels are folders as well, it is the other folder, so that
    /// `SURFACE/SESSION/file.csv` and `SESSION/SURFACE/file.csv` are grouped by session.
    Folder,
    /// The recordings with the same text in a column are a group. The text of a recording is that in its
    /// first row.
    Column,
}
