//! Finds weights that an ONNX model keeps in other files.
//!
//! ONNX allows a tensor to name a file and a position in it. PyTorch's exporter does so by default for large
//! models. A model that is moved without its files is broken, and one that is served beside other files with
//! these names answers wrongly.

use prost::Message;

use super::proto::StringStringEntryProto;

/// `TensorProto.DataLocation.EXTERNAL`.
pub(super) const EXTERNAL: i32 = 1;

/// The tensors in all graphs and functions of a model. Only the fields that lead to tensors are decoded.
#[derive(Clone, PartialEq, Message)]
struct ModelTensors {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphTensors>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<FunctionTensors>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphTensors {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeTensors>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorLocation>,
    #[prost(message, repeated, tag = "15")]
    sparse_initializer: Vec<SparseTensor>,
}

#[derive(Clone, PartialEq, Message)]
struct FunctionTensors {
    #[prost(message, repeated, tag = "7")]
    node: Vec<NodeTensors>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeTensors {
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeTensors>,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeTensors {
    #[prost(message, optional, tag = "5")]
    tensor: Option<TensorLocation>,
    #[prost(message, optional, tag = "6")]
    graph: Option<GraphTensors>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<TensorLocation>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<GraphTensors>,
    #[prost(message, optional, tag = "22")]
    sparse_tensor: Option<SparseTensor>,
    #[prost(message, repeated, tag = "23")]
    sparse_tensors: Vec<SparseTensor>,
}

#[derive(Clone, PartialEq, Message)]
struct SparseTensor {
    #[prost(message, optional, tag = "1")]
    values: Option<TensorLocation>,
    #[prost(message, optional, tag = "2")]
    indices: Option<TensorLocation>,
}

/// Where the values of a tensor are.
#[derive(Clone, PartialEq, Message)]
struct TensorLocation {
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<StringStringEntryProto>,
    #[prost(int32, optional, tag = "14")]
    data_location: Option<i32>,
}

/// For each tensor of a model that is kept in another file, the name of that file. Empty for bytes that are no
/// ONNX model; ONNX Runtime does not load them either.
pub(crate) fn external_weights(model: &[u8]) -> Vec<String> {
    let mut files = Vec::new();
    let Ok(model) = ModelTensors::decode(model) else { return files };
    model.graph.iter().for_each(|graph| graph.add(&mut files));
    model.functions.iter().flat_map(|function| &function.node).for_each(|node| node.add(&mut files));
    files
}

impl GraphTensors {
    fn add(&self, files: &mut Vec<String>) {
        self.initializer.iter().for_each(|tensor| tensor.add(files));
        self.sparse_initializer.iter().for_each(|tensor| tensor.add(files));
        self.node.iter().for_each(|node| node.add(files));
    }
}

impl NodeTensors {
    fn add(&self, files: &mut Vec<String>) {
        for attribute in &self.attribute {
            attribute.tensor.iter().chain(&attribute.tensors).for_each(|tensor| tensor.add(files));
            attribute.graph.iter().chain(&attribute.graphs).for_each(|graph| graph.add(files));
            let sparse = attribute.sparse_tensor.iter().chain(&attribute.sparse_tensors);
            sparse.for_each(|tensor| tensor.add(files));
        }
    }
}

impl SparseTensor {
    fn add(&self, files: &mut Vec<String>) {
        self.values.iter().chain(&self.indices).for_each(|tensor| tensor.add(files));
    }
}

impl TensorLocation {
    fn add(&self, files: &mut Vec<String>) {
        if self.data_location != Some(EXTERNAL) && self.external_data.is_empty() {
            return;
        }
        let location = self.external_data.iter().find(|entry| entry.key.as_deref() == Some("location"));
        files.push(location.and_then(|entry| entry.value.clone()).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_file(file: &str) -> TensorLocation {
        let entry = StringStringEntryProto { key: Some("location".into()), value: Some(file.into()) };
        TensorLocation { external_data: vec![entry], data_location: Some(EXTERNAL) }
    }

    #[test]
    fn weights_in_other_files_are_found_in_every_part_of_a_model() {
        let nested = GraphTensors { initializer: vec![in_file("b.data")], ..Default::default() };
        let attribute =
            AttributeTensors { tensor: Some(in_file("a.data")), graphs: vec![nested], ..Default::default() };
        let node = NodeTensors { attribute: vec![attribute] };
        let sparse = SparseTensor { values: Some(in_file("c.data")), indices: None };
        let graph = GraphTensors {
            node: vec![node.clone()],
            initializer: vec![TensorLocation::default(), in_file("net.onnx.data")],
            sparse_initializer: vec![sparse],
        };
        let model =
            ModelTensors { graph: Some(graph), functions: vec![FunctionTensors { node: vec![node] }] };
        let found = external_weights(&model.encode_to_vec());
        assert_eq!(found, ["net.onnx.data", "c.data", "a.data", "b.data", "a.data", "b.data"]);
        assert_eq!(external_weights(b"no model"), Vec::<String>::new());
    }

    #[test]
    fn the_shipped_model_has_all_weights_inside() {
        let model = include_bytes!("../../../models/simulated.onnx");
        assert_eq!(external_weights(model), Vec::<String>::new());
    }
}
