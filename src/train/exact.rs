//! The forward pass in double precision, one window at a time, straight from the formulas: what others are held against.

use rayon::prelude::*;

use super::network::{Network, Sizes};

/// Probabilities, row-major [N, K], of windows, row-major [N, W, C].
pub(super) fn probabilities(network: &Network, windows: &[f32]) -> Vec<f64> {
    let parameters: Vec<f64> = network.parameters().iter().map(|value| f64::from(*value)).collect();
    let Sizes { window, channels, .. } = network.sizes();
    let rows: Vec<Vec<f64>> = windows
        .par_chunks_exact(window * channels)
        .map(|window| of_window(network, &parameters, window))
        .collect();
    rows.concat()
}

/// One window's probabilities, with parameters that may differ from the network's own.
pub(super) fn of_window(network: &Network, parameters: &[f64], window: &[f32]) -> Vec<f64> {
    let Sizes { channels, hidden, classes, .. } = network.sizes();
    let gates = 4 * hidden;
    let (kernel, rest) = parameters.split_at(channels * gates);
    let (recurrent, rest) = rest.split_at(hidden * gates);
    let (bias, rest) = rest.split_at(gates);
    let (dense, dense_bias) = rest.split_at(hidden * classes);
    let scaling = network.scaling();
    let (mut state, mut cell, mut z) = (vec![0.0; hidden], vec![0.0; hidden], vec![0.0; gates]);
    for step in window.chunks_exact(channels) {
        z.copy_from_slice(bias);
        // Scaled in single precision, as the trainer and the ONNX graph do.
        let scaled = step.iter().zip(&scaling.mean).zip(&scaling.factor);
        let scaled = scaled.map(|((value, mean), factor)| f64::from((value - mean) * factor));
        add_product(&mut z, scaled, kernel);
        add_product(&mut z, state.iter().copied(), recurrent);
        for unit in 0..hidden {
            let gate = |gate: usize| z[gate * hidden + unit];
            cell[unit] = sigmoid(gate(1)) * cell[unit] + sigmoid(gate(0)) * gate(2).tanh();
            state[unit] = sigmoid(gate(3)) * cell[unit].tanh();
        }
    }
    let mut logits = dense_bias[..classes].to_vec();
    add_product(&mut logits, state.iter().copied(), dense);
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logits.iter_mut().for_each(|logit| *logit = (*logit - largest).exp());
    let sum: f64 = logits.iter().sum();
    logits.iter_mut().for_each(|value| *value /= sum);
    logits
}

/// Adds a row vector times a row-major matrix.
fn add_product(sum: &mut [f64], row: impl Iterator<Item = f64>, matrix: &[f64]) {
    for (value, weights) in row.zip(matrix.chunks_exact(sum.len().max(1))) {
        sum.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
