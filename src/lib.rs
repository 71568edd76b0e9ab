//! What a robot drives on, from the current its motors draw.
//!
//! Two binaries share this crate: `underfoot`, the daemon and its tools, and `underfoot-train`, which makes the model that the
//! daemon serves. Samples flow one way:
//!
//! ```text
//! source ──blocks──▶ lanes ──windows──▶ infer ──probabilities──▶ surfaces ──outcomes──▶ sinks
//!   decode             stamp, clock,      ONNX Runtime,            decide                 mqtt, lines,
//!                      resample, ring     batched                                         score
//! ```
//!
//! [`pipeline`] wires the stages with bounded channels; `run` and `replay` are the same pipeline. Whatever decodes, resamples,
//! cuts windows or decides does no I/O and reads no clock: the trainer cuts its windows with the very same code.
//!
//! The modules, in the order that data meet them:
//!
//! | | |
//! |---|---|
//! | [`sample`], [`channel`], [`columns`], [`drops`] | the words: streams, times, samples; channels and columns; what is left out, by reason |
//! | [`config`] | what each key means, its default, and whether the whole makes sense |
//! | [`source`] | serial ports, standard input, recordings, the simulator: thin shells over the decoders |
//! | [`mqtt`] | the one connection to the broker: samples in, surfaces out |
//! | [`decode`] | bytes to samples: CSV, JSON, binary frames, messages |
//! | [`recordings`] | CSV files of samples with their labels, found in folders |
//! | [`simulator`] | robots on six surfaces, for trying things out |
//! | [`supervisor`] | what the service manager is told |
//! | [`lanes`], [`stamp`] | every stream's state; times for samples that carry none |
//! | [`lane`], [`clock`], [`resample`], [`window`] | one stream from samples to windows |
//! | [`gauge`], [`quality`], [`problems`] | how far input can be trusted, and what is wrong with it |
//! | [`pending`], [`infer`] | windows that wait, and the batches that run |
//! | [`terms`], [`swap`], [`reload`] | what surfaces are decided by, and how that changes while the daemon runs |
//! | [`model`] | the card, the ONNX Runtime library, the session, the ONNX file |
//! | [`surfaces`], [`decide`] | probabilities to surfaces |
//! | [`prediction`], [`sink`] | what comes out, how it is written, and where it goes |
//! | [`score`] | how good predictions are |
//! | [`health`], [`counters`], [`shutdown`] | what the daemon counts about itself, and how it ends |
//! | [`http`] | the page, the metrics and the probes |
//! | [`logging`], [`journal`] | where the log goes, and in what form |
//! | [`pipeline`] | the wiring: the one place where tasks are spawned; `stages` has the loops between its channels |
//! | [`train`] | labelled recordings to a model: windows, LSTM, optimiser, export |
//! | [`command`] | what each subcommand does |

pub mod command;
pub mod config;
pub(crate) mod daemon;
pub mod decision;
pub mod decode;
pub(crate) mod health;
pub(crate) mod http;
pub(crate) mod inference;
pub mod log;
pub mod model;
pub(crate) mod mqtt;
pub mod recordings;
pub(crate) mod score;
pub(crate) mod shutdown;
pub mod signal;
pub(crate) mod simulator;
pub mod sink;
pub(crate) mod source;
pub mod stream;
pub mod train;
