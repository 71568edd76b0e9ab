//! Why an ONNX file cannot be read or changed.

/// Why an ONNX file cannot be read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// The bytes are not a sequence of protobuf fields.
    #[error("it is not an ONNX file, or it is damaged: byte {at} {why}; export the model again")]
    Damaged {
        /// The index of the byte at which the wrong field starts.
        at: usize,
        /// What is wrong with the field, as the rest of a sentence about the byte.
        why: &'static str,
    },
    /// The fields are valid, but none of them is a graph.
    #[error("it contains no graph, so it is not an ONNX model; give an .onnx file")]
    NoGraph,
    /// The values of a tensor are in another file and cannot be taken from there.
    #[error(
        "its weights {tensor} are in another file, {file}, which {why}; correct this, or export the model as one file: \
         with torch.onnx.export(…, external_data=False), or with onnx.save_model(model, \"one-file.onnx\"), without \
         save_as_external_data"
    )]
    Weights {
        /// The name of the tensor, in quotes.
        tensor: String,
        /// The name of the file, in quotes.
        file: String,
        /// What is wrong with the file, as the rest of a sentence about it.
        why: String,
    },
}
