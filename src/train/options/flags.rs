//! The difference between two sets of settings, as flags.

use toml::{Table, Value};

use super::fit_options::FitOptions;

impl FitOptions {
    /// The settings that differ from those of `from`, as flags separated by spaces, such as `--dropout=0.3
    /// --layers=2`. A setting that is `None` here is not included, because there is no flag for "follows from
    /// the recordings".
    pub fn flags(&self, from: &FitOptions) -> String {
        let table = |options: &FitOptions| Table::try_from(options).unwrap_or_default();
        let before = table(from);
        let changed = table(self).into_iter().filter(|(key, value)| before.get(key) != Some(value));
        let text = changed.map(|(key, value)| {
            let value = match &value {
                Value::Array(values) => values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
                other => other.to_string().trim_matches('"').to_owned(),
            };
            format!("--{key}={value}")
        });
        text.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::network::architecture::Pooling;

    #[test]
    fn only_the_settings_that_differ_become_flags() {
        let defaults = FitOptions::default();
        let pooling = vec![Pooling::Last, Pooling::Max];
        let changed = FitOptions { dropout: 0.5, pooling, ..FitOptions::default() };
        assert_eq!(changed.flags(&defaults), "--dropout=0.5 --pooling=last,max");
        assert_eq!(defaults.flags(&defaults), "");
    }
}
