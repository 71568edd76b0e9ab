//! Why a surface is unknown, in words for a table.

use super::message::Plain;

/// Reasons that pass by themselves, or with which nothing is wrong with the robot.
const PASSING: [&str; 7] = [
    "no window is complete yet",
    "no surface is likely enough",
    "another model took over",
    "failover",
    "the stream ended",
    "samples are missing",
    "the clock started again",
];

/// A reason in words that stand by themselves.
pub(crate) fn reason_in_words(reason: &Plain) -> String {
    match reason.as_str() {
        "novel" => "unlike the training data".into(),
        "rate" => "samples at a wrong rate".into(),
        "failover" => "another node took over".into(),
        other => other.into(),
    }
}

/// Whether something has to be done about a reason.
pub(crate) fn needs_action(reason: &Plain) -> bool {
    !PASSING.contains(&reason.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_that_pass_by_themselves_are_reasons_of_the_daemon() {
        let table = concat!(
            include_str!("../../../decision/surface_table.rs"),
            include_str!("../../../decision/outcome.rs")
        );
        for reason in PASSING {
            assert!(table.contains(&format!("\"{reason}\"")), "{reason}");
        }
        assert!(needs_action(&Plain::new("left is stuck")) && needs_action(&Plain::new("no samples arrive")));
    }
}
