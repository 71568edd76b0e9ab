//! The shipped model with another novelty and other candidates, or without both.

use std::path::{Path, PathBuf};

use super::{model, run};

/// The mean current in A at which the novelty of a window is 0.5. On simulated surfaces it is far lower.
pub(crate) const NOVEL_CURRENT: f64 = 10.0;

/// A card for the shipped model.
const CARD: &str = "version = 1\nrate = 100.0\nwindow = 100\nhop = 10\n\
                    labels = ['carpet', 'concrete', 'grass', 'gravel', 'tile', 'wood']\n\
                    channels = [{ name = 'current', unit = 'A' }]\n[resample]\nmethod = 'mean'\nmax_gap = 0.1\n";

/// Writes the shipped model without novelty and candidates into a folder.
pub(crate) fn model_without_novelty(folder: &Path) -> PathBuf {
    stamped(folder, "plain", &without_novelty(), CARD)
}

/// Writes the model into a folder. The novelty of a window is a sigmoid of its mean current; on simulated surfaces it is
/// almost 0, and some amperes above [`NOVEL_CURRENT`] almost 1. `candidates` is the least probability of a candidate.
pub(crate) fn model_with_novelty(folder: &Path, candidates: f64) -> PathBuf {
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
    let bytes = [without_novelty(), field(7, &graph)].concat();
    stamped(folder, "novelty", &bytes, &format!("candidates = {candidates}\n{CARD}"))
}

/// The shipped model, of which the output `novelty` has another name.
fn without_novelty() -> Vec<u8> {
    let (name, other) = (b"\x07novelty", b"\x07ordinal");
    let mut bytes = std::fs::read(model()).unwrap();
    let at: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(name)).collect();
    assert!(!at.is_empty());
    at.into_iter().for_each(|at| bytes[at..][..name.len()].copy_from_slice(other));
    bytes
}

/// Stamps a model with a card, and returns the path of the result.
fn stamped(folder: &Path, name: &str, bytes: &[u8], card: &str) -> PathBuf {
    let [net, file, out] = ["net.onnx", "card.toml", "onnx"].map(|end| folder.join(format!("{name}.{end}")));
    std::fs::write(&net, bytes).unwrap();
    std::fs::write(&file, card).unwrap();
    let [net, card, to] = [&net, &file, &out].map(|path| path.to_str().unwrap());
    run(["model", "stamp", net, "--card", card, "--out", to]).ok();
    out
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
