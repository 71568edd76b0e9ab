//! Names of files in commands that a page recommends.

/// The text as one word for a shell: in single quotes if a shell would otherwise take any part of it for something
/// else.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "/._-+,:=@%".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_or_quotes_is_one_word_for_a_shell() {
        assert_eq!(quoted("data/büro-1.csv"), "data/büro-1.csv");
        assert_eq!(quoted("my drives/it's $HOME"), r"'my drives/it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
