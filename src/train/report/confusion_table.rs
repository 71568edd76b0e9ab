//! A confusion matrix as an HTML table.

use maud::{Markup, html};

use super::document::percent;
use crate::score::Confusion;

/// One row for each actual label and one column for each predicted label, shaded by the share of the row. The
/// column `unknown` is only there if something was predicted as unknown.
pub(super) fn confusion_table(confusion: &Confusion) -> Markup {
    let unknown = confusion.unknown();
    let with_unknown = unknown.iter().any(|count| *count > 0);
    html! {
        div.scroll { table {
            tr {
                th { "actual \\ predicted" }
                @for label in confusion.labels() { th { (label) } }
                @if with_unknown { th { "unknown" } }
            }
            @for (actual, row) in confusion.table().iter().enumerate() {
                @let total = (row.iter().sum::<u64>() + unknown[actual]).max(1) as f64;
                tr {
                    th { (confusion.labels()[actual]) }
                    @for count in row { (cell(*count, total)) }
                    @if with_unknown { (cell(unknown[actual], total)) }
                }
            }
        } }
    }
}

/// A cell with a count and its share of the row's total.
fn cell(count: u64, total: f64) -> Markup {
    let share = count as f64 / total;
    html! {
        td.n style=(format!("background: rgb(var(--heat) / {:.2})", 0.6 * share)) {
            (count) @if count > 0 { br; small { (percent(share)) } }
        }
    }
}
