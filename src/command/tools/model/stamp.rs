//! `underfoot model stamp`: adds a card to a model from another program.

use std::path::Path;

use crate::command::failure::Failure;
use crate::model::card_file;
use crate::model::onnx;
use crate::model::session::Model;
use crate::train::export;

/// Writes the model in the file `model` with the card in `file` to `out`.
///
/// # Errors
/// [`Failure`] if a file cannot be read or written, the card is invalid, or it does not fit the model.
pub(super) fn stamp(model: &Path, file: &Path, out: &Path) -> Result<(), Failure> {
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
    let stamped = onnx::stamp(&bytes, &card.to_json()).map_err(|error| {
        Failure::failed(format!("no card can be added to \"{}\": {error}", model.display()))
    })?;
    // Loads the result, so that a card that does not fit the graph is reported now rather than by the daemon.
    let loaded = Model::from_bytes(&stamped, model, None).map_err(Failure::failed)?;
    for warning in loaded.warnings() {
        eprintln!("warning: {warning}");
    }
    export::write_file(out, &stamped).map_err(Failure::failed)?;
    eprintln!("wrote {}", out.display());
    Ok(())
}
