//! A model that is loaded into ONNX Runtime: it computes the probabilities of the surfaces from windows, and how unlike
//! the training data they are.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ndarray::ArrayView3;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{Outlet, TensorRef};

use super::answers::Answers;
use super::card::Card;
use super::card_text;
use super::check::{GraphValue, Signature, probe, probe_novelty, rows};
use super::onnx::external_weights;
use super::runtime::{self, one_line};

pub use super::error::ModelError;

/// A loaded model with its card.
pub struct Model {
    card: Card,
    session: Session,
    /// The name of the graph's input.
    input: String,
    /// The index of the graph's output with the probabilities.
    output: usize,
    /// The index of the graph's output with the novelty; `None` if it has none.
    novelty: Option<usize>,
    /// Whether the graph takes exactly one window per run, as some models that were exported by other
    /// programs do.
    one_at_a_time: bool,
    /// See [`Model::warnings`].
    warnings: Vec<String>,
}

/// The warning for a model without statistics.
const NO_STATISTICS: &str = "the model card has no statistics of the training data, so it cannot be checked whether \
                             a sensor is stuck, saturated or drifted; add [[training.statistics]] with mean, \
                             deviation, min and max for each channel to card.toml, and stamp the model again";

impl Model {
    /// Loads a model file and runs it on a few windows of its own, by which its answers are checked. It also
    /// has the effect that the first window is not delayed by initialisation.
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
        let (mut model, candidates) = Self::unprobed(bytes, path, library)?;
        model.probe(&candidates).map_err(|why| ModelError::Graph { path: path.into(), why })?;
        Ok(model)
    }

    /// Loads a model as [`Model::from_bytes`] does, but does not run it. Also returns the indices and names of the
    /// outputs that may be the probabilities, the most likely one first.
    ///
    /// # Errors
    /// [`ModelError`], as for [`Model::open`].
    pub(super) fn unprobed(
        bytes: &[u8],
        path: &Path,
        library: Option<&Path>,
    ) -> Result<(Self, Vec<(usize, String)>), ModelError> {
        let session = load(bytes, path, library)?;
        let json = session.metadata().ok().and_then(|metadata| metadata.custom(Card::KEY));
        let json = json.ok_or_else(|| ModelError::NoCard { path: path.into() })?;
        let card = Card::parse(&json).map_err(|why| ModelError::Card { path: path.into(), why })?;
        Self::assemble(card, session).map_err(|why| ModelError::Graph { path: path.into(), why })
    }

    /// Checks that the card fits the graph.
    fn assemble(card: Card, session: Session) -> Result<(Self, Vec<(usize, String)>), String> {
        let (inputs, outputs) = (graph_values(session.inputs()), graph_values(session.outputs()));
        let signature = Signature::check(&card, &inputs, &outputs)?;
        let Signature { input, one_at_a_time, candidates, novelty } = signature;
        let output = candidates.first().copied().unwrap_or_default();
        let mut warnings = Vec::new();
        if card.statistics().is_empty() {
            warnings.push(NO_STATISTICS.into());
        }
        let model = Self { card, session, input, output, novelty, one_at_a_time, warnings };
        let names = candidates.into_iter().map(|index| (index, outputs[index].name.clone()));
        Ok((model, names.collect()))
    }

    /// Chooses the output that answers with probabilities, and checks all answers.
    fn probe(&mut self, candidates: &[(usize, String)]) -> Result<(), String> {
        let (card, one_at_a_time) = (self.card.clone(), self.one_at_a_time);
        let probed = probe(&card, candidates, one_at_a_time, |output, windows| {
            self.output = output;
            self.probabilities(windows).map_err(why)
        })?;
        self.output = probed.output;
        self.warnings.extend(probed.warning);
        if self.novelty.is_some() {
            probe_novelty(&card, one_at_a_time, |windows| Ok(self.answers(windows).map_err(why)?.novelty))?;
        }
        Ok(())
    }

    /// The answers of the output with this index to the windows by which a model is checked, in rows of a number for each
    /// label, whatever these numbers are.
    ///
    /// # Errors
    /// The message of ONNX Runtime if it fails.
    pub(super) fn rows_of(&mut self, output: usize) -> Result<Vec<Vec<f32>>, String> {
        let chosen = std::mem::replace(&mut self.output, output);
        let card = self.card.clone();
        let rows = rows(&card, |window| self.probabilities(window).map_err(why));
        self.output = chosen;
        rows
    }

    /// The probabilities of the windows by which a model is checked, in rows.
    ///
    /// # Errors
    /// The message of ONNX Runtime if it fails.
    pub(super) fn rows(&mut self) -> Result<Vec<Vec<f32>>, String> {
        self.rows_of(self.output)
    }

    /// What cannot be checked with this model, or is probably wrong with it, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether the model says how unlike the training data a window is.
    pub fn says_novelty(&self) -> bool {
        self.novelty.is_some()
    }

    /// The model card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Computes the probabilities of windows: row-major [N, W, C] in, row-major [N, K] out.
    ///
    /// The probabilities of a window do not depend on the other windows in the call; for a model of this version, they are
    /// equal bit for bit.
    ///
    /// # Errors
    /// [`ModelError::Run`] if ONNX Runtime fails or returns a different number of values.
    pub fn probabilities(&mut self, windows: &[f32]) -> Result<Vec<f32>, ModelError> {
        Ok(self.answers(windows)?.probabilities)
    }

    /// Computes the probabilities of windows, row-major [N, W, C], and their novelty if the model says it.
    ///
    /// The answer to a window does not depend on the other windows in the call; for a model of this version, it is equal
    /// bit for bit.
    ///
    /// # Errors
    /// [`ModelError::Run`] if ONNX Runtime fails or returns a different number of values.
    pub fn answers(&mut self, windows: &[f32]) -> Result<Answers, ModelError> {
        let size = self.card.window * self.card.channels.len();
        let windows_in_all = windows.len() / size;
        let mut answers = Answers {
            probabilities: Vec::with_capacity(windows_in_all * self.card.labels.len()),
            novelty: Vec::with_capacity(self.novelty.map_or(0, |_| windows_in_all)),
        };
        for run in windows.chunks(if self.one_at_a_time { size } else { windows.len().max(1) }) {
            let count = run.len() / size;
            self.run(run, count, &mut answers).map_err(|why| ModelError::Run { windows: count, why })?;
        }
        Ok(answers)
    }

    /// Runs the graph once on `count` windows, and appends their answers.
    fn run(&mut self, windows: &[f32], count: usize, answers: &mut Answers) -> Result<(), String> {
        let shape = (count, self.card.window, self.card.channels.len());
        let windows = ArrayView3::from_shape(shape, windows).map_err(|e| e.to_string())?;
        let tensor = TensorRef::from_array_view(windows).map_err(|e| one_line(&e.to_string()))?;
        let outputs = self
            .session
            .run(ort::inputs![self.input.as_str() => tensor])
            .map_err(|e| one_line(&e.to_string()))?;
        let append = |output: usize, expected: usize, to: &mut Vec<f32>| {
            let (_, values) =
                outputs[output].try_extract_tensor::<f32>().map_err(|e| one_line(&e.to_string()))?;
            if values.len() != expected {
                return Err(format!("it returned {} values for {count} windows", values.len()));
            }
            to.extend_from_slice(values);
            Ok(())
        };
        append(self.output, count * self.card.labels.len(), &mut answers.probabilities)?;
        self.novelty.map_or(Ok(()), |novelty| append(novelty, count, &mut answers.novelty))
    }
}

