//! A comparison of two models for programs.

use serde::Serialize;

use super::answer_times::AnswerTimes;
use super::comparison::{ModelComparison, ModelJudgement};
use super::cost::ModelCost;

/// A comparison of two models in the form that `--json` prints. Of two values in a list, the first is that of A.
#[derive(Debug, Serialize)]
pub(crate) struct ComparisonReport<'a> {
    judgement: ModelJudgement,
    mcnemar: McNemarReport,
    /// The share of the time in which each model is right, as the mean over the recordings.
    right_by_recording: Option<[f64; 2]>,
    /// The same as the mean over the surfaces.
    right_by_surface: Option<[f64; 2]>,
    /// On the surfaces that both models know.
    scored: TimesReport,
    /// In all recordings, labelled or not.
    all: TimesReport,
    surfaces: Vec<SurfaceReport<'a>>,
    recordings: Vec<RecordingReport<'a>>,
    /// The recordings on which a model decided nothing while the other one had decided.
    without_decisions: &'a [String],
    models: [ModelReport<'a>; 2],
    /// What is wrong with the comparison or with the recordings, one sentence each.
    warnings: &'a [String],
}

/// McNemar's test over the recordings.
#[derive(Debug, Serialize)]
struct McNemarReport {
    /// On how many recordings each model is right for longer.
    better: [usize; 2],
    /// On how many recordings both are right equally long.
    equal: usize,
    /// The two-sided p-value of the exact test.
    p: f64,
}

/// How long the models gave which answers, as shares of the time; `None` without any time.
#[derive(Debug, Serialize)]
struct TimesReport {
    seconds: f64,
    right: Option<[f64; 2]>,
    both_right: Option<f64>,
    agreement: Option<f64>,
    unknown: Option<[f64; 2]>,
}

#[derive(Debug, Serialize)]
struct SurfaceReport<'a> {
    surface: &'a str,
    /// Whether each model knows it.
    known: [bool; 2],
    recordings: usize,
    #[serde(flatten)]
    times: TimesReport,
}

#[derive(Debug, Serialize)]
struct RecordingReport<'a> {
    name: &'a str,
    /// On the surfaces that both models know; `None` if it has none of them.
    right: Option<[f64; 2]>,
    /// Over the whole recording, labelled or not.
    agreement: Option<f64>,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct ModelReport<'a> {
    path: &'a str,
    bytes: usize,
    constants: usize,
    microseconds_per_window: f64,
    core_per_robot: f64,
}

impl From<AnswerTimes> for TimesReport {
    fn from(times: AnswerTimes) -> Self {
        let [unknown, other] = times.unknown;
        let shares = times.share(unknown).zip(times.share(other));
        Self {
            seconds: times.seconds(),
            right: times.right_shares(),
            both_right: times.share(times.both_right),
            agreement: times.share(times.agreed),
            unknown: shares.map(|(one, other)| [one, other]),
        }
    }
}

impl<'a> ComparisonReport<'a> {
    /// The report of a comparison. `models` are the path of each model and what it costs.
    pub(crate) fn new(
        comparison: &'a ModelComparison,
        models: [(&'a str, &ModelCost); 2],
        warnings: &'a [String],
    ) -> Self {
        let counts = comparison.mcnemar();
        let surfaces = comparison.surfaces.iter().map(|(surface, compared)| SurfaceReport {
            surface,
            known: compared.known,
            recordings: compared.recordings,
            times: compared.times.into(),
        });
        let recordings = comparison.recordings.iter().map(|recording| RecordingReport {
            name: &recording.name,
            right: recording.scored.right_shares(),
            agreement: recording.all.share(recording.all.agreed),
            seconds: recording.all.seconds(),
        });
        Self {
            judgement: comparison.judgement(),
            mcnemar: McNemarReport { better: counts.better, equal: counts.equal, p: counts.p() },
            right_by_recording: comparison.by_recording(),
            right_by_surface: comparison.by_surface(),
            scored: comparison.scored().into(),
            all: comparison.all().into(),
            surfaces: surfaces.collect(),
            recordings: recordings.collect(),
            without_decisions: &comparison.without_decisions,
            models: models.map(|(path, cost)| ModelReport {
                path,
                bytes: cost.bytes,
                constants: cost.constants,
                microseconds_per_window: cost.window.as_secs_f64() * 1e6,
                core_per_robot: cost.core,
            }),
            warnings,
        }
    }
}
