//! Joins the settings of a training run from several sources.
//!
//! In ascending order of precedence: the defaults, then a preset or a run's `config.toml`, then flags. A flag
//! may not contradict a preset, because the result would no longer be what the name of the preset promises.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Table;

use super::fit_options::FitOptions;
use super::preset::Preset;

/// The content of a run's `config.toml`: the settings, and the recordings that were trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    /// The recordings, or folders of recordings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<PathBuf>,
    /// The file that describes the recordings' format, in place of the folder's own `dataset.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<PathBuf>,
    /// The settings of the training run.
    #[serde(flatten)]
    pub options: FitOptions,
}

/// Why the settings cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The configuration file cannot be read.
    #[error("--config \"{}\" cannot be read: {why}; give the config.toml of a training run", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The system's error.
        why: std::io::Error,
    },
    /// The configuration file has an invalid setting or is not TOML.
    #[error("--config \"{}\": {why}", path.display())]
    Config {
        /// The path of the file.
        path: PathBuf,
        /// What is wrong, with the line if it is known.
        why: String,
    },
    /// A flag contradicts a preset.
    #[error(
        "--{flag} is {value}, but --preset {preset} sets it to {set}; give only one of them, or save the \
         preset with `underfoot-train fit --preset {preset} --show-config > my.toml`, change it there and \
         give --config my.toml"
    )]
    Contradiction {
        /// The name of the flag, without `--`.
        flag: String,
        /// The value of the flag.
        value: String,
        /// The name of the preset.
        preset: String,
        /// The value that the preset sets.
        set: String,
    },
}

/// Joins flags, a preset or a configuration file, and defaults.
///
/// `flags` has the default of each flag that was not given. `given` says whether a flag was given, by the key
/// of its setting in `config.toml`. `config` is the path of a `config.toml`.
///
/// # Errors
/// [`SettingsError`]: the file cannot be read, has an unknown key or an invalid value, or a flag contradicts
/// the preset.
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
    let invalid =
        |why: String| SettingsError::Config { path: config.map(Path::to_path_buf).unwrap_or_default(), why };
    if let Some(path) = config {
        let text =
            std::fs::read_to_string(path).map_err(|why| SettingsError::Read { path: path.into(), why })?;
        let known = Table::try_from(with_every_key()).unwrap_or_default();
        let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let file: Table = text.parse().map_err(|error: toml::de::Error| {
            invalid(format!("line {}: {}", error.span().map_or(1, |span| line(span.start)), error.message()))
        })?;
        for (key, value) in file {
            if !known.contains_key(&key) {
                let near = known
                    .keys()
                    .max_by(|a, b| strsim::jaro_winkler(a, &key).total_cmp(&strsim::jaro_winkler(b, &key)));
                let near = near.map_or("", String::as_str);
                return Err(invalid(format!("there is no setting {key:?}; the nearest is {near:?}")));
            }
            if !given(&key) {
                table.insert(key, value);
            }
        }
    }
    let mut joined = RunConfig::deserialize(table).map_err(|error| invalid(error.message().to_owned()))?;
    // The number of threads does not change the result, so it is not a setting of the run and not in any
    // table.
    joined.options.threads = flags.options.threads;
    Ok(joined)
}

/// Settings in which no key is omitted when they are written as TOML.
fn with_every_key() -> RunConfig {
    let options = FitOptions {
        rate: Some(1.0),
        hop: Some(1),
        channels: vec![String::new()],
        hidden: Some(1),
        dense: Some(0),
        summary_bins: Some(0),
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
    fn flags_take_precedence_over_a_config_and_a_config_over_defaults() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "batch-size = 8\ndropout = 0.5\ndata = ['there']\n").unwrap();
        let mut flags = defaults();
        flags.options.batch_size = 16;
        flags.options.threads = 3;
        let joined = join(&flags, |key| key == "batch-size", None, Some(file.path())).unwrap();
        assert_eq!((joined.options.batch_size, joined.options.dropout), (16, 0.5));
        assert_eq!((joined.options.layers, joined.data), (1, vec!["there".into()]));
        assert_eq!(joined.options.threads, 3, "the number of threads is not in any table");
    }

    #[test]
    fn an_error_in_a_config_is_named() {
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
    fn presets_are_valid_settings_and_a_flag_that_contradicts_one_is_an_error() {
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
