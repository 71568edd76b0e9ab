//! Which texts a model card may have.
//!
//! The texts of a card are printed to terminals, logs and pages, and published as parts of messages. A card
//! may come from anybody, so they must not have anything that changes how other text is shown.

use std::borrow::Cow;

/// The maximum length of a name of a channel, in bytes of UTF-8.
pub(crate) const MAX_NAME: usize = 200;
/// The maximum length of a unit, in bytes of UTF-8.
pub(crate) const MAX_UNIT: usize = 32;
/// The maximum length of any other text, in bytes of UTF-8.
pub(crate) const MAX_TEXT: usize = 4096;

/// Whether a character changes how text is shown, rather than being shown itself: control characters, the
/// ends of lines and paragraphs of Unicode, marks of the direction of text, and characters without width. The
/// joiners that some scripts need are not among them.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A text from outside, such as the name of a file, in which each unprintable character is replaced.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(is_unprintable) { text.replace(is_unprintable, "\u{fffd}").into() } else { text.into() }
}

/// What is wrong with a text of at most `max` bytes, as the rest of a sentence; `None` if nothing is.
pub(crate) fn fault(text: &str, max: usize) -> Option<String> {
    if text.len() > max {
        return Some(format!("has {} bytes; at most {max} are allowed", text.len()));
    }
    let c = text.chars().find(|c| is_unprintable(*c))?;
    Some(format!("has the character U+{:04X}, which is not printable; remove it", u32::from(c)))
}

/// The first name that is empty or equal to an earlier one; `None` if all are different.
pub(super) fn empty_or_repeated<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    names.find(|name| name.is_empty() || !seen.insert(*name))
}

/// A text in quotes for a message: without unprintable characters, and shortened.
pub(crate) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().count() > 60 { format!("\"{shown}…\"") } else { format!("\"{shown}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_changes_the_terminal_is_a_fault_and_other_scripts_are_not() {
        for bad in ["\u{1b}[2Jtile", "a\nb", "\u{7f}", "\u{9b}31m", "\u{202e}elit", "a\u{2028}b", "\u{200b}"]
        {
            let fault = fault(bad, MAX_NAME).unwrap();
            assert!(fault.contains("U+") && !quoted(bad).contains(char::is_control), "{fault}");
            assert!(printable(bad).contains('\u{fffd}') && !printable(bad).contains(is_unprintable));
        }
        for good in ["tile", "Kies (grob)", "砂利", "гравий", "a b", "m/s²"] {
            assert_eq!((fault(good, MAX_NAME), printable(good)), (None, good.into()));
        }
        assert_eq!(fault(&"x".repeat(201), MAX_NAME).unwrap(), "has 201 bytes; at most 200 are allowed");
        assert!(quoted(&"x".repeat(1000)).len() < 70);
    }
}
