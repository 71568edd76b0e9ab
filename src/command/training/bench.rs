//! `underfoot-train bench`: the speed of training on this machine, without recordings.

use std::time::Instant;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;

use crate::train::fit::context::pool;
use crate::train::network::architecture::Architecture;
use crate::train::network::batch::{Example, Regularisation, TrainingStep};
use crate::train::network::preprocessing::Preprocessing;
use crate::train::network::{Network, Workspace};
use crate::train::optimize::optimizer::{Optimizer, OptimizerKind, OptimizerOptions};

/// Steps in a window.
const STEPS: usize = 100;
/// Number of labels.
const CLASSES: usize = 6;
/// Epochs are timed until about this many windows have been trained on, but at least three epochs.
const MIN_WINDOWS: usize = 3000;
/// The learning rate, which has no influence on the speed.
const LEARNING_RATE: f32 = 1e-3;

/// Measure the speed of training with RMSprop on random windows of 100 steps, one channel and six labels
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct BenchArgs {
    /// Windows per epoch
    #[arg(long, default_value_t = 98)]
    pub windows: usize,
    /// Units in each LSTM layer
    #[arg(long, default_value_t = 64)]
    pub hidden: usize,
    /// Windows per training step
    #[arg(long, default_value_t = 32)]
    pub batch_size: usize,
    /// Number of stacked LSTM layers
    #[arg(long, default_value_t = 1)]
    pub layers: usize,
    /// Number of threads; 0 means one for each core
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
}

/// Runs the command. It prints two lines to stdout: the training time per window in microseconds, and the
/// rate of the matrix products with its share of the machine's measured peak.
///
/// # Errors
/// If a size is 0, or the threads cannot be started.
pub fn run(args: BenchArgs) -> anyhow::Result<()> {
    let BenchArgs { windows, hidden, batch_size, layers, threads } = args;
    if [windows, hidden, batch_size, layers].contains(&0) {
        anyhow::bail!("--windows, --hidden, --batch-size and --layers must be above 0");
    }
    let pool = pool(threads)?;
    let seconds = pool.install(|| seconds_per_window(args));
    let architecture = Architecture { layers, ..Architecture::plain(STEPS, 1, hidden, CLASSES) };
    let parameters = architecture.layers().parameters();
    println!(
        "underfoot N={windows} H={hidden} L={layers} B={batch_size}: {:.0} us/sequence, {parameters} parameters",
        seconds * 1e6
    );
    // One multiplication and one addition for each weight and step in the forward pass, and twice as many
    // backward. The output layer does not count, because it runs once per window and not once per step.
    let operations = 6.0 * (STEPS * (parameters - (hidden + 1) * CLASSES)) as f64;
    let peak =
        pool.broadcast(|_| crate::train::kernel::activation::peak_operations()).into_iter().sum::<f64>();
    println!(
        "{:.1} GFLOP/s in matrix products, {:.0} % of the peak of {:.0} GFLOP/s that {} threads reach \
         on this machine",
        operations / seconds / 1e9,
        100.0 * operations / seconds / peak,
        peak / 1e9,
        pool.current_num_threads(),
    );
    Ok(())
}

/// The mean time for training on one window, in seconds, after one epoch of warm-up.
fn seconds_per_window(args: BenchArgs) -> f64 {
    let BenchArgs { windows, hidden, batch_size, layers, .. } = args;
    let mut rng = Pcg64::seed_from_u64(0);
    let values: Vec<f32> = (0..windows * STEPS).map(|_| StandardNormal.sample(&mut rng)).collect();
    let mut examples: Vec<_> =
        values.chunks_exact(STEPS).map(|window| Example::new(window, rng.random_range(0..CLASSES))).collect();
    let architecture = Architecture { layers, ..Architecture::plain(STEPS, 1, hidden, CLASSES) };
    let mut network = Network::new(architecture, Preprocessing::plain(1), &mut rng);
    let options = OptimizerOptions { kind: OptimizerKind::RmsProp, ..OptimizerOptions::default() };
    let mut optimizer = Optimizer::new(options, network.parameters().len());
    let mut workspace = Workspace::default();
    let step = TrainingStep {
        weights: &[1.0; CLASSES],
        regularisation: Regularisation::default(),
        augment: None,
        seed: 0,
    };
    let mut epoch = || {
        examples.shuffle(&mut rng);
        for batch in examples.chunks(batch_size) {
            network.backward(batch, step, &mut workspace);
            optimizer.step(LEARNING_RATE, network.parameters_mut(), workspace.gradients());
        }
    };
    epoch();
    let epochs = (MIN_WINDOWS / windows).max(3);
    let started = Instant::now();
    (0..epochs).for_each(|_| epoch());
    started.elapsed().as_secs_f64() / (epochs * windows) as f64
}
