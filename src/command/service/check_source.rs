//! Reads a source for a short time, as `underfoot check` does for each.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::inspection::SourceInspection;
use crate::command::failure::Failure;
use crate::config::Config;
use crate::daemon::parts::{BrokerConnection, SourceTask};
use crate::daemon::pipeline::Pipeline;
use crate::health::Health;
use crate::model::card::Card;
#[cfg(feature = "nats")]
use crate::nats::NatsFault;
use crate::signal::{Channel, DropReason, Drops};
use crate::source::port_holder::PortHolder;
use crate::source::reading_report::ReadingReports;

/// How long a source is read.
const READING: Duration = Duration::from_secs(2);
/// A warning follows from this share of samples that are dropped.
const MANY_DROPS: f64 = 0.01;

/// One source that `check` reads.
pub(super) struct SourceCheck {
    pub name: String,
    pub source: SourceTask,
    /// The channels that the source delivers.
    pub channels: Vec<Channel>,
    /// The connection to the broker, for a source that needs one.
    pub broker: Option<BrokerConnection>,
}

/// What `check` found out about a source.
pub(super) struct SourceFindings {
    pub name: String,
    /// What arrived, or why the daemon could not work with it.
    pub result: Result<String, Failure>,
    /// What works but is not plausible, a sentence for each.
    pub warnings: Vec<String>,
}

/// What a source is, as far as it matters for what may be missing.
struct SourceKindCheck {
    /// What the source is, in words.
    description: String,
    /// The warning if nothing arrives; `None` if that is usual, as with messages.
    silence: Option<String>,
    /// The errors of recordings.
    reports: ReadingReports,
}

impl SourceCheck {
    /// Reads the source for two seconds, or until it ends.
    pub(super) async fn read(self, config: &Config, card: Option<&Card>) -> SourceFindings {
        let Self { name, source, channels, broker } = self;
        let findings = |result, warnings| SourceFindings { name: name.clone(), result, warnings };
        #[cfg(feature = "nats")]
        if let SourceTask::Nats(nats) = &source {
            let failure = |fault: NatsFault| match fault.is_permanent() {
                true => Failure::config(fault.to_string()),
                false => Failure::failed(fault.to_string()),
            };
            return findings(nats.check().await.map_err(failure), Vec::new());
        }
        let (source, kind, mut warnings) = match prepare(source) {
            Ok(prepared) => prepared,
            Err(failure) => return findings(Err(failure), Vec::new()),
        };
        let Some(source) = source.filter(|source| !matches!(source, SourceTask::Mqtt(_)) || broker.is_some())
        else {
            return findings(Ok(kind.description), warnings);
        };
        let health = Arc::new(Health::new([(name.clone(), config.limits.silence)]));
        let inspection = Arc::new(Mutex::new(SourceInspection::new(channels)));
        let observed = inspection.clone();
        let pipeline = Pipeline {
            sources: vec![(name.clone(), source)],
            broker,
            serving: None,
            recorder: None,
            observer: Some(Box::new(move |event| {
                observed.lock().unwrap_or_else(PoisonError::into_inner).observe(event);
            })),
            http: None,
            health: health.clone(),
            reload: None,
            supervised: false,
            drain: READING,
        };
        if let Err(error) = pipeline.run(tokio::time::sleep(READING)).await {
            return findings(Err(Failure::failed(error)), warnings);
        }
        let inspection = inspection.lock().unwrap_or_else(PoisonError::into_inner);
        let drops = health.drops();
        if let Some(error) = kind.reports.take().errors.into_iter().next() {
            return findings(Err(Failure::config(error)), warnings);
        }
        let report = health.report();
        if inspection.is_empty() {
            let problem = report.problems.into_iter().next().map(|problem| problem.detail.clone());
            let result = match problem.or_else(|| unusable(&drops)) {
                Some(problem) => Err(Failure::failed(problem)),
                None => {
                    // The robot may be off, so this is no failure.
                    warnings.extend(kind.silence);
                    Ok(format!("{}; no sample arrived within {}", kind.description, seconds(READING)))
                }
            };
            return findings(result, warnings);
        }
        if let Some(fault) = card.and_then(|card| inspection.fault(card)) {
            warnings.extend(inspection.warnings(card));
            return findings(Err(Failure::failed(fault)), warnings);
        }
        let source = report.sources.into_iter().next();
        let samples = source.as_ref().map_or(0, |source| source.samples);
        let conclusion = source.and_then(|source| source.conclusion);
        let conclusion = conclusion.map(|conclusion| format!(" ({conclusion})")).unwrap_or_default();
        warnings.extend(inspection.warnings(card));
        if let Some((_, detail)) = drops.first()
            && drops.total() as f64 >= MANY_DROPS * (samples + drops.total()) as f64
        {
            warnings.push(format!("dropped: {drops}; the first: {detail}"));
        }
        let summary = inspection.summary(Instant::now());
        findings(Ok(format!("{}; {samples} samples: {summary}{conclusion}", kind.description)), warnings)
    }
}

