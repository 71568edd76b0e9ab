//! Shares as horizontal bars with one common scale.

use maud::{Markup, html};

use super::document::percent;

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    /// What has this share.
    pub name: String,
    /// A share from 0 to 1. One that is not finite has no bar.
    pub share: f64,
    /// Whether this is what the others are compared with.
    pub main: bool,
}

/// The bars below each other, each with its share in percent. The scale is the same for all: from 0 to 100 %.
pub(crate) fn bars(bars: &[Bar]) -> Markup {
    html! {
        div.bars {
            @for bar in bars {
                @let width = if bar.share.is_finite() { (100.0 * bar.share).clamp(0.0, 100.0) } else { 0.0 };
                div.row {
                    span class=(if bar.main { "name main" } else { "name" }) { (bar.name) }
                    span.track { span class=(if bar.main { "bar main" } else { "bar" }) style=(format!("width:{width:.1}%")) {} }
                    span.value { (percent(bar.share)) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share_and_one_without_a_number_has_none() {
        let bar = |share| Bar { name: "<one>".into(), share, main: false };
        let text = bars(&[bar(0.25), bar(f64::NAN)]).into_string();
        assert!(text.contains("width:25.0%") && text.contains("25.0 %"), "{text}");
        assert!(text.contains("width:0.0%") && text.contains('–'), "{text}");
        assert!(!text.contains("<one>"), "{text}");
    }
}
