//! Reads a model card that was written by hand, as TOML.

use serde::Deserialize;
use toml::{Table, Value};

use super::card::Card;

/// A key of the file.
struct Key {
    name: &'static str,
    /// A line that sets it.
    example: &'static str,
    required: bool,
    kind: Kind,
}

/// What a key takes.
#[derive(Clone, Copy)]
enum Kind {
    Number,
    Text,
    Texts,
    /// A table with these keys.
    Table(&'static [Key]),
    /// A list of tables with these keys.
    Tables(&'static [Key]),
    /// Anything; it is checked elsewhere.
    Any,
}

const fn required(name: &'static str, example: &'static str, kind: Kind) -> Key {
    Key { name, example, required: true, kind }
}

const fn optional(name: &'static str, example: &'static str, kind: Kind) -> Key {
    Key { name, example, required: false, kind }
}

/// The keys of a card.
const CARD: &[Key] = &[
    required("version", "version = 1", Kind::Number),
    required("rate", "rate = 100.0", Kind::Number),
    required("window", "window = 100", Kind::Number),
    required("hop", "hop = 10", Kind::Number),
    required("labels", "labels = [\"gravel\", \"tile\"]", Kind::Texts),
    optional("candidates", "candidates = 0.1", Kind::Number),
    optional("novelty_allowance", "novelty_allowance = 0.2", Kind::Number),
    optional("made_by", "made_by = \"Keras 3\"", Kind::Text),
    required("channels", "channels = [{ name = \"current\", unit = \"A\" }]", Kind::Tables(CHANNEL)),
    required("resample", "resample = { method = \"nearest\", max_gap = 0.1 }", Kind::Table(RESAMPLE)),
    optional("training", "[[training.statistics]]", Kind::Table(TRAINING)),
];
const CHANNEL: &[Key] =
    &[required("name", "name = \"current\"", Kind::Text), optional("unit", "unit = \"A\"", Kind::Text)];
const RESAMPLE: &[Key] = &[
    required("method", "method = \"nearest\"", Kind::Text),
    required("max_gap", "max_gap = 0.1", Kind::Number),
];
const TRAINING: &[Key] = &[
    optional("data_digest", "data_digest = \"\"", Kind::Text),
    optional("recordings", "recordings = 20", Kind::Number),
    optional("windows_per_class", "windows_per_class = [100, 100]", Kind::Any),
    optional("validation", "validation = [\"tile/drive01\"]", Kind::Texts),
    optional("folds", "folds = 0", Kind::Number),
    optional("validation_scores", "validation_scores = {}", Kind::Any),
    optional("extra_trees", "extra_trees = {}", Kind::Any),
    optional("later", "later = {}", Kind::Any),
    optional("session", "session = {}", Kind::Any),
    optional("chosen_on_validation", "chosen_on_validation = false", Kind::Any),
    optional("validation_chose", "validation_chose = []", Kind::Texts),
    optional("recording_digests", "recording_digests = []", Kind::Texts),
    optional("rehearsal_windows", "rehearsal_windows = 0", Kind::Number),
    optional("refit", "refit = {}", Kind::Any),
    optional("seed", "seed = 0", Kind::Number),
    optional("statistics", "[[training.statistics]]", Kind::Tables(STATISTICS)),
];
const STATISTICS: &[Key] = &[
    required("mean", "mean = 1.5", Kind::Number),
    required("deviation", "deviation = 0.4", Kind::Number),
    required("min", "min = 0.0", Kind::Number),
    required("max", "max = 5.2", Kind::Number),
    optional("still", "still = 0.0", Kind::Number),
];

/// Reads a card and validates it.
///
/// # Errors
/// One sentence that names the keys that are missing, unknown or wrong, with an example of each.
pub(crate) fn parse(text: &str) -> Result<Card, String> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        format!("line {line}: {}", one_line(error.message()))
    })?;
    let mut missing = Vec::new();
    check(&table, CARD, "", &mut missing)?;
    if !missing.is_empty() {
        let (names, examples): (Vec<String>, Vec<String>) = missing.into_iter().unzip();
        return Err(format!("it has no {}; add {}", listed(&names), listed(&examples)));
    }
    let card = Card::deserialize(table).map_err(|error| one_line(error.message()))?;
    card.validate().map_err(|error| error.to_string())?;
    Ok(card)
}

/// Checks a table. Keys that are not there are added to `missing`, with an example of each. `path` is the path
/// of the table, with a dot at its end, or empty.
fn check(
    table: &Table,
    keys: &'static [Key],
    path: &str,
    missing: &mut Vec<(String, String)>,
) -> Result<(), String> {
    if let Some(unknown) = table.keys().find(|name| keys.iter().all(|key| key.name != **name)) {
        let alike = |key: &Key| strsim::jaro_winkler(key.name, unknown);
        let nearest = keys.iter().max_by(|one, other| alike(one).total_cmp(&alike(other)));
        let nearest = nearest.map_or("", |key| key.name);
        return Err(format!(
            "there is no key {path}{}; the nearest is {path}{nearest}",
            unknown.escape_debug()
        ));
    }
    for key in keys {
        match table.get(key.name) {
            Some(value) => check_value(value, key, &format!("{path}{}", key.name), missing)?,
            None if key.required => {
                let under = path.strip_suffix('.').map(|table| format!(" under {table}")).unwrap_or_default();
                missing.push((format!("{path}{}", key.name), format!("`{}`{under}", key.example)));
            }
            None => {}
        }
    }
    Ok(())
}

