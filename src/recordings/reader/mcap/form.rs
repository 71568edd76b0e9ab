//! The form of a topic's messages, as the file says it.

use serde_json::Value;

use crate::decode::ros::{Definition, numbers};

/// Maximum number of fields that are listed of a message in JSON.
const MAX_FIELDS: usize = 256;

/// The form of a topic's messages: their encoding, and the schema that defines them.
#[derive(Clone, Debug, Default)]
pub(crate) struct TopicForm {
    pub encoding: String,
    pub schema: TopicSchema,
}

/// A definition of messages; empty for messages without one.
#[derive(Clone, Debug, Default)]
pub(crate) struct TopicSchema {
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

    /// The fields with numbers in a message that could be channels, as far as it can be decoded.
    pub(super) fn fields(&self, message: &[u8]) -> Vec<String> {
        if self.encoding == "json" {
            let mut found = Vec::new();
            let message = serde_json::from_slice(message);
            message.iter().for_each(|message| add_numbers(message, "", &mut found));
            return found;
        }
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

/// Adds the paths of the numbers in a value of JSON.
fn add_numbers(value: &Value, path: &str, found: &mut Vec<String>) {
    if found.len() >= MAX_FIELDS {
        return;
    }
    match value {
        Value::Number(_) if !path.is_empty() => found.push(path.to_owned()),
        Value::Array(values) => {
            let elements = values.iter().take(MAX_FIELDS).enumerate();
            elements.for_each(|(index, value)| add_numbers(value, &format!("{path}[{index}]"), found));
        }
        Value::Object(fields) => {
            let dot = if path.is_empty() { "" } else { "." };
            fields.iter().for_each(|(name, value)| add_numbers(value, &format!("{path}{dot}{name}"), found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_message_in_json_are_listed_by_their_paths() {
        let form = TopicForm { encoding: "json".into(), ..TopicForm::default() };
        let message =
            br#"{"t": 1.5, "name": "x", "battery": {"current": 2, "ok": true}, "currents": [1, 2]}"#;
        assert_eq!(form.fields(message), ["battery.current", "currents[0]", "currents[1]", "t"]);
        assert!(form.fields(b"5").is_empty() && form.fields(b"{\"a\": ").is_empty());
        let long = format!("[{}]", vec!["1"; 10_000].join(","));
        assert_eq!(form.fields(long.as_bytes()).len(), MAX_FIELDS);
    }
}
