//! The daemon's metrics for Prometheus.
//!
//! [`Health`] keeps the counts, because the probes and the health topic read them too. For each request, a
//! [`Scrape`] collects them and `prometheus-client` writes them in the text format 0.0.4. The library appends
//! the suffix of each kind of metric, so the names in this file lack it: the counter `underfoot_samples` is
//! scraped as `underfoot_samples_total`, the info `underfoot_build` as `underfoot_build_info`.
//!
//! Every label value that can occur is written from the start with the value 0, so that rates can be computed
//! from the first event.

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

use crate::health::{Health, HealthReport, SourceState};
use crate::model::card::UNKNOWN;
use crate::signal::DropReason;
use crate::sink::live::about::About;

/// The media type of the text that [`write()`] returns.
pub(crate) const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Every state of a source, with its label value.
const STATES: [(SourceState, &str); 4] = [
    (SourceState::Connecting, "connecting"),
    (SourceState::Ok, "ok"),
    (SourceState::Silent, "silent"),
    (SourceState::Ended, "ended"),
];

/// Returns the current values of all metrics as text. `pages` is the number of open pages.
pub(crate) fn write(health: Arc<Health>, about: About, pages: usize) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { health, about, pages }));
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = prometheus_text::encode(&mut text, &registry);
    text
}

/// The values that one request for the metrics reads.
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
        build_and_model(&mut text, about)?;
        sources(&mut text, &report)?;
        pipeline(&mut text, health, &report, about)?;
        connections(&mut text, health, *pages)?;
        match Process::myself().and_then(|process| process.stat()) {
            Ok(stat) => process(&mut text, &stat),
            // Without /proc there are no metrics of the process.
            Err(_) => Ok(()),
        }
    }
}

/// The text of one answer, to which metric families are added.
struct Exposition<'a>(DescriptorEncoder<'a>);

impl Exposition<'_> {
    /// Adds a family of one sample, or of one histogram.
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

fn build_and_model(text: &mut Exposition<'_>, about: &About) -> fmt::Result {
    let node = about.node.as_deref().map(|node| ("node", node));
    text.single(
        "underfoot_build",
        "The version of underfoot, and the name of this node if it has one; always 1.",
        &Info::new(node.into_iter().chain([("version", about.version)]).collect::<Vec<_>>()),
    )?;
    let (rate, window, hop) = (about.rate.to_string(), about.window.to_string(), about.hop.to_string());
    let labels = [("model", about.model.as_str()), ("rate_hz", &rate), ("window", &window), ("hop", &hop)];
    text.single("underfoot_model", "The model in use; always 1.", &Info::new(labels))
}

fn sources(text: &mut Exposition<'_>, report: &HealthReport) -> fmt::Result {
    let sources = || report.sources.iter().map(|source| ([("source", source.name.as_str())], source));
    text.single(
        "underfoot_healthy",
        "Whether every source that should deliver samples does: 1 or 0.",
        &ConstGauge::new(u32::from(report.healthy)),
    )?;
    text.family(
        "underfoot_samples",
        "Samples received from a source.",
        sources().map(|(label, source)| (label, ConstCounter::new(source.samples))),
    )?;
    text.family(
        "underfoot_source_up",
        "Whether a source delivers samples: 1 or 0.",
        sources().map(|(label, source)| (label, ConstGauge::new(u32::from(source.state == SourceState::Ok)))),
    )?;
    text.family(
        "underfoot_source_state",
        "State of a source: 1 for the current state, 0 for the others.",
        sources().flat_map(|([label], source)| {
            STATES.map(|(state, name)| {
                ([label, ("state", name)], ConstGauge::new(u32::from(source.state == state)))
            })
        }),
    )?;
    text.family(
        "underfoot_source_reopens",
        "Times a serial port was reopened.",
        sources().map(|(label, source)| (label, ConstCounter::new(source.reopened))),
    )?;
    text.family(
        "underfoot_dropped",
        "Dropped samples, lines, frames, messages and windows, by reason.",
        DropReason::ALL.map(|reason| {
            let count = report.dropped.get(reason.name()).copied().unwrap_or_default();
            ([("reason", reason.name())], ConstCounter::new(count))
        }),
    )
}

