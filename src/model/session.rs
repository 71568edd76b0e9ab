//! A model in ONNX Runtime: windows in, probabilities out.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ndarray::ArrayView3;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{TensorElementType, TensorRef, ValueType};

use super::card::{Card, CardError};
use super::runtime::{self, RuntimeError, one_line};

/// A loaded model with its card. One thread uses it at a time.
pub struct Model {
    card: Card,
    session: Session,
    input: String,
    output: usize,
    /// Models from elsewhere may take exactly one window a run.
    one_at_a_time: bool,
}

/// Why a model cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// ONNX Runtime itself is missing or too old.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The file cannot be read.
    #[error("the model {path:?} cannot be read: {why}; set model.path or --model to an .onnx file")]
    Read {
        /// The model's path.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// ONNX Runtime refuses the file.
    #[error(
        "{path:?} is not an ONNX model that ONNX Runtime can load ({why}); give the file that `underfoot-train fit --out` wrote"
    )]
    Load {
        /// The model's path.
        path: PathBuf,
        /// What ONNX Runtime said.
        why: String,
    },
    /// There is no card in the metadata.
    #[error("the model {path:?} has no model card; write one with `underfoot model stamp {path} --card card.toml --out stamped.onnx`", path = path.display())]
    NoCard {
        /// The model's path.
        path: PathBuf,
    },
    /// The card is not one that can be served.
    #[error("the model card in {path:?} is not valid: {why}; write it again with `underfoot model stamp`")]
    Card {
        /// The model's path.
        path: PathBuf,
        /// What is wrong.
        why: CardError,
    },
    /// The card and the graph do not fit.
    #[error(
        "the model card in {path:?} does not fit its graph: {why}; write a card that does with `underfoot model stamp`"
    )]
    Graph {
        /// The model's path.
        path: PathBuf,
        /// What differs.
        why: String,
    },
    /// A run failed.
    #[error("the model failed on {windows} windows: {why}")]
    Run {
        /// How many windows were in the batch.
        windows: usize,
        /// What ONNX Runtime said.
        why: String,
    },
}

impl Model {
    /// Loads a model file and runs it once, so that the first window waits for nothing.
    ///
    /// `library` is the configured ONNX Runtime library, if any; see [`runtime::environment`].
    ///
    /// # Errors
    /// [`ModelError`]: no runtime, no model, no card, or a card that does not fit the graph.
    pub fn open(path: &Path, library: Option<&Path>) -> Result<Self, ModelError> {
        Self::from_bytes(&Self::read(path, library)?, path, library)
    }

    /// Reads a model's file.
    ///
    /// # Errors
    /// [`ModelError`]: no runtime, or no file that stays as it is while it is read.
    pub fn read(path: &Path, library: Option<&Path>) -> Result<Vec<u8>, ModelError> {
        // A missing library is told of before a missing file: it is missing for every model.
        runtime::environment(library)?;
        let read = || {
            let mut file = File::open(path)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            // The path is asked, too: another file may have taken its place.
            let (open, named) = (file.metadata()?, std::fs::metadata(path)?);
            if [open.len(), named.len()] != [bytes.len() as u64; 2] {
                return Err(io::Error::other("it changed while it was read"));
            }
            Ok(bytes)
        };
        read().map_err(|why| ModelError::Read { path: path.into(), why })
    }

    /// Loads a model from memory with the card in it; `path` is what messages call it.
    ///
    /// # Errors
    /// [`ModelError`], as [`Model::open`].
    pub fn from_bytes(bytes: &[u8], path: &Path, library: Option<&Path>) -> Result<Self, ModelError> {
        let session = session(runtime::environment(library)?, bytes)
            .map_err(|error| ModelError::Load { path: path.into(), why: one_line(&error.to_string()) })?;
        let json = session.metadata().ok().and_then(|metadata| metadata.custom(Card::KEY));
        let json = json.ok_or_else(|| ModelError::NoCard { path: path.into() })?;
        let card = Card::parse(&json).map_err(|why| ModelError::Card { path: path.into(), why })?;
        Self::assemble(card, session).map_err(|why| ModelError::Graph { path: path.into(), why })
    }

