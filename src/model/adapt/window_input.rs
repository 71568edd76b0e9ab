//! The input of a graph for windows.

use super::adaptation::Adaptation;
use super::axis_order::AxisOrder;
use super::describe::{converted_type, described};
use crate::model::card::Card;
use crate::model::onnx::{
    AttributeProto, DeclaredValue, FLOAT, GraphEditor, NodeProto, StampError, constant, integer, integers,
    integers_attribute, node,
};

/// The number of windows for which a graph was exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BatchSize {
    /// Any or one: it stays as it is.
    Kept,
    /// Exactly this many: the graph is declared anew for any number.
    Freed(i64),
    /// Exactly this many: each window is repeated so often.
    Repeated(i64),
}

/// The input of a graph for windows, and how it takes them.
#[derive(Clone, Debug)]
pub(super) struct WindowInput {
    /// The input as the graph declares it.
    pub(super) value: DeclaredValue,
    /// The order of its axes.
    pub(super) order: AxisOrder,
    /// The number of windows.
    pub(super) batch: BatchSize,
}

impl WindowInput {
    /// Makes the graph take float32 windows [N, steps, channels] of the card here. Returns what was changed.
    ///
    /// # Errors
    /// [`StampError`] if the graph is damaged.
    pub(super) fn connect(
        &self,
        editor: &mut GraphEditor<'_>,
        card: &Card,
    ) -> Result<Vec<Adaptation>, StampError> {
        let mut changes = Vec::new();
        let input = described(&self.value);
        match self.batch {
            BatchSize::Kept => {}
            BatchSize::Freed(windows) => {
                free_outputs(editor, windows);
                changes.push(Adaptation::FreeBatch { input: input.clone(), windows });
            }
            BatchSize::Repeated(windows) => {
                single_outputs(editor, windows)?;
                changes.push(Adaptation::RepeatedWindow { input: input.clone(), windows });
            }
        }
        let element = converted_type(self.value.element);
        if self.order != AxisOrder::StepsChannels {
            changes.push(Adaptation::Transpose { input: input.clone(), order: self.order });
        }
        if let Some(element) = element {
            changes.push(Adaptation::CastInput { input, element });
        }
        let steps = self.steps(editor);
        let shape = self.shape(card);
        let name = if steps.is_empty() { self.value.name.clone() } else { editor.free_name("window") };
        if !(steps.is_empty() && self.batch == BatchSize::Kept) {
            editor.declare_input(
                &self.value.name,
                &DeclaredValue { name: name.clone(), element: FLOAT, shape },
            );
        }
        let nodes = chained(editor, steps, &name, &self.value.name);
        editor.add_first(&nodes);
        Ok(changes)
    }

    /// The operators from the windows to the input, each with its other inputs and its attributes, and the nodes of
    /// these inputs.
    fn steps(&self, editor: &mut GraphEditor<'_>) -> Vec<WindowStep> {
        let mut steps = Vec::new();
        if let BatchSize::Repeated(windows) = self.batch {
            let name = editor.free_name("window_repeats");
            let repeats = constant(&name, integers(&name, &[windows, 1, 1]));
            steps.push(WindowStep {
                before: Some(repeats),
                more: vec![name],
                ..WindowStep::new("Tile", Vec::new())
            });
        }
        if self.order != AxisOrder::StepsChannels {
            let axes = integers_attribute("perm", &self.order.permutation());
            steps.push(WindowStep::new("Transpose", vec![axes]));
        }
        if converted_type(self.value.element).is_some() {
            steps.push(WindowStep::new("Cast", vec![integer("to", i64::from(self.value.element))]));
        }
        steps
    }

    /// The shape of the input for windows; `None` if the graph does not declare one.
    fn shape(&self, card: &Card) -> Option<Vec<i64>> {
        let shape = self.value.shape.as_ref()?;
        let declared = shape.get(self.order.windows_axis()).copied().unwrap_or(-1);
        let windows = match self.batch {
            BatchSize::Kept => declared,
            BatchSize::Freed(_) => -1,
            BatchSize::Repeated(_) => 1,
        };
        Some(AxisOrder::StepsChannels.shape(windows, card))
    }
}

/// An operator between the windows and the input.
struct WindowStep {
    kind: &'static str,
    attributes: Vec<AttributeProto>,
    /// A node that is needed before it.
    before: Option<NodeProto>,
    /// Its inputs after the first.
    more: Vec<String>,
}

impl WindowStep {
    fn new(kind: &'static str, attributes: Vec<AttributeProto>) -> Self {
        Self { kind, attributes, before: None, more: Vec::new() }
    }
}

/// The nodes of steps that lead from one value to another.
fn chained(editor: &mut GraphEditor<'_>, steps: Vec<WindowStep>, from: &str, to: &str) -> Vec<NodeProto> {
    let mut nodes = Vec::new();
    let (mut at, last) = (from.to_owned(), steps.len());
    for (index, step) in steps.into_iter().enumerate() {
        let next = if index + 1 == last { to.to_owned() } else { editor.free_name("window_step") };
        nodes.extend(step.before);
        let inputs: Vec<&str> = std::iter::once(&at).chain(&step.more).map(String::as_str).collect();
        nodes.push(node(step.kind, &inputs, &[&next], step.attributes));
        at = next;
    }
    nodes
}

/// The outputs whose first axis has a size for each of this many windows.
fn outputs_for(editor: &GraphEditor<'_>, windows: i64) -> Vec<DeclaredValue> {
    let outputs = editor.outputs().into_iter();
    outputs.filter(|output| output.shape.as_ref().and_then(|shape| shape.first()) == Some(&windows)).collect()
}

/// Declares outputs for exactly this many windows anew, for any number of them.
fn free_outputs(editor: &mut GraphEditor<'_>, windows: i64) {
    // What is said about values inside of the graph is for this number of windows, too.
    editor.forget_shapes();
    for output in outputs_for(editor, windows) {
        editor.declare_output(&output.name, &with_first(&output, -1));
    }
}

/// Keeps only the first row of outputs for exactly this many windows.
fn single_outputs(editor: &mut GraphEditor<'_>, windows: i64) -> Result<(), StampError> {
    for output in outputs_for(editor, windows) {
        let all = editor.free_name(&format!("{}_of_all", output.name));
        let first = editor.free_name("first_window");
        editor.rename(&output.name, &all)?;
        editor.add_last(&constant(&first, integers(&first, &[0])));
        let axis = vec![integer("axis", 0)];
        editor.add_last(&node("Gather", &[&all, &first], &[&output.name], axis));
        editor.declare_output(&all, &with_first(&output, 1));
    }
    Ok(())
}

/// A value whose first axis has this size.
fn with_first(value: &DeclaredValue, size: i64) -> DeclaredValue {
    let mut changed = value.clone();
    if let Some(first) = changed.shape.as_mut().and_then(|shape| shape.first_mut()) {
        *first = size;
    }
    changed
}
