//! Names of columns that hold a time, such as `time_ms`, `timestamp (us)` or `millis`.

use super::time_input::TimeUnit;

/// Words that name a time by themselves.
const TIMES: [&str; 12] = [
    "t",
    "time",
    "times",
    "timestamp",
    "ts",
    "stamp",
    "datetime",
    "elapsed",
    "uptime",
    "epoch",
    "rosbagtimestamp",
    "utc",
];

/// Words that may stand beside a word that names a time.
const BESIDE: [&str; 17] = [
    "header", "field", "device", "board", "system", "sys", "unix", "sample", "start", "since", "boot", "ros",
    "in", "date", "receive", "log", "publish",
];

/// What the name of a column says about a time: `None` if it does not name one, otherwise the unit, if the
/// name has one.
///
/// A name is split into words at capitals and at every character that is neither a letter nor a digit. It
/// names a time if it consists of a word for a time and of units, or of a unit alone; some other words, as in
/// `header.stamp.secs`, are allowed beside them.
pub(crate) fn recognise(name: &str) -> Option<Option<TimeUnit>> {
    // `rostopic echo -p` names its column of nanoseconds so.
    if name.trim() == "%time" {
        return Some(Some(TimeUnit::Ns));
    }
    let (mut unit, mut times, mut units, mut others) = (None, 0, 0, 0);
    for word in words(name) {
        if let Some(found) = unit_of(&word) {
            units += 1;
            unit = Some(found);
        } else if TIMES.contains(&word.as_str()) {
            times += 1;
            if word == "rosbagtimestamp" {
                unit = Some(TimeUnit::Ns);
            }
        } else if BESIDE.contains(&word.as_str()) {
            others += 1;
        } else {
            return None;
        }
    }
    let names_a_time = units <= 1 && (times > 0 || (units == 1 && others == 0));
    names_a_time.then_some(unit)
}

/// Whether a name that [`recognise`] does not know looks as if it named a time.
pub(crate) fn resembles(name: &str) -> bool {
    let name = name.to_lowercase();
    ["time", "clock", "stamp", "date", "tick", "millis", "micros", "secs"]
        .iter()
        .any(|part| name.contains(part))
}

/// The unit that a word names.
pub(crate) fn unit_of(word: &str) -> Option<TimeUnit> {
    match word {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(TimeUnit::S),
        "ms" | "msec" | "msecs" | "milli" | "millis" | "millisecond" | "milliseconds" => Some(TimeUnit::Ms),
        "us" | "usec" | "usecs" | "µs" | "μs" | "micro" | "micros" | "microsecond" | "microseconds" => {
            Some(TimeUnit::Us)
        }
        "ns" | "nsec" | "nsecs" | "nano" | "nanos" | "nanosec" | "nanosecs" | "nanosecond"
        | "nanoseconds" => Some(TimeUnit::Ns),
        _ => None,
    }
}

/// The words of a name, in small letters.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for letter in name.chars() {
        let begins = letter.is_uppercase() && after_small;
        after_small = letter.is_lowercase() || letter.is_ascii_digit();
        if (begins || !letter.is_alphanumeric()) && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_time_is_recognised_with_its_unit() {
        for (name, unit) in [
            ("t", None),
            ("Time", None),
            ("timestamp", None),
            ("header.stamp", None),
            ("receive time", None),
            ("log_time", None),
            ("time_ms", Some(TimeUnit::Ms)),
            ("timeMs", Some(TimeUnit::Ms)),
            ("time (ms)", Some(TimeUnit::Ms)),
            ("Time [s]", Some(TimeUnit::S)),
            ("t_us", Some(TimeUnit::Us)),
            ("t/µs", Some(TimeUnit::Us)),
            ("ms", Some(TimeUnit::Ms)),
            ("millis", Some(TimeUnit::Ms)),
            ("micros()", Some(TimeUnit::Us)),
            ("seconds", Some(TimeUnit::S)),
            ("header.stamp.secs", Some(TimeUnit::S)),
            ("header.stamp.nanosec", Some(TimeUnit::Ns)),
            ("%time", Some(TimeUnit::Ns)),
        ] {
            assert_eq!(recognise(name), Some(unit), "{name}");
        }
    }

    #[test]
    fn other_names_are_not_times() {
        for name in
            ["current", "", "lap time left", "timeout", "start", "clock", "header", "m/s", "1", "left_ms_us"]
        {
            assert_eq!(recognise(name), None, "{name}");
        }
        assert!(resembles("clock") && resembles("timeout") && !resembles("current"));
    }
}