    fn assemble(card: Card, session: Session) -> Result<Self, String> {
        let (steps, channels, classes) = (card.window, card.channels.len(), card.labels.len());
        let [input] = session.inputs() else {
            return Err(format!("it has {} inputs, a window is one", session.inputs().len()));
        };
        let shape = float_shape(input.dtype()).ok_or("its input is not float32")?;
        let &[batch, model_steps, model_channels] = shape else {
            return Err(format!("its input has {} axes, a window has 3: batch, step, channel", shape.len()));
        };
        for (what, ours, theirs) in [("steps", steps, model_steps), ("channels", channels, model_channels)] {
            if theirs >= 0 && theirs as usize != ours {
                return Err(format!("the graph takes windows of {theirs} {what}, the card says {ours}"));
            }
        }
        if batch > 1 {
            return Err(format!(
                "the graph takes exactly {batch} windows at a time; export it with a free batch axis"
            ));
        }
        let fits =
            |dtype: &ValueType| matches!(float_shape(dtype), Some(&[_, k]) if k < 0 || k as usize == classes);
        let named = session.outputs().iter().position(|output| output.name() == "probabilities");
        let output = named.or_else(|| session.outputs().iter().position(|output| fits(output.dtype())));
        let Some(output) = output.filter(|&index| fits(session.outputs()[index].dtype())) else {
            let names: Vec<_> = session.outputs().iter().map(|output| output.name()).collect();
            return Err(format!(
                "none of its outputs ({}) gives {classes} probabilities, one a label of the card",
                names.join(", ")
            ));
        };
        let input = input.name().to_owned();
        let mut model = Self { card, session, input, output, one_at_a_time: batch == 1 };
        let warm_up = model.probabilities(&vec![0.0; steps * channels]).map_err(|error| error.to_string())?;
        let sum: f32 = warm_up.iter().sum();
        if (sum - 1.0).abs() > 1e-3 || warm_up.iter().any(|p| *p < 0.0) {
            return Err(format!("its output sums to {sum} instead of 1; end the graph with a softmax"));
        }
        Ok(model)
    }

    /// The contract that the model carries.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Runs windows, row-major [N, W, C], and gives probabilities, row-major [N, K].
    ///
    /// A window's probabilities do not depend on the others in the call, to the bit.
    ///
    /// # Errors
    /// [`ModelError::Run`] when ONNX Runtime fails or answers with another shape.
    pub fn probabilities(&mut self, windows: &[f32]) -> Result<Vec<f32>, ModelError> {
        let size = self.card.window * self.card.channels.len();
        let mut probabilities = Vec::with_capacity(windows.len() / size * self.card.labels.len());
        for run in windows.chunks(if self.one_at_a_time { size } else { windows.len().max(1) }) {
            let count = run.len() / size;
            self.run(run, count, &mut probabilities)
                .map_err(|why| ModelError::Run { windows: count, why })?;
        }
        Ok(probabilities)
    }

    fn run(&mut self, windows: &[f32], count: usize, probabilities: &mut Vec<f32>) -> Result<(), String> {
        let shape = (count, self.card.window, self.card.channels.len());
        let windows = ArrayView3::from_shape(shape, windows).map_err(|e| e.to_string())?;
        let tensor = TensorRef::from_array_view(windows).map_err(|e| one_line(&e.to_string()))?;
        let outputs = self
            .session
            .run(ort::inputs![self.input.as_str() => tensor])
            .map_err(|e| one_line(&e.to_string()))?;
        let (_, values) =
            outputs[self.output].try_extract_tensor::<f32>().map_err(|e| one_line(&e.to_string()))?;
        if values.len() != count * self.card.labels.len() {
            return Err(format!("it gave {} values for {count} windows", values.len()));
        }
        probabilities.extend_from_slice(values);
        Ok(())
    }
}

fn session(environment: &ort::environment::Environment, model: &[u8]) -> ort::Result<Session> {
    Session::builder(environment)?
        // ONNX Runtime 1.20 refuses `Level3`, the layout level; `All` has always been there.
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_memory_pattern(false)?
        .commit_from_memory(model)
}

fn float_shape(dtype: &ValueType) -> Option<&[i64]> {
    match dtype {
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => Some(shape),
        _ => None,
    }
}
