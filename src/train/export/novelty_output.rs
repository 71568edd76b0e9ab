//! The novelty output of an exported model, as ONNX Runtime computes it.

use std::path::Path;

use ndarray::ArrayView3;
use ort::session::Session;
use ort::value::TensorRef;

use crate::model::card::Card;
use crate::model::runtime;
use crate::model::session::ModelError;

/// Runs a model on windows, row-major [N, W, C], in batches of `batch`, and returns its output `novelty`, `[N]`; nothing
/// if it has none.
///
/// # Errors
/// [`ModelError`] if the model does not run.
pub(super) fn novelty(
    model: &[u8],
    card: &Card,
    windows: &[f32],
    batch: usize,
    library: Option<&Path>,
) -> Result<Vec<f32>, ModelError> {
    let environment = runtime::environment(library)?;
    let size = card.window * card.channels.len();
    let run = || -> ort::Result<Vec<f32>> {
        let mut session = Session::builder(environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .commit_from_memory(model)?;
        let mut novelty = Vec::new();
        if !session.outputs().iter().any(|output| output.name() == "novelty") {
            return Ok(novelty);
        }
        for part in windows.chunks((batch * size).max(1)) {
            let shape = (part.len() / size, card.window, card.channels.len());
            let view = ArrayView3::from_shape(shape, part).map_err(|why| ort::Error::new(why.to_string()))?;
            let outputs = session.run(ort::inputs!["window" => TensorRef::from_array_view(view)?])?;
            let (_, values) = outputs["novelty"].try_extract_tensor::<f32>()?;
            novelty.extend_from_slice(values);
        }
        Ok(novelty)
    };
    run().map_err(|error| ModelError::Run { windows: windows.len() / size, why: error.to_string() })
}
