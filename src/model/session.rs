//! A model that is loaded into ONNX Runtime: it computes the probabilities of the surfaces from windows.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ndarray::ArrayView3;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{TensorElementType, TensorRef, ValueType};

use super::card::{Card, CardError};
use super::runtime::{self, RuntimeError, one_line};

/// A loaded model with its card.
pub struct Model {
    card: Card,
    session: Session,
    /// The name of the graph's input.
    input: String,
    /// The index of the graph's output with the probabilities.
    output: usize,
    /// Whether the graph takes exactly one window per run, as some models that were exported by other
    /// programs do.
    one_at_a_time: bool,
}

/// Why a model cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The ONNX Runtime library is missing, cannot be loaded or does not start.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The file cannot be read.
    #[error(
        "the model \"{path}\" cannot be read: {why}; set model.path or --model to an .onnx file",
        path = path.display()
    )]
    Read {
        /// The path of the model.
        path: PathBuf,
        /// The error of the system.
        why: std::io::Error,
    },
    /// ONNX Runtime cannot load the file.
    #[error(
        "\"{path}\" is not an ONNX model that ONNX Runtime can load ({why}); give the file that \
         `underfoot-train fit --out` wrote",
        path = path.display()
    )]
    Load {
        /// The path of the model.
        path: PathBuf,
        /// The message of ONNX Runtime.
        why: String,
    },
    /// There is no card in the metadata of the file.
    #[error(
        "the model \"{path}\" has no model card; write one with `underfoot model stamp {path} --card \
         card.toml --out stamped.onnx`",
        path = path.display()
    )]
    NoCard {
        /// The path of the model.
        path: PathBuf,
    },
    /// The card is not valid.
    #[error(
        "the model card in \"{path}\" is not valid: {why}; write it again with `underfoot model stamp`",
        path = path.display()
    )]
    Card {
        /// The path of the model.
        path: PathBuf,
        /// What is wrong with the card.
        why: CardError,
    },
    /// The card does not fit the graph.
    #[error(
        "the model card in \"{path}\" does not fit its graph: {why}; write a card that fits with `underfoot \
         model stamp`",
        path = path.display()
    )]
    Graph {
        /// The path of the model.
        path: PathBuf,
        /// How the graph and the card differ.
        why: String,
    },
    /// ONNX Runtime failed to run the model.
    #[error("the model failed on {windows} windows: {why}")]
    Run {
        /// The number of windows in the run.
        windows: usize,
        /// The message of ONNX Runtime.
        why: String,
    },
}

impl Model {
    /// Loads a model file and runs it once, so that the first window is not delayed by initialisation.
    ///
    /// `library` is the path of the ONNX Runtime library in the configuration. If it is `None`, the library
    /// is looked for in the usual places.
    ///
    /// # Errors
    /// [`ModelError`] if the ONNX Runtime library or the model cannot be loaded, the model has no valid card,
    /// or the card does not fit the graph.
    pub fn open(path: &Path, library: Option<&Path>) -> Result<Self, ModelError> {
        Self::from_bytes(&Self::read(path, library)?, path, library)
    }

    /// Reads the bytes of a model file.
    ///
    /// # Errors
    /// [`ModelError::Runtime`] if the ONNX Runtime library cannot be loaded, or [`ModelError::Read`] if the
    /// file cannot be read or changes while it is read.
    pub fn read(path: &Path, library: Option<&Path>) -> Result<Vec<u8>, ModelError> {
        // A missing library is reported before a missing file, because it is missing for every model.
        runtime::environment(library)?;
        let read = || {
            let mut file = File::open(path)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            // The length at the path is checked as well, because another file may have replaced the open one.
            let (open, at_path) = (file.metadata()?, std::fs::metadata(path)?);
            if [open.len(), at_path.len()] != [bytes.len() as u64; 2] {
                return Err(io::Error::other("it changed while it was read"));
            }
            Ok(bytes)
        };
        read().map_err(|why| ModelError::Read { path: path.into(), why })
    }

