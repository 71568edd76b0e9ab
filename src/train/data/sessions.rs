//! Sessions: which recordings were made in one sitting.
//!
//! Within a session, a robot has the same load, battery, temperature and place, which leave traces in its currents. If
//! a surface was recorded in one session only, a network may learn the session in place of the surface, and scores
//! by recording do not show that.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use super::cut::LoadedRecording;
use crate::model::card_text::printable;
use crate::recordings::Recording;
use crate::recordings::layout::{GroupBy, SessionBy};
use crate::signal::Time;

/// A break of this many nanoseconds begins a new session.
const BREAK: i64 = 4 * 3600 * 1_000_000_000;

/// Sets when each recording was made, and which session it is of.
pub(super) fn assign(found: &[Recording], loaded: &mut [LoadedRecording]) {
    for (recording, loaded) in found.iter().zip(loaded.iter_mut()) {
        let times = loaded.samples.times();
        let start = recording.start(times.first().copied());
        let duration = times.first().zip(times.last()).map_or(0, |(first, last)| last.since(*first).max(0));
        loaded.info.span = start.map(|start| [start, start.offset(duration)]);
    }
    let rules: Vec<Option<SessionBy>> =
        found.iter().zip(loaded.iter()).map(|(recording, loaded)| rule(recording, loaded)).collect();
    let breaks = sessions_by_break(loaded, &rules);
    for (index, (recording, rule)) in found.iter().zip(&rules).enumerate() {
        let info = &mut loaded[index].info;
        let session = match rule {
            None => None,
            Some(SessionBy::Folder) => recording.session_folder.clone(),
            Some(SessionBy::Day) => info.span.map(|[start, _]| date_and_minute(start).0),
            Some(SessionBy::Gap) => breaks.get(&index).cloned(),
        };
        info.session = session.map(|name| printable(&name).into_owned());
    }
}

/// What the recordings of a session have in common: what the layout says, or what is known.
fn rule(recording: &Recording, loaded: &LoadedRecording) -> Option<SessionBy> {
    let split = &recording.layout.split;
    let by_folder = || (split.group_by == GroupBy::Folder).then_some(SessionBy::Folder);
    split.session.or_else(|| loaded.info.span.map(|_| SessionBy::Gap)).or_else(by_folder)
}

/// The sessions of the recordings, by index, that are divided by breaks. Each has the name of its start.
fn sessions_by_break(loaded: &[LoadedRecording], rules: &[Option<SessionBy>]) -> BTreeMap<usize, String> {
    let by_gap = loaded.iter().enumerate().filter(|(index, _)| rules[*index] == Some(SessionBy::Gap));
    let mut spans: Vec<_> = by_gap.filter_map(|(index, loaded)| Some((loaded.info.span?, index))).collect();
    spans.sort_unstable();
    let (mut sessions, mut current) = (BTreeMap::new(), None::<(String, Time)>);
    for ([start, end], index) in spans {
        let (name, last) = match current.take() {
            Some((name, last)) if start.since(last) < BREAK => (name, last.max(end)),
            _ => {
                let (date, minute) = date_and_minute(start);
                (format!("{date} {minute}"), end)
            }
        };
        sessions.insert(index, name.clone());
        current = Some((name, last));
    }
    sessions
}

/// The date and the minute of a time of the calendar, as text.
fn date_and_minute(time: Time) -> (String, String) {
    let since = Duration::from_nanos(time.nanos().max(0) as u64);
    let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    (part(0, 10), part(11, 16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings::{find, tests::folder};
    use crate::train::data::cut::read_all;
    use crate::train::data::dataset::{Dataset, DatasetOptions};

    /// The text of a recording that starts at this time.
    fn drive(start: f64) -> String {
        let rows = (0..150).map(|i| format!("{:.2},{}\n", start + i as f64 * 0.02, i % 7));
        format!("t,current\n{}", rows.collect::<String>())
    }

    /// The session of each of these recordings of one second, in the order of their names.
    fn sessions(toml: &str, names: &[&str], start: f64) -> Vec<Option<String>> {
        let mut files: Vec<(&str, String)> = names.iter().map(|name| (*name, drive(start))).collect();
        files.push(("dataset.toml", toml.into()));
        let folder = folder(&files);
        let found = find(&[folder.path().into()], None).unwrap();
        let mut loaded = read_all(&found, &[crate::signal::Channel::in_ampere("current")]).unwrap();
        assign(&found, &mut loaded);
        loaded.into_iter().map(|loaded| loaded.info.session).collect()
    }

    fn names(names: &[&str]) -> Vec<Option<String>> {
        names.iter().map(|name| Some((*name).into())).collect()
    }

    #[test]
    fn a_break_of_four_hours_begins_a_session_and_midnight_does_not() {
        let files = [
            "a/2023-01-15-13-00-00.csv",
            "a/2023-01-15-22-10-00.csv",
            "a/2023-01-16-01-00-00.csv",
            "b/2023-01-15-16-59-00.csv",
        ];
        let expected = ["2023-01-15 13:00", "2023-01-15 22:10", "2023-01-15 22:10", "2023-01-15 13:00"];
        assert_eq!(sessions("", &files, 0.0), names(&expected));
        let days = ["2023-01-15", "2023-01-15", "2023-01-16", "2023-01-15"];
        assert_eq!(sessions("[split]\nsession = 'day'\n", &files, 0.0), names(&days));
    }

    #[test]
    fn times_of_the_calendar_come_before_names_and_unknown_times_give_no_session() {
        let files = ["a/2023-01-15-13-00-00.csv", "b/x.csv"];
        assert_eq!(sessions("", &files, 1_700_000_000.0), names(&["2023-11-14 22:13"; 2]));
        assert_eq!(sessions("", &["a/x.csv", "b/x.csv"], 5.0), [None, None]);
        assert_eq!(sessions("[split]\nsession = 'gap'\n", &["a/x.csv", "b/x.csv"], 5.0), [None, None]);
    }

    #[test]
    fn folders_are_sessions_if_recordings_are_grouped_by_them() {
        let files = ["a/day1/x.csv", "a/day2/x.csv", "b/day1/x.csv"];
        for toml in ["[split]\ngroup_by = 'folder'\n", "[split]\nsession = 'folder'\n"] {
            assert_eq!(sessions(toml, &files, 0.0), names(&["day1", "day2", "day1"]), "{toml}");
        }
        let folder = folder(&[
            ("a/day1/x.csv", drive(0.0)),
            ("a/day2/x.csv", drive(0.0)),
            ("b/day1/x.csv", drive(0.0)),
            ("dataset.toml", "[split]\ngroup_by = 'folder'\n".into()),
        ]);
        let found = find(&[folder.path().into()], None).unwrap();
        let dataset = Dataset::load(&found, &DatasetOptions::default()).unwrap();
        assert_eq!(dataset.card.labels, ["a", "b"]);
        let groups: Vec<&str> = dataset.recordings.iter().map(|recording| recording.group.as_str()).collect();
        assert_eq!(groups, ["day1", "day2", "day1"]);
    }
}
