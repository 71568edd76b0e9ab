//! Changes a model of another program so that it can be served.

use std::collections::BTreeSet;
use std::path::Path;

use super::adaptation::Adaptation;
use super::axis_order::AxisOrder;
use super::describe::{converted_type, described};
use super::error::AdaptError;
use super::exporter::Exporter;
use super::given_constant::GivenConstant;
use super::inputs;
use super::outputs;
use super::weights_folder::WeightsFolder;
use super::window_input::{BatchSize, WindowInput};
use crate::model::card::Card;
use crate::model::check::difference;
use crate::model::error::ModelError;
use crate::model::onnx::{DeclaredValue, GraphEditor, StampError, embed_weights, stamp};
use crate::model::session::{Model, outputs_of};

/// How far the answers of a graph that was declared for any number of windows may be from those of the same graph for
/// the number that it was exported for.
const TOLERANCE: f32 = 1e-3;
/// The most values that repeated windows may have for a graph that works for a fixed number of windows only.
const MAX_REPEATED: i64 = 1 << 24;

/// What the user says about a model.
#[derive(Clone, Debug, Default)]
pub(crate) struct AdaptOptions {
    /// The values of inputs that are constants.
    pub(crate) constants: Vec<GivenConstant>,
    /// The order of the axes of its input; `None` if it is to be worked out.
    pub(crate) order: Option<AxisOrder>,
}

/// A model that can be served.
pub(crate) struct Adapted {
    /// The bytes of its file, with its card.
    pub(crate) bytes: Vec<u8>,
    /// What was changed, in a line each.
    pub(crate) changes: Vec<String>,
    /// The loaded model.
    pub(crate) model: Model,
}

/// Changes a model so that it can be served with this card, and adds the card. `path` is the path of its file.
///
/// # Errors
/// [`AdaptError`] if the file is no ONNX model, its weights cannot be taken in, or the model cannot be served even when
/// it is changed.
pub(crate) fn adapt(
    model: &[u8],
    path: &Path,
    card: &Card,
    options: &AdaptOptions,
) -> Result<Adapted, AdaptError> {
    let mut adapter = Adapter { path, card, changes: Vec::new() };
    let embedded = adapter.take_in_weights(model)?;
    let mut editor =
        GraphEditor::parse(embedded.as_deref().unwrap_or(model)).map_err(|why| adapter.of_file(why))?;
    let exporter = Exporter::of(editor.producer());
    let given = inputs::give_constants(&mut editor, &options.constants);
    adapter.changes.extend(given.map_err(|why| adapter.of_graph(why))?);
    adapter.changes.extend(inputs::remove_weights(&mut editor));
    adapter.changes.extend(inputs::remove_unread(&mut editor));
    let variant = match inputs::window_input(&editor, card).map_err(|why| adapter.of_graph(why))? {
        Some(input) => adapter.fit_input(&editor, &input, options.order)?,
        None => adapter.finish(editor, Vec::new())?,
    };
    let changes = adapter.changes.iter().chain(&variant.changes);
    let changes = changes.map(|change| change.describe(exporter)).collect();
    Ok(Adapted { bytes: variant.bytes, changes, model: variant.model })
}

struct Adapter<'a> {
    path: &'a Path,
    card: &'a Card,
    /// What was changed whatever the input is taken for.
    changes: Vec<Adaptation>,
}

/// A model that was loaded as the daemon loads it.
struct Variant {
    /// The bytes of its file, with its card.
    bytes: Vec<u8>,
    /// What was changed in it.
    changes: Vec<Adaptation>,
    model: Model,
}

