//! `underfoot-train bench`: how fast a training step is on this machine.

use std::io::Write;
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
/// Labels.
const CLASSES: usize = 6;
/// The fewest sequences that are timed.
const SEQUENCES: usize = 3000;

/// Time training on random windows of 100 steps of one channel, six labels, with RMSprop
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct BenchArgs {
    /// Windows an epoch
    #[arg(long, default_value_t = 98)]
    pub windows: usize,
    /// Units of each LSTM layer
    #[arg(long, default_value_t = 64)]
    pub hidden: usize,
    /// Windows a step
    #[arg(long, default_value_t = 32)]
    pub batch_size: usize,
    /// Stacked LSTM layers
    #[arg(long, default_value_t = 1)]
    pub layers: usize,
    /// Threads, 0 for one a core
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
}

/// Runs the command: one line on stdout, in microseconds a sequence, and what that is of the machine's peak.
///
/// # Errors
/// Sizes of 0, or threads that cannot be started.
pub fn run(args: BenchArgs) -> anyhow::Result<()> {
    let BenchArgs { windows, hidden, batch_size, layers, threads } = args;
    if [windows, hidden, batch_size, layers].contains(&0) {
        anyhow::bail!("--windows, --hidden, --batch-size and --layers take numbers above 0");
    }
    let pool = pool(threads)?;
    let mut out = std::io::stdout();
    let seconds = pool.install(|| time(args));
    let architecture = Architecture { layers, ..Architecture::plain(STEPS, 1, hidden, CLASSES) };
    let parameters = architecture.layers().parameters();
    writeln!(
        out,
        "underfoot N={windows} H={hidden} L={layers} B={batch_size}: {:.0} us/sequence, {parameters} parameters",
        seconds * 1e6
    )?;
    // A multiplication and an addition for each weight and step, forward, and twice that backward.
    let operations = 6.0 * (STEPS * (parameters - (hidden + 1) * CLASSES)) as f64;
    let peak = pool.broadcast(|_| crate::train::kernel::activation::peak()).into_iter().sum::<f64>();
    writeln!(
        out,
        "{:.1} GFLOP/s in matrix products, {:.0} % of the {:.0} GFLOP/s that multiply-adds reach on {} threads here",
        operations / seconds / 1e9,
        100.0 * operations / seconds / peak,
        peak / 1e9,
        pool.current_num_threads(),
    )?;
    Ok(())
}

/// Seconds a sequence.
fn time(args: BenchArgs) -> f64 {
    let BenchArgs { windows, hidden, batch_size, layers, .. } = args;
    let mut rng = Pcg64::seed_from_u64(0);
    let values: Vec<f32> = (0..windows * STEPS).map(|_| StandardNormal.sample(&mut rng)).collect();
    let mut examples: Vec<_> = values
        .chunks_exact(STEPS)
        .map(|window| Example { window, label: rng.random_range(0..CLASSES) })
        .collect();
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
            optimizer.step(1e-3, network.parameters_mut(), workspace.gradients());
        }
    };
    epoch();
    let epochs = (SEQUENCES / windows).max(3);
    let begun = Instant::now();
    (0..epochs).for_each(|_| epoch());
    begun.elapsed().as_secs_f64() / (epochs * windows) as f64
}