fn pipeline(text: &mut Exposition<'_>, health: &Health, report: &HealthReport, about: &About) -> fmt::Result {
    let counters = &health.counters;
    text.family(
        "underfoot_reloads",
        "Reloads of the configuration and the model.",
        [("done", report.reloads.done), ("refused", report.reloads.failed)]
            .map(|(result, count)| ([("result", result)], ConstCounter::new(count))),
    )?;
    text.single(
        "underfoot_problems",
        "Current problems in the streams' input.",
        &ConstGauge::new(report.problem_count),
    )?;
    text.single("underfoot_streams", "Streams being served.", &ConstGauge::new(report.streams))?;
    text.family(
        "underfoot_gaps",
        "Times a stream's window was emptied, by reason: a gap, a restarted clock, silence, missing values or a new model.",
        counters.resets().map(|(reason, count)| ([("reason", reason)], ConstCounter::new(count))),
    )?;
    let (windows, predicted) = health.windows();
    text.single("underfoot_windows", "Windows given to the model.", &ConstCounter::new(windows))?;
    let mut surfaces = counters.surfaces();
    for label in about.labels.iter().map(String::as_str).chain([UNKNOWN]) {
        surfaces.entry(label.to_owned()).or_default();
    }
    text.family(
        "underfoot_predictions",
        "Predictions, by decided surface.",
        surfaces.iter().map(|(surface, count)| ([("surface", surface.as_str())], ConstCounter::new(*count))),
    )?;
    text.family(
        "underfoot_withheld",
        "Predictions with an unknown surface, by reason: no surface is likely enough, the windows are novel, a fault \
         of the input, or an answer of the model that is not a number.",
        counters.all_withheld().map(|(reason, count)| ([("reason", reason)], ConstCounter::new(count))),
    )?;
    text.single(
        "underfoot_inference_duration_seconds",
        "Time the model takes for a batch of windows.",
        &counters.inference,
    )?;
    text.single(
        "underfoot_latency_seconds",
        "Time from the arrival of a window's last sample to its prediction.",
        &counters.latency,
    )?;
    let queues = counters.queue_lengths();
    text.family(
        "underfoot_queue_depth",
        "Queue lengths: batches of samples, windows, and windows in the model.",
        [
            ("blocks", queues.batches),
            ("windows", queues.windows),
            ("model", windows.saturating_sub(predicted)),
        ]
        .map(|(queue, count)| ([("queue", queue)], ConstGauge::new(count))),
    )
}

fn connections(text: &mut Exposition<'_>, health: &Health, pages: usize) -> fmt::Result {
    let (connected, connects) = health.counters.broker();
    text.single(
        "underfoot_mqtt_connected",
        "Whether the broker is connected: 1 or 0.",
        &ConstGauge::new(u32::from(connected)),
    )?;
    text.single(
        "underfoot_mqtt_connects",
        "Connections accepted by the broker.",
        &ConstCounter::new(connects),
    )?;
    text.single(
        "underfoot_mqtt_reconnects",
        "Connections accepted by the broker after the first.",
        &ConstCounter::new(connects.saturating_sub(1)),
    )?;
    text.single("underfoot_http_pages", "Open live pages.", &ConstGauge::new(pages))
}

fn process(text: &mut Exposition<'_>, stat: &Stat) -> fmt::Result {
    let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    text.single(
        "process_cpu_seconds",
        "Processor time used, in seconds.",
        &ConstCounter::new(seconds(stat.utime + stat.stime)),
    )?;
    text.single(
        "process_resident_memory_bytes",
        "Resident memory, in bytes.",
        &ConstGauge::new(stat.rss_bytes().get()),
    )?;
    let Ok(boot) = procfs::boot_time_secs() else { return Ok(()) };
    text.single(
        "process_start_time_seconds",
        "Start time of the process, in seconds since 1970.",
        &ConstGauge::new(boot as f64 + seconds(stat.starttime)),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::decision::ServingContext;
    use crate::signal::Drops;

    fn about() -> About {
        About::new(&ServingContext::of_test(&["a", "b \"2\""], "m"), None)
    }

    #[test]
    fn every_reason_state_and_surface_is_written_from_the_start() {
        let health = Health::new([("fleet".into(), Duration::from_secs(9))]);
        let text = write(health.into(), about(), 0);
        for reason in DropReason::ALL {
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
            "underfoot_withheld_total{reason=\"novel\"} 0\n",
            "underfoot_withheld_total{reason=\"no_number\"} 0\n",
            "underfoot_latency_seconds_count 0\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }

    #[test]
    fn the_name_of_the_node_is_a_label_of_the_build_if_there_is_one() {
        let version = env!("CARGO_PKG_VERSION");
        for (node, labels) in [(None, ""), (Some("west"), "node=\"west\",")] {
            let about = About { node: node.map(str::to_owned), ..about() };
            let text = write(Health::new([]).into(), about, 0);
            let line = format!("underfoot_build_info{{{labels}version=\"{version}\"}} 1\n");
            assert!(text.contains(&line), "{line}{text}");
        }
    }

    #[test]
    fn counted_values_are_written() {
        let health = Health::new([("fleet".into(), Duration::from_secs(9))]);
        health.count_samples(0, 5);
        health.count_window();
        health.count_window();
        health.count_predictions(1);
        health.counters.surface("a", 1);
        health.counters.withheld(crate::decision::Withheld::Novel);
        health.counters.set_queue_lengths(2, 3);
        health.counters.connected();
        health.counters.connected();
        let mut drops = Drops::default();
        drops.add_many(DropReason::Late, 4, String::new);
        health.dropped("fleet", &mut drops);
        let text = write(health.into(), about(), 2);
        for line in [
            "underfoot_samples_total{source=\"fleet\"} 5\n",
            "underfoot_source_up{source=\"fleet\"} 1\n",
            "underfoot_dropped_total{reason=\"late\"} 4\n",
            "underfoot_windows_total 2\n",
            "underfoot_predictions_total{surface=\"a\"} 1\n",
            "underfoot_withheld_total{reason=\"novel\"} 1\n",
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
