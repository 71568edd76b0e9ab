//! The HTML document around every report, and the format of percentages.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A whole HTML page with its style, which loads nothing else.
pub(crate) fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body { (body) }
        }
    };
    // A number and its percent sign stay on one line.
    page.into_string().replace(" %", "\u{a0}%")
}

/// A share between 0 and 1 as a percentage with one decimal; a dash if it is not finite.
pub(crate) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", 100.0 * share) } else { "–".into() }
}
