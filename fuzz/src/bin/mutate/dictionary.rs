//! Dictionaries in libFuzzer's format: a quoted token in each line.

/// The tokens of a dictionary. `\\`, `\"` and `\xAB` stand for one byte; lines that are not quoted are comments.
pub(crate) fn tokens(text: &str) -> Vec<Vec<u8>> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix('"'))
        .map(unescape)
        .filter(|token| !token.is_empty())
        .collect()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut token = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'\\', [b'x', digits @ ..]) => {
                let value = digits.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                token.extend(value.and_then(|digits| u8::from_str_radix(digits, 16).ok()));
                rest = digits.get(2..).unwrap_or_default();
            }
            (b'\\', [escaped, after @ ..]) => {
                token.push(*escaped);
                rest = after;
            }
            _ => token.push(*first),
        }
    }
    token
}
