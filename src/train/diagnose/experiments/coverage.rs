//! Measures how often an interval of a diagnosis holds the effect that it estimates. `make coverage` runs it.
//!
//! Each repetition draws a new set of recordings, runs cheap trainings with and without a change over several
//! seeds as a diagnosis does, and builds the 90 % interval of the effect. The true effect is the mean over many
//! further sets of recordings, which each have a single seed.
//!
//! A seed holds out a fifth of the same recordings as the other seeds, so the differences of two seeds are
//! correlated. Nadeau and Bengio (2003) correct Student's interval for a correlation of a fifth, which is the
//! share of recordings that are held out. How large it is depends on the change: it is smaller where
//! the differences come from the initial weights, and then the corrected interval is too wide.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;
use rand_pcg::Pcg64;

use super::experiment::Experiment;
use crate::train::data::dataset::Dataset;
use crate::train::diagnose::statistics::estimate::Estimate;
use crate::train::diagnose::worker_pool::WorkerPool;
use crate::train::network::architecture::Pooling;
use crate::train::optimize::optimizer::OptimizerKind;
use crate::train::optimize::schedule::Schedule;
use crate::train::options::FitOptions;
use crate::train::tests::sine_waves;

/// The number of sets of recordings whose intervals are counted.
const REPETITIONS: usize = 200;
/// The number of further sets of recordings that the true effect is measured on.
const FURTHER: usize = 1000;
/// The numbers of seeds whose intervals are counted.
const SEEDS: [usize; 3] = [3, 5, 10];
/// The share of the recordings that a seed holds out.
const VALIDATION: f64 = 0.2;
const LABELS: usize = 3;
const RECORDINGS: usize = 10;
const WINDOWS: usize = 3;

/// Recordings of sine waves, whose labels differ in the frequency by less than the recordings of one label do
/// together with the noise, so that accuracy stays well below 1.
fn noisy_waves(seed: u64) -> Dataset {
    let mut dataset = sine_waves(LABELS, RECORDINGS, WINDOWS);
    let mut rng = Pcg64::seed_from_u64(seed);
    let steps = dataset.card.window;
    for recording in 0..LABELS * RECORDINGS {
        let label = recording / RECORDINGS;
        let frequency = 0.35 + 0.2 * label as f32 + 0.08 * rng.sample::<f32, _>(StandardNormal);
        let strength = 1.0 + 0.2 * rng.sample::<f32, _>(StandardNormal);
        for window in 0..WINDOWS {
            let phase = rng.random_range(0.0..std::f32::consts::TAU);
            let start = (recording * WINDOWS + window) * steps;
            for (step, value) in dataset.steps[start..start + steps].iter_mut().enumerate() {
                let noise = 0.3 * rng.sample::<f32, _>(StandardNormal);
                *value = strength * (step as f32 * frequency + phase).sin() + noise;
            }
        }
    }
    dataset
}

/// The settings of the unchanged training, which takes some milliseconds.
fn unchanged() -> FitOptions {
    FitOptions {
        hidden: Some(6),
        dense: Some(0),
        summary: false,
        pooling: vec![Pooling::Last, Pooling::Mean],
        dropout: 0.0,
        batch_size: 12,
        epochs: Some(10),
        learning_rate: 0.01,
        schedule: Schedule::Constant,
        weight_average: 0.0,
        shift: false,
        folds: Some(0),
        validation: Some(VALIDATION),
        ..FitOptions::default()
    }
}

