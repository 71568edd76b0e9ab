//! The form of a topic's messages, as the file says it.

use crate::decode::ros::{Definition, numbers};

/// The form of a topic's messages: their encoding, and the schema that defines them.
#[derive(Clone, Debug, Default)]
pub(super) struct TopicForm {
    pub encoding: String,
    pub schema: TopicSchema,
}

/// A definition of messages; empty for messages without one.
#[derive(Clone, Debug, Default)]
pub(super) struct TopicSchema {
    pub name: String,
    pub encoding: String,
    pub text: Vec<u8>,
}

impl TopicForm {
    /// The type of the messages, or their encoding if they have none.
    pub(super) fn kind(&self) -> &str {
        if self.schema.name.is_empty() { &self.encoding } else { &self.schema.name }
    }

    /// The definition of messages of ROS 2.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn definition(&self) -> Result<Definition, String> {
        let TopicSchema { name, encoding, text } = &self.schema;
        if encoding != "ros2msg" {
            return Err(format!(
                "its messages {name:?} are defined in {encoding:?}; ros2msg is read, and messages in JSON"
            ));
        }
        let text = std::str::from_utf8(text).map_err(|_| "its definition is not text in UTF-8".to_owned())?;
        Definition::read(name, text).map_err(|why| why.to_string())
    }

    /// The fields with numbers in a message that could be channels, as far as it can be decoded; none for JSON.
    pub(super) fn fields(&self, message: &[u8]) -> Vec<String> {
        let definition = (self.encoding == "cdr").then(|| self.definition().ok()).flatten();
        let found = definition.map(|definition| numbers(&definition, message)).unwrap_or_default();
        found.into_iter().map(|(path, _)| path).collect()
    }

    /// Why the messages cannot be read; `None` if they can.
    pub(super) fn fault(&self) -> Option<String> {
        match self.encoding.as_str() {
            "cdr" => self.definition().err(),
            "json" => None,
            other => Some(format!("its messages are encoded in {other:?}")),
        }
    }
}
