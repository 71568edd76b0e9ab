//! Reads the graph and the constants of an ONNX file that this crate has written.

use prost::Message;

use super::build::{FLOAT, INT64};
use super::proto::{GraphProto, ModelProto, TensorProto};

/// The graph of an ONNX file, and its constants for further training.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OnnxFile {
    pub(crate) graph: GraphProto,
    /// The constants for further training; empty if the file has none.
    pub(crate) training: Vec<TensorProto>,
}

impl OnnxFile {
    /// Reads the bytes of an ONNX file; `None` if they are not those of one. Parts that this crate does not write are
    /// left out.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let ModelProto { graph, training_info, .. } = ModelProto::decode(bytes).ok()?;
        let training = training_info.into_iter().filter_map(|info| info.algorithm);
        Some(Self { graph: graph?, training: training.flat_map(|graph| graph.initializer).collect() })
    }
}

impl GraphProto {
    /// The names of the inputs of the node whose first output has this name; empty if there is none.
    pub(crate) fn inputs_of(&self, output: &str) -> &[String] {
        let node = self.node.iter().find(|node| node.output.first().is_some_and(|name| name == output));
        node.map(|node| node.input.as_slice()).unwrap_or_default()
    }
}

impl TensorProto {
    /// The sizes of the tensor's axes. `None` if one of them is not above 0, or their product is more than the tensor's
    /// bytes.
    pub(crate) fn sizes(&self) -> Option<Vec<usize>> {
        let sizes: Option<Vec<usize>> =
            self.dims.iter().map(|size| usize::try_from(*size).ok().filter(|size| *size > 0)).collect();
        let sizes = sizes?;
        let count = sizes.iter().try_fold(1usize, |count, size| count.checked_mul(*size))?;
        (count <= self.bytes().len()).then_some(sizes)
    }

    /// The values of a float32 tensor, row-major; `None` if it is of another type, or has not as many values as its
    /// sizes say.
    pub(crate) fn float_values(&self) -> Option<Vec<f32>> {
        self.values(FLOAT, f32::from_le_bytes)
    }

    /// The values of an int64 tensor, row-major; `None` if it is of another type, or has not as many values as its
    /// sizes say.
    pub(crate) fn integer_values(&self) -> Option<Vec<i64>> {
        self.values(INT64, i64::from_le_bytes)
    }

    /// The values of a tensor of this type, each of `BYTES` bytes.
    fn values<const BYTES: usize, T>(&self, kind: i32, of: fn([u8; BYTES]) -> T) -> Option<Vec<T>> {
        let count: usize = self.sizes()?.iter().product();
        let (values, rest) = self.bytes().as_chunks::<BYTES>();
        let is_whole = self.data_type == Some(kind) && values.len() == count && rest.is_empty();
        is_whole.then(|| values.iter().map(|bytes| of(*bytes)).collect())
    }

    fn bytes(&self) -> &[u8] {
        self.raw_data.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::card::Card;
    use crate::model::onnx::{file, floats, integers};

    #[test]
    fn constants_are_read_as_they_were_written() {
        let card = Card::of_test(10, 1, &["tile", "wood"]);
        let constants = vec![floats("a", &[2, 2], &[1.5, -2.0, 0.0, 4.0]), integers("b", &[7, -1])];
        let bytes = file(GraphProto::default(), &card, constants.clone());
        let read = OnnxFile::parse(&bytes).unwrap();
        assert_eq!(read, OnnxFile { graph: GraphProto::default(), training: constants });
        assert_eq!(read.training[0].float_values().unwrap(), [1.5, -2.0, 0.0, 4.0]);
        assert_eq!(read.training[1].integer_values().unwrap(), [7, -1]);
        assert_eq!(read.training[1].float_values(), None);
        assert_eq!(OnnxFile::parse(b"no model"), None);
    }

    #[test]
    fn constants_whose_sizes_are_not_those_of_their_bytes_have_no_values() {
        let with =
            |sizes: &[i64]| TensorProto { dims: sizes.to_vec(), ..floats("a", &[3], &[1.0, 2.0, 3.0]) };
        assert_eq!(with(&[3, 1]).float_values().unwrap(), [1.0, 2.0, 3.0]);
        for sizes in [&[2][..], &[4], &[-3], &[0, 1 << 62], &[1 << 32, 1 << 32], &[i64::MAX, 3]] {
            assert_eq!(with(sizes).float_values(), None, "{sizes:?}");
        }
    }
}
