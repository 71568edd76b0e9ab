//! The network: layers over one flat vector of parameters, forward and backward over a batch.
//!
//! The LSTM layers run over shards of a batch in parallel, each shard with memory and gradients of its own, which are added in
//! order: the sums do not depend on the number of threads. What is pooled of all shards goes through the head at once.

use rand::Rng;
use rand_pcg::Pcg64;
use rayon::prelude::*;

use super::architecture::{Architecture, Layers};
use super::augment::Augment;
use super::batch_norm::MovingStatistics;
use super::head::{Head, HeadMemory};
use super::input::Input;
use super::loss::Loss;
use super::lstm::LstmPacked;
use super::shard::Shard;
use super::streams;

/// Sequences in a shard: what is computed as one, on one thread. Fixed, so that sums do not depend on the threads.
pub const SHARD: usize = 16;
/// Shards whose memory is held at once; a larger batch is worked through in blocks, unless it is normalised as a whole.
const BLOCK: usize = 32;

/// A network: what it is made of, what its input was measured to be, and its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    architecture: Architecture,
    input: Input,
    moving: MovingStatistics,
    parameters: Vec<f32>,
}

/// What is changed or left out in training, so that the network does not learn its windows by heart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Regularisation {
    /// The share of the outputs between layers, and of what is pooled, that are left out.
    pub dropout: f32,
    /// The share of each LSTM layer's inputs that are left out, the same at each step.
    pub input_dropout: f32,
    /// The share of each LSTM layer's state that is left out of its recurrence, the same at each step.
    pub recurrent_dropout: f32,
    /// The share of the target that is spread over all labels.
    pub label_smoothing: f32,
}

/// A window for training.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// Row-major [W, C].
    pub window: &'a [f32],
    /// The index of its label.
    pub label: usize,
}

/// How a batch is trained on.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// One weight a label.
    pub weights: &'a [f32],
    /// What is left out.
    pub regularisation: Regularisation,
    /// What is done to the windows.
    pub augment: Option<&'a Augment>,
    /// The seed of what is drawn, another for each step.
    pub seed: u128,
}

/// A batch's memory, used again from step to step.
#[derive(Debug, Default)]
pub struct Workspace {
    packed: Vec<LstmPacked>,
    shards: Vec<Shard>,
    head: HeadMemory,
    gradients: Vec<f32>,
}

impl Workspace {
    /// The gradients that [`Network::backward`] left, laid out as the parameters are.
    pub fn gradients(&self) -> &[f32] {
        &self.gradients
    }

    /// The same, to be changed.
    pub fn gradients_mut(&mut self) -> &mut [f32] {
        &mut self.gradients
    }
}

impl Network {
    /// A network with first weights drawn from `rng`.
    pub fn new(architecture: Architecture, input: Input, rng: &mut impl Rng) -> Self {
        let layers = architecture.layers();
        let mut parameters = vec![0.0; layers.parameters()];
        for (lstm, place) in &layers.lstm {
            lstm.initialise(&mut parameters[place.clone()], rng);
        }
        if let Some((batch_norm, place)) = &layers.batch_norm {
            batch_norm.initialise(&mut parameters[place.clone()]);
        }
        for (dense, place) in layers.dense.iter().chain([&layers.output]) {
            dense.initialise(&mut parameters[place.clone()], rng);
        }
        let features = architecture.pooled() + architecture.summarised();
        Self { architecture, input, moving: MovingStatistics::new(features), parameters }
    }

    /// What it is made of.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// What it makes of a window before the first layer.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// What batch normalisation takes for the mean and variance once it is trained.
    pub fn moving(&self) -> &MovingStatistics {
        &self.moving
    }

    /// The same, to be changed.
    pub fn moving_mut(&mut self) -> &mut MovingStatistics {
        &mut self.moving
    }

    /// Every trained value, in the order of [`Architecture::layers`].
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// The same, to be changed.
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// Divides every logit by a temperature, which leaves the order of the labels and changes how sure it is.
    pub fn soften(&mut self, temperature: f64) {
        let place = self.architecture.layers().output.1;
        self.parameters[place].iter_mut().for_each(|value| *value = (f64::from(*value) / temperature) as f32);
    }

