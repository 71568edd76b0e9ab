//! What messages say about text that does not fit: what it seems to be, and what a good row looks like.

use super::format::{CsvFormat, Decimal};
use crate::signal::{Columns, TimeUnit, rfc3339};

/// Values of a row that messages show as an example.
const VALUES: [f64; 6] = [1.26, 2.29, 1.31, 2.17, 0.94, 1.88];

/// What a good row looks like, such as `print 1.26,2.29 (left, right), or 12.3,1.26,2.29 with the time first`.
pub(super) fn example(columns: &Columns, format: CsvFormat) -> String {
    let number = |value: f64| match format.decimal {
        Some(Decimal::Comma) => value.to_string().replace('.', ","),
        _ => value.to_string(),
    };
    let names = columns.names();
    let shown =
        names.iter().zip(VALUES.iter().cycle()).take(2 * VALUES.len()).map(|(_, value)| number(*value));
    let delimiter = format.assumed().text().to_string();
    let mut row = shown.collect::<Vec<_>>().join(&delimiter);
    if names.len() > 2 * VALUES.len() {
        row.push('…');
    }
    format!("print {row} ({}), or {}{delimiter}{row} with the time first", names.join(", "), number(12.3))
}

/// What text seems to be that is not a row at all; empty if that is not known.
pub(super) fn of_text(line: &[u8]) -> &'static str {
    if is_utf16(line) {
        return "; the text is UTF-16, send it as UTF-8";
    }
    match line.trim_ascii_start().first() {
        Some(b'{' | b'[') => "; it looks like JSON, for which format = \"json\" is",
        _ => "",
    }
}

/// Whether text is in UTF-16: it begins with the byte-order mark of UTF-16, or every second byte is 0.
pub(super) fn is_utf16(bytes: &[u8]) -> bool {
    let shown = bytes.get(..64).unwrap_or(bytes);
    let zeros = |first| shown.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    bytes.starts_with(b"\xff\xfe")
        || bytes.starts_with(b"\xfe\xff")
        || (shown.len() >= 8 && (zeros(0) >= shown.len() / 2 - 1 || zeros(1) >= shown.len() / 2 - 1))
}

/// The end of a message about text that is not a time: what it seems to be, and how to write it.
pub(super) fn of_time(text: &[u8], unit: TimeUnit) -> &'static str {
    if unit == TimeUnit::None {
        return ", because the unit of the time is set to \"none\"";
    }
    let is = |pattern: &str| {
        let (mut rest, mut letters) = (text.iter().peekable(), pattern.bytes());
        // Each 9 stands for one or more digits, and each dash for a character between two numbers of a date.
        letters.all(|letter| match letter {
            b'9' => {
                let digits =
                    std::iter::from_fn(|| rest.next_if(|byte| byte.is_ascii_digit())).take(5).count();
                (1..=4).contains(&digits)
            }
            b'-' => rest.next_if(|byte| matches!(byte, b'.' | b'/' | b'-')).is_some(),
            other => rest.next_if(|byte| **byte == other).is_some(),
        })
    };
    if rfc3339::parse(text).is_some() {
        "; it is a time as in RFC 3339: set the unit to \"rfc3339\""
    } else if is("9-9-9") {
        "; write dates as in RFC 3339, such as 2026-11-26T12:00:00.25Z, or the time in seconds"
    } else if is("9:9") {
        "; a time of day needs its date, as in 2026-11-26T12:00:00.25Z; or write the time in seconds"
    } else if unit == TimeUnit::Rfc3339 && fast_float2::parse::<f64, _>(text).is_ok() {
        "; it is a number, and the unit is set to \"rfc3339\": set it to the unit of the numbers"
    } else {
        ""
    }
}

/// What else to do about a row that has more fields than a time and these channels; empty for any other row.
pub(super) fn of_more_fields(fields: usize, channels: usize) -> &'static str {
    match fields > channels + 1 {
        true => "; or name every channel that the board sends, with --channels or under [[source.channel]]",
        false => "",
    }
}

/// What is wrong with rows such as `1,21`, which are one number with a decimal comma or a time and a number.
pub(super) const DECIMAL_COMMA: &str = "rows such as \"1,21\" are read as a time and a number, but then their \
    times repeat or go back; if they are numbers with a decimal comma, set decimal = \",\", otherwise \
    delimiter = \",\"";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Channel;

    #[test]
    fn an_example_is_a_row_for_these_channels() {
        let columns = Columns::of(&["left", "right"].map(Channel::in_ampere)).unwrap();
        assert_eq!(
            example(&columns, CsvFormat::default()),
            "print 1.26,2.29 (left, right), or 12.3,1.26,2.29 with the time first"
        );
        let german = CsvFormat::new(None, Some(',')).unwrap();
        assert_eq!(
            example(&columns, german),
            "print 1,26;2,29 (left, right), or 12,3;1,26;2,29 with the time first"
        );
    }

    #[test]
    fn dates_and_times_of_day_are_recognised() {
        for text in ["26.11.2026 12:00", "11/26/2026", "2026-11-26"] {
            assert!(of_time(text.as_bytes(), TimeUnit::S).contains("RFC 3339"), "{text}");
        }
        assert!(of_time(b"12:00:05.5", TimeUnit::S).contains("time of day"));
        assert_eq!(of_time(b"soon", TimeUnit::S), "");
        assert!(of_time(b"2026-11-26T12:00:00Z", TimeUnit::Ms).contains("set the unit to \"rfc3339\""));
        assert!(of_time(b"12.5", TimeUnit::Rfc3339).contains("it is a number"));
    }

    #[test]
    fn utf16_is_recognised_with_and_without_a_byte_order_mark() {
        let utf16: Vec<u8> = "t,current".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(is_utf16(&utf16) && is_utf16(b"\xff\xfe") && is_utf16(b"\xfe\xff\0t"));
        assert!(is_utf16(&"t,current".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()));
        assert!(!is_utf16(b"t,current\n0,1\n") && !is_utf16(b"\0") && !is_utf16(b""));
    }
}
