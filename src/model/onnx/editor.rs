//! Changes the graph of an ONNX model.

use std::collections::BTreeSet;

use prost::Message;

use super::declared::DeclaredValue;
use super::error::StampError;
use super::graph_field::GraphField;
use super::message_kind::{MessageChange, MessageKind};
use super::proto::{NodeProto, TensorProto};
use super::wire::{ProtoField, append_field, fields};

/// The number of the field of `ModelProto` with the graph.
const GRAPH: u64 = 7;
/// The numbers of the fields of `GraphProto` with nodes, constants, inputs, outputs, and shapes of other values.
const NODE: u64 = 1;
const INITIALIZER: u64 = 5;
const INPUT: u64 = 11;
const OUTPUT: u64 = 12;
const VALUE_INFO: u64 = 13;

/// A model whose graph can be changed. Each field that is not changed keeps its bytes, also those that this crate does
/// not know.
#[derive(Clone, Debug)]
pub(crate) struct GraphEditor<'a> {
    /// The fields of the model before its graph.
    before: Vec<&'a [u8]>,
    graph: Vec<GraphField<'a>>,
    /// The fields of the model after its graph.
    after: Vec<&'a [u8]>,
    /// All names of values and nodes in the graph and in those inside of it.
    names: BTreeSet<String>,
    /// The names of the values that nodes read, or that are outputs.
    read: BTreeSet<String>,
    head: ModelHead,
}

/// What a model says about itself.
#[derive(Clone, PartialEq, Message)]
struct ModelHead {
    #[prost(int64, optional, tag = "1")]
    ir_version: Option<i64>,
    #[prost(string, optional, tag = "2")]
    producer_name: Option<String>,
}

/// The name of a constant, without its values.
#[derive(Clone, PartialEq, Message)]
struct TensorName {
    #[prost(string, optional, tag = "8")]
    name: Option<String>,
}

impl<'a> GraphEditor<'a> {
    /// Reads a model.
    ///
    /// # Errors
    /// [`StampError`] if the bytes are not those of an ONNX model.
    pub(crate) fn parse(model: &'a [u8]) -> Result<Self, StampError> {
        let head = ModelHead::decode(model).unwrap_or_default();
        let (names, read) = Default::default();
        let mut editor = Self { before: Vec::new(), graph: Vec::new(), after: Vec::new(), names, read, head };
        let mut has_graph = false;
        for field in fields(model) {
            let field = field?;
            match field.content {
                // Protobuf joins several fields with a graph to one graph.
                Some(graph) if field.number == GRAPH => {
                    has_graph = true;
                    for inside in fields(graph) {
                        editor.graph.push(GraphField::of(inside?));
                    }
                }
                _ if has_graph => editor.after.push(field.bytes),
                _ => editor.before.push(field.bytes),
            }
        }
        if !has_graph {
            return Err(StampError::NoGraph);
        }
        let (mut names, mut read) = (BTreeSet::new(), BTreeSet::new());
        editor.change_messages(&mut |kind, message| {
            for field in fields(message) {
                let field = field?;
                let text = || String::from_utf8_lossy(field.content.unwrap_or_default()).into_owned();
                if is_name(kind, field.number) || (kind == MessageKind::Node && field.number == 3) {
                    names.insert(text());
                }
                if kind == MessageKind::Node && field.number == 1 {
                    read.insert(text());
                }
            }
            Ok(None)
        })?;
        read.extend(editor.outputs().into_iter().map(|output| output.name));
        (editor.names, editor.read) = (names, read);
        Ok(editor)
    }

    /// The name of the program that wrote the model; empty if it does not say.
    pub(crate) fn producer(&self) -> &str {
        self.head.producer_name.as_deref().unwrap_or_default()
    }

    /// Whether every constant must also be an input, as before version 4 of the format.
    pub(crate) fn has_constants_as_inputs(&self) -> bool {
        self.head.ir_version.is_some_and(|version| version < 4)
    }

    /// The inputs, with those that have a value as a constant.
    pub(crate) fn inputs(&self) -> Vec<DeclaredValue> {
        self.values(INPUT)
    }

    /// The outputs.
    pub(crate) fn outputs(&self) -> Vec<DeclaredValue> {
        self.values(OUTPUT)
    }

    fn values(&self, number: u64) -> Vec<DeclaredValue> {
        let of_kind = self.graph.iter().filter(|field| field.number == number);
        of_kind.filter_map(GraphField::value).collect()
    }

    /// Whether anything in the model, as it was read, depends on the value with this name.
    pub(crate) fn is_read(&self, value: &str) -> bool {
        self.read.contains(value)
    }