    /// Logits, row-major [N, K], of windows, each row-major [W, C]; parallel over shards.
    pub fn logits(&self, windows: &[&[f32]]) -> Vec<f32> {
        let layers = self.architecture.layers();
        let mut packed = Vec::new();
        self.pack(&layers, &mut packed);
        let shards: Vec<Vec<f32>> = windows
            .par_chunks(SHARD)
            .map_init(
                || (Shard::default(), HeadMemory::default()),
                |(shard, memory), windows| {
                    shard.read(self, windows.iter().copied());
                    shard.forward(self, &layers, &packed, None);
                    memory.start(self);
                    memory.take(self, shard);
                    self.head(&layers).forward(memory, None);
                    memory.logits().to_vec()
                },
            )
            .collect();
        shards.concat()
    }

    /// Probabilities, row-major [N, K], of windows, each row-major [W, C].
    pub fn probabilities(&self, windows: &[&[f32]]) -> Vec<f32> {
        let mut logits = self.logits(windows);
        super::activation::softmax_rows(&mut logits, self.architecture.classes);
        logits
    }

    /// Runs a batch forward and backward: leaves the gradients of its mean loss in `workspace`.
    pub fn backward(&mut self, batch: &[Example<'_>], step: Step<'_>, workspace: &mut Workspace) -> Loss {
        let layers = self.architecture.layers();
        let Workspace { packed, shards, head: memory, gradients } = workspace;
        self.pack(&layers, packed);
        gradients.clear();
        gradients.resize(self.parameters.len(), 0.0);
        let whole = self.architecture.batch_norm;
        let block = if whole { batch.len().max(1) } else { BLOCK * SHARD };
        shards.resize_with(batch.len().min(block).div_ceil(SHARD), Shard::default);
        let mut total = Loss::default();
        for (index, examples) in batch.chunks(block).enumerate() {
            let first = (index * BLOCK) as u128;
            let network = &*self;
            let count = examples.len().div_ceil(SHARD);
            let each = shards[..count].par_iter_mut().zip(examples.par_chunks(SHARD)).enumerate();
            each.for_each(|(shard_index, (shard, examples))| {
                let mut rng = Pcg64::new(step.seed, streams::DROPOUT + first + shard_index as u128);
                match step.augment {
                    Some(augment) => shard.read_augmented(network, examples, augment, &mut rng),
                    None => shard.read(network, examples.iter().map(|example| example.window)),
                }
                shard.forward(network, &layers, packed, Some((step.regularisation, &mut rng)));
            });
            memory.start(network);
            shards[..count].iter().for_each(|shard| memory.take(network, shard));
            let mut rng = Pcg64::new(step.seed, streams::HEAD + first);
            let moving = self.head(&layers).forward(memory, Some((step.regularisation.dropout, &mut rng)));
            let smoothing = step.regularisation.label_smoothing;
            let labels: Vec<usize> = examples.iter().map(|example| example.label).collect();
            let head = self.head(&layers);
            total.add(head.backward(memory, &labels, step.weights, smoothing, batch.len(), gradients));
            let network = &*self;
            let each = shards[..count]
                .par_iter_mut()
                .zip(memory.pooled_gradient().par_chunks(SHARD * network.architecture.pooled()));
            each.for_each(|(shard, gradient)| shard.backward(network, &layers, packed, gradient));
            add_in_order(&mut gradients[..layers.recurrent()], &shards[..count]);
            if let Some(moving) = moving {
                self.moving = moving;
            }
        }
        total
    }

    fn head<'a>(&'a self, layers: &'a Layers) -> Head<'a> {
        Head { layers, parameters: &self.parameters, moving: &self.moving }
    }

    fn pack(&self, layers: &Layers, packed: &mut Vec<LstmPacked>) {
        packed.resize_with(layers.lstm.len(), LstmPacked::default);
        for ((lstm, place), packed) in layers.lstm.iter().zip(packed) {
            lstm.pack(&self.parameters[place.clone()], packed);
        }
    }
}

/// Adds the shards' gradients, for each parameter from the first shard to the last; parallel over parameters.
fn add_in_order(sum: &mut [f32], shards: &[Shard]) {
    const PART: usize = 8192;
    sum.par_chunks_mut(PART).enumerate().for_each(|(part, sum)| {
        for shard in shards {
            let gradients = &shard.gradients()[part * PART..][..sum.len()];
            sum.iter_mut().zip(gradients).for_each(|(sum, gradient)| *sum += gradient);
        }
    });
}
