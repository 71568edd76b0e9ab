//! When a network has learned its training windows.

/// A mean loss of the training windows below this, in nats, is of a network that knows them: it gives the right
/// surface a probability of 99 % in the geometric mean, with dropout and augmentation active.
const LEARNED_LOSS: f64 = 0.01;
/// The number of epochs in a row after which a network counts as one that has learned its training windows, so that
/// one lucky order of the batches does not decide.
const EPOCHS: usize = 3;

/// Watches the training loss of one network for the end of what it can still learn.
///
/// A loss near 0 has gradients near 0, so that further epochs hardly change the weights. Held-out windows are not
/// looked at: whether training ends early chooses nothing by the score.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Learned {
    /// The number of epochs in a row with a low loss, up to the last one.
    epochs: usize,
}

impl Learned {
    /// Takes the mean training loss of each epoch, and returns whether the training windows are learned.
    pub(crate) fn epoch_ended(&mut self, loss: f64) -> bool {
        self.epochs = if loss < LEARNED_LOSS { self.epochs + 1 } else { 0 };
        self.epochs >= EPOCHS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_epochs_in_a_row_with_a_loss_near_zero_are_needed() {
        let learned = |losses: &[f64]| {
            let mut learned = Learned::default();
            losses.iter().map(|loss| learned.epoch_ended(*loss)).collect::<Vec<_>>()
        };
        assert_eq!(learned(&[0.5, 0.009, 0.008, 0.007, 0.02]), [false, false, false, true, false]);
        assert_eq!(learned(&[0.009, 0.02, 0.009, 0.009]), [false; 4]);
        assert_eq!(learned(&[f64::NAN; 4]), [false; 4]);
    }
}
