//! Finds where a JSON value ends, without looking at what is in it.

/// Skips white space, and the record separators of RFC 7464.
pub(super) fn skip_space(bytes: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x1e;
    let start = bytes.iter().position(|byte| !is_space(byte)).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

/// The value at the start of `bytes`, and the bytes after it; `None` if the value has no end.
///
/// Anything that is no list, object or text reaches to the next comma, bracket or white space. A value is never
/// empty, unless `bytes` are.
pub(super) fn value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = match bytes.first()? {
        b'{' | b'[' => nested(bytes)?,
        b'"' => text(bytes)?,
        _ => {
            let is_end = |byte: &u8| byte.is_ascii_whitespace() || b",]}[{\"".contains(byte);
            // A bracket or a comma where a value should be is a value of its own, so that reading goes on.
            bytes.iter().position(is_end).unwrap_or(bytes.len()).max(1)
        }
    };
    bytes.split_at_checked(end)
}

/// The length of the list or object at the start of `bytes`.
fn nested(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'"' => {
                at += text(bytes.get(at..)?)?;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The length of the text at the start of `bytes`, with both quotes.
fn text(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The value with `null` in place of the literals `NaN`, `Infinity` and `-Infinity`, which are no JSON; `None`
/// if there are none.
pub(super) fn without_literals(bytes: &[u8]) -> Option<Vec<u8>> {
    const LITERALS: [&[u8]; 5] = [b"-Infinity", b"Infinity", b"-NaN", b"NaN", b"nan"];
    memchr::memchr3(b'N', b'I', b'n', bytes)?;
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let (mut rest, mut found) = (bytes, false);
    while let Some(&byte) = rest.first() {
        let taken = match byte {
            b'"' => text(rest)?,
            _ => match LITERALS.iter().find(|literal| rest.starts_with(literal)) {
                Some(literal) => {
                    found = true;
                    out.extend_from_slice(b"null");
                    rest = rest.get(literal.len()..)?;
                    continue;
                }
                None => 1,
            },
        };
        out.extend_from_slice(rest.get(..taken)?);
        rest = rest.get(taken..)?;
    }
    found.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_its_brackets_and_quotes_are_closed() {
        for (text, expected) in [
            ("{\"a\": \"}\\\"]\"} x", Some("{\"a\": \"}\\\"]\"}")),
            ("[1, [2]], 3", Some("[1, [2]]")),
            ("1.5,2", Some("1.5")),
            ("\"a\\\\\"b", Some("\"a\\\\\"")),
            ("{\"a\": [1}", None),
            ("\"a\\\"", None),
            ("} 1", Some("}")),
        ] {
            let found = value(text.as_bytes()).map(|(value, _)| std::str::from_utf8(value).unwrap());
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn literals_that_are_no_json_become_null_except_in_text() {
        let text = without_literals(b"{\"NaN\": NaN, \"b\": -Infinity}").unwrap();
        assert_eq!(text, b"{\"NaN\": null, \"b\": null}");
        assert_eq!(without_literals(b"{\"NaN\": 1}"), None);
    }
}
