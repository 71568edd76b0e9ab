//! The forward pass in double precision, one window at a time and straight from the formulas. The exported
//! model and, in tests, the gradients are compared with it. It is too slow for anything else.

use rayon::prelude::*;

use crate::train::fit::ensemble::Ensemble;
use crate::train::network::Network;
use crate::train::network::architecture::Pooling;

/// The constant that batch normalisation adds to the variance.
const EPSILON: f64 = crate::train::layer::batch_norm::EPSILON as f64;

/// The probabilities of the labels, row-major [N, K], for N windows, each row-major [W, C].
pub(crate) fn probabilities(ensemble: &Ensemble, windows: &[&[f32]]) -> Vec<f64> {
    let members: Vec<(&Network, Vec<f64>)> =
        ensemble.members().iter().map(|network| (network, double_parameters(network))).collect();
    let rows: Vec<Vec<f64>> = windows
        .par_iter()
        .map(|window| {
            let mut mean = vec![0.0; ensemble.architecture().classes];
            for (network, parameters) in &members {
                let logits = logits(network, parameters, window);
                mean.iter_mut().zip(logits).for_each(|(sum, logit)| *sum += logit / members.len() as f64);
            }
            softmax(&mut mean);
            mean
        })
        .collect();
    rows.concat()
}

/// A network's parameters in double precision, `[P]`.
pub(crate) fn double_parameters(network: &Network) -> Vec<f64> {
    network.parameters().iter().map(|value| f64::from(*value)).collect()
}

/// The logits of one window, `[K]`, with the given parameters, `[P]`, in place of the network's own.
pub(crate) fn logits(network: &Network, parameters: &[f64], window: &[f32]) -> Vec<f64> {
    let (architecture, preprocessing) = (network.architecture(), network.preprocessing());
    let layers = architecture.layers();
    let mut updates = vec![0.0f64; architecture.updates() * architecture.inputs()];
    let mut summary = Vec::new();
    preprocessing.write(window, None, 0, 1, &mut updates, &mut summary);
    let mut sequence: Vec<Vec<f64>> =
        updates.chunks_exact(architecture.inputs()).map(<[f64]>::to_vec).collect();
    for (lstm, range) in &layers.lstm {
        let units = lstm.units;
        let (kernel, rest) = parameters[range.clone()].split_at(lstm.inputs * 4 * units);
        let (recurrent, bias) = rest.split_at(units * 4 * units);
        let (mut state, mut cell) = (vec![0.0; units], vec![0.0; units]);
        for step in &mut sequence {
            let mut z = bias.to_vec();
            add_product(&mut z, step, kernel);
            add_product(&mut z, &state, recurrent);
            for unit in 0..units {
                let gate = |gate: usize| z[gate * units + unit];
                cell[unit] = sigmoid(gate(1)) * cell[unit] + sigmoid(gate(0)) * gate(2).tanh();
                state[unit] = sigmoid(gate(3)) * cell[unit].tanh();
            }
            step.clone_from(&state);
        }
    }
    let column = |unit: usize| sequence.iter().map(move |step| step[unit]);
    let mut features = Vec::new();
    for pooling in &architecture.pooling {
        features.extend((0..architecture.hidden).map(|unit| match pooling {
            Pooling::Last => column(unit).next_back().unwrap_or_default(),
            Pooling::Mean => column(unit).sum::<f64>() / sequence.len() as f64,
            Pooling::Max => column(unit).fold(f64::NEG_INFINITY, f64::max),
        }));
    }
    features.extend(summary);
    if let Some((layer, range)) = &layers.batch_norm {
        let (gamma, beta) = parameters[range.clone()].split_at(layer.features);
        let moving = network.moving();
        for (index, value) in features.iter_mut().enumerate() {
            let (mean, variance) = (f64::from(moving.mean[index]), f64::from(moving.variance[index]));
            *value = gamma[index] * (*value - mean) / (variance + EPSILON).sqrt() + beta[index];
        }
    }
    if let Some((dense, range)) = &layers.dense {
        let (kernel, bias) = parameters[range.clone()].split_at(dense.inputs * dense.outputs);
        let mut hidden = bias.to_vec();
        add_product(&mut hidden, &features, kernel);
        features = hidden.into_iter().map(|value| value.max(0.0)).collect();
    }
    let (dense, range) = &layers.output;
    let (kernel, bias) = parameters[range.clone()].split_at(dense.inputs * dense.outputs);
    let mut logits = bias.to_vec();
    add_product(&mut logits, &features, kernel);
    logits
}

/// Turns the logits of one window, `[K]`, into probabilities, in place.
pub(crate) fn softmax(logits: &mut [f64]) {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logits.iter_mut().for_each(|logit| *logit = (*logit - largest).exp());
    let sum: f64 = logits.iter().sum();
    logits.iter_mut().for_each(|value| *value /= sum);
}

/// Adds the product of a row vector, `[N]`, and a row-major matrix, [N, M], to `sum`, `[M]`.
fn add_product(sum: &mut [f64], row: &[f64], matrix: &[f64]) {
    for (value, weights) in row.iter().zip(matrix.chunks_exact(sum.len().max(1))) {
        sum.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
