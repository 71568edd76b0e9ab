//! A confusion matrix as an HTML table.

use maud::{Markup, html};

use crate::model::card::UNKNOWN;
use crate::score::Confusion;

/// The longest label, in characters, that a column's heading shows as it is.
const LONGEST_HEADING: usize = 14;

/// One row for each actual label and one column for each predicted label. Each cell has the share of its row in
/// whole percent, and is shaded by it. The column `unknown` is only there if something was predicted as unknown.
///
/// The headings of the columns are turned, so that ten columns fit on a phone. If a label is too long for that, all
/// labels are numbered, the headings of the columns are cut, and the rows, which have the whole labels, are their
/// legend.
pub(crate) fn confusion_table(confusion: &Confusion) -> Markup {
    let unknown = confusion.unknown();
    let with_unknown = unknown.iter().any(|count| *count > 0);
    let labels = confusion.labels();
    let numbered = labels.iter().any(|label| label.chars().count() > LONGEST_HEADING);
    html! {
        div.scroll { table.confusion {
            thead { tr {
                th { "actual \\ predicted" }
                @for (index, label) in labels.iter().enumerate() {
                    th.turned title=(label) { span { (if numbered { short_heading(index, label) } else { label.clone() }) } }
                }
                @if with_unknown { th.turned { span { (UNKNOWN) } } }
            } }
            tbody { @for (actual, row) in confusion.table().iter().enumerate() {
                @let total = row.iter().sum::<u64>() + unknown[actual];
                tr {
                    th scope="row" {
                        @if numbered { (actual + 1) " " } (labels[actual]) " "
                        small { (total) }
                    }
                    @for (predicted, count) in row.iter().enumerate() {
                        (cell(*count, total, actual == predicted, &labels[actual], &labels[predicted]))
                    }
                    @if with_unknown { (cell(unknown[actual], total, false, &labels[actual], UNKNOWN)) }
                }
            } }
        } }
    }
}

/// The heading of the column with this index, for a label that may be too long: its number and its beginning.
fn short_heading(index: usize, label: &str) -> String {
    let number = format!("{} ", index + 1);
    let left = LONGEST_HEADING.saturating_sub(number.len());
    if label.chars().count() <= left {
        return number + label;
    }
    let start: String = label.chars().take(left.saturating_sub(1)).collect();
    format!("{number}{}…", start.trim_end())
}

/// A cell with the share of its row in percent, and the count below it where there is room.
fn cell(count: u64, total: u64, correct: bool, actual: &str, predicted: &str) -> Markup {
    let share = count as f64 / total.max(1) as f64;
    let colour = if correct { "--heat" } else { "--miss" };
    html! {
        td title=(format!("{actual} predicted as {predicted}: {count} of {total}"))
            style=(format!("background:rgb(var({colour})/{:.2})", 0.6 * share)) {
            (whole_percent(count, total)) @if count > 0 { small { (count) } }
        }
    }
}

/// The share in whole percent; nothing for 0. What is not all is never shown as 100, and what is not nothing never
/// as 0.
fn whole_percent(count: u64, total: u64) -> String {
    let share = (100.0 * count as f64 / total.max(1) as f64).round();
    match count {
        0 => String::new(),
        count if count == total => "100".into(),
        _ if share < 1.0 => "<1".into(),
        _ if share > 99.0 => ">99".into(),
        _ => format!("{share:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A confusion of labels with these names: each is predicted correctly 9 times, and once as the first.
    fn confusion(labels: &[&str]) -> Confusion {
        let mut confusion =
            Confusion::new(&labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>());
        for label in 0..labels.len() {
            (0..9).for_each(|_| confusion.add(label, Some(label)));
            confusion.add(label, Some(0));
        }
        confusion
    }

    #[test]
    fn ten_labels_are_all_in_the_headings_of_rows_and_of_turned_columns() {
        let labels = [
            "bare-board",
            "black-carpet",
            "foamed-pvc",
            "grass",
            "light-carpet",
            "linoleum",
            "mat",
            "panels",
            "tiles",
            "underlay",
        ];
        let text = confusion_table(&confusion(&labels)).into_string();
        for label in labels {
            let column = format!("<th class=\"turned\" title=\"{label}\"><span>{label}</span></th>");
            assert!(text.contains(&column), "{column} in {text}");
            assert!(text.contains(&format!("<th scope=\"row\">{label} <small>10</small></th>")), "{label}");
        }
        assert_eq!(text.matches("<td").count(), 100);
        assert!(!text.contains("unknown"), "nothing was predicted as unknown");
        assert!(
            text.contains(">90<small>9</small>") && text.contains("grass predicted as bare-board: 1 of 10")
        );
    }

    #[test]
    fn labels_that_are_too_long_for_a_column_are_numbered_and_cut_and_the_rows_have_them_whole() {
        let labels = ["polished concrete in hall 3", "polished concrete in hall 4", "mat"];
        let text = confusion_table(&confusion(&labels)).into_string();
        for expected in [
            "<span>1 polished co…</span>",
            "<span>2 polished co…</span>",
            "<span>3 mat</span>",
            "<th scope=\"row\">2 polished concrete in hall 4 <small>",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }

    #[test]
    fn a_share_is_rounded_to_whole_percent_but_never_to_all_or_nothing() {
        let shares = [(0, 7), (1, 1000), (1, 8), (999, 1000), (7, 7), (0, 0)];
        assert_eq!(
            shares.map(|(count, total)| whole_percent(count, total)),
            ["", "<1", "13", ">99", "100", ""]
        );
    }

    #[test]
    fn decisions_that_are_unknown_have_a_column_of_their_own() {
        let mut table = confusion(&["a", "b"]);
        table.add(1, None);
        assert!(confusion_table(&table).into_string().contains("<span>unknown</span>"));
    }
}
