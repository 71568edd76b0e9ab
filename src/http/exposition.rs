//! Writes the Prometheus text format, version 0.0.4: metric families with their help, type and samples.

use std::fmt::Write;

use crate::health::Distribution;

/// The type of a metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The text written so far.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

/// A label's name and its value, which is not escaped yet.
pub(super) type Label<'a> = (&'a str, &'a str);

impl Exposition {
    /// The `Content-Type` of the text.
    pub(super) const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Starts a family, to which samples are then added.
    pub(super) fn family<'a>(&'a mut self, name: &'a str, kind: Kind, help: &str) -> Family<'a> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.0 += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Family { text: &mut self.0, name }
    }

    /// Returns the whole text.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// A metric family that is being written.
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
}

impl Family<'_> {
    /// Adds one sample.
    pub(super) fn sample(&mut self, labels: &[Label<'_>], value: f64) {
        line(self.text, self.name, labels, value);
    }

    /// Adds a histogram: its cumulative buckets, its sum and its count.
    pub(super) fn histogram(&mut self, distribution: &Distribution) {
        let Self { text, name } = self;
        for (bound, count) in &distribution.buckets {
            line(text, &format!("{name}_bucket"), &[("le", &number(*bound))], *count as f64);
        }
        let count = distribution.buckets.last().map_or(0, |(_, count)| *count);
        line(text, &format!("{name}_sum"), &[], distribution.sum);
        line(text, &format!("{name}_count"), &[], count as f64);
    }
}

fn line(text: &mut String, name: &str, labels: &[Label<'_>], value: f64) {
    text.push_str(name);
    let mut before = '{';
    for (label, value) in labels {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        // Writing to memory does not fail.
        let _ = write!(text, "{before}{label}=\"{value}\"");
        before = ',';
    }
    if before == ',' {
        text.push('}');
    }
    let _ = writeln!(text, " {}", number(value));
}

fn number(value: f64) -> String {
    if value == f64::INFINITY { "+Inf".into() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_help_a_type_and_escaped_labels() {
        let mut text = Exposition::default();
        let mut family = text.family("a_total", Kind::Counter, "What \\ is.\nSo.");
        family.sample(&[], 3.0);
        family.sample(&[("x", "\\ \"q\" \n"), ("y", "å")], 0.25);
        assert_eq!(
            text.finish(),
            "# HELP a_total What \\\\ is.\\nSo.\n# TYPE a_total counter\na_total 3\na_total{x=\"\\\\ \\\"q\\\" \\n\",y=\"å\"} 0.25\n"
        );
    }

    #[test]
    fn a_histogram_ends_with_an_infinite_bound_a_sum_and_a_count() {
        let mut text = Exposition::default();
        let distribution = Distribution { buckets: vec![(0.001, 1), (f64::INFINITY, 4)], sum: 2.5 };
        text.family("a_seconds", Kind::Histogram, "x").histogram(&distribution);
        let text = text.finish();
        let (_, samples) = text.split_once("histogram\n").unwrap();
        assert_eq!(
            samples,
            "a_seconds_bucket{le=\"0.001\"} 1\na_seconds_bucket{le=\"+Inf\"} 4\na_seconds_sum 2.5\na_seconds_count 4\n"
        );
    }
}
