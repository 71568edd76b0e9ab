//! What a training run says about the novelty of its model and the candidates.

use std::fmt::{Display, Formatter, Result};

use super::candidates::CandidateSets;
use super::left_out::LeftOutScores;

/// What a training run says about the novelty of its model and the candidates.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub(crate) struct NoveltyFigures {
    /// Whether the model has an output `novelty`.
    pub output: bool,
    /// Why it has none, or why it was not measured how well unknown surfaces stand out, as the rest of a sentence
    /// after "because".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
    /// What decisions take from the evidence of each observation of novelty, in nats; `None` without the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowance: Option<f64>,
    /// How well surfaces stand out that the score was not fitted to; `None` if that was not measured.
    pub left_out: Option<LeftOutScores>,
    /// Which surfaces are candidates; `None` if no windows are held out.
    pub candidates: Option<CandidateSets>,
}

impl Display for NoveltyFigures {
    /// Writes a few lines for a terminal.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match (&self.why_not, self.output) {
            (Some(why), false) => writeln!(f, "the model has no output for novelty, because {why}")?,
            (Some(why), true) => {
                writeln!(f, "how well novelty detects unknown surfaces was not measured, because {why}")?;
            }
            (None, _) => {}
        }
        if let Some(left_out) = &self.left_out {
            writeln!(
                f,
                "how well novelty detects surfaces that the model does not know (each surface was left out \
                         in turn):"
            )?;
            writeln!(f, "                    AUROC of windows   drives noticed, at 5 % false alarms")?;
            let mut row = |name: &str, auroc: f64, noticed: f64| {
                writeln!(f, "  {name:<18}{auroc:>16.3}   {:>14.0} %", 100.0 * noticed)
            };
            row(&format!("mean of {}", left_out.surfaces.len()), left_out.auroc, left_out.noticed)?;
            if let Some(worst) = left_out.worst() {
                row(&format!("worst: {}", worst.surface), worst.auroc, worst.noticed)?;
            }
        }
        if let Some(allowance) = self.allowance {
            writeln!(
                f,
                "the novelty allowance is {allowance} nats, so that at most 1 % of the decisions on held-out \
                 recordings of known surfaces are withheld"
            )?;
        }
        if let Some(CandidateSets { least, inside, size }) = self.candidates {
            writeln!(
                f,
                "candidates are surfaces with a probability of at least {least:.3}: the actual surface is a \
                 candidate in {:.1} % of the windows of a held-out recording, and a window has {size:.2} candidates \
                 on average",
                100.0 * inside
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::novelty::left_out::LeftOutSurface;

    #[test]
    fn the_terminal_names_the_mean_the_worst_surface_and_the_candidates() {
        let of = |surface: &str, auroc, noticed| LeftOutSurface {
            surface: surface.into(),
            auroc,
            noticed,
            recordings: 9,
        };
        let surfaces = vec![of("tile", 0.99, 1.0), of("wood", 0.75, 0.5)];
        let figures = NoveltyFigures {
            output: true,
            allowance: Some(0.65),
            left_out: Some(LeftOutScores { auroc: 0.87, noticed: 0.75, surfaces }),
            candidates: Some(CandidateSets { least: 0.1234, inside: 0.955, size: 1.125 }),
            why_not: None,
        };
        let text = figures.to_string();
        for expected in [
            "mean of 2",
            "0.870",
            "75 %",
            "worst: wood",
            "0.750",
            "50 %",
            "allowance is 0.65 nats",
            "at least 0.123",
            "95.5 %",
            "1.12",
        ] {
            assert!(text.contains(expected), "{expected:?} in {text}");
        }
        assert!(!text.contains("tile"), "{text}");
        let none = NoveltyFigures { why_not: Some("--summary is off".into()), ..NoveltyFigures::default() };
        assert_eq!(none.to_string(), "the model has no output for novelty, because --summary is off\n");
    }
}
