//! What a model without a neural network makes of the same windows: extra trees on summary statistics.

pub(crate) mod trees;

use self::trees::{Trees, TreesOptions};
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::fit::context::pool;
use crate::train::fit::cross_validation::Trained;
use crate::train::fit::epoch::FitError;
use crate::train::fit::member::confusion;
use crate::train::network::preprocessing::Preprocessing;
use crate::train::network::summary::{LAGS, features, summarise};

/// True against predicted labels of extra trees on the windows held out, grown on those that the networks were trained on; `None`
/// where none are held out.
///
/// # Errors
/// [`FitError::Threads`].
pub(crate) fn baseline(trained: &Trained, dataset: &Dataset) -> Result<Option<Confusion>, FitError> {
    if trained.held.windows.is_empty() {
        return Ok(None);
    }
    pool(trained.options.threads)?.install(|| Ok(Some(run(trained, dataset))))
}

fn run(trained: &Trained, dataset: &Dataset) -> Confusion {
    let features = Features::of(dataset);
    let options = TreesOptions { seed: trained.options.seed, ..TreesOptions::default() };
    let mut all = Confusion::new(&dataset.card.labels);
    for member in &trained.members {
        let probabilities = features.held_out(dataset, &member.split, options);
        let truth = member.split.validation.iter().map(|index| dataset.labels[*index]);
        all.merge(&confusion(&dataset.card.labels, &probabilities, truth));
    }
    all
}

/// What stands for each window: its summary and, for each channel, quantiles and autocorrelations.
#[derive(Clone, Debug)]
pub(crate) struct Features {
    /// Row-major [N, columns].
    pub values: Vec<f32>,
    /// Values a window.
    pub columns: usize,
}

impl Features {
    /// Of every window. Channels are in canonical order where they are interchangeable, or each order would have to be learned.
    pub(crate) fn of(dataset: &Dataset) -> Self {
        let order = Preprocessing::in_order(&dataset.orders(), dataset.card.channels.len());
        let columns = columns(dataset);
        let mut values = Vec::with_capacity(dataset.len() * columns);
        (0..dataset.len())
            .for_each(|index| append(&order.ordered(dataset.window(index)), dataset, &mut values));
        Self { values, columns }
    }

    /// One window's.
    pub(crate) fn row(&self, window: usize) -> &[f32] {
        &self.values[window * self.columns..(window + 1) * self.columns]
    }

    /// Probabilities, row-major [N, K], of the windows held out, by trees grown on those that are trained on.
    pub(crate) fn held_out(&self, dataset: &Dataset, split: &Split, options: TreesOptions) -> Vec<f32> {
        let gather = |windows: &[usize]| -> Vec<f32> {
            windows.iter().flat_map(|window| self.row(*window)).copied().collect()
        };
        let labels: Vec<usize> = split.training.iter().map(|index| dataset.labels[*index]).collect();
        let classes = dataset.card.labels.len();
        Trees::fit(&gather(&split.training), self.columns, &labels, classes, options)
            .probabilities(&gather(&split.validation))
    }
}

/// Quantiles of each channel beside its summary.
const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

fn columns(dataset: &Dataset) -> usize {
    dataset.card.channels.len() * (features(dataset.card.window) + QUANTILES.len() + LAGS.len())
}

/// The summary of a window and, for each channel, quantiles and autocorrelations.
fn append(window: &[f32], dataset: &Dataset, features: &mut Vec<f32>) {
    let channels = dataset.card.channels.len();
    let first = features.len();
    summarise(window, channels, features);
    for channel in 0..channels {
        let values: Vec<f32> = window.iter().skip(channel).step_by(channels).copied().collect();
        let mut sorted = values.clone();
        sorted.sort_by(f32::total_cmp);
        let last = sorted.len().saturating_sub(1) as f64;
        features.extend(QUANTILES.map(|share| sorted[(share * last).round() as usize]));
        let (mean, deviation) = (features[first + channel], features[first + channels + channel]);
        features.extend(LAGS.map(|lag| {
            let pairs = values.iter().zip(values.iter().skip(lag));
            let sum: f32 = pairs.map(|(one, other)| (one - mean) * (other - mean)).sum();
            sum / (deviation * deviation * values.len() as f32).max(f32::MIN_POSITIVE)
        }));
    }
}
