//! Compares the parts of the trainer with reference numbers from Keras. `reference/make_parts.py` has
//! computed the numbers, and
//! `reference/check_parts.py` compares them with PyTorch.

use rand_pcg::Pcg64;
use serde_json::Value;
use underfoot::train::layer::batch_norm::{BatchNorm, BatchNormMemory, MovingStatistics};
use underfoot::train::layer::lstm::{Lstm, LstmMasks, LstmMemory, LstmPacked, OutputGradient};
use underfoot::train::network::architecture::Architecture;
use underfoot::train::network::batch::{Example, Regularisation, TrainingStep};
use underfoot::train::network::loss::{cross_entropy_gradient, softmax_cross_entropy};
use underfoot::train::network::preprocessing::Preprocessing;
use underfoot::train::network::{Network, Workspace};
use underfoot::train::optimize::optimizer::{Optimizer, OptimizerKind, OptimizerOptions};
use underfoot::train::optimize::schedule::{LearningRate, Schedule, ScheduleOptions};

fn parts() -> Value {
    serde_json::from_str(include_str!("../reference/parts.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

fn assert_near(ours: &[f32], theirs: &Value, tolerance: f32) {
    let theirs = numbers(theirs);
    assert_eq!(ours.len(), theirs.len());
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!((ours - theirs).abs() <= tolerance, "value {index}: {ours} here, {theirs} in Keras");
    }
}

#[test]
fn five_steps_of_every_optimizer_agree_with_keras() {
    let reference = &parts()["optimizers"];
    let plain = OptimizerOptions { weight_decay: 0.1, ..OptimizerOptions::default() };
    for (name, kind, momentum, nesterov) in [
        ("sgd", OptimizerKind::Sgd, 0.0, false),
        ("momentum", OptimizerKind::Sgd, 0.9, false),
        ("nesterov", OptimizerKind::Sgd, 0.9, true),
        ("rmsprop", OptimizerKind::RmsProp, 0.0, false),
        ("adam", OptimizerKind::Adam, 0.0, false),
        ("adamw", OptimizerKind::AdamW, 0.0, false),
    ] {
        let mut parameters = numbers(&reference["parameters"]);
        let options = OptimizerOptions { kind, momentum, nesterov, ..plain };
        let mut optimizer = Optimizer::new(options, parameters.len());
        for gradients in reference["gradients"].as_array().unwrap() {
            optimizer.step(0.01, &mut parameters, &numbers(gradients));
        }
        assert_near(&parameters, &reference["after"][name], 2e-6);
    }
}

#[test]
fn batch_normalisation_agrees_with_keras_in_training_and_in_inference() {
    let reference = &parts()["batch_norm"];
    let (layer, values) = (BatchNorm { features: 3 }, numbers(&reference["gamma_beta"]));
    let (mut moving, mut memory) = (MovingStatistics::new(3), BatchNormMemory::default());
    let batches = reference["batches"].as_array().unwrap();
    for (batch, expected) in batches.iter().zip(reference["outputs"].as_array().unwrap()) {
        let mut output = numbers(batch);
        layer.forward_training(&values, &mut output, &mut moving, &mut memory);
        assert_near(&output, expected, 5e-6);
    }
    assert_near(&moving.mean, &reference["moving_mean"], 1e-6);
    assert_near(&moving.variance, &reference["moving_variance"], 1e-6);
    let (mut gradient, mut gradients) = (numbers(&reference["upstream"]), vec![0.0; 6]);
    layer.backward(&values, &mut gradient, &memory, &mut gradients);
    assert_near(&gradient, &reference["input_gradient"], 2e-6);
    assert_near(&gradients, &reference["parameter_gradients"], 1e-5);
    let mut inferred = numbers(&batches[3]);
    layer.forward(&values, &mut inferred, &moving);
    assert_near(&inferred, &reference["served"], 5e-6);
}

#[test]
fn a_smoothed_and_weighted_loss_and_its_gradient_agree_with_keras() {
    let reference = &parts()["loss"];
    let labels: Vec<usize> = numbers(&reference["labels"]).iter().map(|label| *label as usize).collect();
    let (mut logits, weights) = (numbers(&reference["logits"]), numbers(&reference["weights"]));
    let loss = softmax_cross_entropy(&mut logits, &labels, &weights, 0.1);
    assert!((loss.mean() - reference["loss"].as_f64().unwrap()).abs() < 2e-6);
    cross_entropy_gradient(&mut logits, &labels, &weights, 0.1, labels.len());
    assert_near(&logits, &reference["gradient"], 1e-6);
}

#[test]
fn an_lstm_with_given_dropout_masks_agrees_with_keras_at_every_step() {
    let reference = &parts()["lstm"];
    let lstm = Lstm { inputs: 2, units: 4 };
    let (mut packed, mut memory) = (LstmPacked::default(), LstmMemory::default());
    lstm.pack(&numbers(&reference["parameters"]), &mut packed);
    let (input, upstream) = (numbers(&reference["input"]), numbers(&reference["upstream"]));
    let (input_mask, recurrent_mask) =
        (numbers(&reference["input_mask"]), numbers(&reference["recurrent_mask"]));
    let masks = LstmMasks { input: &input_mask, recurrent: &recurrent_mask };
    assert_near(lstm.forward(&packed, &input, 3, masks, &mut memory), &reference["outputs"], 1e-6);
    let (mut gradients, mut input_gradient) = (vec![0.0; lstm.parameters()], Vec::new());
    let output_gradient = OutputGradient::All(&upstream);
    lstm.backward(
        &packed,
        &input,
        output_gradient,
        3,
        masks,
        &mut memory,
        &mut gradients,
        Some(&mut input_gradient),
    );
    assert_near(&gradients, &reference["gradients"], 5e-6);
    assert_near(&input_gradient, &reference["input_gradient"], 2e-6);
}

#[test]
fn the_losses_of_fifty_epochs_agree_with_keras() {
    let data: Value = serde_json::from_str(include_str!("../reference/lstm.json")).unwrap();
    let size = |name: &str| data[name].as_u64().unwrap() as usize;
    let (window, channels) = (size("window"), size("channels"));
    let architecture = Architecture::plain(window, channels, size("hidden"), size("classes"));
    let mut network = Network::new(architecture, Preprocessing::plain(channels), &mut Pcg64::new(0, 0));
    network.parameters_mut().copy_from_slice(&numbers(&data["parameters"]));
    let (values, labels) = (numbers(&data["windows"]), numbers(&data["labels"]));
    let examples: Vec<Example<'_>> = values
        .chunks_exact(window * channels)
        .zip(&labels)
        .map(|(window, label)| Example::new(window, *label as usize))
        .collect();
    let options = OptimizerOptions { kind: OptimizerKind::RmsProp, ..OptimizerOptions::default() };
    let mut optimizer = Optimizer::new(options, network.parameters().len());
    let mut workspace = Workspace::default();
    let step = TrainingStep {
        weights: &[1.0; 3],
        regularisation: Regularisation::default(),
        augment: None,
        seed: 0,
    };
    let mut losses = Vec::new();
    for _ in 0..50 {
        for batch in examples.chunks(2) {
            losses.push(network.backward(batch, step, &mut workspace).mean() as f32);
            optimizer.step(1e-3, network.parameters_mut(), workspace.gradients());
        }
    }
    assert_near(&losses, &parts()["fifty_epochs"], 1e-3);
}

#[test]
fn learning_rate_schedules_agree_with_keras() {
    let reference = parts();
    let options =
        |schedule, warmup| ScheduleOptions { schedule, warmup, plateau_patience: 2, plateau_factor: 0.5 };
    // Keras counts the epochs of the cosine from the end of the warm-up.
    let cosine = LearningRate::new(options(Schedule::Cosine, 2.0), 0.01, 10);
    let rates: Vec<f32> = (0..=10).map(|epoch| cosine.at(f64::from(epoch))).collect();
    assert_near(&rates, &reference["cosine"], 1e-8);
    let mut plateau = LearningRate::new(options(Schedule::Plateau, 0.0), 0.01, 10);
    let losses = numbers(&reference["plateau"]["losses"]);
    let rates: Vec<f32> = losses
        .into_iter()
        .map(|loss| {
            plateau.epoch_ended(f64::from(loss));
            plateau.at(5.0)
        })
        .collect();
    assert_near(&rates, &reference["plateau"]["rates"], 1e-8);
}
