//! JSON, in the lines of a byte stream and in messages.
//!
//! A line or a payload is one JSON value or several of them, one after the other. These values are samples:
//!
//! - `{"t": 12.3, "current": 1.2}` is one sample: a key for each column, and optionally one for the time.
//! - `{"t": [0.0, 0.1], "current": [1.2, 1.3]}` is several samples: a list of the same length for each
//!   column. The time is a list, too; or it is the time of the first sample, if the source has a rate.
//! - `{"samples": […]}` is several samples, whose list has rows, objects or numbers as below. A `t` beside it
//!   is read as in the previous form, and is for the rows without a time.
//! - `[…]` is a list of objects, of rows or of numbers. A row `[t, c1, c2, …]` has the values of the columns in
//!   order, optionally with the time first. Numbers that stand directly in the list are samples if there is one
//!   column, and otherwise one row.
//! - A number is a sample if there is one column.
//!
//! The name of a column is the path of its key. In `ENERGY.Current` and `phases.0.current`, each part is a key
//! or, counted from 0, the place in a list. A key that has the dots in its own name is preferred. Where the path
//! meets a list without naming a place, it stands for the values of all elements, as in `data.current` for
//! `{"data": [{"current": 1.2}, {"current": 1.3}]}`. Other keys are ignored.
//!
//! A value may be a number, or text that is nothing but a number, such as `"1.21"`. `null`, empty text and the
//! literals `NaN` and `Infinity`, which are no JSON but which Python writes, are missing values. Text with a
//! unit, such as `"1.21 A"`, is refused, because its unit would be ignored.
//!
//! The time is a number in the source's unit, or text. Text in the format of RFC 3339 is also read if no unit
//! is configured. A time may also be an object with seconds and nanoseconds, as ROS writes it:
//! `{"sec": 12, "nanosec": 300000000}`.
//!
//! What cannot be read is counted by the sample, as far as the number of samples is known: one bad object or
//! row costs that object or row. A key that an object has twice is a fault.

mod cell;
mod emit;
mod found;
mod leaf;
mod names;
mod object;
mod path;
mod rows;
mod slot;
mod split;

use self::found::Found;
use super::bytes::{MAX_LINE, Splitter, quote};
use crate::signal::{Columns, DropReason, Drops, Samples, TimeInput};

/// Decodes a byte stream with JSON on each line.
#[derive(Debug)]
pub struct JsonLines {
    splitter: Splitter,
    columns: Columns,
    time: TimeInput,
    found: Box<Found>,
}

impl JsonLines {
    /// Creates a decoder at the start of a stream.
    pub fn new(columns: Columns, time: TimeInput) -> Self {
        let found = Box::new(Found::new(columns.names().len()));
        Self { splitter: Splitter::new(b'\n', MAX_LINE), columns, time, found }
    }

    /// Decodes the next bytes. The start of an incomplete line is kept for the next call.
    pub fn feed(&mut self, bytes: &[u8], samples: &mut Samples, drops: &mut Drops) {
        let Self { splitter, columns, time, found } = self;
        splitter.feed(bytes, drops, |line, drops| {
            if !line.trim_ascii().is_empty() {
                JsonDecoder { columns, time, found, samples, drops }.decode(line);
            }
        });
    }

    /// Decodes a last line that has no line end, at the end of the stream.
    pub fn finish(&mut self, samples: &mut Samples, drops: &mut Drops) {
        if let Some(line) = self.splitter.finish().filter(|line| !line.trim_ascii().is_empty()) {
            let Self { columns, time, found, .. } = self;
            JsonDecoder { columns, time, found, samples, drops }.decode(&line);
        }
    }
}

/// Decodes a payload.
pub(super) fn decode(
    payload: &[u8],
    columns: &Columns,
    time: &TimeInput,
    samples: &mut Samples,
    drops: &mut Drops,
) {
    let mut found = Found::new(columns.names().len());
    JsonDecoder { columns, time, found: &mut found, samples, drops }.decode(payload);
}

