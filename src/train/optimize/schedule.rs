//! The learning rate of each step, and how it changes over the epochs.

/// The kind of a learning rate schedule.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// The learning rate does not change.
    Constant,
    /// It falls along half a cosine to 0 at the end of the last epoch (Loshchilov and Hutter 2017, without
    /// restarts).
    #[default]
    Cosine,
    /// It is multiplied by a factor each time that the loss has not fallen for some epochs, as in Keras's
    /// ReduceLROnPlateau.
    Plateau,
}

/// The settings of a learning rate schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScheduleOptions {
    /// The kind of schedule.
    pub schedule: Schedule,
    /// The number of epochs at the start over which the learning rate rises linearly from 0 (Goyal et al.
    /// 2017).
    pub warmup: f64,
    /// The number of epochs without a lower loss after which [`Schedule::Plateau`] lowers the learning rate.
    pub plateau_patience: usize,
    /// The factor that [`Schedule::Plateau`] multiplies the learning rate by, above 0 and below 1.
    pub plateau_factor: f64,
}

/// A loss counts as lower than another if it is lower by more than this. Keras's default.
const MIN_DELTA: f64 = 1e-4;

/// The learning rate during a training run.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningRate {
    options: ScheduleOptions,
    /// The learning rate without warm-up and cosine.
    rate: f64,
    /// The length of the training run.
    epochs: f64,
    lowest_loss: f64,
    /// Epochs since the loss was last lower than all before, or since the plateau schedule last lowered the
    /// rate.
    stale_epochs: usize,
    /// What is left of the schedule, if it is to end before its last epoch.
    ending: Option<Ending>,
}

/// The rest of a schedule, in fewer epochs than it was to take.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ending {
    /// The epochs that had passed when this was decided.
    passed: f64,
    /// The number of epochs that are left.
    epochs: f64,
}

impl LearningRate {
    /// The learning rate at the start of a training run of `epochs` epochs; `learning_rate` is the initial
    /// one.
    pub fn new(options: ScheduleOptions, learning_rate: f32, epochs: usize) -> Self {
        let (rate, epochs) = (f64::from(learning_rate), epochs as f64);
        Self { options, rate, epochs, lowest_loss: f64::INFINITY, stale_epochs: 0, ending: None }
    }

    /// The learning rate after `passed` epochs, which need not be a whole number.
    ///
    /// The cosine schedule multiplies the initial learning rate by (1 + cos(π p)) / 2, where p rises from 0
    /// at the end of the warm-up to 1 at the end of the last epoch.
    pub fn at(&self, passed: f64) -> f32 {
        let warmup = self.options.warmup;
        let passed = match self.ending {
            Some(ending) if passed > ending.passed => {
                ending.passed + (passed - ending.passed) * (self.epochs - ending.passed) / ending.epochs
            }
            _ => passed,
        };
        if passed < warmup {
            return (self.rate * passed / warmup) as f32;
        }
        let factor = match self.options.schedule {
            Schedule::Constant | Schedule::Plateau => 1.0,
            Schedule::Cosine => {
                let progress = ((passed - warmup) / (self.epochs - warmup).max(f64::MIN_POSITIVE)).min(1.0);
                0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
            }
        };
        (self.rate * factor) as f32
    }

    /// Runs through the rest of the schedule in `epochs` epochs, after `passed` ones. The rate then falls to where it
    /// would have been at the end, only faster; a constant one stays constant.
    pub fn end_within(&mut self, passed: usize, epochs: usize) {
        self.ending = Some(Ending { passed: passed as f64, epochs: (epochs as f64).max(1.0) });
    }

    /// Multiplies the learning rate from now on by a factor.
    pub fn scale(&mut self, factor: f64) {
        self.rate *= factor;
    }

    /// Takes the loss at the end of each epoch: the validation loss if there are validation windows,
    /// otherwise the training loss. Only [`Schedule::Plateau`] uses it.
    pub fn epoch_ended(&mut self, loss: f64) {
        if self.options.schedule != Schedule::Plateau {
            return;
        }
        if loss < self.lowest_loss - MIN_DELTA {
            (self.lowest_loss, self.stale_epochs) = (loss, 0);
            return;
        }
        self.stale_epochs += 1;
        if self.stale_epochs >= self.options.plateau_patience {
            self.rate *= self.options.plateau_factor;
            self.stale_epochs = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(epochs: usize) -> LearningRate {
        let options = ScheduleOptions {
            schedule: Schedule::Cosine,
            warmup: 0.0,
            plateau_patience: 1,
            plateau_factor: 0.5,
        };
        LearningRate::new(options, 1.0, epochs)
    }

    #[test]
    fn a_schedule_that_is_to_end_early_takes_the_same_course_in_fewer_epochs() {
        let (whole, mut short) = (cosine(100), cosine(100));
        short.end_within(20, 10);
        assert_eq!(short.at(20.0), whole.at(20.0));
        assert!((short.at(25.0) - whole.at(60.0)).abs() < 1e-6, "half of what is left has passed");
        assert!(short.at(30.0) < 1e-6 && short.at(10.0) == whole.at(10.0));
    }
}
