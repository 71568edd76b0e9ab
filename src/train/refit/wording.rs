//! What a refit did, in words.

use std::fmt::{Display, Formatter, Result};

use super::comparison::{AccuracyChange, Comparison, RefitJudgement};
use super::material::{Material, OldWindows};

/// What a refit did, for people: the first line says whether the model got better.
pub(crate) struct RefitWords<'a> {
    pub(crate) comparison: &'a Comparison,
    pub(crate) material: &'a Material,
}

impl Display for RefitWords<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { comparison, material } = self;
        self.headline(f)?;
        if comparison.is_lower() {
            writeln!(f, "keep the old model: on these drives, it is better than the new one")?;
        }
        if let Some(drives) = comparison.drives() {
            let networks = comparison.networks;
            writeln!(
                f,
                "each of the {} drives was predicted by {networks} network{} of the model, before and after a refit \
                 without that drive; expect a lower accuracy on drives of another day",
                drives.recordings,
                if networks == 1 { "" } else { "s" },
            )?;
        }
        self.table(f)?;
        for label in self.not_held_out() {
            writeln!(
                f,
                "{label} has a single new recording (or group), so no drive of it was held out; record it again"
            )?;
        }
        match (material.old, comparison.old()) {
            (OldWindows::None, _) => writeln!(
                f,
                "the model has no rehearsal windows and no old recordings were given, so surfaces that are not in \
                 the new recordings may have got worse, and that was not measured; give old recordings with --old"
            ),
            (_, None) => {
                writeln!(
                    f,
                    "whether old surfaces got worse was not measured, because no old window was held out"
                )
            }
            (old, Some(change)) => {
                let (what, why) = match old {
                    OldWindows::Recordings => {
                        ("windows of old recordings", "the model was trained on most of them")
                    }
                    _ => ("rehearsal windows", "the model was trained on them"),
                };
                writeln!(
                    f,
                    "old surfaces were measured on {} {what} that each refit left out; {why}, so their accuracy \
                     before is too high",
                    change.windows,
                )?;
                self.forgotten(f)
            }
        }
    }
}

impl RefitWords<'_> {
    fn headline(&self, f: &mut Formatter<'_>) -> Result {
        let comparison = self.comparison;
        let (Some(drives), judgement) = (comparison.drives(), comparison.judgement()) else {
            return writeln!(f, "whether the model got better is not known: {}", self.why_not_measured());
        };
        let shares = format!(
            "{} of the windows of a held-out new drive are correct, {} before",
            percent(drives.after),
            percent(drives.before)
        );
        let interval = comparison.change().map(|change| {
            format!(
                "{:+.1} points, 90 % interval {:+.1} to {:+.1} over {} drives",
                100.0 * change.mean,
                100.0 * change.low,
                100.0 * change.high,
                change.count
            )
        });
        match (judgement, interval) {
            (RefitJudgement::Better, Some(interval)) => {
                writeln!(f, "the model got better: {shares} ({interval})")
            }
            (RefitJudgement::Worse, Some(interval)) => {
                writeln!(f, "the model got worse: {shares} ({interval})")
            }
            (_, Some(interval)) => {
                writeln!(f, "whether the model got better is not certain: {shares} ({interval})")
            }
            (_, None) => writeln!(f, "too few drives to say whether the model got better: {shares}"),
        }
    }

    /// Why no new drive was held out.
    fn why_not_measured(&self) -> &'static str {
        if self.material.known.len() == self.material.new {
            "the model was trained on every one of these recordings before; record new drives"
        } else {
            "no surface has two new recordings (or groups), so no drive could be held out; record each surface twice"
        }
    }

    /// A line for each label with its accuracy before and after, on new and on old recordings.
    fn table(&self, f: &mut Formatter<'_>) -> Result {
        let comparison = self.comparison;
        let labels = comparison.labels.iter().enumerate();
        let rows = labels.map(|(label, name)| {
            let [new, old] = [true, false].map(|is_new| comparison.of_label(is_new, label));
            (name, new, old)
        });
        let rows: Vec<_> = rows.filter(|(_, new, old)| new.is_some() || old.is_some()).collect();
        let width =
            rows.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0).max("surface".len());
        if !rows.is_empty() {
            writeln!(f, "{:<width$}  {:<30}old windows", "surface", "new drives")?;
        }
        for (name, new, old) in rows {
            let new = new.map_or_else(
                || "none held out".into(),
                |change| {
                    let drives = change.recordings;
                    format!(
                        "{} ({drives} drive{})",
                        before_and_after(&change),
                        if drives == 1 { "" } else { "s" }
                    )
                },
            );
            let old = old.map_or_else(
                || "none".into(),
                |change| format!("{} ({} windows)", before_and_after(&change), change.windows),
            );
            writeln!(f, "{name:<width$}  {new:<30}{old}")?;
        }
        Ok(())
    }

    /// The labels with new windows of which none was held out, unless no drive was held out at all.
    fn not_held_out(&self) -> Vec<&str> {
        let (comparison, dataset) = (self.comparison, &self.material.dataset);
        if comparison.drives().is_none() {
            return Vec::new();
        }
        let counts = dataset.count(self.material.windows(true));
        let labels = comparison.labels.iter().zip(counts).enumerate();
        let missing =
            labels.filter(|(label, (_, count))| *count > 0 && comparison.of_label(true, *label).is_none());
        missing.map(|(_, (name, _))| name.as_str()).collect()
    }

    fn forgotten(&self, f: &mut Formatter<'_>) -> Result {
        let forgotten = self.comparison.forgotten();
        if forgotten.is_empty() {
            return writeln!(f, "no old surface got worse by 5 points or more");
        }
        let each = forgotten.iter().filter_map(|(label, change)| {
            Some(format!("{} ({})", self.comparison.labels.get(*label)?, before_and_after(change)))
        });
        writeln!(f, "old surfaces that got worse: {}", each.collect::<Vec<_>>().join(", "))
    }
}

