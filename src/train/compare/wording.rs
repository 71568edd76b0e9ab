//! A comparison of two models in words.

use std::fmt::{Display, Formatter, Result};

use super::answer_times::AnswerTimes;
use super::choice::NAMES;
use super::comparison::{ComparedRecording, ModelComparison, ModelJudgement};
use super::mcnemar::FEWEST;
use crate::text::counted;
use crate::train::decisions::NO_CHANGES;

/// The maximum number of recordings that are listed.
const MAX_LISTED: usize = 5;

/// A comparison of two models for people: the first line says which one is better.
pub(crate) struct ComparisonWords<'a>(pub(crate) &'a ModelComparison);

impl Display for ComparisonWords<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.headline(f)?;
        let (all, scored) = (self.0.all(), self.0.scored());
        let [a, b] = NAMES;
        if let Some(shares) = self.0.by_recording() {
            let [right, other] = shares;
            writeln!(
                f,
                "{a} is right {} of the time and {b} {} ({:+.1} points): the mean over {}",
                percent(right),
                percent(other),
                100.0 * (other - right),
                counted(self.0.scored_recordings().count(), "recording")
            )?;
            self.contradiction(f, shares)?;
            let [only_a, only_b] = scored.only_right();
            writeln!(
                f,
                "of {:.0} s in all, both are right for {}, only {a} for {}, only {b} for {}, and neither for {}",
                scored.seconds(),
                part(&scored, scored.both_right),
                part(&scored, only_a),
                part(&scored, only_b),
                part(&scored, scored.neither_right()),
            )?;
        }
        let [unknown, other] = all.unknown;
        writeln!(
            f,
            "they decide the same for {} of {:.0} s; {a} decides unknown for {}, and {b} for {}",
            part(&all, all.agreed),
            all.seconds(),
            part(&all, unknown),
            part(&all, other)
        )?;
        self.unshared(f)?;
        self.surfaces(f)?;
        self.extremes(f)?;
        let is_on_one = |recording: &ComparedRecording| recording.surfaces == 1;
        if scored.all > 0 && self.0.scored_recordings().all(is_on_one) {
            writeln!(f, "{NO_CHANGES}")?;
        }
        Ok(())
    }
}