/// The changes whose effects are measured: harmful, helpful, and almost without an effect.
fn changes() -> [(&'static str, FitOptions); 4] {
    [
        ("a third of the learning rate", FitOptions { learning_rate: 0.0033, ..unchanged() }),
        ("summary statistics", FitOptions { summary: true, ..unchanged() }),
        ("three times the epochs", FitOptions { epochs: Some(30), ..unchanged() }),
        ("RMSprop", FitOptions { optimizer: OptimizerKind::RmsProp, ..unchanged() }),
    ]
}

/// The rise of balanced accuracy with each change, seed by seed, on the recordings drawn from `repetition`.
fn rises(repetition: u64, seeds: usize, pool: &WorkerPool<'_>) -> Option<Vec<Vec<f64>>> {
    let dataset = noisy_waves(repetition);
    let accuracies = |options: FitOptions| -> Option<Vec<f64>> {
        // Seeds of different repetitions must differ, or all repetitions would hold out the same recordings.
        let options = FitOptions { seed: 1000 * repetition, ..options };
        let experiment = Experiment::new(options, &dataset, 0.0);
        (0..seeds as u64).map(|seed| Some(experiment.run(seed, pool)?.accuracy)).collect()
    };
    let before = accuracies(unchanged())?;
    let rise = |(_, options)| {
        let after = accuracies(options)?;
        Some(before.iter().zip(after).map(|(before, after)| after - before).collect())
    };
    changes().into_iter().map(rise).collect()
}

/// The correlation between two seeds: the share of the variance between repetitions in the whole variance, by
/// one-way analysis of variance.
fn correlation(rows: &[&[f64]]) -> f64 {
    let seeds = rows.first().map_or(0, |row| row.len()) as f64;
    let mean = |row: &[f64]| row.iter().sum::<f64>() / row.len() as f64;
    let means: Vec<f64> = rows.iter().map(|row| mean(row)).collect();
    let overall = mean(&means);
    let of_means = means.iter().map(|m| (m - overall).powi(2)).sum::<f64>() / (means.len() - 1) as f64;
    let squares = |(row, mean): (&&[f64], &f64)| row.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    let within = rows.iter().zip(&means).map(squares).sum::<f64>() / (rows.len() as f64 * (seeds - 1.0));
    let between = of_means - within / seeds;
    between / (between + within)
}

/// The shares of the intervals that hold `truth`: corrected, and Student's own.
fn coverage(rows: &[&[f64]], truth: f64) -> [f64; 2] {
    [VALIDATION / (1.0 - VALIDATION), 0.0].map(|overlap| {
        let intervals = rows.iter().filter_map(|row| Estimate::of(row, overlap));
        let holds = |interval: &Estimate| interval.low <= truth && truth <= interval.high;
        intervals.filter(holds).count() as f64 / rows.len() as f64
    })
}

#[test]
#[ignore = "takes minutes in the release profile; `make coverage` runs it"]
fn nine_of_ten_intervals_hold_the_true_effect() {
    let started = Instant::now();
    let pool = WorkerPool {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        deadline: started + Duration::from_secs(3600),
        stop: &AtomicBool::new(false),
        job_done: &|| {},
    };
    let most = SEEDS[SEEDS.len() - 1];
    let counted = pool.run(REPETITIONS, |index| rises(index as u64, most, &pool)).unwrap();
    let counted: Vec<_> = counted.into_iter().map(Option::unwrap).collect();
    let further = pool.run(FURTHER, |index| rises((REPETITIONS + index) as u64, 1, &pool)).unwrap();
    let further: Vec<_> = further.into_iter().map(Option::unwrap).collect();
    println!("| change | true effect, points | correlation of seeds | seeds | corrected | Student's |");
    println!("|---|---|---|---|---|---|");
    let mut corrected_shares = vec![Vec::new(); SEEDS.len()];
    for (change, (name, _)) in changes().into_iter().enumerate() {
        let truths: Vec<f64> = further.iter().map(|rows| rows[change][0]).collect();
        let truth = truths.iter().sum::<f64>() / FURTHER as f64;
        let all: Vec<&[f64]> = counted.iter().map(|rows| rows[change].as_slice()).collect();
        let correlation = correlation(&all);
        for (index, seeds) in SEEDS.into_iter().enumerate() {
            let rows: Vec<&[f64]> = all.iter().map(|row| &row[..seeds]).collect();
            let [corrected, plain] = coverage(&rows, truth);
            corrected_shares[index].push(corrected);
            println!(
                "| {name} | {:+.2} | {correlation:.2} | {seeds} | {:.1} % | {:.1} % |",
                100.0 * truth,
                100.0 * corrected,
                100.0 * plain
            );
        }
    }
    println!(
        "\n{REPETITIONS} repetitions and {FURTHER} further ones in {:.0} s",
        started.elapsed().as_secs_f64()
    );
    for (seeds, shares) in SEEDS.iter().zip(&corrected_shares) {
        let share = shares.iter().sum::<f64>() / shares.len() as f64;
        println!("{seeds} seeds: {:.1} % on average", 100.0 * share);
        // The correction allows for more correlation than there is, and what it adds does not shrink with the seeds: with
        // many of them, the interval is wider than it has to be.
        let most = if *seeds <= 5 { 0.955 } else { 0.99 };
        assert!((0.87..=most).contains(&share), "{share} with {seeds} seeds");
    }
}
