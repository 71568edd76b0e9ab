//! The shipped model with an output `novelty`, and with candidates in its card.

use std::path::{Path, PathBuf};

use super::{model, run};

/// The mean current in A at which the novelty of a window is 0.5. On simulated surfaces it is far lower.
pub(crate) const NOVEL_CURRENT: f64 = 10.0;

/// A card for the shipped model.
const CARD: &str = "version = 1\nrate = 100.0\nwindow = 100\nhop = 10\n\
                    labels = ['carpet', 'concrete', 'grass', 'gravel', 'tile', 'wood']\n\
                    channels = [{ name = 'current', unit = 'A' }]\n[resample]\nmethod = 'mean'\nmax_gap = 0.1\n";

/// Writes the model into a folder. The novelty of a window is a sigmoid of its mean current; on simulated surfaces it is
/// almost 0, and some amperes above [`NOVEL_CURRENT`] almost 1. `candidates` is the least probability of a candidate.
pub(crate) fn model_with_novelty(folder: &Path, candidates: f64) -> PathBuf {
    let path = |name: &str| folder.join(name);
    let axes = [field(1, b"axes"), integer(8, 1), integer(8, 2), integer(20, 7)].concat();
    let keep = [field(1, b"keepdims"), integer(3, 0), integer(20, 2)].concat();
    let nodes = [
        node("ReduceMean", &["window"], "novelty_mean", &[&axes, &keep]),
        node("Sub", &["novelty_mean", "novelty_middle"], "novelty_excess", &[]),
        node("Sigmoid", &["novelty_excess"], "novelty", &[]),
    ];
    // TensorProto: one float32.
    let middle = (NOVEL_CURRENT as f32).to_le_bytes();
    let middle = [integer(2, 1), field(8, b"novelty_middle"), field(9, &middle)].concat();
    // ValueInfoProto: float32 [N].
    let shape = field(1, &field(2, b"N"));
    let of_type = field(1, &[integer(1, 1), field(2, &shape)].concat());
    let output = [field(1, b"novelty"), field(2, &of_type)].concat();
    // ModelProto.graph. Protobuf joins it with the graph before.
    let graph = [nodes.concat(), field(5, &middle), field(12, &output)].concat();
    let bytes = [std::fs::read(model()).unwrap(), field(7, &graph)].concat();
    std::fs::write(path("net.onnx"), bytes).unwrap();
    std::fs::write(path("card.toml"), format!("candidates = {candidates}\n{CARD}")).unwrap();
    let texts = ["net.onnx", "card.toml", "novelty.onnx"].map(|name| path(name).display().to_string());
    let [net, card, out] = texts.each_ref().map(String::as_str);
    run(["model", "stamp", net, "--card", card, "--out", out]).ok();
    path("novelty.onnx")
}

/// A node of a graph: its type, its inputs, its output and its attributes.
fn node(kind: &str, inputs: &[&str], output: &str, attributes: &[&[u8]]) -> Vec<u8> {
    let inputs = inputs.iter().map(|input| field(1, input.as_bytes()));
    let attributes = attributes.iter().map(|attribute| field(5, attribute));
    let rest = [field(2, output.as_bytes()), field(4, kind.as_bytes())];
    field(1, &inputs.chain(rest).chain(attributes).collect::<Vec<_>>().concat())
}

/// A protobuf field with a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(content);
    bytes
}

/// A protobuf field with a small number.
fn integer(number: u8, value: u8) -> Vec<u8> {
    // The tag of the fields from 16 on has two bytes.
    if number < 16 { vec![number << 3, value] } else { vec![(number << 3) | 0x80, number >> 4, value] }
}
