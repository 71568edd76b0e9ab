//! When a recording was started, from its name.

use crate::signal::{Time, rfc3339};

/// The years in which a recording may have been started.
const YEARS: std::ops::Range<u32> = 2000..2100;

/// The time in the name of a recording, a path relative to its data set, such as
/// `gravel/2023-01-15-13-23-37`. The name of the file counts first, then those of the folders, the innermost
/// first. `None` if no part of the name is a time.
///
/// A time is a date with or without a time of day, in the order of ISO 8601: `2023-01-15T13:23:37Z`,
/// `2023-01-15-13-23-37`, `20230115_132337`. Without an offset it is taken as it stands, so that the day is that of
/// the place; with a date alone it is the start of the day.
pub(super) fn of_name(name: &str) -> Option<Time> {
    name.rsplit('/').find_map(in_text)
}

/// Whether a time is one of the calendar, and not one of a clock that began with a board or a recording.
pub(super) fn is_of_the_calendar(time: Time) -> bool {
    // Seconds since 1970 at the start of 2000 and of 2100.
    (946_684_800.0..4_102_444_800.0).contains(&time.seconds())
}

/// The first time in a text.
fn in_text(text: &str) -> Option<Time> {
    let bytes = text.as_bytes();
    let starts = (0..bytes.len()).filter(|at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        !before.is_some_and(u8::is_ascii_digit)
    });
    starts.filter_map(|at| at_start(bytes.get(at..)?)).next()
}

/// The time that a text begins with.
fn at_start(text: &[u8]) -> Option<Time> {
    let mut rest = Rest(text);
    let year = rest.number(4).filter(|year| YEARS.contains(year))?;
    let separator = rest.one_of(b"-_.");
    let month = rest.number(2)?;
    if rest.one_of(b"-_.") != separator {
        return None;
    }
    let day = rest.number(2)?;
    let date = format!("{year:04}-{month:02}-{day:02}");
    let time = |clock: &str| rfc3339::parse(format!("{date}T{clock}").as_bytes());
    if let Some(time) = rest.clock().and_then(|clock| time(&clock)) {
        return Some(time);
    }
    if rest.0.first().is_some_and(u8::is_ascii_digit) { None } else { time("00:00:00") }
}

/// What is left of a text.
#[derive(Clone, Copy)]
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// Takes a number of this many digits.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        let number = str::from_utf8(number).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
        self.0 = rest;
        number.parse().ok()
    }

    /// Takes one of these characters if it is next.
    fn one_of(&mut self, characters: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        characters.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }

    /// The time of day that follows a date, with its offset from UTC, as RFC 3339 writes it.
    fn clock(self) -> Option<String> {
        let mut rest = self;
        rest.one_of(b"Tt_- .");
        let hour = rest.number(2)?;
        let separator = rest.one_of(b"-_:.hH");
        let minute = rest.number(2)?;
        let before_seconds = rest;
        let second =
            if rest.one_of(b"-_:.mM").is_some() == separator.is_some() { rest.number(2) } else { None };
        if second.is_none() {
            rest = before_seconds;
        }
        // A longer number, such as that of a drive, is not a time of day; one that follows seconds is a fraction.
        if second.is_none() && rest.0.first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let mut fraction = rest;
        let has_point = fraction.one_of(b".,").is_some();
        let digits = fraction.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let fraction_digits = fraction.0.get(..digits).filter(|_| digits > 0 && second.is_some());
        let mut clock = format!("{hour:02}:{minute:02}:{:02}", second.unwrap_or(0));
        if let Some(digits) = fraction_digits {
            clock.push('.');
            clock.push_str(str::from_utf8(digits).ok()?);
            rest = Rest(fraction.0.get(digits.len()..).unwrap_or_default());
        } else if has_point {
            return Some(clock);
        }
        clock.push_str(&rest.offset().unwrap_or_default());
        Some(clock)
    }

    /// The offset from UTC that a text begins with, as RFC 3339 writes it. Without a colon, a minus may as well stand
    /// before the number of a drive, so the minutes have to be those of an offset.
    fn offset(mut self) -> Option<String> {
        let sign = match self.one_of(b"Zz+-")? {
            b'Z' | b'z' => return Some("Z".into()),
            sign => char::from(sign),
        };
        let hours = self.number(2).filter(|hours| (0..=14).contains(hours))?;
        self.one_of(b":");
        let minutes = self.number(2).filter(|minutes| [0, 15, 30, 45].contains(minutes))?;
        let ends = !self.0.first().is_some_and(u8::is_ascii_digit);
        ends.then(|| format!("{sign}{hours:02}:{minutes:02}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> Option<String> {
        let time = of_name(name)?;
        assert!(is_of_the_calendar(time));
        let since = std::time::Duration::from_nanos(time.nanos() as u64);
        Some(humantime::format_rfc3339(std::time::UNIX_EPOCH + since).to_string())
    }

    #[test]
    fn the_usual_forms_of_a_time_in_a_name_give_the_same_time() {
        for name in [
            "2023-01-15-13-23-37",
            "20230115_132337",
            "2023-01-15T13:23:37Z",
            "20230115T132337Z",
            "tiles/2023-01-15T13-23-37",
            "2023-01-15 13.23.37",
            "2023_01_15_13_23_37",
            "20230115132337",
            "rover-1-20230115T132337Z-2",
            "drive_2023-01-15-13-23-37_0",
            "2023-01-15T14:23:37+01:00",
            "2023-01-15T08:23:37-0500",
            "2023-01-15-13h23m37",
            "20230115/132337/tiles/2023.01.15_13.23.37",
        ] {
            assert_eq!(text(name).as_deref(), Some("2023-01-15T13:23:37Z"), "{name}");
        }
        assert_eq!(text("2023-01-15T13:23:37.25Z").as_deref(), Some("2023-01-15T13:23:37.250000000Z"));
        assert_eq!(text("20230115132337125").as_deref(), Some("2023-01-15T13:23:37.125000000Z"));
        assert_eq!(text("2023-01-15_1323").as_deref(), Some("2023-01-15T13:23:00Z"));
    }

    #[test]
    fn a_date_alone_is_the_start_of_the_day_also_in_the_name_of_a_folder() {
        for name in
            ["2023-01-15/tiles/drive3", "tiles/20230115_3", "tiles/2023-01-15-drive3", "2023-01-15-007"]
        {
            assert_eq!(text(name).as_deref(), Some("2023-01-15T00:00:00Z"), "{name}");
        }
    }

    #[test]
    fn what_is_not_a_time_is_none() {
        for name in [
            "tiles/drive3",
            "d195",
            "pro_08",
            "20231301",
            "2023-02-30",
            "1673789017",
            "202301151",
            "",
            "2023",
            "15-01-2023",
        ] {
            assert_eq!(text(name), None, "{name}");
        }
        assert!(!is_of_the_calendar(Time::from_seconds(12.5).unwrap()));
    }
}
