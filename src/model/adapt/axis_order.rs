//! The order of the axes of a model's input.

use crate::model::card::Card;

/// The order of the three axes of a model's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum AxisOrder {
    /// [windows, steps, channels], as underfoot gives them
    #[value(name = "NWC")]
    StepsChannels,
    /// [windows, channels, steps], as convolutions of PyTorch take them
    #[value(name = "NCW")]
    ChannelsSteps,
    /// [steps, windows, channels], as an LSTM of PyTorch without batch_first takes them
    #[value(name = "WNC")]
    StepsFirst,
}

impl AxisOrder {
    /// The index of the axis with the windows.
    pub(super) fn windows_axis(self) -> usize {
        usize::from(self == Self::StepsFirst)
    }

    /// For each axis of this order, the index of the axis of [windows, steps, channels] that it is. The same numbers lead
    /// back.
    pub(super) fn permutation(self) -> [i64; 3] {
        match self {
            Self::StepsChannels => [0, 1, 2],
            Self::ChannelsSteps => [0, 2, 1],
            Self::StepsFirst => [1, 0, 2],
        }
    }

    /// What the axes are, in words.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::StepsChannels => "[N, steps, channels]",
            Self::ChannelsSteps => "[N, channels, steps]",
            Self::StepsFirst => "[steps, N, channels]",
        }
    }

    /// The value of `--layout` for it.
    pub(super) fn flag(self) -> &'static str {
        match self {
            Self::StepsChannels => "NWC",
            Self::ChannelsSteps => "NCW",
            Self::StepsFirst => "WNC",
        }
    }

    /// The shape of windows in this order for a number of windows; -1 stands for any.
    pub(super) fn shape(self, windows: i64, card: &Card) -> Vec<i64> {
        let sizes = [windows, card.window as i64, card.channels.len() as i64];
        self.permutation().iter().map(|axis| sizes[*axis as usize]).collect()
    }

    /// Whether an input of this shape can take the windows of the card in this order.
    pub(super) fn fits(self, shape: &[i64], card: &Card) -> bool {
        let wanted = self.shape(-1, card);
        let fits = |(size, wanted): (&i64, &i64)| *size < 0 || *wanted < 0 || size == wanted;
        shape.len() == 3 && shape.iter().zip(&wanted).all(fits)
    }

    /// The orders in which an input of this shape can take the windows of the card, the most likely one first.
    pub(super) fn candidates(shape: &[i64], card: &Card) -> Vec<Self> {
        let steps = card.window as i64;
        // [100, N, C] could be 100 windows of any number of steps, which nobody exports.
        let first_is_steps =
            matches!(*shape, [first, second, _] if first == steps && second < 0 && steps > 1);
        // Nor does anybody export a steps-first network for as many windows as steps, or for any number of steps and a
        // certain number of windows.
        let second_is_windows =
            matches!(*shape, [first, second, _] if second != steps && (first == steps || second < 2));
        let orders = if first_is_steps {
            vec![Self::StepsFirst]
        } else if second_is_windows {
            vec![Self::StepsChannels, Self::ChannelsSteps, Self::StepsFirst]
        } else {
            vec![Self::StepsChannels, Self::ChannelsSteps]
        };
        orders.into_iter().filter(|order| order.fits(shape, card)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_follows_from_the_sizes_where_they_differ() {
        use AxisOrder::{ChannelsSteps, StepsChannels, StepsFirst};
        let card = |window, channels: &[&str]| {
            let channels = channels.iter().map(|name| crate::signal::Channel::in_ampere(name)).collect();
            Card { channels, ..Card::of_test(window, 10, &["a", "b"]) }
        };
        let (one, two, square) = (card(100, &["x"]), card(100, &["x", "y"]), card(2, &["x", "y"]));
        for (shape, card, expected) in [
            (&[-1, 100, 2][..], &two, &[StepsChannels][..]),
            (&[32, 100, 2], &two, &[StepsChannels]),
            (&[-1, 2, 100], &two, &[ChannelsSteps]),
            (&[1, 1, 100], &one, &[ChannelsSteps]),
            (&[100, -1, 2], &two, &[StepsFirst]),
            (&[100, 1, 1], &one, &[StepsFirst]),
            (&[100, 32, 2], &two, &[StepsFirst]),
            (&[100, 100, 2], &two, &[StepsChannels]),
            (&[-1, -1, 2], &two, &[StepsChannels, StepsFirst]),
            (&[-1, -1, -1], &two, &[StepsChannels, ChannelsSteps, StepsFirst]),
            (&[-1, 2, 2], &square, &[StepsChannels, ChannelsSteps]),
            (&[-1, 50, 2], &two, &[]),
            (&[-1, 200], &two, &[]),
        ] {
            assert_eq!(AxisOrder::candidates(shape, card), expected, "{shape:?}");
        }
        assert_eq!(StepsFirst.shape(-1, &two), [100, -1, 2]);
        assert_eq!(ChannelsSteps.shape(1, &two), [1, 2, 100]);
    }
}
