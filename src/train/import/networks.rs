//! The networks of a model, read from the constants of its graph.

use super::architecture::architecture;
use super::constants::Constants;
use super::error::ImportError;
use crate::model::card::Card;
use crate::model::onnx::{GraphProto, value};
use crate::train::export::graph;
use crate::train::fit::ensemble::Ensemble;
use crate::train::layer::batch_norm::MovingStatistics;
use crate::train::layer::lstm::Lstm;
use crate::train::network::Network;
use crate::train::network::architecture::Architecture;
use crate::train::network::clip_range::ClipRange;
use crate::train::network::piecewise_linear::PiecewiseLinear;
use crate::train::network::preprocessing::Preprocessing;
use crate::train::network::scaling::Scaling;
use crate::train::network::summary::{SummaryEncoding, SummaryStatistics};

/// Reads the networks of a model from its graph, without its novelty score. Exported again, they give the same graph, byte
/// for byte. The logits are those of the model, with its temperature.
///
/// # Errors
/// [`ImportError`] if the graph is not one that this version exports.
pub(crate) fn ensemble(file: &GraphProto, card: &Card) -> Result<Ensemble, ImportError> {
    let constants = Constants::new(&file.initializer);
    let (members, architecture) = architecture(file, &constants, card)?;
    if architecture.classes != card.labels.len() || architecture.pooling.is_empty() {
        return Err(ImportError::Graph);
    }
    let member = |index: usize| member(&constants, &architecture, members, index);
    let networks = (0..members).map(member).collect::<Result<Vec<Network>, ImportError>>()?;
    let ensemble = Ensemble::of(networks);
    if is_same(&graph(&ensemble), file) { Ok(ensemble) } else { Err(ImportError::Graph) }
}

/// Whether a graph is that of these networks, be it with a novelty, whose nodes and constants come last.
fn is_same(networks: &GraphProto, file: &GraphProto) -> bool {
    let ends = [networks.node.len(), networks.initializer.len()];
    let has_known_end = match file.output.strip_prefix(networks.output.as_slice()) {
        Some([]) => ends == [file.node.len(), file.initializer.len()],
        Some([output]) => *output == value("novelty", &[]),
        _ => false,
    };
    has_known_end
        && networks.input == file.input
        && networks.name == file.name
        && file.node.starts_with(&networks.node)
        && file.initializer.starts_with(&networks.initializer)
}

/// Reads one of `members` networks.
fn member(
    constants: &Constants<'_>,
    architecture: &Architecture,
    members: usize,
    index: usize,
) -> Result<Network, ImportError> {
    let layers = architecture.layers();
    let mut parameters = Vec::new();
    for (layer, (lstm, _)) in layers.lstm.iter().enumerate() {
        parameters.extend(lstm_parameters(constants, *lstm, &format!("member{index}/"), layer)?);
    }
    // The values of this network in a constant of all.
    let own = |name: &str, rows: usize, columns: usize| {
        let values = constants.floats(name, &[members, rows, columns])?;
        let own = values.chunks_exact(rows * columns).nth(index).map(<[f32]>::to_vec);
        own.ok_or_else(|| ImportError::Constant(name.into()))
    };
    let mut moving = MovingStatistics::new(architecture.features());
    if let Some((layer, _)) = &layers.batch_norm {
        parameters.extend(own("norm_scale", 1, layer.features)?);
        parameters.extend(own("norm_shift", 1, layer.features)?);
        moving = MovingStatistics::folded(layer.features);
    }
    let dense = layers.dense.iter().map(|(layer, _)| (layer, "dense"));
    for (layer, name) in dense.chain([(&layers.output.0, "output")]) {
        let [kernel, bias] = ["kernel", "bias"].map(|part| format!("member{index}/{name}_{part}"));
        parameters.extend(constants.floats(&kernel, &[layer.inputs, layer.outputs])?);
        parameters.extend(constants.floats(&bias, &[layer.outputs])?);
    }
    let summary = if architecture.summary {
        let size = architecture.summary_size();
        let bins = architecture.encoding_bins();
        let name = if bins > 0 { "position_in_bin" } else { "scaled_statistics" };
        let [mean, factor] = ["mean", "factor"].map(|part| own(&format!("{name}_{part}"), 1, size));
        let (mean, factor) = (mean?, factor?);
        let encoding = match bins {
            0 => SummaryEncoding::Scaled(Scaling { mean, factor }),
            bins => SummaryEncoding::PiecewiseLinear(PiecewiseLinear::of_bins(bins + 1, mean, factor)),
        };
        Some((SummaryStatistics::new(architecture.window, architecture.channels), encoding))
    } else {
        None
    };
    let channels = architecture.channels;
    let by_channel = |name: &str| constants.floats(name, &[channels]);
    let clip = if constants.has("lowest") {
        Some(ClipRange { low: by_channel("lowest")?, high: by_channel("highest")? })
    } else {
        None
    };
    let preprocessing = Preprocessing {
        channels,
        patch: architecture.patch,
        clip,
        orders: architecture.orders.clone(),
        ordered_steps: architecture.ordered_steps,
        scaling: Scaling { mean: by_channel("scaled_mean")?, factor: by_channel("scaled_factor")? },
        differences: if architecture.differences { Some(by_channel("difference_factor")?) } else { None },
        summary,
    };
    Ok(Network::with_parameters(architecture.clone(), preprocessing, moving, parameters))
}

