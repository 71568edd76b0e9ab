//! The networks from which a refit starts.

use crate::train::fit::ensemble::Ensemble;
use crate::train::layer::batch_norm::{BatchNorm, MovingStatistics};
use crate::train::layer::dense::Dense;
use crate::train::network::Network;
use crate::train::network::architecture::Architecture;

/// The networks of a model, made ready for a training with `classes` labels, the first of which are those of the model.
///
/// A new label has weights of 0. Batch normalisation becomes a part of the dense layer after it, because the statistics
/// that it had in training are not in the model's file.
pub(super) fn networks(model: &Ensemble, classes: usize) -> Vec<Network> {
    model.members().iter().map(|network| prepared(network, classes)).collect()
}

fn prepared(network: &Network, classes: usize) -> Network {
    let before = network.architecture();
    let after = Architecture { classes, batch_norm: false, ..before.clone() };
    let layers = before.layers();
    let all = network.parameters();
    let mut parameters = all[..layers.lstm_parameters()].to_vec();
    let normalisation = layers.batch_norm.as_ref().map(|(layer, range)| folded(network, *layer, range));
    if let Some((dense, range)) = &layers.dense {
        parameters.extend(after_normalisation(*dense, &all[range.clone()], normalisation.as_ref()));
    }
    let (output, range) = &layers.output;
    let normalisation = normalisation.filter(|_| layers.dense.is_none());
    let values = after_normalisation(*output, &all[range.clone()], normalisation.as_ref());
    parameters.extend(widened(*output, &values, classes));
    let moving = MovingStatistics::new(after.features());
    Network::with_parameters(after, network.preprocessing().clone(), moving, parameters)
}

/// The factor and the shift of each feature.
fn folded(network: &Network, layer: BatchNorm, range: &std::ops::Range<usize>) -> (Vec<f32>, Vec<f32>) {
    layer.folded(&network.parameters()[range.clone()], network.moving())
}

/// The parameters of a dense layer that takes its input before the normalisation in place of after it.
fn after_normalisation(
    layer: Dense,
    values: &[f32],
    normalisation: Option<&(Vec<f32>, Vec<f32>)>,
) -> Vec<f32> {
    let Some((factors, shifts)) = normalisation else { return values.to_vec() };
    let (kernel, bias) = layer.view(values);
    let (mut scaled, mut bias) = (kernel.to_vec(), bias.to_vec());
    let rows = scaled.chunks_exact_mut(layer.outputs.max(1));
    for ((row, factor), shift) in rows.zip(factors).zip(shifts) {
        bias.iter_mut().zip(&*row).for_each(|(bias, weight)| *bias += shift * weight);
        row.iter_mut().for_each(|weight| *weight *= factor);
    }
    [scaled, bias].concat()
}

/// The parameters of a dense layer with more outputs, whose weights are 0.
fn widened(layer: Dense, values: &[f32], outputs: usize) -> Vec<f32> {
    let rows = values.chunks_exact(layer.outputs.max(1));
    rows.flat_map(|row| {
        let zeros = std::iter::repeat_n(&0.0, outputs.saturating_sub(row.len()));
        row.iter().chain(zeros).copied()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg64;

    use super::*;
    use crate::train::network::preprocessing::Preprocessing;

    #[test]
    fn prepared_networks_give_the_same_logits_and_0_for_new_labels() {
        let values: Vec<f32> = (0..20 * 40).map(|i| (i as f32 * 0.7).sin() + (i % 5) as f32).collect();
        let windows: Vec<&[f32]> = values.chunks_exact(40).collect();
        for (dense, batch_norm) in [(0, false), (0, true), (5, true)] {
            let plain = Architecture::plain(20, 2, 4, 3);
            let architecture = Architecture { dense, batch_norm, summary: true, ..plain };
            let preprocessing = Preprocessing::measure(&architecture, &windows, &windows);
            let mut network = Network::new(architecture, preprocessing, &mut Pcg64::new(1, 1));
            let moving = network.moving_mut();
            moving.mean.iter_mut().enumerate().for_each(|(i, mean)| *mean = 0.1 * (i as f32).cos());
            moving.variance.iter_mut().enumerate().for_each(|(i, variance)| *variance = 0.5 + (i % 5) as f32);
            let prepared = networks(&Ensemble::of(vec![network.clone()]), 5).remove(0);
            assert!(!prepared.architecture().batch_norm);
            let (before, after) = (network.logits(&windows), prepared.logits(&windows));
            for (before, after) in before.chunks_exact(3).zip(after.chunks_exact(5)) {
                assert!(
                    before.iter().zip(after).all(|(one, other)| (one - other).abs() < 1e-4),
                    "{before:?} {after:?}"
                );
                assert_eq!(after[3..], [0.0, 0.0]);
            }
        }
    }
}
