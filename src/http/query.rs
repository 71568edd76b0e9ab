//! The parameters of a request, after the question mark of its address.

/// The value of a parameter, with its percent-encoding undone; `None` if it is absent or not UTF-8.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hexadecimal(rest.next()?)? << 4 | hexadecimal(rest.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_decoded_as_browsers_encode_it() {
        let of = |query| parameter(query, "stream");
        assert_eq!(of("stream=rover").as_deref(), Some("rover"));
        assert_eq!(of("a=b&stream=mule%20%3Cb%3E%22n%C3%A4%22").as_deref(), Some("mule <b>\"nä\""));
        for query in ["", "stream", "streams=a", "stream=%", "stream=%4", "stream=%zz", "stream=%ff"] {
            assert_eq!(of(query), None, "{query}");
        }
    }
}
