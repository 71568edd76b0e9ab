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
//! | `csv` | how rows of CSV are written |
//! | [`logging`], [`journal`] | where the log goes, and in what form |
//! | [`pipeline`] | the wiring: the one place where tasks are spawned; `stages` has the loops between its channels |
//! | [`train`] | labelled recordings to a model: windows, LSTM, optimiser, export |
//! | [`command`] | what each subcommand does |

pub mod channel;
pub mod clock;
pub mod columns;
pub mod command;
pub mod config;
pub mod counters;
mod csv;
pub mod decide;
pub mod decode;
pub mod drops;
pub mod gauge;
pub mod health;
pub mod http;
pub mod infer;
pub mod journal;
pub mod lane;
pub mod lanes;
pub mod logging;
pub mod model;
pub mod mqtt;
pub mod pending;
pub mod pipeline;
pub mod prediction;
pub mod problems;
pub mod quality;
pub mod recordings;
pub mod reload;
pub mod resample;
pub mod sample;
pub mod score;
pub mod shutdown;
pub mod simulator;
pub mod sink;
pub mod source;
mod stages;
pub mod stamp;
pub mod supervisor;
pub mod surfaces;
pub mod swap;
pub mod terms;
pub mod train;
pub mod window;
