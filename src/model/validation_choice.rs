//! What the recordings that a model is scored on were used for besides.

use serde::{Deserialize, Serialize};

/// Something that was chosen by the answers to held-out recordings. Scores on the same recordings are then
/// higher than on new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValidationChoice {
    /// The epoch whose weights were kept, by early stopping.
    Epoch,
    /// When the learning rate was lowered, by the plateau schedule.
    LearningRate,
    /// The settings of the training, by a search.
    Settings,
}

impl ValidationChoice {
    /// The choices as the object of a sentence, such as `the epoch and the settings`. `None` if nothing was
    /// chosen.
    pub(crate) fn in_words(choices: &[Self]) -> Option<String> {
        let word = |choice: &Self| match choice {
            Self::Epoch => "the epoch",
            Self::LearningRate => "the learning rate",
            Self::Settings => "the settings",
        };
        let words: Vec<&str> = choices.iter().map(word).collect();
        match words.as_slice() {
            [] => None,
            [one] => Some((*one).to_owned()),
            [first @ .., last] => Some(format!("{} and {last}", first.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_listed_in_words() {
        use ValidationChoice::{Epoch, LearningRate, Settings};
        let words = |choices: &[ValidationChoice]| ValidationChoice::in_words(choices);
        assert_eq!(words(&[]), None);
        assert_eq!(words(&[LearningRate]).unwrap(), "the learning rate");
        assert_eq!(
            words(&[Epoch, LearningRate, Settings]).unwrap(),
            "the epoch, the learning rate and the settings"
        );
    }
}
