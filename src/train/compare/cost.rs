//! What a model costs: the size of its file, and the time for its windows.

use std::time::Duration;

use crate::model::card::Card;
use crate::model::onnx::OnnxFile;
use crate::model::session::ModelError;
use crate::train::data::drops::grouped;
use crate::train::export::ServingCost;

/// What a model costs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ModelCost {
    /// The size of the file in bytes.
    pub bytes: usize,
    /// The number of constants (float32) in the graph: weights, and what is compared with them; 0 if they are stored in
    /// a form that is not counted.
    pub constants: usize,
    /// The processor time for a window alone, on one core of this machine.
    pub window: Duration,
    /// The share of one core that one robot takes, with the model's own hop.
    pub core: f64,
}

impl ModelCost {
    /// Measures the model with these bytes and this card on windows, each row-major [W, C].
    ///
    /// # Errors
    /// [`ModelError`] if the model does not run.
    pub(crate) fn measure(bytes: &[u8], card: &Card, windows: &[&[f32]]) -> Result<Self, ModelError> {
        let window = ServingCost::measure(bytes, windows, None)?.alone;
        let graph = OnnxFile::parse(bytes).map(|file| file.graph).unwrap_or_default();
        let constants = graph.initializer.iter().filter_map(|tensor| tensor.float_values());
        Ok(Self {
            bytes: bytes.len(),
            constants: constants.map(|values| values.len()).sum(),
            window,
            core: window.as_secs_f64() * card.rate / card.hop as f64,
        })
    }
}

impl std::fmt::Display for ModelCost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { bytes, constants, window, core } = self;
        write!(
            f,
            "{} µs for a window alone on one core of this machine, {:.2} % of the core for one robot; {:.0} KiB",
            window.as_micros(),
            100.0 * core,
            *bytes as f64 / 1024.0,
        )?;
        if *constants > 0 {
            write!(f, ", {} constants in its graph", grouped(*constants as u64))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_that_of_one_robot_with_the_hop_of_the_model() {
        let cost =
            ModelCost { bytes: 217_000, constants: 24_310, window: Duration::from_micros(215), core: 0.0025 };
        assert_eq!(
            cost.to_string(),
            "215 µs for a window alone on one core of this machine, 0.25 % of the core for one robot; 212 KiB, 24,310 \
             constants in its graph"
        );
        assert!(!ModelCost { constants: 0, ..cost }.to_string().contains("constants"));
    }
}