/// Loads the bytes of an ONNX file into ONNX Runtime. A session runs only on the thread that calls it.
fn load_session(environment: &ort::environment::Environment, model: &[u8]) -> ort::Result<Session> {
    Session::builder(environment)?
        // ONNX Runtime 1.20 does not accept `Level3`, the level for the memory layout; every version accepts
        // `All`.
        .with_optimization_level(GraphOptimizationLevel::All)?
        // Errors are returned; ONNX Runtime must not write them to standard error as well.
        .with_log_level(LogLevel::Fatal)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_memory_pattern(false)?
        .commit_from_memory(model)
}

/// The outputs of a model's graph, whatever they are, with the shapes that ONNX Runtime has worked out.
///
/// # Errors
/// [`ModelError`] if the ONNX Runtime library or the model cannot be loaded.
pub(super) fn outputs_of(
    bytes: &[u8],
    path: &Path,
    library: Option<&Path>,
) -> Result<Vec<GraphValue>, ModelError> {
    Ok(graph_values(load(bytes, path, library)?.outputs()))
}

fn graph_values(of: &[Outlet]) -> Vec<GraphValue> {
    of.iter().map(|value| GraphValue::new(value.name(), value.dtype())).collect()
}

/// Loads the bytes of an ONNX file that has all weights inside.
fn load(bytes: &[u8], path: &Path, library: Option<&Path>) -> Result<Session, ModelError> {
    let environment = runtime::environment(library)?;
    // ONNX Runtime would look for such files in the working directory.
    let external = external_weights(bytes);
    if let Some(file) = external.first() {
        let (count, file) = (external.len(), card_text::quoted(file));
        return Err(ModelError::ExternalWeights { path: path.into(), count, file });
    }
    load_session(environment, bytes)
        .map_err(|error| ModelError::Load { path: path.into(), why: one_line(&error.to_string()) })
}

/// The message of ONNX Runtime in an error.
fn why(error: ModelError) -> String {
    match error {
        ModelError::Run { why, .. } => why,
        error => error.to_string(),
    }
}