impl ComparisonWords<'_> {
    fn headline(&self, f: &mut Formatter<'_>) -> Result {
        let counts = self.0.mcnemar();
        let ([a, b], [more_a, more_b], equal) = (NAMES, counts.better, counts.equal);
        let test = format!("McNemar's test by recording, p {}", probability(counts.p()));
        let both = format!(
            "{a} is right for longer on {}, {b} on {more_b}, and both equally long on {equal}",
            counted(more_a, "recording")
        );
        let better = |name: &str, other: &str, more: usize| {
            format!(
                "{name} is better: it is right for longer than {other} on {more} of the {} recordings on which they \
                 differ ({test})",
                counts.differing()
            )
        };
        match self.0.judgement() {
            ModelJudgement::ABetter => writeln!(f, "{}", better(a, b, more_a)),
            ModelJudgement::BBetter => writeln!(f, "{}", better(b, a, more_b)),
            ModelJudgement::NoDifference => writeln!(
                f,
                "there is no difference: on each of {}, {a} and {b} are right equally long",
                counted(equal, "recording")
            ),
            ModelJudgement::Unclear => writeln!(
                f,
                "which model is better is not certain: {both} ({test}); chance alone divides them like this too often"
            ),
            ModelJudgement::TooFew => writeln!(
                f,
                "too few recordings to tell which model is better: {both} ({test}); they have to differ on at least \
                 {FEWEST}, so record more drives"
            ),
            ModelJudgement::Unfair => writeln!(
                f,
                "which model is better on new drives is not known, because these recordings were trained on; on them, \
                 {both}"
            ),
            ModelJudgement::NotMeasured => writeln!(
                f,
                "which model is better is not known, because {}",
                match self.0.surfaces.is_empty() {
                    true => "the recordings have no labels",
                    false => "the recordings are on no surface that both models know",
                }
            ),
        }
    }

    /// That the model that is right on more recordings is not the one that is right for longer on a recording.
    fn contradiction(&self, f: &mut Formatter<'_>, [right, other]: [f64; 2]) -> Result {
        let [a, b] = NAMES;
        let (winner, loser) = match self.0.judgement() {
            ModelJudgement::ABetter if right < other => (a, b),
            ModelJudgement::BBetter if other < right => (b, a),
            _ => return Ok(()),
        };
        writeln!(
            f,
            "{loser} is right for longer in the mean, because {winner} loses more on the recordings where it is worse \
             than it gains on the others: look at those before you choose"
        )
    }

    /// The surfaces that not both models know.
    fn unshared(&self, f: &mut Formatter<'_>) -> Result {
        let [a, b] = NAMES;
        for (name, surface) in &self.0.surfaces {
            let times = &surface.times;
            let ([right, other], [unknown, other_unknown]) = (times.right, times.unknown);
            let seconds = times.seconds();
            let known = |knows: &str, lacks: &str, right: u64, unknown: u64| {
                format!(
                    "{seconds:.0} s are on {name}, which {lacks} does not know, and are not in these scores: {knows} is \
                     right for {}, and {lacks} decides unknown for {}",
                    part(times, right),
                    part(times, unknown)
                )
            };
            match surface.known {
                [true, true] => {}
                [true, false] => writeln!(f, "{}", known(a, b, right, other_unknown))?,
                [false, true] => writeln!(f, "{}", known(b, a, other, unknown))?,
                [false, false] => writeln!(
                    f,
                    "{seconds:.0} s are on {name}, which neither model knows: {a} decides unknown for {}, and {b} for {}",
                    part(times, unknown),
                    part(times, other_unknown)
                )?,
            }
        }
        Ok(())
    }

    /// A line for each surface that both models know, with how long each of them is right.
    fn surfaces(&self, f: &mut Formatter<'_>) -> Result {
        let Some(mean) = self.0.by_surface() else { return Ok(()) };
        let names = self.0.scored_surfaces().map(|(name, _)| name.chars().count());
        let width = names.max().unwrap_or_default().max("mean of the surfaces".len());
        writeln!(f, "{:<width$}  recordings  {:>8}  {:>8}", "surface", "A right", "B right")?;
        for (name, surface) in self.0.scored_surfaces() {
            let Some([a, b]) = surface.times.right_shares() else { continue };
            writeln!(f, "{name:<width$}  {:>10}  {:>8}  {:>8}", surface.recordings, percent(a), percent(b))?;
        }
        let [a, b] = mean;
        writeln!(f, "{:<width$}  {:>10}  {:>8}  {:>8}", "mean of the surfaces", "", percent(a), percent(b))
    }

    /// The recordings with the largest differences.
    fn extremes(&self, f: &mut Formatter<'_>) -> Result {
        let difference = |recording: &&ComparedRecording| {
            let [a, b] = recording.scored.right_shares().unwrap_or_default();
            (b - a).abs()
        };
        let mut recordings: Vec<_> =
            self.0.scored_recordings().filter(|recording| difference(recording) > 0.0).collect();
        recordings.sort_by(|one, other| difference(other).total_cmp(&difference(one)));
        let each = recordings.iter().take(MAX_LISTED).filter_map(|recording| {
            let [a, b] = recording.scored.right_shares()?;
            Some(format!("{} ({} and {})", recording.name, percent(a), percent(b)))
        });
        let each = each.collect::<Vec<_>>().join(", ");
        if each.is_empty() {
            return Ok(());
        }
        writeln!(f, "they differ most on {each}")
    }
}

