//! The kinds of sources.

use serde::{Deserialize, Serialize};

/// The kinds of sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Messages from the broker of `[mqtt]`; any number of streams.
    Mqtt,
    /// Messages of a JetStream stream on the servers of `[nats]`; any number of streams.
    Nats,
    /// A serial port; one stream.
    Serial,
    /// Recordings; each of them is one stream.
    File,
    /// Standard input; one stream.
    #[default]
    Stdin,
    /// The built-in simulator; one stream.
    Simulator,
}

impl SourceKind {
    /// The name of the kind in the configuration.
    pub(in crate::config) fn name(self) -> &'static str {
        match self {
            SourceKind::Mqtt => "mqtt",
            SourceKind::Nats => "nats",
            SourceKind::Serial => "serial",
            SourceKind::File => "file",
            SourceKind::Stdin => "stdin",
            SourceKind::Simulator => "simulator",
        }
    }
}
