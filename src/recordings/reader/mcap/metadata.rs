//! What an MCAP file that this program wrote says about itself.

use std::collections::BTreeMap;

use crate::signal::{Channel, ChannelInput};

/// The topic with the samples in a file that this program wrote.
pub(crate) const SAMPLES_TOPIC: &str = "/underfoot/samples";

/// What an MCAP file that this program wrote says about itself, in a record of metadata before its first message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordingMetadata {
    /// The name of the robot's stream.
    pub stream: String,
    /// The channels on [`SAMPLES_TOPIC`].
    pub channels: Vec<Channel>,
    /// The surface under the robot; `None` if it is not known.
    pub label: Option<String>,
}

impl RecordingMetadata {
    /// The name of the record.
    pub(crate) const NAME: &str = "underfoot";

    /// The entries of the record.
    pub(crate) fn entries(&self) -> BTreeMap<String, String> {
        let channels = serde_json::to_string(&self.channels).unwrap_or_default();
        let entries =
            [("stream", Some(&self.stream)), ("channels", Some(&channels)), ("label", self.label.as_ref())];
        let given = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.clone())));
        given.collect()
    }

    /// What these entries say; `None` if they do not say the channels.
    pub(super) fn read(mut entries: BTreeMap<String, String>) -> Option<Self> {
        let channels = serde_json::from_str(entries.get("channels")?).ok()?;
        let stream = entries.remove("stream").unwrap_or_default();
        let label = entries.remove("label").filter(|label| !label.is_empty());
        Some(Self { stream, channels, label })
    }

    /// How the channels are read.
    pub(super) fn inputs(&self) -> Vec<ChannelInput> {
        self.channels.iter().map(ChannelInput::of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let channels =
            vec![Channel::in_ampere("left \"1\""), Channel { name: "speed".into(), unit: "m/s".into() }];
        let metadata = RecordingMetadata { stream: "rover".into(), channels, label: Some("gravel".into()) };
        assert_eq!(RecordingMetadata::read(metadata.entries()), Some(metadata.clone()));
        let unlabelled = RecordingMetadata { label: None, ..metadata };
        assert_eq!(RecordingMetadata::read(unlabelled.entries()), Some(unlabelled));
        assert_eq!(RecordingMetadata::read(BTreeMap::from([("channels".into(), "left".into())])), None);
    }
}