    /// The names of the constants.
    pub(crate) fn constants(&self) -> BTreeSet<String> {
        let constants = self.graph.iter().filter(|field| field.number == INITIALIZER);
        constants.filter_map(|field| TensorName::decode(field.content()).ok()?.name).collect()
    }

    /// The node that computes the value with this name; `None` if there is none.
    pub(crate) fn node_of(&self, value: &str) -> Option<NodeProto> {
        let nodes = self.graph.iter().filter(|field| field.number == NODE);
        let mut nodes = nodes.filter_map(|field| NodeProto::decode(field.content()).ok());
        nodes.find(|node| node.output.iter().any(|output| output == value))
    }

    /// A name that no value and no node has: `wanted`, or one that begins with it. It is taken from then on.
    pub(crate) fn free_name(&mut self, wanted: &str) -> String {
        let numbered = (2u64..).map(|number| format!("{wanted}_{number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        // There are more numbers than names.
        let name = names.find(|name| !self.names.contains(name)).unwrap_or_default();
        self.names.insert(name.clone());
        name
    }

    /// Removes an input.
    pub(crate) fn remove_input(&mut self, name: &str) {
        self.graph.retain(|field| !field.is_value(INPUT, name));
    }

    /// Declares the input `name` anew, maybe with another name. What the graph computes from it stays as it is.
    pub(crate) fn declare_input(&mut self, name: &str, value: &DeclaredValue) {
        self.declare(INPUT, name, value);
    }

    /// Declares the output `name` anew, maybe with another name.
    pub(crate) fn declare_output(&mut self, name: &str, value: &DeclaredValue) {
        self.declare(OUTPUT, name, value);
    }

    fn declare(&mut self, number: u64, name: &str, value: &DeclaredValue) {
        let Some(field) = self.graph.iter_mut().find(|field| field.is_value(number, name)) else { return };
        // The fields after the name and the type are descriptions, which stay true.
        let others = fields(field.content()).filter_map(Result::ok).filter(|inside| inside.number > 2);
        let mut content = value.to_proto().encode_to_vec();
        content.extend(others.flat_map(|inside| inside.bytes));
        *field = GraphField::new(number, &content);
    }

    /// Puts nodes before all others, in this order.
    pub(crate) fn add_first(&mut self, nodes: &[NodeProto]) {
        let fields = nodes.iter().map(|node| GraphField::new(NODE, &node.encode_to_vec()));
        self.graph.splice(0..0, fields.collect::<Vec<_>>());
    }

    /// Puts a node after all others.
    pub(crate) fn add_last(&mut self, node: &NodeProto) {
        self.graph.push(GraphField::new(NODE, &node.encode_to_vec()));
    }

    /// Gives a value another name wherever it is used.
    ///
    /// # Errors
    /// [`StampError::Damaged`] if a part of the graph is damaged.
    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<(), StampError> {
        self.change_messages(&mut |kind, message| {
            let is_it = |field: &ProtoField<'_>| {
                is_name(kind, field.number) && field.content == Some(from.as_bytes())
            };
            if !fields(message).any(|field| field.is_ok_and(|field| is_it(&field))) {
                return Ok(None);
            }
            let mut renamed = Vec::with_capacity(message.len() + to.len());
            for field in fields(message) {
                let field = field?;
                if is_it(&field) {
                    append_field(&mut renamed, field.number, to.as_bytes());
                } else {
                    renamed.extend_from_slice(field.bytes);
                }
            }
            Ok(Some(renamed))
        })
    }

    /// Removes what the file says about the shapes of values inside of the graph. Runtimes compute them anyway.
    pub(crate) fn forget_shapes(&mut self) {
        self.graph.retain(|field| field.number != VALUE_INFO);
    }

    /// Changes the messages of the graph with [`MessageKind::rewrite`].
    fn change_messages(&mut self, change: &mut MessageChange<'_>) -> Result<(), StampError> {
        for field in &mut self.graph {
            let Some(kind) = MessageKind::Graph.in_field(field.number) else { continue };
            if let Some(content) = kind.rewrite(field.content(), change)? {
                *field = GraphField::new(field.number, &content);
            }
        }
        Ok(())
    }

    /// The bytes of the changed model.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let graph: Vec<u8> = self.graph.iter().flat_map(|field| field.bytes.iter().copied()).collect();
        let mut model = self.before.concat();
        append_field(&mut model, GRAPH, &graph);
        model.extend(self.after.iter().flat_map(|field| field.iter().copied()));
        model
    }
}

