//! How far a training is: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::train::fit::epoch::Epoch;
use crate::train::options::FitOptions;

/// Lines a network, about, where there is no terminal.
const LINES: usize = 6;

/// How far a training of one or several networks is.
#[derive(Debug)]
pub(crate) struct TrainingProgress {
    bar: Option<ProgressBar>,
    epochs: usize,
    members: usize,
}

impl TrainingProgress {
    /// Before the first epoch of a training with these settings.
    pub(crate) fn new(options: &FitOptions) -> Self {
        let (epochs, members) = (options.epochs.unwrap_or(1), options.folds().max(1));
        let style = ProgressStyle::with_template("{bar:20} {percent}%, {eta} left: {msg}").ok();
        let bar = style.filter(|_| std::io::stderr().is_terminal()).map(|style| {
            let bar = ProgressBar::new((epochs * members) as u64).with_style(style);
            bar.enable_steady_tick(std::time::Duration::from_millis(500));
            bar
        });
        Self { bar, epochs, members }
    }

    /// After an epoch of the network of this number.
    pub(crate) fn tell(&self, member: usize, epoch: &Epoch) {
        let fold = match self.members {
            1 => String::new(),
            members => format!("network {} of {members}, ", member + 1),
        };
        let text = format!("{fold}epoch {} of {}: {}", epoch.epoch, self.epochs, line(epoch));
        match &self.bar {
            Some(bar) => {
                bar.set_position((member * self.epochs + epoch.epoch) as u64);
                bar.set_message(text);
            }
            None => {
                let every = (self.epochs / LINES).max(1);
                if epoch.epoch == 1 || epoch.epoch.is_multiple_of(every) || epoch.epoch == self.epochs {
                    eprintln!("{text}");
                }
            }
        }
    }

    /// Clears the bar.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(epoch: &Epoch) -> String {
    let training = format!("loss {:.4}, accuracy {:.3}", epoch.loss, epoch.accuracy);
    match (epoch.validation_loss, epoch.validation_accuracy) {
        (Some(loss), Some(accuracy)) => format!("{training}; validation {loss:.4}, {accuracy:.3}"),
        _ => training,
    }
}
