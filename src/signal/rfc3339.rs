//! Times as text, such as `2026-01-31T12:00:00.25+02:00`, in the format of RFC 3339.

use std::time::UNIX_EPOCH;

use super::time::Time;

/// The longest text that may be a time, in bytes.
const MAX_LENGTH: usize = 64;

/// The time in a text; `None` if it is not in the format of RFC 3339.
///
/// As the RFC permits, a blank may stand in place of the `T`, and letters may be small. Beyond the RFC, the
/// colon of the offset and the minutes of the offset may be missing, and so may the whole offset; the time is
/// then in UTC. Digits after the nanoseconds are ignored.
pub(crate) fn parse(text: &[u8]) -> Option<Time> {
    let text = str::from_utf8(text).ok().filter(|text| text.is_ascii() && text.len() <= MAX_LENGTH)?;
    let text = text.trim().to_ascii_uppercase();
    let clock = text.get(11..)?;
    // The offset begins with the first sign or Z after the date.
    let end = clock.find(['Z', '+', '-']).map_or(text.len(), |index| 11 + index);
    let (moment, offset) = text.split_at(end);
    let moment = moment.trim_end();
    let digits = moment.find('.').map_or(moment.len(), |point| moment.len().min(point + 10));
    if !moment.get(digits..)?.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let moment = humantime::parse_rfc3339_weak(moment.get(..digits)?).ok()?;
    let since_epoch = i64::try_from(moment.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()?;
    Time::from_nanos(since_epoch.checked_sub(offset_seconds(offset)?.checked_mul(1_000_000_000)?)?)
}

/// Whether a text that is a time names no offset from UTC.
pub(crate) fn lacks_offset(text: &[u8]) -> bool {
    let clock = text.trim_ascii().get(11..).unwrap_or_default();
    !clock.iter().any(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-'))
}

/// The offset from UTC in seconds; `None` if it is not one.
fn offset_seconds(offset: &str) -> Option<i64> {
    let Some(amount) = offset.strip_prefix(['+', '-']) else {
        return (offset.is_empty() || offset == "Z").then_some(0);
    };
    let (hours, minutes) = match (amount.len(), amount.split_once(':')) {
        (5, Some(parts)) => parts,
        (4, None) => amount.split_at(2),
        (2, None) => (amount, "00"),
        _ => return None,
    };
    let number = |text: &str, limit: i64| -> Option<i64> {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|value| is_number && *value < limit)
    };
    let seconds = number(hours, 24)? * 3600 + number(minutes, 60)? * 60;
    Some(if offset.starts_with('-') { -seconds } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<f64> {
        parse(text.as_bytes()).map(Time::seconds)
    }

    #[test]
    fn every_offset_and_number_of_digits_gives_the_same_time() {
        for text in [
            "2023-11-14T22:13:20.5Z",
            "2023-11-14t22:13:20.5z",
            "2023-11-14 22:13:20.500000",
            "2023-11-15T00:13:20.5+02:00",
            "2023-11-15 00:13:20.5+0200",
            "2023-11-15T00:13:20.5+02",
            "2023-11-14T16:43:20.5-05:30",
            "2023-11-14T16:43:20.500000000000-0530",
            "2023-11-14T22:13:20.5-00:00",
            "2023-11-14 22:13:20.5 +00:00",
        ] {
            assert_eq!(seconds(text), Some(1_700_000_000.5), "{text}");
        }
        assert_eq!(parse(b"2023-11-14T22:13:20.1234567899Z").unwrap().nanos() % 1_000_000_000, 123_456_789);
    }

    #[test]
    fn what_is_not_a_time_is_none() {
        for text in [
            "",
            "soon",
            "26.11.2026 12:00",
            "11/26/2026 12:00:00",
            "2023-11-14",
            "2023-13-14T22:13:20Z",
            "2023-11-14T22:13:20.5x",
            "2023-11-14T22:13:20+2",
            "2023-11-14T22:13:20+25:00",
            "2023-11-14T22:13:20+1:000",
            "2023-11-14T22:13:20ZZ",
            "2023-11-14T22:13:20.Z1",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_without_an_offset_is_recognised() {
        assert!(lacks_offset(b"2023-11-14 22:13:20.5"));
        assert!(!lacks_offset(b"2023-11-14 22:13:20.5Z") && !lacks_offset(b"2023-11-14 22:13:20-05:00"));
    }
}
