//! Channels: what is measured, and in which unit.

use serde::{Deserialize, Serialize};

/// One measured quantity of a stream, with its unit, as a model knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// The name in messages and in the model card.
    pub name: String,
    /// The unit of its values, after scaling.
    #[serde(default = "ampere")]
    pub unit: String,
}

impl Channel {
    /// A channel of this name, in amperes.
    pub fn in_ampere(name: &str) -> Self {
        Self { name: name.into(), unit: ampere() }
    }
}

/// The unit where none is named.
pub(crate) fn ampere() -> String {
    "A".into()
}