/// Whether a payload is JSON rather than lines of numbers: whether its text starts with `{` or `[`. Text in
/// UTF-16 is taken for JSON if it starts like that.
pub(super) fn starts(payload: &[u8]) -> bool {
    let text = match payload {
        [0xff, 0xfe, rest @ ..] => rest,
        [0xfe, 0xff, 0, rest @ ..] | [0, rest @ ..] => rest,
        payload => without_mark(payload),
    };
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// The bytes without a byte-order mark of UTF-8 in front.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// What the decoding of one line or payload needs.
struct JsonDecoder<'a> {
    columns: &'a Columns,
    time: &'a TimeInput,
    found: &'a mut Found,
    samples: &'a mut Samples,
    drops: &'a mut Drops,
}

impl JsonDecoder<'_> {
    fn decode(&mut self, bytes: &[u8]) {
        let text = without_mark(bytes).trim_ascii();
        if split::skip_space(text).is_empty() {
            return self.malformed(|| "the payload is empty; send a JSON object".into());
        }
        if is_utf16(bytes) {
            return self.malformed(|| format!("the text {} is UTF-16; send UTF-8", quote(bytes)));
        }
        // The usual case: the whole text is one object.
        let whole = text.starts_with(b"{") && object::read(self.found, text, self.columns, self.time).is_ok();
        if whole {
            return self.emit(text);
        }
        self.values(text);
    }

    /// Decodes values that follow each other.
    fn values(&mut self, text: &[u8]) {
        let mut rest = split::skip_space(text);
        while !rest.is_empty() {
            match split::value(rest) {
                Some((value, after)) => {
                    self.value(value);
                    rest = split::skip_space(after);
                }
                None if rest.starts_with(b"[") => return self.list(rest),
                // The value has no end. What follows on other lines may be whole again.
                None if rest.starts_with(b"{") => return self.lines(rest),
                None => return self.malformed(|| format!("a text in quotes has no end: {}", quote(rest))),
            }
        }
    }

    /// Decodes the values of lines, each by itself, after a value that has no end.
    ///
    /// Lines that do not begin a value are parts of a value that has been counted.
    fn lines(&mut self, text: &[u8]) {
        for line in text.split(|byte| *byte == b'\n') {
            let mut rest = split::skip_space(line);
            while rest.starts_with(b"{") || rest.starts_with(b"[") {
                let Some((value, after)) = split::value(rest) else {
                    self.object(rest);
                    break;
                };
                self.value(value);
                rest = split::skip_space(after);
            }
        }
    }

    fn value(&mut self, value: &[u8]) {
        match value.first() {
            Some(b'[') => self.list(value),
            Some(b'{') => self.object(value),
            _ => self.numbers(&[value]),
        }
    }

    /// Decodes the elements of a list one by one, so that a bad one costs only itself.
    fn list(&mut self, list: &[u8]) {
        let mut rest = list.get(1..).unwrap_or_default();
        let mut numbers = Vec::new();
        // Whether a comma has come since the last element.
        let mut separated = true;
        loop {
            rest = split::skip_space(rest);
            match rest.first() {
                Some(b']') => break,
                Some(b',') => {
                    if std::mem::replace(&mut separated, true) {
                        self.malformed(|| format!("a list has an empty place before {}", quote(rest)));
                    }
                    rest = rest.get(1..).unwrap_or_default();
                    continue;
                }
                _ => separated = false,
            }
            let Some((element, after)) = split::value(rest) else {
                if matches!(rest.first(), Some(b'{' | b'[')) {
                    self.lines(rest);
                } else {
                    self.malformed(|| format!("a list has no end: {}", quote(list)));
                }
                break;
            };
            match element.first() {
                Some(b'[') => self.row(element),
                Some(b'{') => self.object(element),
                _ => numbers.push(element),
            }
            rest = after;
        }
        if !numbers.is_empty() {
            self.numbers(&numbers);
        }
    }

    fn object(&mut self, bytes: &[u8]) {
        match object::read(self.found, bytes, self.columns, self.time) {
            Ok(()) => self.emit(bytes),
            Err(why) => match split::without_literals(bytes) {
                Some(text) if object::read(self.found, &text, self.columns, self.time).is_ok() => {
                    self.emit(&text)
                }
                _ => self.malformed(|| format!("{why} in {}", quote(bytes))),
            },
        }
    }

    fn row(&mut self, bytes: &[u8]) {
        let text = split::without_literals(bytes);
        self.found.clear();
        match cell::row(text.as_deref().unwrap_or(bytes), self.columns.names().len()) {
            Ok(row) => self.found.add_row(&row, self.columns, self.time),
            Err(why) => return self.malformed(|| format!("{why} in {}", quote(bytes))),
        }
        self.emit(bytes);
    }

    /// Decodes numbers that are elements of a list, or stand alone.
    fn numbers(&mut self, numbers: &[&[u8]]) {
        self.found.clear();
        let cells = numbers.iter().map(|number| cell::single(number));
        if self.columns.names().len() == 1 {
            cells.for_each(|cell| self.found.add_row(&[cell], self.columns, self.time));
        } else {
            self.found.add_row(&cells.collect::<Vec<_>>(), self.columns, self.time);
        }
        self.emit(&[]);
    }

    /// Adds the samples of the object that was read, and counts those that have a fault.
    fn emit(&mut self, bytes: &[u8]) {
        self.found.emit(bytes, self.columns, self.time, self.samples, self.drops);
    }

    fn malformed(&mut self, detail: impl FnOnce() -> String) {
        self.drops.add(DropReason::Malformed, detail);
    }
}

