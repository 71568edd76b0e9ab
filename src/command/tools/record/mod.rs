//! `underfoot record`: records samples as CSV files for training, and shows what it records.
//!
//! [`monitor`] knows what has arrived, [`layout`] writes it as lines within a terminal's width, and [`screen`] draws
//! them in place.

mod command;
mod layout;
mod monitor;
mod progress;
mod screen;
mod stream;
mod summary;

pub use self::command::RecordArgs;