impl Adapter<'_> {
    fn of_file(&self, why: StampError) -> AdaptError {
        AdaptError::File { path: self.path.into(), why }
    }

    fn of_graph(&self, why: String) -> AdaptError {
        ModelError::Graph { path: self.path.into(), why }.into()
    }

    /// The error of a graph, with what is to be done if its numbers are the reason.
    fn of_type(&self, error: AdaptError, input: &DeclaredValue) -> AdaptError {
        match (error, converted_type(input.element)) {
            (AdaptError::Model(ModelError::Graph { why, .. } | ModelError::Load { why, .. }), Some(element)) => {
                self.of_graph(format!(
                    "{why}; ONNX Runtime does not have every operator for {element}, which its input {} takes: export it \
                     for float32",
                    described(input)
                ))
            }
            (error, _) => error,
        }
    }

    /// Takes the weights in other files into the model. Returns `None` if there are none.
    fn take_in_weights(&mut self, model: &[u8]) -> Result<Option<Vec<u8>>, AdaptError> {
        let folder = WeightsFolder::of(self.path);
        let (mut files, mut bytes) = (BTreeSet::new(), 0);
        let embedded = embed_weights(model, &mut |place| {
            let values = folder.read(place)?;
            files.insert(place.file.clone());
            bytes += values.len() as u64;
            Ok(values)
        });
        let embedded = embedded.map_err(|why| self.of_file(why))?;
        if embedded.is_some() {
            let files = files.into_iter().collect();
            self.changes.push(Adaptation::Weights { bytes, files });
        }
        Ok(embedded)
    }

    /// Makes the graph take windows by its input, in the order of its axes, and makes it answer with probabilities.
    fn fit_input(
        &self,
        editor: &GraphEditor<'_>,
        input: &DeclaredValue,
        order: Option<AxisOrder>,
    ) -> Result<Variant, AdaptError> {
        let shape = input.shape.clone().unwrap_or_default();
        if let Some(order) = order {
            if !order.fits(&shape, self.card) {
                return Err(self.of_graph(format!(
                    "its input {} is not {} with the window and the channels of its card, as --layout says",
                    described(input),
                    order.describe()
                )));
            }
            return self.fit_order(editor, input, order);
        }
        let orders = AxisOrder::candidates(&shape, self.card);
        let Some((first, others)) = orders.split_first() else {
            return self.finish(editor.clone(), Vec::new());
        };
        // Where the sizes leave a choice, the graph runs in one of the orders only, as a rule.
        let found = self.fit_order(editor, input, *first);
        let others = others.iter().map(|order| (*order, self.fit_order(editor, input, *order)));
        let mut others = others.filter_map(|(order, variant)| Some((order, variant.ok()?)));
        match (found, others.next()) {
            (Ok(mut variant), Some((other, _))) => {
                let input = described(input);
                variant.changes.insert(0, Adaptation::UnclearOrder { input, taken: *first, other });
                Ok(variant)
            }
            (Err(_), Some((_, variant))) => Ok(variant),
            (found, None) => found,
        }
    }

    /// The same for a certain order of the axes.
    fn fit_order(
        &self,
        editor: &GraphEditor<'_>,
        input: &DeclaredValue,
        order: AxisOrder,
    ) -> Result<Variant, AdaptError> {
        let with = |batch| {
            let mut editor = editor.clone();
            let input = WindowInput { value: input.clone(), order, batch };
            let changes = input.connect(&mut editor, self.card).map_err(|why| self.of_file(why))?;
            self.finish(editor, changes).map_err(|error| self.of_type(error, &input.value))
        };
        let shape = input.shape.as_deref().unwrap_or_default();
        let windows = shape.get(order.windows_axis()).copied().unwrap_or(-1);
        let size = (self.card.window * self.card.channels.len()) as i64;
        if windows < 2 || windows > MAX_REPEATED / size.max(1) {
            return with(BatchSize::Kept);
        }
        // A graph that is declared for a number of windows may work for any, or have the number built in. Repeated
        // windows are always right, and so they show whether the other answers are.
        let mut repeated = with(BatchSize::Repeated(windows))?;
        let mut freed = with(BatchSize::Freed(windows)).ok();
        let is_right = freed.as_mut().is_some_and(|freed| freed.answers_as(&mut repeated));
        Ok(freed.filter(|_| is_right).unwrap_or(repeated))
    }

    /// Makes the graph answer with float32 probabilities, and loads it with its card.
    fn finish(
        &self,
        mut editor: GraphEditor<'_>,
        mut changes: Vec<Adaptation>,
    ) -> Result<Variant, AdaptError> {
        if outputs::are_converted(&editor) {
            let known = outputs_of(&editor.to_bytes(), self.path, None)?;
            let converted = outputs::convert(&mut editor, &known, self.card);
            changes.extend(converted.map_err(|why| self.of_file(why))?);
        }
        let json = self.card.to_json();
        let stamped =
            |editor: &GraphEditor<'_>| stamp(&editor.to_bytes(), &json).map_err(|why| self.of_file(why));
        let mut bytes = stamped(&editor)?;
        let (mut model, candidates) = Model::unprobed(&bytes, self.path, None)?;
        if let Some(change) = outputs::make_probabilities(&mut editor, &mut model, &candidates) {
            changes.push(change);
            bytes = stamped(&editor)?;
        }
        let model = Model::from_bytes(&bytes, self.path, None)?;
        Ok(Variant { bytes, changes, model })
    }
}

