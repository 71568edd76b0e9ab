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

/// A command to be copied. Its lines break between the arguments, and within one only if it is longer than a line.
pub(crate) fn command_block(command: &str) -> Markup {
    html! {
        pre.command {
            @for (index, argument) in command.split(' ').enumerate() {
                @if index > 0 { " " }
                span { (argument) }
            }
        }
    }
}

/// The text as a sentence: with a capital letter and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let rest = characters.as_str();
    let end = if text.is_empty() || text.ends_with('.') { "" } else { "." };
    format!("{first}{rest}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_a_sentence() {
        assert_eq!(sentence("lower --hop"), "Lower --hop.");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(sentence(""), "");
    }
}