/// The parameters of an LSTM layer, in the trainer's order.
fn lstm_parameters(
    constants: &Constants<'_>,
    lstm: Lstm,
    prefix: &str,
    layer: usize,
) -> Result<Vec<f32>, ImportError> {
    let (inputs, units) = (lstm.inputs, lstm.units);
    let kernel = constants.floats(&format!("{prefix}kernel{layer}"), &[1, 4 * units, inputs])?;
    let recurrent = constants.floats(&format!("{prefix}recurrent{layer}"), &[1, 4 * units, units])?;
    let bias = constants.floats(&format!("{prefix}bias{layer}"), &[1, 8 * units])?;
    let (bias, _) = bias.split_at(4 * units);
    Ok([gates(&kernel, units, inputs), gates(&recurrent, units, units), gates(bias, units, 1)].concat())
}

/// Transposes an LSTM kernel in the layout of ONNX, [4 units, rows], to that of the trainer, [rows, 4 units]. The gates
/// of ONNX are in the order input, output, forget, cell; those of the trainer in the order input, forget, cell, output.
fn gates(kernel: &[f32], units: usize, rows: usize) -> Vec<f32> {
    let columns = || [0, 2, 3, 1].into_iter().flat_map(|gate| gate * units..(gate + 1) * units);
    (0..rows).flat_map(|row| columns().map(move |column| kernel[column * rows + row])).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rand_pcg::Pcg64;

    use super::*;
    use crate::model::onnx::{OnnxFile, floats, integers};
    use crate::model::session::Model;
    use crate::train::network::architecture::{InputScaling, Pooling};

    #[test]
    fn gates_are_transposed_and_put_in_the_order_of_the_trainer() {
        let exported = [1., 10., 4., 40., 2., 20., 3., 30.];
        assert_eq!(gates(&exported, 1, 2), [1., 2., 3., 4., 10., 20., 30., 40.]);
    }

    /// Windows of 20 steps of three channels.
    fn values() -> Vec<f32> {
        (0..40 * 60).map(|i| (i as f32 * 0.37).sin() + (i % 7) as f32).collect()
    }

    /// Two networks of an architecture, with initial weights and other statistics of batch normalisation.
    fn networks(architecture: &Architecture) -> Ensemble {
        let values = values();
        let windows: Vec<&[f32]> = values.chunks_exact(60).collect();
        let network = |seed: u128| {
            let training = &windows[seed as usize..];
            let preprocessing = Preprocessing::measure(architecture, &windows, training);
            let mut network = Network::new(architecture.clone(), preprocessing, &mut Pcg64::new(seed, 1));
            network
                .parameters_mut()
                .iter_mut()
                .enumerate()
                .for_each(|(i, value)| *value += 0.01 * (i as f32).sin());
            let moving = network.moving_mut();
            moving.mean.iter_mut().enumerate().for_each(|(i, mean)| *mean = 0.1 * (i as f32).cos());
            moving.variance.iter_mut().enumerate().for_each(|(i, variance)| *variance = 0.5 + (i % 5) as f32);
            network
        };
        Ensemble::of(vec![network(3), network(8)])
    }

    fn card() -> Card {
        let channels = ["x", "y", "z"].map(crate::signal::Channel::in_ampere).to_vec();
        Card { channels, ..Card::of_test(20, 2, &["a", "b", "c", "d"]) }
    }

    /// Architectures with each part of a network.
    fn architectures() -> Vec<Architecture> {
        let plain = Architecture::plain(20, 3, 5, 4);
        let turns = vec![vec![0, 1, 2], vec![1, 2, 0], vec![2, 0, 1]];
        let full = Architecture {
            layers: 2,
            pooling: vec![Pooling::Max, Pooling::Last, Pooling::Mean],
            summary: true,
            ..plain.clone()
        };
        let rich = Architecture { dense: 6, summary_bins: 3, patch: 3, differences: true, ..full.clone() };
        vec![
            Architecture { input_scaling: InputScaling::None, summary: true, ..plain.clone() },
            Architecture { orders: turns.clone(), ordered_steps: false, ..full.clone() },
            Architecture { orders: turns.clone(), ordered_steps: true, patch: 4, ..full.clone() },
            Architecture { orders: turns, ordered_steps: false, ..rich.clone() },
            plain,
            full,
            rich,
        ]
    }

    #[test]
    fn networks_are_read_from_their_graph_as_they_were() {
        for architecture in architectures() {
            let exported = networks(&architecture);
            let read = ensemble(&graph(&exported), &card()).unwrap();
            let (read, exported) = (read.members(), exported.members());
            for (read, exported) in read.iter().zip(exported) {
                assert_eq!(read.parameters(), exported.parameters());
                assert_eq!(read.preprocessing().clip(), exported.preprocessing().clip());
                assert_eq!(read.preprocessing().summary(), exported.preprocessing().summary());
            }
        }
    }

    #[test]
    fn the_shipped_model_is_one_that_this_version_exports() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/simulated.onnx");
        let file = OnnxFile::parse(&std::fs::read(&path).unwrap()).unwrap();
        let networks = ensemble(&file.graph, Model::open(&path, None).unwrap().card());
        assert!(networks.is_ok(), "run `make model`: {networks:?}");
    }

    #[test]
    fn batch_normalisation_is_read_as_a_factor_and_a_shift_with_the_same_answers() {
        let values = values();
        let windows: Vec<&[f32]> = values.chunks_exact(60).collect();
        for architecture in architectures() {
            let exported = networks(&Architecture { batch_norm: true, ..architecture });
            let read = ensemble(&graph(&exported), &card()).unwrap();
            assert_eq!(read.probabilities(&windows), exported.probabilities(&windows));
        }
    }

    #[test]
    fn a_graph_that_is_not_exactly_that_of_such_networks_is_refused() {
        let card = card();
        let good = graph(&networks(&architectures()[6]));
        let refused = |change: &dyn Fn(&mut GraphProto)| {
            let mut graph = good.clone();
            change(&mut graph);
            ensemble(&graph, &card).unwrap_err().to_string()
        };
        let replaced = |name: &'static str, tensor: crate::model::onnx::TensorProto| {
            refused(&move |graph: &mut GraphProto| {
                graph
                    .initializer
                    .iter_mut()
                    .filter(|one| one.name() == name)
                    .for_each(|one| *one = tensor.clone());
            })
        };
        assert_eq!(
            refused(&|graph| graph.initializer.clear()),
            "it has no constant \"member0/output_kernel\""
        );
        assert!(refused(&|graph| drop(graph.node.pop())).contains("computes something else"));
        // An older version with other statistics.
        let transform = replaced("variance_floor", floats("variance_floor", &[1], &[1e-3]));
        assert!(transform.contains("computes something else"), "{transform}");
        for (name, tensor) in [
            ("member1/output_bias", floats("member1/output_bias", &[4], &[f32::NAN; 4])),
            ("member0/output_bias", floats("member0/output_bias", &[1, 4], &[0.0; 4])),
            ("member0/output_bias", integers("member0/output_bias", &[0; 4])),
            ("member1/kernel0", floats("member1/kernel0", &[1, 1, 1], &[0.0])),
            ("member0/kernel0", floats("member0/kernel0", &[1, 20, 5], &[0.0; 100])),
            ("position_in_bin_mean", floats("position_in_bin_mean", &[2, 1, 3], &[0.0; 6])),
        ] {
            assert!(replaced(name, tensor).contains(&format!("its constant {name:?}")), "{name}");
        }
        let other = Card { labels: card.labels[1..].to_vec(), ..card.clone() };
        assert_eq!(ensemble(&good, &other).unwrap_err(), ImportError::Graph);
        let shorter = Card { window: 10, ..card.clone() };
        assert!(ensemble(&good, &shorter).is_err());
    }
}