impl Variant {
    /// Whether this model and another one give the same answers.
    fn answers_as(&mut self, other: &mut Self) -> bool {
        match (self.model.rows(), other.model.rows()) {
            (Ok(these), Ok(those)) => {
                let apart = these.iter().zip(&those).flat_map(|(one, other)| difference(one, other));
                these.len() == those.len() && apart.fold(0.0, f32::max) <= TOLERANCE
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::onnx::{GraphProto, file, floats, integer, node, value};

    /// A model for windows [N, 2, 2]: a linear layer of 2 labels with this factor and this offset, then these
    /// operators, each with the name of its output. All of these and `linear` are outputs.
    fn model(factor: f32, offset: f32, operators: &[(&str, &str)]) -> Vec<u8> {
        let weights = [1.0, -1.0, 2.0, 0.0, 0.5, 0.5, -1.0, 1.0].map(|weight| factor * weight);
        let mut graph = GraphProto {
            node: vec![
                node("Flatten", &["window"], &["flat"], vec![integer("axis", 1)]),
                node("MatMul", &["flat", "weights"], &["product"], vec![]),
                node("Add", &["product", "offset"], &["linear"], vec![]),
            ],
            name: Some("test".into()),
            initializer: vec![floats("weights", &[4, 2], &weights), floats("offset", &[2], &[offset; 2])],
            input: vec![value("window", &[2, 2])],
            output: vec![value("linear", &[2])],
        };
        for (kind, name) in operators {
            graph.node.push(node(kind, &["linear"], &[name], vec![]));
            graph.output.push(value(name, &[2]));
        }
        file(graph, &card(), Vec::new())
    }

    /// A card of as many channels as steps.
    fn card() -> Card {
        let channels = ["left", "right"].map(crate::signal::Channel::in_ampere).to_vec();
        Card { channels, ..Card::of_test(2, 1, &["gravel", "tile"]) }
    }

    /// The changes and the probabilities of a window, or the error.
    fn adapted(model: &[u8], order: Option<AxisOrder>) -> Result<(Vec<String>, Vec<f32>), String> {
        let options = AdaptOptions { constants: Vec::new(), order };
        let adapted = adapt(model, Path::new("net.onnx"), &card(), &options);
        let Adapted { changes, mut model, .. } = adapted.map_err(|error| error.to_string())?;
        Ok((changes, model.probabilities(&[1.0, 2.0, 3.0, 4.0]).unwrap()))
    }

    #[test]
    fn an_order_of_the_axes_that_nothing_tells_is_said_and_can_be_chosen() {
        let model = model(0.1, 0.0, &[("Softmax", "probabilities")]);
        let (changes, steps_first) = adapted(&model, None).unwrap();
        assert_eq!(changes.len(), 1);
        assert!(changes[0].starts_with("took the input \"window\" [N, 2, 2] for [N, steps, channels], but"));
        assert!(changes[0].ends_with("add --layout NCW"), "{}", changes[0]);
        let (changes, channels_first) = adapted(&model, Some(AxisOrder::ChannelsSteps)).unwrap();
        assert!(changes[0].starts_with("added a transpose"), "{changes:?}");
        // The two middle values of the window change places.
        assert!((steps_first[0] - channels_first[0]).abs() > 0.01);
        let (changes, same) = adapted(&model, Some(AxisOrder::StepsChannels)).unwrap();
        assert_eq!((changes, same), (vec![], steps_first));
    }

    #[test]
    fn numbers_from_0_to_1_are_logits_of_a_linear_layer_and_not_of_a_sigmoid() {
        let order = Some(AxisOrder::StepsChannels);
        let (changes, probabilities) = adapted(&model(1e-4, 0.4, &[]), order).unwrap();
        assert!(changes[0].starts_with("added a softmax: the output \"linear\" [N, 2]"), "{changes:?}");
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let sigmoid = model(1e-4, 0.4, &[("Sigmoid", "y")]);
        let mut editor = GraphEditor::parse(&sigmoid).unwrap();
        editor.declare_output("linear", &DeclaredValue::float("flat", None));
        let error = adapted(&editor.to_bytes(), order).unwrap_err();
        assert!(error.contains("as with a sigmoid for each label"), "{error}");
    }

    #[test]
    fn of_several_outputs_the_one_called_logits_gets_the_softmax() {
        let order = Some(AxisOrder::StepsChannels);
        let error = adapted(&model(1.0, 0.0, &[("Neg", "hidden")]), order).unwrap_err();
        assert!(error.contains("which are logits and not probabilities"), "{error}");
        let (changes, named) = adapted(&model(1.0, 0.0, &[("Neg", "Logits:0")]), order).unwrap();
        assert!(changes[0].starts_with("added a softmax: the output \"Logits:0\" [N, 2]"), "{changes:?}");
        let (changes, given) = adapted(&model(1.0, 0.0, &[("Neg", "a"), ("Softmax", "b")]), order).unwrap();
        assert_eq!(changes, Vec::<String>::new());
        // A softmax of the negative numbers is that of the positive ones in the other order.
        assert!((named[0] - given[1]).abs() < 1e-6 && (named[1] - given[0]).abs() < 1e-6);
    }
}
