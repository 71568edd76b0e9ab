//! `underfoot config`: what the configuration comes to.

use std::path::PathBuf;

use crate::command::failure::Failure;
use crate::config::{SAMPLE, load};

/// Print the effective configuration, with secrets masked
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The configuration; /etc/underfoot/underfoot.toml where none is named
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print a sample with every key and its default instead
    #[arg(long, conflicts_with = "config")]
    sample: bool,
}

impl ShowArgs {
    /// Prints it.
    ///
    /// # Errors
    /// [`Failure`].
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