/// Whether a text is UTF-16, with a byte-order mark or without one.
fn is_utf16(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, b'{' | b'[', ..] | [b'{' | b'[', 0, ..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Channel, Time};

    fn columns(names: &[&str]) -> Columns {
        let channels: Vec<_> = names.iter().map(|name| Channel::in_ampere(name)).collect();
        Columns::of(&channels).unwrap()
    }

    fn decode_with(text: &str, names: &[&str], time: TimeInput) -> (Samples, Drops) {
        let columns = columns(names);
        let (mut samples, mut drops) = (columns.samples(), Drops::default());
        decode(text.as_bytes(), &columns, &time, &mut samples, &mut drops);
        // The lines of a byte stream are decoded alike.
        if !text.contains('\n') && text.len() < MAX_LINE {
            let (mut again, mut drops_again) = (columns.samples(), Drops::default());
            let mut lines = JsonLines::new(columns, time);
            lines.feed(text.as_bytes(), &mut again, &mut drops_again);
            lines.finish(&mut again, &mut drops_again);
            if !text.trim().is_empty() {
                assert_eq!((again.times(), &drops_again), (samples.times(), &drops), "{text}");
            }
        }
        (samples, drops)
    }

    /// Each sample as its seconds, or NaN without a time, and its values.
    fn rows(samples: &Samples) -> Vec<(f64, Vec<f32>)> {
        let seconds = |time: Time| if time == Time::ARRIVAL { f64::NAN } else { time.seconds() };
        samples.iter().map(|(time, row)| (seconds(time), row.to_vec())).collect()
    }

    /// Fails unless a text decodes to these samples, each as its seconds and its values, without a fault.
    #[track_caller]
    fn assert_decodes(text: &str, names: &[&str], time: TimeInput, expected: &[(f64, &[f32])]) {
        let (samples, drops) = decode_with(text, names, time);
        assert_eq!(drops.total(), 0, "{:?}", drops.first());
        let expected: Vec<_> = expected.iter().map(|(time, row)| (*time, row.to_vec())).collect();
        assert_eq!(format!("{:?}", rows(&samples)), format!("{expected:?}"), "{text}");
    }

    const NONE: f64 = f64::NAN;

    fn time(toml: &str) -> TimeInput {
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn an_object_is_a_sample_and_other_keys_are_ignored() {
        let text = "{\"x\": [1, {}], \"m2\": 2, \"t\": 1.5, \"m1\": 1}";
        assert_decodes(text, &["m1", "m2"], TimeInput::default(), &[(1.5, &[1.0, 2.0])]);
        assert_decodes("\u{feff}{\"m1\": -0}", &["m1"], TimeInput::default(), &[(NONE, &[-0.0])]);
        assert_decodes("{\"m\\u00e4\": 1e3}", &["mä"], TimeInput::default(), &[(NONE, &[1000.0])]);
    }

    #[test]
    fn a_dotted_name_is_a_path_and_a_key_with_the_dots_in_it_is_preferred() {
        let names = &["ENERGY.Current", "phases.1.current"];
        let nested = "{\"phases\": [{}, {\"current\": 3}], \"ENERGY\": {\"Current\": 2, \"x\": 9}}";
        assert_decodes(nested, names, TimeInput::default(), &[(NONE, &[2.0, 3.0])]);
        for text in [
            "{\"ENERGY\": {\"Current\": 9}, \"ENERGY.Current\": 2}",
            "{\"ENERGY.Current\": 2, \"ENERGY\": {\"Current\": 9}}",
        ] {
            assert_decodes(text, &names[..1], TimeInput::default(), &[(NONE, &[2.0])]);
        }
        assert_decodes("{\"a.b\": {\"c\": 1}}", &["a.b.c"], TimeInput::default(), &[(NONE, &[1.0])]);
        assert_decodes("{\"i\": [4, 5]}", &["i.1"], TimeInput::default(), &[(NONE, &[5.0])]);
    }

    #[test]
    fn text_that_is_a_number_is_one_and_missing_values_are_nan() {
        let nan = f32::NAN;
        let text = "{\"a\": \" 1.21 \", \"b\": null, \"c\": \"\", \"d\": NaN, \"e\": -Infinity}";
        let names = &["a", "b", "c", "d", "e"];
        assert_decodes(text, names, TimeInput::default(), &[(NONE, &[1.21, nan, nan, nan, nan])]);
    }

    #[test]
    fn lists_are_several_samples() {
        let two: &[(f64, &[f32])] = &[(0.5, &[1.0]), (1.5, &[2.0])];
        let none: &[(f64, &[f32])] = &[(NONE, &[1.0]), (NONE, &[2.0])];
        let one = &["current"];
        let any = TimeInput::default;
        assert_decodes("{\"current\": [1, \"2\"]}", one, any(), none);
        assert_decodes("{\"t\": [0.5, 1.5], \"current\": [1, 2]}", one, any(), two);
        assert_decodes("{\"t\": 0.5, \"current\": [1, 2]}", one, time("rate = 1.0"), two);
        assert_decodes("{\"samples\": [1, 2], \"t\": 0.5}", one, time("rate = 1.0"), two);
        assert_decodes("{\"t\": [0.5, 1.5], \"samples\": [1, 2]}", one, any(), two);
        assert_decodes("{\"samples\": [[0.5, 1], {\"t\": 1.5, \"current\": 2}]}", one, any(), two);
        assert_decodes("[{\"t\": 0.5, \"current\": 1}, {\"current\": 2, \"t\": 1.5}]", one, any(), two);
        assert_decodes("[[0.5, 1], [1.5, 2]]", one, any(), two);
        assert_decodes("[1, 2]", one, any(), none);
        assert_decodes("1", one, any(), &none[..1]);
        assert_decodes("[1, 2]", &["left", "right"], any(), &[(NONE, &[1.0, 2.0])]);
        assert_decodes("[0.5, 1, 2]", &["left", "right"], any(), &[(0.5, &[1.0, 2.0])]);
        let data = "{\"data\": [{\"i\": 1, \"t\": 0.5}, {\"i\": 2, \"t\": 1.5}]}";
        assert_decodes(data, &["data.i"], time("column = 'data.t'"), two);
        for empty in ["[]", "{\"samples\": []}", "{\"current\": []}"] {
            assert_decodes(empty, one, any(), &[]);
        }
    }

    #[test]
    fn each_row_is_a_sample_with_or_without_a_time() {
        let text = "{\"samples\": [[0, 1], [0.1, null], [3]]}";
        assert_decodes(
            text,
            &["current"],
            TimeInput::default(),
            &[(0.0, &[1.0]), (0.1, &[f32::NAN]), (NONE, &[3.0])],
        );
    }

    #[test]
    fn several_values_follow_each_other_on_lines_or_directly() {
        let two: &[(f64, &[f32])] = &[(0.5, &[1.0]), (1.5, &[2.0])];
        let (first, second) = ("{\"t\": 0.5, \"current\": 1}", "{\"t\": 1.5, \"current\": 2}");
        for separator in ["\n", "\r\n\r\n", "", " ", "\n\u{1e}"] {
            let text = format!("{first}{separator}{second}\n");
            assert_decodes(&text, &["current"], TimeInput::default(), two);
        }
        let pretty = "{\n  \"t\": 0.5,\n  \"current\": 1\n}\n{\n  \"t\": 1.5,\n  \"current\": 2\n}\n";
        assert_decodes(pretty, &["current"], TimeInput::default(), two);
    }

    #[test]
    fn a_time_may_be_nested_or_text_or_seconds_and_nanoseconds() {
        let at = |time: &str| format!("{{\"header\": {{\"stamp\": {time}}}, \"current\": 1}}");
        let stamp = "column = 'header.stamp'\n";
        for (text, unit, seconds) in [
            ("{\"sec\": 12, \"nanosec\": 250000000}", "", 12.25),
            ("{\"secs\": 12, \"nsecs\": 250000000, \"x\": 0}", "", 12.25),
            ("\"1970-01-01T00:00:12.25Z\"", "", 12.25),
            ("\"1970-01-01T01:00:12.25+01:00\"", "", 12.25),
            ("\"1970-01-02T00:30:12.25-0130\"", "unit = 'rfc3339'", 93612.25),
            ("\"12.25\"", "", 12.25),
            ("\"12250\"", "unit = 'ms'", 12.25),
            ("12250000", "unit = 'us'", 12.25),
        ] {
            assert_decodes(&at(text), &["current"], time(&format!("{stamp}{unit}")), &[(seconds, &[1.0])]);
        }
        let sum = time("sum = [{column = 'header.s', unit = 's'}, {column = 'header.ns', unit = 'ns'}]");
        let text = "{\"header\": {\"s\": 12, \"ns\": 250000000}, \"current\": 1}";
        assert_decodes(text, &["current"], sum.clone(), &[(12.25, &[1.0])]);
        let (samples, drops) = decode_with("{\"header\": {\"s\": 12}, \"current\": 1}", &["current"], sum);
        assert_eq!((samples.len(), drops.to_string().as_str()), (0, "1 bad_time"));
        assert!(drops.first().unwrap().1.starts_with("there is no key \"header.ns\""), "{drops:?}");
        let none = time("unit = 'none'");
        assert_decodes("{\"t\": \"soon\", \"current\": 1}", &["current"], none, &[(NONE, &[1.0])]);
    }

    #[test]
    fn a_fault_costs_the_samples_that_have_it_and_is_described() {
        for (text, kept, counted, problem) in [
            ("{\"t\": 1}", 0, "1 malformed", "there is no key \"current\"; the object has t"),
            (
                "{\"current\": \"high\"}",
                0,
                "1 malformed",
                "\"current\" holds \"high\", which is not a number",
            ),
            ("{\"current\": \"1.21 A\"}", 0, "1 malformed", "send the number alone"),
            ("{\"current\": true}", 0, "1 malformed", "\"current\" holds true, which is not a number"),
            ("{\"current\": {\"a\": 1}}", 0, "1 malformed", "holds an object"),
            ("{\"current\": 1, \"current\": 2}", 0, "1 malformed", "\"current\" is there twice"),
            ("{\"current\": [1, \"x\", 3], \"t\": [1, 2, 3]}", 2, "1 malformed", "holds \"x\""),
            ("{\"current\": [1, 2, 3], \"t\": [1, 2]}", 0, "3 bad_time", "\"t\" has 2 values for 3 samples"),
            ("{\"current\": [1, 2, 3], \"t\": 1}", 0, "3 bad_time", "set source.time.rate"),
            ("{\"samples\": [1, 2, 3], \"t\": 1}", 0, "3 bad_time", "set source.time.rate"),
            ("{\"samples\": [[1], [1, 2, 3], [\"x\"], [4]]}", 2, "2 malformed", "has 3 numbers instead of 1"),
            ("{\"samples\": [{\"current\": 1}, {}]}", 1, "1 malformed", "there is no key \"current\""),
            ("[1, \"x\", {\"current\": 2}, {}, 3]", 3, "2 malformed", "there is no key \"current\""),
            ("[{\"current\": 1}, {\"current\": 2", 1, "1 malformed", "EOF"),
            ("[1,, 2]", 2, "1 malformed", "empty place"),
            ("{\"current\": 1}\n{\"current\": \n{\"current\": 3}", 2, "1 malformed", "EOF"),
            ("{\"current\": 1e400}\n{\"current\": 3}", 1, "1 malformed", "out of range"),
            ("{\"current\": 1} x {\"current\": 3}", 2, "1 malformed", "holds \"x\""),
            ("{\"t\": 1e300, \"current\": 1}", 0, "1 bad_time", "\"t\" holds 1e300, which is out of range"),
            ("{\"t\": null, \"current\": 1}", 0, "1 bad_time", "\"t\" holds null"),
            (
                "{\"t\": \"soon\", \"current\": 1}",
                0,
                "1 bad_time",
                "\"t\" holds \"soon\", which is not a time",
            ),
            ("{\"t\": 1", 0, "1 malformed", "EOF"),
            ("", 0, "1 malformed", "empty"),
            ("\u{feff} ", 0, "1 malformed", "empty"),
            ("\u{1e}\n", 0, "1 malformed", "empty"),
        ] {
            let (samples, drops) = decode_with(text, &["current"], TimeInput::default());
            assert_eq!((samples.len(), drops.to_string().as_str()), (kept, counted), "{text}");
            let detail = drops.first().unwrap().1;
            assert!(detail.contains(problem), "{detail}");
        }
        let (_, drops) = decode_with("[1, 2, 3]", &["a", "b", "c", "d"], TimeInput::default());
        assert!(drops.first().unwrap().1.contains("has 3 numbers instead of 4"), "{drops:?}");
    }

    #[test]
    fn a_configured_time_that_is_missing_is_a_fault() {
        let (samples, drops) =
            decode_with("{\"ts\": 1, \"current\": 1}", &["current"], time("column = 'time'"));
        assert_eq!((samples.len(), drops.to_string().as_str()), (0, "1 bad_time"));
        assert_eq!(drops.first().unwrap().1, "there is no key \"time\"; the object has ts, current");
    }

    #[test]
    fn the_keys_of_an_object_are_named_with_the_nearest_first() {
        let text = "{\"Time\": \"x\", \"ENERGY\": {\"Voltage\": 230, \"Current\": 1, \"l\": [1, 2]}}";
        let (_, drops) = decode_with(text, &["current"], TimeInput::default());
        assert_eq!(
            drops.first().unwrap().1,
            "there is no key \"current\"; the object has ENERGY.Current, Time, ENERGY.l, ENERGY.Voltage"
        );
        let many: Vec<_> = (0..500).map(|index| format!("\"key\\u001b{index}\": 0")).collect();
        let (_, drops) = decode_with(&format!("{{{}}}", many.join(",")), &["current"], TimeInput::default());
        let detail = drops.first().unwrap().1;
        assert!(detail.ends_with(" and more") && !detail.contains('\u{1b}'), "{detail}");
        assert_eq!(detail.matches("key\\u{1b}").count(), 20, "{detail}");
    }

    #[test]
    fn utf_16_is_named() {
        let bytes: Vec<u8> = "{\"current\": 1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [bytes.clone(), [b"\xff\xfe".as_slice(), &bytes].concat()] {
            let (columns, mut drops) = (columns(&["current"]), Drops::default());
            assert!(starts(&bytes));
            decode(&bytes, &columns, &TimeInput::default(), &mut columns.samples(), &mut drops);
            assert!(drops.first().unwrap().1.contains("is UTF-16; send UTF-8"), "{drops:?}");
        }
    }

    #[test]
    fn deep_nesting_and_many_open_objects_take_neither_stack_nor_time() {
        for text in ["{\"x\":[", "[", "{\n", "{\"current\":"] {
            let (samples, drops) = decode_with(&text.repeat(200_000), &["current"], TimeInput::default());
            assert!(samples.is_empty() && drops.total() > 0);
        }
    }
}
