//! The trainer against numbers from Keras; `reference/make_lstm.py` made them.

#![allow(clippy::unwrap_used, reason = "a test, all of it")]

use rand_pcg::Pcg64;
use underfoot::train::network::{Example, Network, Scaling, Sizes, Workspace};
use underfoot::train::optimizer::Optimizer;

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

fn reference() -> (Reference, Network) {
    let reference: Reference = serde_json::from_str(include_str!("reference/lstm.json")).unwrap();
    let Reference { window, channels, hidden, classes, .. } = reference;
    let scaling = Scaling { mean: vec![0.0; channels], factor: vec![1.0; channels] };
    let sizes = Sizes { window, channels, hidden, classes };
    let mut network = Network::new(sizes, scaling, &mut Pcg64::new(0, 0));
    network.parameters_mut().copy_from_slice(&reference.parameters);
    (reference, network)
}

fn run(reference: &Reference, network: &Network) -> (f64, Vec<f32>) {
    let windows = reference.windows.chunks_exact(reference.window * reference.channels);
    let examples: Vec<_> = windows
        .zip(&reference.labels)
        .map(|(values, label)| Example { values, order: None, label: *label })
        .collect();
    let (mut workspace, mut rng) = (Workspace::default(), Pcg64::new(0, 0));
    let weights = &reference.class_weights;
    let loss = network.train_shard(&examples, weights, examples.len(), 0.0, &mut rng, &mut workspace);
    (loss.mean(), workspace.gradients().to_vec())
}

fn assert_near(ours: &[f32], theirs: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), theirs.len());
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!((ours - theirs).abs() <= tolerance, "value {index}: {ours} here, {theirs} in Keras");
    }
}

#[test]
fn probabilities_loss_and_gradients_are_those_of_keras() {
    let (reference, network) = reference();
    assert_near(&network.probabilities(&reference.windows), &reference.probabilities, 2e-6);
    let (loss, gradients) = run(&reference, &network);
    assert!((loss - reference.loss).abs() < 2e-6, "{loss} here, {} in Keras", reference.loss);
    assert_near(&gradients, &reference.gradients, 2e-6);
}

#[test]
fn three_steps_of_rms_prop_lead_where_they_lead_in_keras() {
    let (reference, mut network) = reference();
    let mut optimizer = Optimizer::rms_prop(reference.parameters.len());
    for _ in 0..3 {
        let gradients = run(&reference, &network).1;
        optimizer.step(1e-3, network.parameters_mut(), &gradients);
    }
    assert_near(network.parameters(), &reference.parameters_after, 2e-5);
}