fn check_value(
    value: &Value,
    key: &Key,
    path: &str,
    missing: &mut Vec<(String, String)>,
) -> Result<(), String> {
    let wrong =
        |what: &str| Err(format!("{path} is {}; it takes {what}, such as `{}`", shown(value), key.example));
    match (key.kind, value) {
        (Kind::Number, Value::Integer(_) | Value::Float(_))
        | (Kind::Text, Value::String(_))
        | (Kind::Any, _) => Ok(()),
        (Kind::Number, _) => wrong("a number"),
        (Kind::Text, _) => wrong("a text in quotes"),
        (Kind::Texts, Value::Array(list)) if list.iter().all(Value::is_str) => Ok(()),
        (Kind::Texts, _) => wrong("a list of texts"),
        (Kind::Table(keys), Value::Table(table)) => check(table, keys, &format!("{path}."), missing),
        (Kind::Table(_), _) => wrong("a table"),
        (Kind::Tables(keys), Value::Array(list)) if list.iter().all(Value::is_table) => {
            let tables = list.iter().filter_map(Value::as_table);
            tables.into_iter().try_for_each(|table| check(table, keys, &format!("{path}."), missing))
        }
        (Kind::Tables(_), _) => wrong("a list of tables"),
    }
}

/// A value as a message shows it: on one line, and shortened.
fn shown(value: &Value) -> String {
    let text = one_line(&value.to_string());
    let start: String = text.chars().take(60).collect();
    if start.len() < text.len() { format!("{start}…") } else { start }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// A list as text: `a, b and c`.
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: &str = "version = 1\nrate = 100\nwindow = 100\nhop = 10\nlabels = ['gravel', 'tile']\n\
                            channels = [{ name = 'left' }, { name = 'right', unit = 'mA' }]\n\
                            [resample]\nmethod = 'linear'\nmax_gap = 0.1\n";

    #[test]
    fn a_card_with_statistics_is_read() {
        let statistics = "[[training.statistics]]\nmean = 1.5\ndeviation = 0.4\nmin = 0\nmax = 5.2\n";
        let card = parse(&format!("{COMPLETE}{statistics}{statistics}")).unwrap();
        assert_eq!((card.channels[0].unit.as_str(), card.channels[1].unit.as_str()), ("A", "mA"));
        assert_eq!(card.statistics().len(), 2);
        assert_eq!(card.statistics()[1].max, 5.2);
        assert!(parse(COMPLETE).unwrap().statistics().is_empty());
        assert_eq!(parse(COMPLETE).unwrap().candidates, None);
        assert_eq!(parse(&format!("candidates = 0.1\n{COMPLETE}")).unwrap().candidates, Some(0.1));
    }

    #[test]
    fn all_missing_keys_are_named_at_once_with_an_example_of_each() {
        let error = parse("rate = 100.0\nwindow = 100\nlabels = ['a', 'b']\n[resample]\nmethod = 'linear'")
            .unwrap_err();
        assert_eq!(
            error,
            "it has no version, hop, channels and resample.max_gap; add `version = 1`, `hop = 10`, `channels = \
             [{ name = \"current\", unit = \"A\" }]` and `max_gap = 0.1` under resample"
        );
        let statistics = format!("{COMPLETE}[[training.statistics]]\nmean = 1.5\n");
        let error = parse(&statistics).unwrap_err();
        assert!(error.contains("no training.statistics.deviation, training.statistics.min and"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_named_with_an_example() {
        for (from, to, expected) in [
            (
                "channels = [{ name = 'left' }, { name = 'right', unit = 'mA' }]",
                "channels = ['left']",
                "channels is [\"left\"]; it takes a list of tables, such as `channels = [{ name = \"current\", unit = \"A\" }]`",
            ),
            ("window = 100", "windows = 100", "there is no key windows; the nearest is window"),
            (
                "max_gap = 0.1",
                "maxgap = 0.1",
                "there is no key resample.maxgap; the nearest is resample.max_gap",
            ),
            (
                "rate = 100",
                "rate = '100 Hz'",
                "rate is \"100 Hz\"; it takes a number, such as `rate = 100.0`",
            ),
            (
                "[resample]\nmethod = 'linear'\nmax_gap = 0.1",
                "resample = 'linear'",
                "resample is \"linear\"; it takes a table",
            ),
            ("'linear'", "'cubic'", "unknown variant `cubic`, expected one of `mean`, `nearest`, `linear`"),
            ("'tile'", "\"\\u001b[2J\"", "labels has \"\\u{1b}[2J\", which has the character U+001B"),
            ("hop = 10", "hop = ", "line 4: "),
            ("hop = 10", "hop = 1.5", "invalid type: floating point `1.5`"),
        ] {
            let error = parse(&COMPLETE.replace(from, to)).unwrap_err();
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
    }
}
