//! The differences between two configurations, and which of them a running daemon can adopt.

use toml::Value;

use super::{Config, LimitsConfig, ModelConfig, PublishConfig};

impl Config {
    /// This configuration with every value of `new` that can change while the daemon runs.
    ///
    /// All other values take effect at the next start only.
    pub fn adopting(&self, new: &Config) -> Config {
        let Config { model, window, decide, quality, publish, limits, .. } = new.clone();
        Config {
            model: ModelConfig { path: model.path, ..self.model.clone() },
            window,
            decide,
            quality,
            publish: PublishConfig { health: publish.health, ..self.publish.clone() },
            limits: LimitsConfig { payload: self.limits.payload, drain: self.limits.drain, ..limits },
            ..self.clone()
        }
    }
}

/// The keys whose values differ between two configurations, such as `decide.dwell`.
pub(crate) fn changed(before: &Config, after: &Config) -> Vec<String> {
    let mut keys = Vec::new();
    let value = |config: &Config| Value::try_from(config).unwrap_or(Value::Boolean(false));
    differences("", &value(before), &value(after), &mut keys);
    // The password is masked in both values above, so that it has to be compared separately.
    for (key, changed) in [
        ("mqtt.password", before.mqtt.password != after.mqtt.password),
        ("nats.password", before.nats.password != after.nats.password),
    ] {
        if changed && !keys.iter().any(|other| other == key) {
            keys.push(key.into());
        }
    }
    keys
}

/// Adds the keys below `path` whose values differ.
fn differences(path: &str, before: &Value, after: &Value, keys: &mut Vec<String>) {
    match (before, after) {
        (Value::Table(before), Value::Table(after)) => {
            let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
            for name in names {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match (before.get(name), after.get(name)) {
                    (Some(before), Some(after)) => differences(&path, before, after, keys),
                    _ => add(path, keys),
                }
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (before, after) in before.iter().zip(after) {
                differences(path, before, after, keys);
            }
        }
        (before, after) if before == after => {}
        _ => add(path.to_owned(), keys),
    }
}

/// Adds a key once; two sources may differ in the same key.
fn add(key: String, keys: &mut Vec<String>) {
    if !keys.contains(&key) {
        keys.push(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::parse;

    const BEFORE: &str = "[model]\npath = 'a.onnx'\n[mqtt]\npassword = 'one'\n[window]\nhop = 5\n\
        [[source]]\nkind = 'stdin'\n[[source]]\nkind = 'serial'\nport = 'a'\n";
    const AFTER: &str = "[model]\npath = 'b.onnx'\nthreads = 2\n[mqtt]\npassword = 'two'\n[decide]\ndwell = '3s'\n\
        [limits]\nidle = '1m'\ndrain = '1s'\n[publish]\nhealth = '2s'\nbase = 'x'\n\
        [[source]]\nkind = 'stdin'\n[[source]]\nkind = 'serial'\nport = 'b'\n";

    #[test]
    fn every_difference_is_either_adopted_or_needs_a_restart() {
        let (before, after) = (parse(BEFORE, "x").unwrap(), parse(AFTER, "x").unwrap());
        let adopted = before.adopting(&after);
        assert_eq!(
            changed(&before, &adopted),
            ["decide.dwell", "limits.idle", "model.path", "publish.health", "window.hop"]
        );
        assert_eq!(
            changed(&adopted, &after),
            ["limits.drain", "model.threads", "publish.base", "source.port", "mqtt.password"]
        );
        assert!(changed(&after, &after).is_empty());
    }

    #[test]
    fn an_additional_source_is_reported_as_the_key_source() {
        let (none, one) = (parse("", "x").unwrap(), parse("[[source]]\nkind = 'stdin'", "x").unwrap());
        assert_eq!(changed(&none, &one), ["source"]);
    }
}
