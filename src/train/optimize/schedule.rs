//! How the learning rate changes over the epochs.

/// How the learning rate changes over the epochs.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// Along half a cosine, down to 0 after the last epoch (Loshchilov and Hutter 2017, without restarts).
    #[default]
    Cosine,
    /// By a factor each time that the loss has not fallen for some epochs, as Keras's ReduceLROnPlateau.
    Plateau,
}

/// A schedule with its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScheduleOptions {
    /// The kind.
    pub schedule: Schedule,
    /// Epochs over which the learning rate rises from 0.
    pub warmup: f64,
    /// Epochs without a lower loss before a plateau lowers it.
    pub plateau_patience: usize,
    /// The factor by which it does.
    pub plateau_factor: f64,
}

/// By how much a loss must be lower to count as lower.
const MIN_DELTA: f64 = 1e-4;

/// The learning rate over a training.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningRate {
    options: ScheduleOptions,
    rate: f64,
    epochs: f64,
    lowest: f64,
    waited: usize,
}

impl LearningRate {
    /// That of a training of so many epochs.
    pub fn new(options: ScheduleOptions, learning_rate: f32, epochs: usize) -> Self {
        let (rate, epochs) = (f64::from(learning_rate), epochs as f64);
        Self { options, rate, epochs, lowest: f64::INFINITY, waited: 0 }
    }

    /// The learning rate once so many epochs have passed.
    pub fn at(&self, passed: f64) -> f32 {
        let warmup = self.options.warmup;
        if passed < warmup {
            return (self.rate * passed / warmup) as f32;
        }
        let factor = match self.options.schedule {
            Schedule::Constant | Schedule::Plateau => 1.0,
            Schedule::Cosine => {
                let share = ((passed - warmup) / (self.epochs - warmup).max(f64::MIN_POSITIVE)).min(1.0);
                0.5 * (1.0 + (std::f64::consts::PI * share).cos())
            }
        };
        (self.rate * factor) as f32
    }

    /// Multiplies it from here on.
    pub fn scale(&mut self, by: f64) {
        self.rate *= by;
    }

    /// Is told the loss of each epoch, that of validation where there is one.
    pub fn epoch_ended(&mut self, loss: f64) {
        if self.options.schedule != Schedule::Plateau {
            return;
        }
        if loss < self.lowest - MIN_DELTA {
            (self.lowest, self.waited) = (loss, 0);
            return;
        }
        self.waited += 1;
        if self.waited >= self.options.plateau_patience {
            self.rate *= self.options.plateau_factor;
            self.waited = 0;
        }
    }
}
