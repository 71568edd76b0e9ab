//! `underfoot model stamp`: adds a card to a model from another program.

use std::path::Path;

use crate::command::failure::Failure;
use crate::model::adapt::{AdaptOptions, adapt};
use crate::model::card_file;
use crate::train::export;

/// Writes the model in the file `model` with the card in `file` to `out`, and prints what had to be changed in it.
///
/// # Errors
/// [`Failure`] if a file cannot be read or written, the card is invalid, or it does not fit the model.
pub(super) fn stamp(model: &Path, file: &Path, out: &Path, options: &AdaptOptions) -> Result<(), Failure> {
    let bytes = std::fs::read(model).map_err(|error| {
        Failure::failed(format!("the model \"{}\" cannot be read: {error}; check its path", model.display()))
    })?;
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::failed(format!("the card \"{}\" cannot be read: {error}; check its path", file.display()))
    })?;
    let invalid =
        |error: String| Failure::failed(format!("the card \"{}\" is not valid: {error}", file.display()));
    let mut card = card_file::parse(&text).map_err(invalid)?;
    if card.made_by.is_empty() {
        card.made_by = concat!("underfoot ", env!("CARGO_PKG_VERSION"), " model stamp").into();
    }
    let adapted = adapt(&bytes, model, &card, options).map_err(Failure::failed)?;
    for change in &adapted.changes {
        eprintln!("{change}");
    }
    for warning in adapted.model.warnings() {
        eprintln!("warning: {warning}");
    }
    export::write_file(out, &adapted.bytes).map_err(Failure::failed)?;
    eprintln!("wrote {}", out.display());
    Ok(())
}
