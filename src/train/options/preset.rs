//! Named sets of settings, which serve for comparison.

/// A named set of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// An LSTM layer of 200 units, batch normalisation, dropout, a dense layer of 200 units, RMSprop at
    /// 0.001, batches of 32, 1500 epochs: a network whose loss fluctuates
    FluctuatingLoss,
}

impl Preset {
    /// The settings of the preset, in the format of a run's `config.toml`.
    pub fn toml(self) -> &'static str {
        match self {
            Self::FluctuatingLoss => FLUCTUATING_LOSS,
        }
    }
}

/// A typical first network in Keras, with Keras's defaults, for the windows of one motor current: about
/// 200,000 parameters for about 100 windows of 100 steps.
const FLUCTUATING_LOSS: &str = r#"window = 100
hop = 100
input-scaling = "robust"
hidden = 200
layers = 1
pooling = ["last"]
differences = false
patch = 1
summary = false
summary-bins = 0
canonical-order = "none"
dense = 200
batch-norm = true
dropout = 0.2
input-dropout = 0.0
recurrent-dropout = 0.0
label-smoothing = 0.0
shift = false
permute = false
jitter = 0.0
scale = 0.0
gain = 0.0
channel-dropout = 0.0
balance = "none"
optimizer = "rmsprop"
learning-rate = 0.001
schedule = "constant"
warmup = 0.0
clip = 0.0
weight-average = 0.0
batch-size = 32
epochs = 1500
patience = 0
end-when-learned = false
folds = 0
calibrate = false
"#;
