//! The metrics, under the names that Prometheus asks for.
//!
//! [`Health`] keeps the counts, because the probes and the health topic read them, too. A [`Scrape`] collects them
//! when Prometheus asks, and `prometheus-client` writes them in the text format 0.0.4. It adds the ending that belongs
//! to a kind of metric, so names stand here without it: the counter `underfoot_samples` is scraped as
//! `underfoot_samples_total`, the info `underfoot_build` as `underfoot_build_info`.

use std::fmt;
use std::sync::Arc;

use procfs::WithCurrentSystemInfo;
use procfs::process::{Process, Stat};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, prometheus_text};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::About;
use crate::drops::Reason;
use crate::health::{Health, Report, State};
use crate::model::card::UNKNOWN;

/// The media type of the text that [`write`] gives.
pub(super) const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Every state of a source, by its name.
const STATES: [(State, &str); 4] = [
    (State::Connecting, "connecting"),
    (State::Ok, "ok"),
    (State::Silent, "silent"),
    (State::Ended, "ended"),
];

/// All metrics now; `pages` is how many pages are open.
pub(super) fn write(health: Arc<Health>, about: About, pages: usize) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { health, about, pages }));
    let mut text = String::new();
    // Memory takes all that is written.
    let _ = prometheus_text::encode(&mut text, &registry);
    text
}

/// What one request for the metrics collects.
#[derive(Debug)]
struct Scrape {
    health: Arc<Health>,
    about: About,
    pages: usize,
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self { health, about, pages } = self;
        let mut text = Exposition(encoder);
        let report = health.report();
        about_itself(&mut text, about)?;
        sources(&mut text, &report)?;
        pipeline(&mut text, health, &report, about)?;
        outside(&mut text, health, *pages)?;
        match Process::myself().and_then(|process| process.stat()) {
            Ok(stat) => process(&mut text, &stat),
            // There is no /proc.
            Err(_) => Ok(()),
        }
    }
}

/// A text that grows family by family.
struct Exposition<'a>(DescriptorEncoder<'a>);

impl Exposition<'_> {
    /// Adds a family that is one sample, or one histogram.
    fn single(&mut self, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
        metric.encode(self.0.encode_descriptor(name, help, None, metric.metric_type())?)
    }

    /// Adds a family with a sample for each set of labels.
    fn family<L: EncodeLabelSet, M: EncodeMetric + TypedMetric>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, M)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, M::TYPE)?;
        samples.into_iter().try_for_each(|(labels, metric)| metric.encode(family.encode_family(&labels)?))
    }
}

fn about_itself(text: &mut Exposition<'_>, about: &About) -> fmt::Result {
    text.single(
        "underfoot_build",
        "The version of underfoot; always 1.",
        &Info::new([("version", about.version)]),
    )?;
    let (rate, window, hop) = (about.rate.to_string(), about.window.to_string(), about.hop.to_string());
    let labels = [("model", about.model.as_str()), ("rate_hz", &rate), ("window", &window), ("hop", &hop)];
    text.single("underfoot_model", "The model that is served; always 1.", &Info::new(labels))
}

fn sources(text: &mut Exposition<'_>, report: &Report) -> fmt::Result {
    let sources = || report.sources.iter().map(|source| ([("source", source.name.as_str())], source));
    text.single(
        "underfoot_healthy",
        "Whether every source that should give samples does.",
        &ConstGauge::new(u32::from(report.healthy)),
    )?;
    text.family(
        "underfoot_samples",
        "Samples that a source gave.",
        sources().map(|(label, source)| (label, ConstCounter::new(source.samples))),
    )?;
    text.family(
        "underfoot_source_up",
        "Whether a source gives samples.",
        sources().map(|(label, source)| (label, ConstGauge::new(u32::from(source.state == State::Ok)))),
    )?;
    text.family(
        "underfoot_source_state",
        "How a source is: 1 for the state it is in.",
        sources().flat_map(|([label], source)| {
            STATES.map(|(state, name)| {
                ([label, ("state", name)], ConstGauge::new(u32::from(source.state == state)))
            })
        }),
    )?;
    text.family(
        "underfoot_source_reopens",
        "Serial ports that were opened again.",
        sources().map(|(label, source)| (label, ConstCounter::new(source.reopened))),
    )?;
    text.family(
        "underfoot_dropped",
        "What was left out, by reason: samples, lines, frames, messages or windows.",
        Reason::ALL.map(|reason| {
            let count = report.dropped.get(reason.name()).copied().unwrap_or_default();
            ([("reason", reason.name())], ConstCounter::new(count))
        }),
    )
}

