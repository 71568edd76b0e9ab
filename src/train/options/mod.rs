//! The settings of a training run: each is a flag of `fit` and `diagnose`, and a key of a run's
//! `config.toml`.
//!
//! - `fit_options`: every setting with its default
//! - `limits`: the allowed values, and the check of all settings
//! - `resolve`: the values that follow from the recordings, and the settings as the parts of the trainer need
//!   them
//! - `flags`: the difference between two sets of settings, as flags
//! - `preset`: named sets of settings
//! - `settings`: joins defaults, a preset, a run's `config.toml` and flags
//!
//! The methods of [`FitOptions`] are in the file of their purpose: `limits`, `resolve` or `flags`. The file
//! of the type itself only has its fields and defaults.

pub(crate) mod fit_options;
pub(crate) mod flags;
pub(crate) mod limits;
pub(crate) mod preset;
pub(crate) mod resolve;
pub mod settings;

pub use self::fit_options::{Balance, CanonicalOrder, FitOptions};
pub use self::limits::OptionError;
