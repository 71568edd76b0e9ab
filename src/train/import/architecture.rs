//! The layers of the networks in a graph, and their sizes.

use super::constants::Constants;
use super::error::ImportError;
use crate::model::card::Card;
use crate::model::onnx::GraphProto;
use crate::train::network::architecture::{Architecture, InputScaling, Pooling};

/// The number of networks in a graph, and their architecture.
///
/// # Errors
/// [`ImportError`] if a constant is missing, or has sizes that no network has.
pub(super) fn architecture(
    graph: &GraphProto,
    constants: &Constants<'_>,
    card: &Card,
) -> Result<(usize, Architecture), ImportError> {
    let invalid = |name: &str| ImportError::Constant(name.into());
    let channels = card.channels.len();
    let [inputs, classes] = constants.sizes::<2>("member0/output_kernel")?;
    let members =
        (1..).take_while(|index| constants.has(&format!("member{index}/output_kernel"))).count() + 1;
    let [_, _, hidden] = constants.sizes::<3>("member0/recurrent0")?;
    let [_, _, width] = constants.sizes::<3>("member0/kernel0")?;
    let differences = constants.has("difference_factor");
    let step = channels * if differences { 2 } else { 1 };
    let patch = width / step;
    if patch == 0 || patch > card.window || width % step > 0 {
        return Err(invalid("member0/kernel0"));
    }
    let orders = if constants.has("orders") {
        let [count, _] = constants.sizes::<2>("orders")?;
        let orders = constants.indices("orders", channels)?;
        let orders: Vec<Vec<usize>> = orders.chunks_exact(channels).map(<[usize]>::to_vec).collect();
        let is_order = |order: &Vec<usize>| (0..channels).all(|channel| order.contains(&channel));
        if orders.len() != count || !orders.iter().all(is_order) {
            return Err(invalid("orders"));
        }
        orders
    } else {
        Vec::new()
    };
    let of_steps = ["after", "whole_patches", "patches", "updates"];
    let ordered_steps = orders.is_empty()
        || of_steps.iter().any(|name| graph.inputs_of(name).first().is_some_and(|input| input == "ordered"));
    let pooling = graph.inputs_of("pooled").iter().filter_map(|name| match name.as_str() {
        "pooled_last" => Some(Pooling::Last),
        "pooled_mean" => Some(Pooling::Mean),
        "pooled_max" => Some(Pooling::Max),
        _ => None,
    });
    let architecture = Architecture {
        window: card.window,
        channels,
        classes,
        hidden,
        layers: (0..).take_while(|layer| constants.has(&format!("member0/kernel{layer}"))).count(),
        pooling: pooling.collect(),
        differences,
        patch,
        summary: false,
        summary_bins: 0,
        dense: if constants.has("member0/dense_kernel") { inputs } else { 0 },
        batch_norm: constants.has("norm_scale"),
        orders,
        ordered_steps,
        // Nothing is measured again, so it does not matter how the scaling was measured.
        input_scaling: InputScaling::Robust,
    };
    Ok((members, with_summary(architecture, constants)?))
}

/// An architecture with the summary statistics that the constants encode.
fn with_summary(architecture: Architecture, constants: &Constants<'_>) -> Result<Architecture, ImportError> {
    const BINS: &str = "position_in_bin_mean";
    if constants.has(BINS) {
        let [_, _, size] = constants.sizes::<3>(BINS)?;
        let bins = size / architecture.statistics().max(1);
        // The widest bin is not counted.
        let summary_bins = bins.checked_sub(1).filter(|narrow| *narrow > 0);
        let summary_bins = summary_bins.ok_or_else(|| ImportError::Constant(BINS.into()))?;
        return Ok(Architecture { summary: true, summary_bins, ..architecture });
    }
    Ok(Architecture { summary: constants.has("scaled_statistics_mean"), ..architecture })
}