/// A part of a time, as a share of it.
fn part(times: &AnswerTimes, part: u64) -> String {
    percent(times.share(part).unwrap_or_default())
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A p-value after "p", such as `= 0.031`.
fn probability(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("= {p:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::compare::comparison::tests::{add, compared};

    /// The words for recordings on tile, in each of which the models are right for so many of ten seconds.
    fn words(right: &[[i64; 2]]) -> String {
        ComparisonWords(&compared(right)).to_string()
    }

    #[test]
    fn the_first_line_says_which_model_is_better_or_why_that_is_not_known() {
        let better = words(&[[[5, 8]; 7].as_slice(), &[[7, 7]]].concat());
        let expected = "B is better: it is right for longer than A on 7 of the 7 recordings on which they differ \
                        (McNemar's test by recording, p = 0.016)\nA is right 52.5 % of the time and B 78.8 % (+26.2 points): \
                        the mean over 8 recordings\nof 80 s in all, both are right for 52.5 %, only A for 0.0 %, only \
                        B for 26.2 %, and neither for 21.2 %\n";
        assert!(better.starts_with(expected), "{better}");
        assert!(better.contains("they differ most on drive 0 (50.0 % and 80.0 %), drive 1"), "{better}");
        assert!(words(&[[8, 5]; 7]).starts_with("A is better: it is right for longer than B on 7 of the 7"));
        let few = words(&[[5, 8], [5, 8], [9, 8], [7, 7]]);
        let expected = "too few recordings to tell which model is better: A is right for longer on 1 recording, B on 2, \
                        and both equally long on 1 (McNemar's test by recording, p = 1.000); they have to differ on at \
                        least 6, so record more drives\n";
        assert!(few.starts_with(expected), "{few}");
        let unclear = words(&[[[5, 8]; 4], [[8, 5]; 4]].concat());
        assert!(unclear.starts_with("which model is better is not certain: A is right for longer on 4"));
        let equal = words(&[[7, 7]; 3]);
        assert!(equal.starts_with("there is no difference: on each of 3 recordings"), "{equal}");
        assert!(!equal.contains("they differ most"), "{equal}");
        let mut unfair = compared(&[[5, 8]; 7]);
        unfair.is_unfair = true;
        let unfair = ComparisonWords(&unfair).to_string();
        assert!(
            unfair.contains("these recordings were trained on; on them, A is right for longer on 0"),
            "{unfair}"
        );
    }

    #[test]
    fn a_model_that_wins_often_by_little_and_loses_rarely_by_much_is_told() {
        let text = words(&[[[8, 9]; 9].as_slice(), &[[10, 0]; 1]].concat());
        assert!(text.starts_with("B is better: "), "{text}");
        assert!(
            text.contains("\nA is right for longer in the mean, because B loses more on the recordings"),
            "{text}"
        );
    }

    #[test]
    fn without_labels_only_the_agreement_is_told() {
        let mut comparison = compared(&[]);
        add(&mut comparison, "x", None, [0, 0]);
        let text = ComparisonWords(&comparison).to_string();
        assert_eq!(
            text,
            "which model is better is not known, because the recordings have no labels\nthey decide the same for 100.0 % \
             of 10 s; A decides unknown for 100.0 %, and B for 100.0 %\n"
        );
    }

    #[test]
    fn a_surface_that_only_one_model_knows_is_told_and_not_scored() {
        let mut comparison = compared(&[]);
        add(&mut comparison, "x", Some("ice"), [0, 9]);
        add(&mut comparison, "y", Some("mud"), [0, 0]);
        let text = ComparisonWords(&comparison).to_string();
        for expected in [
            "is not known, because the recordings are on no surface that both models know\n",
            "10 s are on ice, which A does not know, and are not in these scores: B is right for 90.0 %, and A decides \
             unknown for 100.0 %\n",
            "10 s are on mud, which neither model knows: A decides unknown for 100.0 %, and B for 100.0 %\n",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        assert!(!text.contains("A right"), "{text}");
    }
}
