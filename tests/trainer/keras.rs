//! Compares the trainer with reference numbers from Keras, which `reference/make_lstm.py` has computed.

use rand_pcg::Pcg64;
use underfoot::train::network::architecture::Architecture;
use underfoot::train::network::batch::{Example, Regularisation, TrainingStep};
use underfoot::train::network::preprocessing::Preprocessing;
use underfoot::train::network::{Network, Workspace};
use underfoot::train::optimize::optimizer::{Optimizer, OptimizerKind, OptimizerOptions};

/// The input and the results of Keras for a small network.
#[derive(serde::Deserialize)]
struct Reference {
    window: usize,
    channels: usize,
    hidden: usize,
    classes: usize,
    parameters: Vec<f32>,
    windows: Vec<f32>,
    labels: Vec<usize>,
    class_weights: Vec<f32>,
    probabilities: Vec<f32>,
    loss: f64,
    gradients: Vec<f32>,
    parameters_after: Vec<f32>,
}

/// The reference numbers, and a network with the same parameters.
fn reference() -> (Reference, Network) {
    let reference: Reference = serde_json::from_str(include_str!("../reference/lstm.json")).unwrap();
    let Reference { window, channels, hidden, classes, .. } = reference;
    let architecture = Architecture::plain(window, channels, hidden, classes);
    let mut network = Network::new(architecture, Preprocessing::plain(channels), &mut Pcg64::new(0, 0));
    network.parameters_mut().copy_from_slice(&reference.parameters);
    (reference, network)
}

/// The mean loss and the gradients of the network on the reference windows.
fn run(reference: &Reference, network: &mut Network) -> (f64, Vec<f32>) {
    let windows = reference.windows.chunks_exact(reference.window * reference.channels);
    let examples: Vec<_> =
        windows.zip(&reference.labels).map(|(window, label)| Example::new(window, *label)).collect();
    let mut workspace = Workspace::default();
    let weights = &reference.class_weights;
    let regularisation = Regularisation::default();
    let step = TrainingStep { weights, regularisation, augment: None, seed: 0 };
    let loss = network.backward(&examples, step, &mut workspace);
    (loss.mean(), workspace.gradients().to_vec())
}

fn assert_near(ours: &[f32], theirs: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), theirs.len());
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!((ours - theirs).abs() <= tolerance, "value {index}: {ours} here, {theirs} in Keras");
    }
}

#[test]
fn probabilities_loss_and_gradients_agree_with_keras() {
    let (reference, mut network) = reference();
    let windows = reference.windows.chunks_exact(reference.window * reference.channels);
    let probabilities = network.probabilities(&windows.collect::<Vec<_>>());
    assert_near(&probabilities, &reference.probabilities, 2e-6);
    let (loss, gradients) = run(&reference, &mut network);
    assert!((loss - reference.loss).abs() < 2e-6, "{loss} here, {} in Keras", reference.loss);
    assert_near(&gradients, &reference.gradients, 2e-6);
}

#[test]
fn three_steps_of_rms_prop_agree_with_keras() {
    let (reference, mut network) = reference();
    let options = OptimizerOptions { kind: OptimizerKind::RmsProp, ..OptimizerOptions::default() };
    let mut optimizer = Optimizer::new(options, reference.parameters.len());
    for _ in 0..3 {
        let gradients = run(&reference, &mut network).1;
        optimizer.step(1e-3, network.parameters_mut(), &gradients);
    }
    assert_near(network.parameters(), &reference.parameters_after, 2e-5);
}
