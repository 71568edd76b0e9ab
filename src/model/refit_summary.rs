//! How a model was trained on after its first training.

use serde::{Deserialize, Serialize};

/// How a model was trained on after its first training, by `underfoot-train refit`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RefitSummary {
    /// How often the model was trained on since `fit`.
    pub count: usize,
    /// A short digest of the file of the model that was trained on: the start of its SHA-256.
    pub base: String,
    /// The number of new recordings of the last refit.
    pub recordings: usize,
    /// The day of the latest of these recordings, in UTC; `None` if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The accuracy on new drives that were held out of the last refit; `None` if none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOutChange>,
}

impl RefitSummary {
    /// The texts of the summary, each with its key in the card.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let until = self.until.iter().map(|day| ("training.refit.until", day));
        until.chain([("training.refit.base", &self.base)])
    }
}

impl std::fmt::Display for RefitSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { count, base, recordings, until, held_out } = self;
        let times = if *count == 1 { "once".into() } else { format!("{count} times") };
        write!(f, "{times}, last on {recordings} recordings")?;
        until.iter().try_for_each(|day| write!(f, " up to {day}"))?;
        write!(f, ", from the model {base}")?;
        match held_out {
            Some(HeldOutChange { drives, before, after }) => write!(
                f,
                "; {drives} held-out drives: {:.1} % of the windows of each correct, {:.1} % before",
                100.0 * after,
                100.0 * before
            ),
            None => write!(f, "; no drive was held out"),
        }
    }
}

/// The accuracy on drives that a refit left out, before and after it. Each drive counts once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOutChange {
    /// The number of drives.
    pub drives: usize,
    /// The mean share of each drive's windows that the model answered rightly before.
    pub before: f64,
    /// The same after the refit, by networks that had not been trained on the drive.
    pub after: f64,
}

impl HeldOutChange {
    /// Whether both shares are from 0 to 1.
    pub(super) fn is_valid(&self) -> bool {
        [self.before, self.after].iter().all(|share| (0.0..=1.0).contains(share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_told_in_one_line() {
        let held_out = Some(HeldOutChange { drives: 8, before: 0.75, after: 0.875 });
        let until = Some("2026-11-26".into());
        let once = RefitSummary { count: 1, base: "0123".into(), recordings: 9, until, held_out };
        let expected = "once, last on 9 recordings up to 2026-11-26, from the model 0123; 8 held-out drives: 87.5 % \
                        of the windows of each correct, 75.0 % before";
        assert_eq!(once.to_string(), expected);
        let twice = RefitSummary { count: 2, until: None, held_out: None, ..once };
        assert_eq!(
            twice.to_string(),
            "2 times, last on 9 recordings, from the model 0123; no drive was held out"
        );
    }
}
