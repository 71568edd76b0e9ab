//! What `fit` and `diagnose` have in common in reading their arguments.

use std::path::Path;

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::train::data::dataset::DatasetOptions;
use crate::train::options::FitOptions;

/// Whether a setting, named by its key in a run's `config.toml`, was given on the command line.
pub(super) fn given(matches: &ArgMatches, key: &str) -> bool {
    matches.value_source(&key.replace('-', "_")) == Some(ValueSource::CommandLine)
}

/// Checks that the folder of an output file exists, before time is spent on its content.
///
/// # Errors
/// If the folder does not exist, or is not a folder.
pub(super) fn check_folder_of(out: &Path) -> anyhow::Result<()> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.filter(|folder| !folder.is_dir()) {
        None => Ok(()),
        Some(folder) => anyhow::bail!(
            "--out is in \"{}\", which is not a folder; create the folder, or choose another",
            folder.display()
        ),
    }
}

/// The options for cutting windows that these settings ask for. `accept_constant` says whether channels that
/// never change are accepted.
pub(super) fn dataset_options(options: &FitOptions, accept_constant: bool) -> DatasetOptions {
    DatasetOptions {
        channels: options.channels.clone(),
        rate: options.rate,
        window: Some(options.window),
        hop: options.hop,
        accept_constant,
    }
}
