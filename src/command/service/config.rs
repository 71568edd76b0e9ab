//! `underfoot config`: prints the effective configuration or a sample.

use std::path::PathBuf;

use crate::command::failure::Failure;
use crate::config::{SAMPLE, load};

/// Print the effective configuration as TOML, with secrets masked
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The configuration file [default: /etc/underfoot/underfoot.toml]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print a sample configuration instead, with every key, its meaning and its default
    #[arg(long, conflicts_with = "config")]
    sample: bool,
}

impl ShowArgs {
    /// Prints the configuration on standard output.
    ///
    /// # Errors
    /// [`Failure`] with exit code 78 if the configuration is invalid.
    pub fn run(self) -> Result<(), Failure> {
        if self.sample {
            print!("{SAMPLE}");
            return Ok(());
        }
        let config = load::load(self.config.as_deref(), &[]).map_err(Failure::config)?;
        let text = toml::to_string(&config).map_err(Failure::failed)?;
        print!("{text}");
        Ok(())
    }
}
