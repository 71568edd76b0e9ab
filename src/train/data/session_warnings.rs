//! Warnings about what the sessions of the recordings hide from scores by recording.

use std::collections::BTreeSet;

use super::dataset::Dataset;

/// The maximum number of surfaces that a warning names.
const MAX_NAMES: usize = 5;
/// What scores by recording have hidden elsewhere.
const FALL: &str = "on a robot with servos and ten surfaces, a balanced accuracy of .88 by recording fell to .64 in \
                    the later half of the same day (of extra trees, from .955 to .70)";

/// What the sessions of the recordings hide from the scores by recording, one sentence each.
pub(crate) fn warnings(dataset: &Dataset) -> Vec<String> {
    let labels = &dataset.card.labels;
    let used: BTreeSet<usize> = dataset.recording_of_window.iter().copied().collect();
    let session = |recording: usize| dataset.recordings[recording].session.as_deref();
    let all: BTreeSet<&str> = used.iter().filter_map(|recording| session(*recording)).collect();
    let unknown = used.iter().filter(|recording| session(**recording).is_none()).count();
    let mut of_label: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); labels.len()];
    for (label, recording) in dataset.labels.iter().zip(&dataset.recording_of_window) {
        of_label[*label].extend(session(*recording));
    }
    let alone: Vec<usize> = (0..labels.len()).filter(|label| of_label[*label].len() == 1).collect();
    let mut warnings = Vec::new();
    match all.first() {
        None => warnings.push(format!(
            "neither the times nor the names of the recordings say when they were made, so it cannot be measured how \
             much worse the model is later or on another day: {FALL}; name each file by its start, such as \
             2023-01-15-13-23-37.csv, or put each session into a folder of its own with session = \"folder\" under \
             [split] in a dataset.toml"
        )),
        Some(only) if all.len() == 1 => warnings.push(format!(
            "all recordings are of one session ({only}), so it cannot be measured how much worse the model is on \
             another day: {FALL}; record each surface again on another day"
        )),
        Some(_) if alone.len() == labels.len() => warnings.push(format!(
            "each surface was recorded in one session only, so the model may have learned the sessions in place of \
             the surfaces, and scores by recording do not show that: {FALL}; record each surface again in another \
             session"
        )),
        Some(_) if !alone.is_empty() => warnings.push(in_one_session(&alone, &of_label, labels)),
        Some(_) => {}
    }
    if unknown > 0 && !all.is_empty() {
        warnings.push(format!(
            "the session of {unknown} of {} recordings is not known, so they are not scored by session; name each file \
             by its start, such as 2023-01-15-13-23-37.csv",
            used.len()
        ));
    }
    warnings
}

/// The warning for surfaces that were recorded in one session only, while others were recorded in several.
fn in_one_session(alone: &[usize], of_label: &[BTreeSet<&str>], labels: &[String]) -> String {
    let named = alone.iter().take(MAX_NAMES).map(|label| {
        format!("{:?} ({})", labels[*label], of_label[*label].first().copied().unwrap_or_default())
    });
    let named: Vec<String> = named.collect();
    let more = match alone.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (subject, verb, them) =
        if alone.len() == 1 { ("surface", "was", "it") } else { ("surfaces", "were", "them") };
    format!(
        "the {subject} {}{more} {verb} recorded in one session only, so how well the model knows {them} on another day is \
         not known; record {them} again in another session",
        named.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::sine_waves;

    #[test]
    fn what_one_session_hides_is_told_in_one_line() {
        let told = |session: fn(usize) -> Option<&'static str>| {
            let mut dataset = sine_waves(3, 2, 4);
            for (index, recording) in dataset.recordings.iter_mut().enumerate() {
                recording.session = session(index).map(Into::into);
            }
            warnings(&dataset)
        };
        // Two recordings each of three surfaces.
        let [unknown] = &told(|_| None)[..] else { panic!() };
        assert!(
            unknown.starts_with("neither the times nor the names")
                && unknown.contains(".88 by recording fell to .64")
        );
        let [one] = &told(|_| Some("mon"))[..] else { panic!() };
        assert!(one.starts_with("all recordings are of one session (mon)") && one.contains(FALL), "{one}");
        let [own] = &told(|index| ["mon", "tue", "wed"].get(index / 2).copied())[..] else { panic!() };
        assert!(own.starts_with("each surface was recorded in one session only"), "{own}");
        let [alone] = &told(|index| Some(if index >= 3 { "tue" } else { "mon" }))[..] else { panic!() };
        let expected = "the surfaces \"s0\" (mon), \"s2\" (tue) were recorded in one session only";
        assert!(alone.starts_with(expected), "{alone}");
        let [alone] = &told(|index| Some(if index % 2 == 0 || index == 5 { "mon" } else { "tue" }))[..]
        else {
            panic!()
        };
        assert!(alone.starts_with("the surface \"s2\" (mon) was recorded in one session only"), "{alone}");
        assert_eq!(told(|index| ["mon", "tue"].get(index % 2).copied()), [""; 0]);
        let [partly] =
            &told(|index| if index == 0 { None } else { ["mon", "tue"].get(index % 2).copied() })[1..]
        else {
            panic!()
        };
        assert!(partly.starts_with("the session of 1 of 6 recordings is not known"), "{partly}");
    }
}