/// Whether a field of a message holds the name of a value.
fn is_name(kind: MessageKind, number: u64) -> bool {
    match kind {
        MessageKind::Node => matches!(number, 1 | 2),
        MessageKind::Tensor => number == 8,
        MessageKind::Value => number == 1,
        _ => false,
    }
}

impl NodeProto {
    /// The type of the operator, such as `MatMul`.
    pub(crate) fn kind(&self) -> &str {
        self.op_type.as_deref().unwrap_or_default()
    }

    /// The name of its first input; `None` if it has none.
    pub(crate) fn first_input(&self) -> Option<&str> {
        self.input.first().map(String::as_str)
    }
}

/// A node that gives a constant. Unlike an entry of the graph's constants, it is valid in every version of the format.
pub(crate) fn constant(name: &str, value: TensorProto) -> NodeProto {
    super::build::node("Constant", &[], &[name], vec![super::build::tensor_attribute("value", value)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::onnx::{AttributeProto, OnnxFile, floats, integer, node};

    /// A model that adds the constant `b` to `x`, with fields that this crate does not know in the model, in the graph,
    /// in a node and in the input.
    fn model() -> Vec<u8> {
        let unknown = [0xa5, 0x06, 1, 2, 3, 4];
        let with = |bytes: Vec<u8>| [bytes, unknown.to_vec()].concat();
        let value = |name: &str| DeclaredValue::float(name, Some(vec![-1, 2])).to_proto().encode_to_vec();
        let mut graph = Vec::new();
        let add = node("Add", &["x", "b"], &["y"], Vec::<AttributeProto>::new());
        append_field(&mut graph, NODE, &with(add.encode_to_vec()));
        append_field(&mut graph, INITIALIZER, &floats("b", &[2], &[1.0, 2.0]).encode_to_vec());
        append_field(&mut graph, INPUT, &with(value("x")));
        append_field(&mut graph, INPUT, &value("b"));
        append_field(&mut graph, OUTPUT, &value("y"));
        append_field(&mut graph, VALUE_INFO, &value("y"));
        let mut model = vec![0x08, 8];
        append_field(&mut model, 2, b"pytorch");
        append_field(&mut model, GRAPH, &with(graph));
        with(model)
    }

    #[test]
    fn a_model_that_is_not_changed_keeps_all_bytes() {
        let model = model();
        let editor = GraphEditor::parse(&model).unwrap();
        assert_eq!(editor.to_bytes(), model);
        assert_eq!((editor.producer(), editor.has_constants_as_inputs()), ("pytorch", false));
        assert_eq!(editor.constants().into_iter().collect::<Vec<_>>(), ["b"]);
        assert!(editor.is_read("x") && editor.is_read("y") && !editor.is_read("z"));
        assert_eq!(GraphEditor::parse(b"").unwrap_err(), StampError::NoGraph);
        let shipped = include_bytes!("../../../models/simulated.onnx");
        assert!(GraphEditor::parse(shipped).unwrap().to_bytes() == shipped);
    }

    #[test]
    fn nodes_are_added_at_both_ends_under_names_that_are_free() {
        let model = model();
        let mut editor = GraphEditor::parse(&model).unwrap();
        let (taken, free) = (editor.free_name("x"), editor.free_name("window"));
        assert_eq!((taken.as_str(), free.as_str()), ("x_2", "window"));
        assert_eq!(editor.free_name("window"), "window_2");
        editor.remove_input("b");
        editor.declare_input("x", &DeclaredValue::float("window", Some(vec![1, 2])));
        editor.add_first(&[node("Neg", &["window"], &["n"], vec![]), node("Abs", &["n"], &["x"], vec![])]);
        editor.rename("y", "logits").unwrap();
        editor.add_last(&node("Softmax", &["logits"], &["y"], vec![integer("axis", 1)]));
        editor.declare_output("logits", &DeclaredValue::float("y", None));
        editor.forget_shapes();
        let bytes = editor.to_bytes();
        let again = GraphEditor::parse(&bytes).unwrap();
        assert_eq!(again.inputs(), [DeclaredValue::float("window", Some(vec![1, 2]))]);
        assert_eq!(again.outputs(), [DeclaredValue::float("y", None)]);
        let kinds: Vec<_> =
            OnnxFile::parse(&bytes).unwrap().graph.node.iter().map(|node| node.kind().to_owned()).collect();
        assert_eq!(kinds, ["Neg", "Abs", "Add", "Softmax"]);
        assert_eq!(again.node_of("logits").unwrap().kind(), "Add");
        // Those of the model, of the graph, of the node that was renamed and of the input that was declared anew.
        assert_eq!(bytes.windows(6).filter(|part| *part == [0xa5, 0x06, 1, 2, 3, 4]).count(), 4);
    }
}
