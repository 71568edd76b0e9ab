//! The daemon's metrics for Prometheus.
//!
//! Every label value that can occur is written from the start with the value 0, so that rates can be computed
//! from the first event.

use super::exposition::{Exposition, Kind};
use super::process::Process;
use crate::health::{Health, HealthReport, SourceState};
use crate::model::card::UNKNOWN;
use crate::signal::DropReason;
use crate::sink::live::about::About;

/// Every state of a source, with its label value.
const STATES: [(SourceState, &str); 4] = [
    (SourceState::Connecting, "connecting"),
    (SourceState::Ok, "ok"),
    (SourceState::Silent, "silent"),
    (SourceState::Ended, "ended"),
];

/// Returns the current values of all metrics as text. `pages` is the number of open pages.
pub(super) fn write(health: &Health, about: &About, pages: usize) -> String {
    let mut text = Exposition::default();
    let report = health.report();
    about_itself(&mut text, about);
    sources(&mut text, &report);
    pipeline(&mut text, health, &report, about);
    outside(&mut text, health, pages);
    if let Some(process) = Process::now() {
        crate::http::metrics::process(&mut text, process);
    }
    text.finish()
}

fn about_itself(text: &mut Exposition, about: &About) {
    text.family("underfoot_build_info", Kind::Gauge, "The version of underfoot; always 1.")
        .sample(&[("version", about.version)], 1.0);
    let (rate, window, hop) = (about.rate.to_string(), about.window.to_string(), about.hop.to_string());
    let labels = [("model", about.model.as_str()), ("rate_hz", &rate), ("window", &window), ("hop", &hop)];
    text.family("underfoot_model_info", Kind::Gauge, "The model in use; always 1.").sample(&labels, 1.0);
}

fn sources(text: &mut Exposition, report: &HealthReport) {
    text.family(
        "underfoot_healthy",
        Kind::Gauge,
        "Whether every source that should deliver samples does: 1 or 0.",
    )
    .sample(&[], f64::from(u8::from(report.healthy)));
    let mut family = text.family("underfoot_samples_total", Kind::Counter, "Samples received from a source.");
    for source in &report.sources {
        family.sample(&[("source", &source.name)], source.samples as f64);
    }
    let mut family =
        text.family("underfoot_source_up", Kind::Gauge, "Whether a source delivers samples: 1 or 0.");
    for source in &report.sources {
        family.sample(&[("source", &source.name)], f64::from(u8::from(source.state == SourceState::Ok)));
    }
    let mut family = text.family(
        "underfoot_source_state",
        Kind::Gauge,
        "State of a source: 1 for the current state, 0 for the others.",
    );
    for source in &report.sources {
        for (state, name) in STATES {
            let is = f64::from(u8::from(source.state == state));
            family.sample(&[("source", &source.name), ("state", name)], is);
        }
    }
    let mut family =
        text.family("underfoot_source_reopens_total", Kind::Counter, "Times a serial port was reopened.");
    for source in &report.sources {
        family.sample(&[("source", &source.name)], source.reopened as f64);
    }
    let mut family = text.family(
        "underfoot_dropped_total",
        Kind::Counter,
        "Dropped samples, lines, frames, messages and windows, by reason.",
    );
    for reason in DropReason::ALL {
        let count = report.dropped.get(reason.name()).copied().unwrap_or_default();
        family.sample(&[("reason", reason.name())], count as f64);
    }
}

fn pipeline(text: &mut Exposition, health: &Health, report: &HealthReport, about: &About) {
    let counters = &health.counters;
    let mut family =
        text.family("underfoot_reloads_total", Kind::Counter, "Reloads of the configuration and the model.");
    family.sample(&[("result", "done")], report.reloads.done as f64);
    family.sample(&[("result", "refused")], report.reloads.failed as f64);
    text.family("underfoot_problems", Kind::Gauge, "Current problems in the streams' input.")
        .sample(&[], report.problem_count as f64);
    text.family("underfoot_streams", Kind::Gauge, "Streams being served.").sample(&[], report.streams as f64);
    let mut family = text.family(
        "underfoot_gaps_total",
        Kind::Counter,
        "Times a stream's window was emptied, by reason: a gap, a restarted clock, silence, \
         missing values or a new model.",
    );
    for (reason, count) in counters.gaps() {
        family.sample(&[("reason", reason)], count as f64);
    }
    let (windows, predicted) = health.windows();
    text.family("underfoot_windows_total", Kind::Counter, "Windows given to the model.")
        .sample(&[], windows as f64);
    let mut surfaces = counters.surfaces();
    for label in about.labels.iter().map(String::as_str).chain([UNKNOWN]) {
        surfaces.entry(label.to_owned()).or_default();
    }
    let mut family =
        text.family("underfoot_predictions_total", Kind::Counter, "Predictions, by decided surface.");
    for (surface, count) in &surfaces {
        family.sample(&[("surface", surface)], *count as f64);
    }
    text.family(
        "underfoot_inference_duration_seconds",
        Kind::Histogram,
        "Time the model takes for a batch of windows.",
    )
    .histogram(&counters.inference.distribution());
    text.family(
        "underfoot_latency_seconds",
        Kind::Histogram,
        "Time from the arrival of a window's last sample to its prediction.",
    )
    .histogram(&counters.latency.distribution());
    let waiting = counters.waiting();
    let mut family = text.family(
        "underfoot_queue_depth",
        Kind::Gauge,
        "Queue lengths: batches of samples, windows, and windows in the model.",
    );
    family.sample(&[("queue", "blocks")], waiting.blocks as f64);
    family.sample(&[("queue", "windows")], waiting.windows as f64);
    family.sample(&[("queue", "model")], windows.saturating_sub(predicted) as f64);
}

fn outside(text: &mut Exposition, health: &Health, pages: usize) {
    let (connected, connects) = health.counters.broker();
    text.family("underfoot_mqtt_connected", Kind::Gauge, "Whether the broker is connected: 1 or 0.")
        .sample(&[], f64::from(u8::from(connected)));
    text.family("underfoot_mqtt_connects_total", Kind::Counter, "Connections accepted by the broker.")
        .sample(&[], connects as f64);
    text.family(
        "underfoot_mqtt_reconnects_total",
        Kind::Counter,
        "Connections accepted by the broker after the first.",
    )
    .sample(&[], connects.saturating_sub(1) as f64);
    text.family("underfoot_http_pages", Kind::Gauge, "Open live pages.").sample(&[], pages as f64);
}

fn process(text: &mut Exposition, process: Process) {
    text.family(
        "process_cpu_seconds_total",
        Kind::Counter,
        "Processor time in user and system mode, in seconds.",
    )
    .sample(&[], process.cpu);
    text.family("process_resident_memory_bytes", Kind::Gauge, "Resident memory in bytes.")
        .sample(&[], process.resident);
    text.family(
        "process_start_time_seconds",
        Kind::Gauge,
        "Start time of the process, in seconds since 1970.",
    )
    .sample(&[], process.start);
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
    fn every_reason_state_and_surface_is_present_from_the_start() {
        let health = Health::new([("fleet".into(), Duration::from_secs(9))]);
        let text = write(&health, &about(), 0);
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
            "underfoot_latency_seconds_count 0\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }

    #[test]
    fn counted_events_appear_in_the_metrics() {
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
        drops.add_many(DropReason::Late, 4, String::new);
        health.dropped("fleet", &mut drops);
        let text = write(&health, &about(), 2);
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
