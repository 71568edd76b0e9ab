//! How well surfaces that the model does not know stand out, and which surfaces are candidates.

use maud::{Markup, html};

use super::document::{percent, sentence};
use crate::train::novelty::figures::NoveltyFigures;

/// A table of the surfaces, each left out in turn, the worst first; and what the candidates hold.
pub(crate) fn novelty_table(figures: &NoveltyFigures) -> Markup {
    let mut surfaces: Vec<_> = figures.left_out.iter().flat_map(|left_out| &left_out.surfaces).collect();
    surfaces.sort_by(|one, other| one.auroc.total_cmp(&other.auroc));
    html! {
        @if let Some(left_out) = &figures.left_out {
            div.scroll { table {
                tr { th { "surface left out" } th { "AUROC of its windows" } th { "its drives noticed" } th { "drives" } }
                @for surface in surfaces {
                    tr {
                        td { (surface.surface) } td.n { (format!("{:.3}", surface.auroc)) }
                        td.n { (percent(surface.noticed)) } td.n { (surface.recordings) }
                    }
                }
                tr { td { "mean" } td.n { (format!("{:.3}", left_out.auroc)) } td.n { (percent(left_out.noticed)) } td {} }
            } }
            p.soft {
                "The novelty score was fitted again without each surface. The AUROC is how often a window of this surface is "
                "more novel than one of a held-out drive on a known surface: 0.5 is chance. A drive is noticed if its mean "
                "novelty is above that of 95 % of the held-out drives on known surfaces."
            }
        }
        @if let Some(why) = &figures.why_not {
            p { @if figures.output { "How well novelty detects unknown surfaces was not measured. " } @else { "The model has no output for novelty. " } (sentence(why)) }
        }
        @if let Some(candidates) = &figures.candidates {
            p {
                "Candidates are all surfaces with a probability of at least " (format!("{:.3}", candidates.least))
                ", and the most probable one. The actual surface is a candidate in " (percent(candidates.inside))
                " of the windows of a held-out drive, and a window has " (format!("{:.2}", candidates.size)) " candidates on average."
            }
        }
    }
}
