//! Named settings, for comparison.

/// A named set of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// LSTM(200), batch normalisation, dropout, a dense layer of 200, RMSprop at 0.001, batches of 32, 1500 epochs: its loss fluctuates
    FluctuatingLoss,
}

impl Preset {
    /// Its settings, as a run's `config.toml` has them.
    pub fn toml(self) -> &'static str {
        match self {
            Self::FluctuatingLoss => FLUCTUATING_LOSS,
        }
    }
}

/// What people train who begin with Keras's defaults on one motor current: about 200,000 parameters for about 100 windows of
/// 100 steps.
const FLUCTUATING_LOSS: &str = r#"window = 100
hop = 100
hidden = 200
layers = 1
pooling = ["last"]
differences = false
summary = false
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
folds = 0
calibrate = false
"#;