fn pipeline(text: &mut Exposition<'_>, health: &Health, report: &Report, about: &About) -> fmt::Result {
    let counters = &health.counters;
    text.family(
        "underfoot_reloads",
        "Reloads of the configuration and the model.",
        [("done", report.reloads.done), ("refused", report.reloads.failed)]
            .map(|(result, count)| ([("result", result)], ConstCounter::new(count))),
    )?;
    text.single(
        "underfoot_problems",
        "What is wrong with the streams' input now.",
        &ConstGauge::new(report.problem_count),
    )?;
    text.single("underfoot_streams", "Streams that are followed.", &ConstGauge::new(report.streams))?;
    text.family(
        "underfoot_gaps",
        "Windows that were emptied: by a gap, a clock that started again, a stream that fell silent or had no values, or another model.",
        counters.gaps().map(|(reason, count)| ([("reason", reason)], ConstCounter::new(count))),
    )?;
    let (windows, predicted) = health.windows();
    text.single("underfoot_windows", "Windows that were handed to the model.", &ConstCounter::new(windows))?;
    let mut surfaces = counters.surfaces();
    for label in about.labels.iter().map(String::as_str).chain([UNKNOWN]) {
        surfaces.entry(label.to_owned()).or_default();
    }
    text.family(
        "underfoot_predictions",
        "Predictions, by the surface decided with them.",
        surfaces.iter().map(|(surface, count)| ([("surface", surface.as_str())], ConstCounter::new(*count))),
    )?;
    text.single(
        "underfoot_inference_duration_seconds",
        "How long a batch of windows is in the model.",
        &counters.inference,
    )?;
    text.single(
        "underfoot_latency_seconds",
        "From the arrival of a window's last sample to its prediction.",
        &counters.latency,
    )?;
    let waiting = counters.waiting();
    text.family(
        "underfoot_queue_depth",
        "What waits: blocks of samples, windows, and windows that the model has.",
        [
            ("blocks", waiting.blocks),
            ("windows", waiting.windows),
            ("model", windows.saturating_sub(predicted)),
        ]
        .map(|(queue, count)| ([("queue", queue)], ConstGauge::new(count))),
    )
}

fn outside(text: &mut Exposition<'_>, health: &Health, pages: usize) -> fmt::Result {
    let (connected, connects) = health.counters.broker();
    text.single(
        "underfoot_mqtt_connected",
        "Whether the broker is there.",
        &ConstGauge::new(u32::from(connected)),
    )?;
    text.single(
        "underfoot_mqtt_connects",
        "Connections that the broker accepted.",
        &ConstCounter::new(connects),
    )?;
    text.single(
        "underfoot_mqtt_reconnects",
        "Connections that the broker accepted after the first.",
        &ConstCounter::new(connects.saturating_sub(1)),
    )?;
    text.single("underfoot_http_pages", "Pages that are open.", &ConstGauge::new(pages))
}

fn process(text: &mut Exposition<'_>, stat: &Stat) -> fmt::Result {
    let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    text.single(
        "process_cpu_seconds",
        "Seconds on the processor.",
        &ConstCounter::new(seconds(stat.utime + stat.stime)),
    )?;
    text.single(
        "process_resident_memory_bytes",
        "Memory that is really there.",
        &ConstGauge::new(stat.rss_bytes().get()),
    )?;
    let Ok(boot) = procfs::boot_time_secs() else { return Ok(()) };
    text.single(
        "process_start_time_seconds",
        "When the process started, since 1970.",
        &ConstGauge::new(boot as f64 + seconds(stat.starttime)),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::drops::Drops;
    use crate::terms::Terms;

    fn about() -> About {
        About::new(&Terms::of_test(&["a", "b \"2\""], "m"), None)
    }

    #[test]
    fn every_reason_state_and_surface_is_there_from_the_start() {
        let health = Health::new([("fleet".into(), Duration::from_secs(9))]);
        let text = write(health.into(), about(), 0);
        for reason in Reason::ALL {
            let line = format!("underfoot_dropped_total{{reason=\"{}\"}} 0\n", reason.name());
            assert!(text.contains(&line), "{line}");
        }
        for line in [
            "underfoot_source_state{source=\"fleet\",state=\"connecting\"} 1\n",
            "underfoot_source_state{source=\"fleet\",state=\"silent\"} 0\n",
            "underfoot_source_up{source=\"fleet\"} 0\n",
            "underfoot_predictions_total{surface=\"b \\\"2\\\"\"} 0\n",
            "underfoot_predictions_total{surface=\"unknown\"} 0\n",
            "underfoot_gaps_total{reason=\"silence\"} 0\n",
            "underfoot_latency_seconds_count 0\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }

    #[test]
    fn what_was_counted_is_told() {
        let health = Health::new([("fleet".into(), Duration::from_secs(9))]);
        health.samples(0, 5);
        health.window();
        health.window();
        health.predictions(1);
        health.counters.surface("a", 1);
        health.counters.waits(2, 3);
        health.counters.connected();
        health.counters.connected();
        let mut drops = Drops::default();
        drops.add_many(Reason::Late, 4, String::new);
        health.dropped("fleet", &mut drops);
        let text = write(health.into(), about(), 2);
        for line in [
            "underfoot_samples_total{source=\"fleet\"} 5\n",
            "underfoot_source_up{source=\"fleet\"} 1\n",
            "underfoot_dropped_total{reason=\"late\"} 4\n",
            "underfoot_windows_total 2\n",
            "underfoot_predictions_total{surface=\"a\"} 1\n",
            "underfoot_queue_depth{queue=\"blocks\"} 2\n",
            "underfoot_queue_depth{queue=\"windows\"} 3\n",
            "underfoot_queue_depth{queue=\"model\"} 1\n",
            "underfoot_mqtt_reconnects_total 1\n",
            "underfoot_http_pages 2\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }
}