/// Opens what can only be read by one program, and describes the source. The source is `None` if it is not read.
fn prepare(source: SourceTask) -> Result<(Option<SourceTask>, SourceKindCheck, Vec<String>), Failure> {
    let mut kind =
        SourceKindCheck { description: String::new(), silence: None, reports: ReadingReports::default() };
    let mut warnings = Vec::new();
    let source = match source {
        SourceTask::Mqtt(subscription) => {
            kind.description = subscription.describe();
            warnings.extend(subscription.sharing_warning());
            // A running daemon is to lose no message to this check.
            SourceTask::Mqtt(subscription.without_group())
        }
        SourceTask::Serial(serial) => {
            serial.open().map_err(Failure::failed)?;
            if let Some(holder) = PortHolder::find(&serial.port).filter(|_| !is_pseudo_terminal(&serial.port))
            {
                warnings.push(format!(
                    "{:?} is also open in {holder}, which may take some of the bytes; stop that program",
                    serial.port
                ));
            }
            kind.description = format!("{:?} can be opened", serial.port);
            kind.silence = Some(serial.explain_silence(READING));
            SourceTask::Serial(serial)
        }
        SourceTask::Stdin(bytes) => {
            kind.description = "standard input".into();
            if !stdin_is_data() {
                return Ok((None, kind, warnings));
            }
            SourceTask::Stdin(bytes)
        }
        SourceTask::Files(mut files) => {
            kind.description = format!("{} recordings", files.recordings.len());
            kind.reports = files.reports.clone();
            files.speed = f64::INFINITY;
            SourceTask::Files(files)
        }
        // It is checked without reading it.
        #[cfg(feature = "nats")]
        SourceTask::Nats(_) => return Ok((None, kind, warnings)),
        SourceTask::Simulator(simulator) => {
            kind.description = "a simulated robot".into();
            SourceTask::Simulator(simulator)
        }
    };
    Ok((Some(source), kind, warnings))
}

/// Whether a port is a pseudo-terminal, which the program on its other side has open, too.
fn is_pseudo_terminal(port: &str) -> bool {
    std::fs::canonicalize(port).is_ok_and(|path| path.starts_with("/dev/pts"))
}

/// Whether standard input is a pipe or a file, and so may hold samples.
fn stdin_is_data() -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata("/dev/stdin").is_ok_and(|stdin| stdin.file_type().is_fifo() || stdin.is_file())
}

/// What is wrong with everything that arrived; `None` if nothing did. A message that the broker kept does not count.
fn unusable(drops: &Drops) -> Option<String> {
    let (reason, detail) = drops.first()?;
    (reason != DropReason::Retained).then(|| format!("nothing that arrived can be used: {detail}"))
}

fn seconds(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}
