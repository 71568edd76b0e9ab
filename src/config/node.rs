//! The section `[node]`: what tells several daemons at one broker apart.

use serde::{Deserialize, Serialize};

use super::error::ValueError;
use crate::signal::{LEVEL_RULE, level_fault};

/// The section `[node]`: the name of this daemon beside others that publish below the same base.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeConfig {
    /// The name, which becomes a level of the topics on which this daemon says how it is. `None` for a daemon that is
    /// alone below its base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl NodeConfig {
    /// Checks that the name can be one level of a topic.
    pub(super) fn validate(&self) -> Result<(), ValueError> {
        let Some(name) = &self.name else { return Ok(()) };
        match level_fault(name) {
            None => Ok(()),
            Some(why) => Err(ValueError::new("node.name", name, format!("the name {why}; {LEVEL_RULE}"))),
        }
    }
}