    /// Loads a model from the bytes of its file; `path` is its name in messages.
    ///
    /// # Errors
    /// [`ModelError`], as for [`Model::open`].
    pub fn from_bytes(bytes: &[u8], path: &Path, library: Option<&Path>) -> Result<Self, ModelError> {
        let session = load_session(runtime::environment(library)?, bytes)
            .map_err(|error| ModelError::Load { path: path.into(), why: one_line(&error.to_string()) })?;
        let json = session.metadata().ok().and_then(|metadata| metadata.custom(Card::KEY));
        let json = json.ok_or_else(|| ModelError::NoCard { path: path.into() })?;
        let card = Card::parse(&json).map_err(|why| ModelError::Card { path: path.into(), why })?;
        Self::assemble(card, session).map_err(|why| ModelError::Graph { path: path.into(), why })
    }

    /// Checks that the card fits the graph, finds the input and the output, and runs the model once.
    fn assemble(card: Card, session: Session) -> Result<Self, String> {
        let (steps, channels, classes) = (card.window, card.channels.len(), card.labels.len());
        let [input] = session.inputs() else {
            return Err(format!(
                "the graph has {} inputs; it must have one, the windows",
                session.inputs().len()
            ));
        };
        let shape = float_shape(input.dtype()).ok_or("the graph's input is not float32")?;
        let &[batch, graph_steps, graph_channels] = shape else {
            return Err(format!(
                "the graph's input has {} axes; it must have 3: batch, step, channel",
                shape.len()
            ));
        };
        // A negative size means that the graph takes any size.
        for (what, in_card, in_graph) in
            [("steps", steps, graph_steps), ("channels", channels, graph_channels)]
        {
            if in_graph >= 0 && in_graph as usize != in_card {
                return Err(format!(
                    "the graph takes windows of {in_graph} {what}, but the card says {in_card}"
                ));
            }
        }
        if batch > 1 {
            return Err(format!(
                "the graph takes exactly {batch} windows at a time; export it with a dynamic batch axis"
            ));
        }
        let fits =
            |dtype: &ValueType| matches!(float_shape(dtype), Some(&[_, k]) if k < 0 || k as usize == classes);
        let named = session.outputs().iter().position(|output| output.name() == "probabilities");
        let output = named.or_else(|| session.outputs().iter().position(|output| fits(output.dtype())));
        let Some(output) = output.filter(|&index| fits(session.outputs()[index].dtype())) else {
            let names: Vec<_> = session.outputs().iter().map(|output| output.name()).collect();
            return Err(format!(
                "none of the graph's outputs ({}) has {classes} probabilities, one for each label of the \
                 card",
                names.join(", ")
            ));
        };
        let input = input.name().to_owned();
        let mut model = Self { card, session, input, output, one_at_a_time: batch == 1 };
        let warm_up = model.probabilities(&vec![0.0; steps * channels]).map_err(|error| error.to_string())?;
        let sum: f32 = warm_up.iter().sum();
        if (sum - 1.0).abs() > 1e-3 || warm_up.iter().any(|p| *p < 0.0) {
            return Err(format!(
                "the graph's output for a window sums to {sum} instead of 1, or is negative; end the graph \
                 with a softmax"
            ));
        }
        Ok(model)
    }

    /// The model card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Computes the probabilities of windows: row-major [N, W, C] in, row-major [N, K] out.
    ///
    /// The probabilities of a window do not depend on the other windows in the call; they are equal bit for
    /// bit.
    ///
    /// # Errors
    /// [`ModelError::Run`] if ONNX Runtime fails or returns a different number of values.
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

    /// Runs the graph once on `count` windows, and appends their probabilities.
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
            return Err(format!("it returned {} values for {count} windows", values.len()));
        }
        probabilities.extend_from_slice(values);
        Ok(())
    }
}

/// Loads the bytes of an ONNX file into ONNX Runtime. A session runs only on the thread that calls it.
fn load_session(environment: &ort::environment::Environment, model: &[u8]) -> ort::Result<Session> {
    Session::builder(environment)?
        // ONNX Runtime 1.20 does not accept `Level3`, the level for the memory layout; every version accepts
        // `All`.
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_memory_pattern(false)?
        .commit_from_memory(model)
}

/// The sizes of a float32 tensor type; `None` for other types. A negative size is not fixed.
fn float_shape(dtype: &ValueType) -> Option<&[i64]> {
    match dtype {
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => Some(shape),
        _ => None,
    }
}
