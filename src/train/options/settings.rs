//! Settings from several places: defaults, then a preset or a run's `config.toml`, then flags.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Table;

use super::FitOptions;
use super::preset::Preset;

/// What a run's `config.toml` holds: the settings, and what was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    /// Recordings, or folders of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<PathBuf>,
    /// How to read them, in place of the folder's own dataset.toml.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<PathBuf>,
    /// The settings.
    #[serde(flatten)]
    pub options: FitOptions,
}

/// Why settings do not go together.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("--config {path:?} cannot be read: {why}; give the config.toml of a run")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("--config {path:?}: {why}")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        why: String,
    },
    /// A flag against a preset.
    #[error(
        "--{flag} is {value}, but --preset {preset} sets it to {set}; leave one of them out, or write the preset down with \
         `underfoot-train fit --preset {preset} --show-config > my.toml`, change it there and give --config my.toml"
    )]
    Contradiction {
        /// The flag.
        flag: String,
        /// Its value.
        value: String,
        /// The preset.
        preset: String,
        /// The preset's value.
        set: String,
    },
}

/// Joins the settings. `flags` holds the defaults where a flag was not given, which `given` tells by the key in TOML.
///
/// # Errors
/// [`SettingsError`]: a file that cannot be read, a key that is not one, a flag that contradicts the preset.
pub fn join(
    flags: &RunConfig,
    given: impl Fn(&str) -> bool,
    preset: Option<Preset>,
    config: Option<&Path>,
) -> Result<RunConfig, SettingsError> {
    use clap::ValueEnum;
    let mut table = Table::try_from(flags).unwrap_or_default();
    if let Some(preset) = preset {
        let name = preset.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        for (key, set) in preset.toml().parse::<Table>().unwrap_or_default() {
            match table.get(&key).filter(|value| given(&key) && **value != set) {
                Some(value) => {
                    let (value, set) = (value.to_string(), set.to_string());
                    return Err(SettingsError::Contradiction { flag: key, value, preset: name, set });
                }
                None => drop(table.insert(key, set)),
            }
        }
    }
    let bad =
        |why: String| SettingsError::Config { path: config.map(Path::to_path_buf).unwrap_or_default(), why };
    if let Some(path) = config {
        let text =
            std::fs::read_to_string(path).map_err(|why| SettingsError::Read { path: path.into(), why })?;
        let known = Table::try_from(filled()).unwrap_or_default();
        let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let file: Table = text.parse().map_err(|error: toml::de::Error| {
            bad(format!("line {}: {}", error.span().map_or(1, |span| line(span.start)), error.message()))
        })?;
        for (key, value) in file {
            if !known.contains_key(&key) {
                let near = known
                    .keys()
                    .max_by(|a, b| strsim::jaro_winkler(a, &key).total_cmp(&strsim::jaro_winkler(b, &key)));
                let near = near.map_or("", String::as_str);
                return Err(bad(format!("there is no setting {key:?}; the nearest is {near:?}")));
            }
            if !given(&key) {
                table.insert(key, value);
            }
        }
    }
    let mut joined = RunConfig::deserialize(table).map_err(|error| bad(error.message().to_owned()))?;
    // Their number changes nothing of what comes out, so it is no setting of a run and stands in no table.
    joined.options.threads = flags.options.threads;
    Ok(joined)
}

impl FitOptions {
    /// What differs from other settings, as flags; a setting that follows from the recordings here is not among them.
    pub fn flags(&self, from: &FitOptions) -> String {
        let table = |options: &FitOptions| toml::Table::try_from(options).unwrap_or_default();
        let before = table(from);
        let changed = table(self).into_iter().filter(|(key, value)| before.get(key) != Some(value));
        let text = changed.map(|(key, value)| {
            let value = match &value {
                toml::Value::Array(values) => {
                    values.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
                }
                other => other.to_string().trim_matches('"').to_owned(),
            };
            format!("--{key}={value}")
        });
        text.collect::<Vec<_>>().join(" ")
    }
}

/// Settings of which every key is there.
fn filled() -> RunConfig {
    let options = FitOptions {
        rate: Some(1.0),
        hop: Some(1),
        channels: vec![String::new()],
        hidden: Some(1),
        dense: Some(0),
        epochs: Some(1),
        folds: Some(0),
        validation: Some(0.0),
        ..FitOptions::default()
    };
    RunConfig { data: vec![PathBuf::new()], dataset: Some(PathBuf::new()), options }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    fn defaults() -> RunConfig {
        RunConfig { data: Vec::new(), dataset: None, options: FitOptions::default() }
    }

    #[test]
    fn a_flag_goes_before_a_config_and_a_config_before_a_default() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "batch-size = 8\ndropout = 0.5\ndata = ['there']\n").unwrap();
        let mut flags = defaults();
        flags.options.batch_size = 16;
        flags.options.threads = 3;
        let joined = join(&flags, |key| key == "batch-size", None, Some(file.path())).unwrap();
        assert_eq!((joined.options.batch_size, joined.options.dropout), (16, 0.5));
        assert_eq!((joined.options.layers, joined.data), (1, vec!["there".into()]));
        assert_eq!(joined.options.threads, 3, "which stands in no table");
    }

    #[test]
    fn what_is_wrong_in_a_config_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, expected) in [
            ("batchsize = 8", "no setting \"batchsize\"; the nearest is \"batch-size\""),
            ("layers = 1\ndropout = ", "line 2: "),
            ("dropout = 'much'", "invalid type"),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let error = join(&defaults(), |_| false, None, Some(file.path())).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn presets_are_settings_and_a_flag_against_one_is_refused() {
        for preset in Preset::value_variants() {
            let joined = join(&defaults(), |_| false, Some(*preset), None).unwrap();
            joined.options.check().unwrap();
            assert_eq!(joined.options.hidden, Some(200));
        }
        let mut flags = defaults();
        flags.options.batch_size = 4;
        let error = join(&flags, |key| key == "batch-size", Some(Preset::FluctuatingLoss), None).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("--batch-size is 4, but --preset fluctuating-loss sets it to 32"), "{error}");
        flags.options.batch_size = 32;
        join(&flags, |key| key == "batch-size", Some(Preset::FluctuatingLoss), None).unwrap();
    }
}
