//! The recordings on which a comparison of two models is fair.

use std::collections::BTreeSet;

/// The names of the two models in messages.
pub(crate) const NAMES: [&str; 2] = ["A", "B"];

/// Which recordings two models are compared on.
///
/// Recordings that one of the models was trained on are left out, unless there are no others. Of several recordings
/// with the same contents, only the first one counts, because a test that counts a drive twice finds differences that
/// are not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordingChoice {
    /// The indices of the recordings to compare the models on.
    pub compared: Vec<usize>,
    /// The number of recordings with different contents.
    pub different: usize,
    /// The index of the first recording with the contents of an earlier one, and the number of such recordings.
    pub repeated: Option<(usize, usize)>,
    /// How many of the recordings each model was trained on, each counted once.
    pub trained_on: [usize; 2],
    /// The index of the first recording that a model was trained on.
    pub first: Option<usize>,
    /// For each model, whether its card does not say which recordings it was trained on.
    pub not_told: [bool; 2],
}

impl RecordingChoice {
    /// Chooses among `count` recordings, given their short digests and those of the recordings that each model was
    /// trained on. Recordings without a digest, which are the last ones of very many, are compared.
    pub(crate) fn of(count: usize, digests: &[String], trained_on: [&[String]; 2]) -> Self {
        let known = trained_on.map(|digests| digests.iter().collect::<BTreeSet<_>>());
        let mut choice = Self { not_told: trained_on.map(<[String]>::is_empty), ..Self::default() };
        let (mut seen, mut different) = (BTreeSet::new(), Vec::new());
        for index in 0..count {
            let Some(digest) = digests.get(index) else {
                choice.compared.push(index);
                different.push(index);
                continue;
            };
            if !seen.insert(digest) {
                let (first, repeated) = choice.repeated.unwrap_or((index, 0));
                choice.repeated = Some((first, repeated + 1));
                continue;
            }
            different.push(index);
            let is_known = known.each_ref().map(|known| known.contains(digest));
            choice.trained_on.iter_mut().zip(is_known).for_each(|(sum, known)| *sum += usize::from(known));
            if is_known.contains(&true) {
                choice.first.get_or_insert(index);
            } else {
                choice.compared.push(index);
            }
        }
        choice.different = different.len();
        if choice.compared.is_empty() {
            choice.compared = different;
        }
        choice
    }

    /// Whether every recording was trained on, so that the models are compared on those.
    pub(crate) fn is_unfair(&self) -> bool {
        self.first.is_some_and(|first| self.compared.contains(&first))
    }

    /// What there is to say about the choice, one sentence each. `name` returns the name of a recording.
    pub(crate) fn warnings(&self, name: impl Fn(usize) -> String) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(first) = self.first {
            let (trained_on, name) = (self.trained_on_in_words(), name(first));
            warnings.push(match self.is_unfair() {
                true => format!(
                    "{trained_on}, first {name}, so this comparison does not tell which of them is better on new \
                     drives; compare them on drives that neither was trained on"
                ),
                false => format!(
                    "{trained_on}, first {name}; {} left out, because a model is right more often on recordings \
                     that it was trained on",
                    match self.different - self.compared.len() {
                        1 => "this recording is".into(),
                        count => format!("these {count} are"),
                    }
                ),
            });
        }
        let not_told: Vec<&str> = NAMES
            .into_iter()
            .zip(self.not_told)
            .filter(|(_, not_told)| *not_told)
            .map(|(name, _)| name)
            .collect();
        match not_told.as_slice() {
            [] => {}
            [model] => warnings.push(format!(
                "the card of {model} does not say which recordings it was trained on; make sure that it was trained on \
                 none of these"
            )),
            models => warnings.push(format!(
                "the cards of {} do not say which recordings they were trained on; make sure that they were trained on \
                 none of these",
                models.join(" and ")
            )),
        }
        if let Some((first, count)) = self.repeated {
            warnings.push(format!(
                "{count} of the recordings {} the same contents as an earlier one, first {}; each drive counts once",
                if count == 1 { "has" } else { "have" },
                name(first)
            ));
        }
        warnings
    }

    fn trained_on_in_words(&self) -> String {
        let [a, b] = NAMES;
        let all = self.different;
        match self.trained_on {
            [count, 0] => format!("{a} was trained on {count} of these {all} recordings and {b} on none"),
            [0, count] => format!("{b} was trained on {count} of these {all} recordings and {a} on none"),
            [one, other] => format!("{a} was trained on {one} of these {all} recordings and {b} on {other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests, one for each letter.
    fn digests(letters: &str) -> Vec<String> {
        letters.chars().map(String::from).collect()
    }

    fn choice(recordings: &str, trained_on: [&str; 2]) -> (RecordingChoice, Vec<String>) {
        let [a, b] = trained_on.map(digests);
        let choice = RecordingChoice::of(recordings.len(), &digests(recordings), [&a, &b]);
        let warnings = choice.warnings(|index| format!("drive {index}"));
        (choice, warnings)
    }

    #[test]
    fn recordings_that_a_model_was_trained_on_are_left_out_if_there_are_others() {
        let (chosen, warnings) = choice("abcd", ["ax", "ab"]);
        assert_eq!((chosen.compared.as_slice(), chosen.is_unfair()), (&[2, 3][..], false));
        assert_eq!(
            warnings,
            [
                "A was trained on 1 of these 4 recordings and B on 2, first drive 0; these 2 are left out, because a \
              model is right more often on recordings that it was trained on"
            ]
        );
        let (chosen, warnings) = choice("ab", ["xy", "ab"]);
        assert_eq!((chosen.compared.as_slice(), chosen.is_unfair()), (&[0, 1][..], true));
        assert!(
            warnings[0]
                .starts_with("B was trained on 2 of these 2 recordings and A on none, first drive 0, so"),
            "{warnings:?}"
        );
        let (chosen, warnings) = choice("ab", ["x", "y"]);
        assert_eq!((chosen.compared.len(), warnings.len(), chosen.is_unfair()), (2, 0, false));
    }

    #[test]
    fn a_drive_that_is_given_twice_counts_once() {
        let (chosen, warnings) = choice("abab", ["x", "y"]);
        assert_eq!(chosen.compared, [0, 1]);
        assert!(
            warnings[0]
                .starts_with("2 of the recordings have the same contents as an earlier one, first drive 2")
        );
        let (chosen, _) = choice("aab", ["a", "y"]);
        assert_eq!((chosen.compared.as_slice(), chosen.trained_on, chosen.different), (&[2][..], [1, 0], 2));
    }

    #[test]
    fn a_card_that_does_not_say_what_its_model_was_trained_on_is_named() {
        let (_, warnings) = choice("ab", ["x", ""]);
        assert!(warnings[0].starts_with("the card of B does not say"), "{warnings:?}");
        let (_, warnings) = choice("ab", ["", ""]);
        assert!(warnings[0].starts_with("the cards of A and B do not say"), "{warnings:?}");
    }
}