fn before_and_after(change: &AccuracyChange) -> String {
    format!("{} → {}", percent(change.before), percent(change.after))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::refit::comparison::tests::compared;
    use crate::train::refit::material::tests::sine_material;
    use crate::train::tests::sine_waves;

    /// The words for drives of ten windows: whether each is new, its label, and how many are right before and after.
    fn words(drives: &[(bool, usize, usize, usize)], old: OldWindows) -> String {
        let comparison = compared(drives);
        let mut dataset = sine_waves(2, 3, 2);
        dataset.card.labels = comparison.labels.clone();
        let material = Material { old, ..sine_material(dataset, 4) };
        RefitWords { comparison: &comparison, material: &material }.to_string()
    }

    #[test]
    fn the_first_line_says_whether_the_model_got_better() {
        let new = |changes: &[(usize, usize)]| {
            let drives: Vec<_> = changes.iter().map(|(before, after)| (true, 0, *before, *after)).collect();
            words(&drives, OldWindows::None)
        };
        let better = new(&[(5, 8), (6, 9), (5, 9)]);
        let expected = "the model got better: 86.7 % of the windows of a held-out new drive are correct, 53.3 % \
                        before (+33.3 points, 90 % interval +23.6 to +43.1 over 3 drives)\n";
        assert!(better.starts_with(expected), "{better}");
        assert!(better.contains("wood has a single new recording (or group)"), "{better}");
        assert!(better.contains("that was not measured; give old recordings with --old"), "{better}");
        let worse = new(&[(8, 5), (9, 6), (9, 5)]);
        assert!(
            worse.starts_with("the model got worse: ") && worse.contains("\nkeep the old model: "),
            "{worse}"
        );
        assert!(new(&[(5, 9), (9, 6), (9, 9)]).starts_with("whether the model got better is not certain: "));
        assert!(
            new(&[(5, 9), (5, 9)]).starts_with("too few drives to say whether the model got better: 90.0 %")
        );
        assert!(new(&[]).starts_with("whether the model got better is not known: no surface has two new"));
    }

    #[test]
    fn old_surfaces_that_got_worse_are_named_with_what_they_were_measured_on() {
        let drives =
            [(true, 0, 5, 9), (true, 1, 9, 9), (true, 0, 5, 9), (false, 0, 10, 10), (false, 1, 10, 6)];
        let text = words(&drives, OldWindows::Rehearsal);
        for expected in [
            "old surfaces were measured on 20 rehearsal windows that each refit left out",
            "old surfaces that got worse: wood (100.0 % → 60.0 %)\n",
            "tile     50.0 % → 90.0 % (2 drives)",
            "wood     90.0 % → 90.0 % (1 drive)     100.0 % → 60.0 % (10 windows)\n",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        let kept = words(&drives[..4], OldWindows::Recordings);
        assert!(kept.contains("no old surface got worse by 5 points or more"), "{kept}");
    }
}
