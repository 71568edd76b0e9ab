//! The progress of a training run: a bar on a terminal, a few plain lines elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::train::fit::epoch::Epoch;
use crate::train::options::FitOptions;

/// Approximate number of lines for each network if stderr is not a terminal.
const LINES: usize = 6;

/// Shows the progress of a training run of one or several networks on stderr.
#[derive(Debug)]
pub(crate) struct TrainingProgress {
    /// `None` if stderr is not a terminal.
    bar: Option<ProgressBar>,
    /// Maximum number of epochs of each network.
    epochs: usize,
    /// The number of networks of the model.
    members: usize,
    /// The number of networks that are trained after these, for calibration only.
    companions: usize,
}

impl TrainingProgress {
    /// Shows an empty bar for a training run with these settings and numbers of networks.
    pub(crate) fn new(options: &FitOptions, members: usize, companions: usize) -> Self {
        let epochs = options.epochs();
        let style = ProgressStyle::with_template("{bar:20} {percent} %, {eta} left: {msg}").ok();
        let bar = style.filter(|_| std::io::stderr().is_terminal()).map(|style| {
            let bar = ProgressBar::new((epochs * (members + companions)) as u64).with_style(style);
            bar.enable_steady_tick(std::time::Duration::from_millis(500));
            bar
        });
        Self { bar, epochs, members, companions }
    }

    /// Shows the figures of one epoch. `member` is the index of the network, from 0.
    pub(crate) fn show(&self, member: usize, epoch: &Epoch) {
        let network = match self.members + self.companions {
            1 => String::new(),
            all if member < self.members => format!("network {} of {all}, ", member + 1),
            all => format!("network {} of {all}, for calibration only, ", member + 1),
        };
        let text = format!("{network}epoch {} of {}: {}", epoch.epoch, self.epochs, figures(epoch));
        match &self.bar {
            Some(bar) => {
                bar.set_position((member * self.epochs + epoch.epoch) as u64);
                bar.set_message(text);
            }
            None => {
                let interval = (self.epochs / LINES).max(1);
                if epoch.epoch == 1 || epoch.epoch.is_multiple_of(interval) || epoch.epoch == self.epochs {
                    eprintln!("{text}");
                }
            }
        }
    }

    /// Removes the bar.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The losses and accuracies of an epoch, as text.
fn figures(epoch: &Epoch) -> String {
    let training = format!("loss {:.4}, accuracy {:.3}", epoch.loss, epoch.accuracy);
    match (epoch.validation_loss, epoch.validation_accuracy) {
        (Some(loss), Some(accuracy)) => {
            format!("{training}; validation loss {loss:.4}, accuracy {accuracy:.3}")
        }
        _ => training,
    }
}
