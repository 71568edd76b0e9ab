//! Which folder of a recording names its surface, and which its session.
//!
//! With recordings in `SURFACE/file.csv`, the folder that has the recording is the surface. If sessions have folders
//! as well, the recordings are in `SESSION/SURFACE/file.csv` or in `SURFACE/SESSION/file.csv`. The layout says which
//! (`folder` under `[label]`), or the names of the folders do: sessions are numbered or dated.

use std::collections::BTreeSet;

use super::layout::{GroupBy, LabelFolder, LabelFrom, Layout, SessionBy};
use super::recording::Recording;
use super::start_time;

/// Words that the name of a session begins with.
const SESSIONS: [&str; 24] = [
    "session",
    "sitting",
    "day",
    "run",
    "date",
    "visit",
    "series",
    "trial",
    "lab",
    "take",
    "morning",
    "noon",
    "afternoon",
    "evening",
    "night",
    "am",
    "pm",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
];
/// Weekdays in full end like this.
const WEEKDAY: &str = "day";

/// Says of each recording which of its folders names the surface and which the session.
pub(super) fn assign(recordings: &mut [Recording]) {
    let both: Vec<Option<[String; 2]>> = recordings.iter().map(Recording::two_folders).collect();
    let is_nested = |recording: &Recording| recording.name.matches('/').count() >= 2;
    let chosen = |recording: &Recording| uses_sessions(&recording.layout);
    let pairs = || recordings.iter().zip(&both).filter(|(recording, _)| chosen(recording));
    let names = |level: usize| -> BTreeSet<&str> {
        pairs().filter_map(|(_, both)| Some(both.as_ref()?[level].as_str())).collect()
    };
    let [outer, inner] = [names(0), names(1)];
    // The only folder above all surfaces is that of the data set.
    let has_sessions =
        outer.len() > 1 || pairs().next().is_some() && pairs().all(|(recording, _)| is_nested(recording));
    let least = |names: &BTreeSet<&str>| names.iter().map(|name| likeness(name)).min();
    let by_names = match has_sessions && least(&inner) > least(&outer) {
        true => LabelFolder::Outer,
        false => LabelFolder::Inner,
    };
    let assigned: Vec<_> = recordings
        .iter()
        .zip(&both)
        .map(|(recording, both)| {
            let Layout { label, .. } = &*recording.layout;
            let Some([outer, inner]) = both else { return (recording.folder(), None) };
            let (outer, inner) = (Some(outer.clone()), Some(inner.clone()));
            let above = outer.clone().filter(|_| has_sessions);
            match label.folder.unwrap_or(if chosen(recording) { by_names } else { LabelFolder::Inner }) {
                _ if label.from != LabelFrom::Folder => (inner.clone(), inner),
                LabelFolder::Outer => (outer, inner),
                LabelFolder::Inner if chosen(recording) => (inner, above),
                LabelFolder::Inner => (inner, None),
            }
        })
        .collect();
    for (recording, (label, session)) in recordings.iter_mut().zip(assigned) {
        (recording.label_folder, recording.session_folder) = (label, session);
    }
}

/// Whether the folders of recordings with this layout name both their surfaces and their sessions.
fn uses_sessions(layout: &Layout) -> bool {
    let by_folder =
        layout.split.group_by == GroupBy::Folder || layout.split.session == Some(SessionBy::Folder);
    layout.label.from == LabelFrom::Folder && by_folder
}

/// How much a folder looks like that of a session: 2 for a time, a number or a word such as `day`, with or without a
/// number or more words; 1 for a letter, with or without a number; otherwise 0.
fn likeness(name: &str) -> u8 {
    let name = name.to_lowercase();
    let first = name.split(['-', '_', '.', ' ']).find(|word| !word.is_empty()).unwrap_or_default();
    let word = first.trim_matches(|c: char| c.is_ascii_digit());
    let is_word = word.is_empty() || SESSIONS.contains(&word) || word.ends_with(WEEKDAY);
    match is_word || start_time::of_name(&name).is_some() {
        true => 2,
        false => u8::from(word.chars().count() == 1),
    }
}

#[cfg(test)]
mod tests {
    use crate::recordings::find;
    use crate::recordings::tests::folder;

    /// The folders of the surface and of the session of each of these files, with this `dataset.toml`.
    fn folders(toml: &str, files: &[&str]) -> Vec<[Option<String>; 2]> {
        let texts: Vec<(&str, &str)> =
            files.iter().map(|file| (*file, "t,a\n0,1\n")).chain([("dataset.toml", toml)]).collect();
        let folder = folder(&texts);
        let found = find(&[folder.path().into()], None).unwrap();
        found.into_iter().map(|recording| [recording.label_folder, recording.session_folder]).collect()
    }

    fn some(label: &str, session: &str) -> [Option<String>; 2] {
        [Some(label.into()), Some(session.into())]
    }

    const BY_FOLDER: &str = "[split]\ngroup_by = 'folder'\n";

    #[test]
    fn surfaces_and_sessions_are_told_apart_by_the_names_of_their_folders() {
        let tiles = [some("tiles", "2023-01-15"), some("tiles", "2023-01-16")];
        assert_eq!(folders(BY_FOLDER, &["tiles/2023-01-15/a.csv", "tiles/2023-01-16/a.csv"]), tiles);
        assert_eq!(folders(BY_FOLDER, &["2023-01-15/tiles/a.csv", "2023-01-16/tiles/a.csv"]), tiles);
        for sessions in
            [["day1", "day2"], ["monday", "tuesday"], ["session_a", "session_b"], ["1", "2"], ["am", "pm"]]
        {
            let expected = [some("grass", sessions[0]), some("tiles", sessions[1])];
            let files = [format!("grass/{}/x.csv", sessions[0]), format!("tiles/{}/x.csv", sessions[1])];
            assert_eq!(folders("[split]\nsession = 'folder'\n", &[&files[0], &files[1]]), expected);
            let files = [format!("{}/grass/x.csv", sessions[0]), format!("{}/tiles/x.csv", sessions[1])];
            let mut found = folders(BY_FOLDER, &[&files[0], &files[1]]);
            found.sort();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_layout_decides_where_names_do_not() {
        let files = ["one/red/x.csv", "two/blue/x.csv"];
        assert_eq!(folders(BY_FOLDER, &files), [some("red", "one"), some("blue", "two")]);
        let outer = format!("[label]\nfolder = 'outer'\n{BY_FOLDER}");
        assert_eq!(folders(&outer, &files), [some("one", "red"), some("two", "blue")]);
        let inner = format!("[label]\nfolder = 'inner'\n{BY_FOLDER}");
        assert_eq!(folders(&inner, &["tiles/1/x.csv"]), [some("1", "tiles")]);
    }

    #[test]
    fn without_folders_of_sessions_the_folder_of_the_recording_is_its_surface() {
        assert_eq!(folders("", &["day1/tiles/x.csv"]), [[Some("tiles".into()), None]]);
        let surfaces = ["floor1/x.csv", "floor2/x.csv"];
        assert_eq!(
            folders(BY_FOLDER, &surfaces),
            ["floor1", "floor2"].map(|floor| [Some(floor.into()), None])
        );
        let column = "[label]\nfrom = 'column'\ncolumn = 'a'\n[split]\ngroup_by = 'folder'\n";
        assert_eq!(folders(column, &["x/day1/a.csv"]), [some("day1", "day1")]);
    }
}
