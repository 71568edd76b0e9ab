//! Classifies the surface under a robot from the currents that its motors draw.
//!
//! Two programs share this crate: `underfoot`, the daemon and its tools, and `underfoot-train`, which trains
//! the models that the daemon serves. Samples flow one way through the daemon:
//!
//! ```text
//! source ──batches──▶ stream ──windows──▶ inference ──probabilities──▶ decision ──outcomes──▶ sink
//!  decode              timestamp,          ONNX Runtime,                filter,                MQTT, text,
//!                      resample, window    batched                      surfaces               page, score
//! ```
//!
//! `daemon` runs these stages as tasks and joins them by bounded channels. The daemon and `underfoot replay`
//! are the same pipeline. The code that decodes, resamples, cuts windows and decides does no I/O and reads no
//! clock, and the trainer cuts its windows with the same code.
//!
//! The modules, in the order in which data meets them:
//!
//! | module | contents |
//! |---|---|
//! | [`signal`] | the types that all others share: streams, times, samples, channels, columns, drops by reason |
//! | [`config`] | the configuration: what each key means, its default, loading, and checks |
//! | `source` | where samples come from: serial ports, standard input, files, the simulator |
//! | `mqtt` | the connection to the broker: samples in, surfaces out |
//! | `nats` | samples from JetStream, shared by several nodes |
//! | [`decode`] | bytes to samples: CSV, JSON, binary frames, messages |
//! | [`recordings`] | files of samples with their labels |
//! | `simulator` | simulated robots on six surfaces, to try things out without a robot |
//! | [`stream`] | samples to windows: times, resampling, the quality of the input, the table of all streams |
//! | `inference` | windows to probabilities: the queue of work, batches, the handover to another model |
//! | [`model`] | the model card, the ONNX Runtime library, a model's session, the ONNX file |
//! | [`decision`] | probabilities to surfaces |
//! | [`sink`] | where outcomes and samples go: MQTT, Home Assistant, text, the page, recordings, scores |
//! | `score` | how well predictions agree with labels: the confusion table and its scores |
//! | `health` | what the daemon counts about itself, its problems, and whether it is healthy |
//! | `http` | the page that shows every stream live, the metrics and the probes |
//! | `csv` | writing rows of CSV |
//! | [`log`] | the log: its destination, format and filter |
//! | `shutdown` | the request to shut down, and waiting for threads to end |
//! | `thread` | threads with a name, and panics that are noticed |
//! | `print` | printing on standard output and standard error, which a reader may have closed |
//! | [`receipt`] | what tells a source that its samples have been decided |
//! | `text` | text from outside in messages for people |
//! | `daemon` | the pipeline, which spawns every task; its loops, reloads, and the service manager |
//! | [`train`] | labelled recordings to a model: dataset, network, training, export, reports, diagnosis |
//! | [`command`] | what each subcommand of the two programs does |
//!
//! The modules form layers, and each imports only from lower ones. From the lowest to the highest:
//! `print`, `text`, `thread`, `shutdown`, `log`, `csv`, `signal`, `model`, `score`, `decode`, `recordings`, `simulator`, `stream`,
//! `decision`, `health`, `inference`, `config`, `source`, `mqtt`, `sink`, `http`, `daemon`, `train`,
//! `command`, and the programs in `src/bin`. The script `scripts/house`, which `make lint` runs, fails if an
//! import breaks this order or makes a circle.

#[macro_use]
mod print;

pub mod command;
pub mod config;
pub(crate) mod csv;
pub(crate) mod daemon;
pub mod decision;
pub mod decode;
pub(crate) mod health;
pub(crate) mod http;
pub(crate) mod inference;
pub mod log;
pub mod model;
pub(crate) mod mqtt;
#[cfg(feature = "nats")]
pub(crate) mod nats;
pub mod receipt;
pub mod recordings;
pub(crate) mod score;
pub(crate) mod shutdown;
pub mod signal;
pub(crate) mod simulator;
pub mod sink;
pub(crate) mod source;
pub mod stream;
pub(crate) mod text;
pub(crate) mod thread;
pub mod train;
