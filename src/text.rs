//! Parts of messages for people.

/// The start of a text in quotes, of up to `characters` characters; what is left out is an ellipsis.
pub(crate) fn quoted(text: &str, characters: usize) -> String {
    let start: String = text.chars().take(characters).collect();
    if start.len() < text.len() { format!("{start:?}…") } else { format!("{start:?}") }
}

/// A number with what it counts, such as `1 recording` or `2 recordings`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_quoted_escaped_and_shortened() {
        assert_eq!(quoted("gr\u{1b}as", 10), "\"gr\\u{1b}as\"");
        assert_eq!(quoted("ärmel", 2), "\"är\"…");
    }
}
