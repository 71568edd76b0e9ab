//! Several networks, each trained without one part of the recordings and scored on it; together they are the model.

use std::collections::BTreeMap;

use super::calibration::{expected_calibration_error, temperature};
use super::context::{TrainingContext, pool};
use super::ensemble::Ensemble;
use super::epoch::{Epoch, FitError};
use super::member::{Fitted, confusion};
use crate::decision::{DecisionFilter, DecisionOptions};
use crate::model::card::Scores;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::kernel::activation::softmax_rows;
use crate::train::options::FitOptions;

/// A trained model, with what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Trained {
    /// Every setting, with those filled in that followed from the recordings.
    pub options: FitOptions,
    /// The networks, as one.
    pub ensemble: Ensemble,
    /// How each network was trained.
    pub members: Vec<Member>,
    /// Answers for windows by a network that was not trained on them.
    pub held: OutOfFold,
    /// How sure the model is made to be; `None` where nothing was held out, or where it was not asked for.
    pub calibration: Option<Calibration>,
    /// Whether these settings were chosen among others by the windows held out.
    pub searched: bool,
    /// What should be known, a sentence each.
    pub warnings: Vec<String>,
}

/// How one network was trained.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Which windows it was trained on, and which were held out.
    pub split: Split,
    /// Every epoch's figures.
    pub history: Vec<Epoch>,
    /// The epoch that its weights are of, counted from 1.
    pub best: usize,
}

/// Answers for windows by a network that was not trained on them, in the order of the windows.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutOfFold {
    /// The windows.
    pub windows: Vec<usize>,
    /// Which network answered.
    pub members: Vec<usize>,
    /// Row-major [N, K], as sure as the exported model is.
    pub probabilities: Vec<f32>,
}

/// How sure the model was, and is.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Calibration {
    /// What the logits are divided by (Guo et al. 2017).
    pub temperature: f64,
    /// The expected calibration error on the windows held out, before and after.
    pub error_before: f64,
    /// It was fitted to these windows, so this is a little better than on new ones.
    pub error_after: f64,
}

impl TrainingContext<'_> {
    /// Trains a network for each fold, or a single one, in a pool of threads of their own.
    ///
    /// # Errors
    /// [`FitError`]: an option out of its bounds, too few windows, or a loss that is no number.
    pub(crate) fn run(&self) -> Result<Trained, FitError> {
        let Self { options, dataset, .. } = *self;
        options.check()?;
        let splits = match options.folds() {
            0 => vec![Split::new(dataset, options.validation(), options.seed)],
            folds => Split::folds(dataset, folds, options.seed),
        };
        pool(options.threads)?.install(|| self.run_on(splits))
    }

    /// Trains a network for each split.
    ///
    /// # Errors
    /// [`FitError`], as [`TrainingContext::run`].
    pub(crate) fn run_on(&self, splits: Vec<Split>) -> Result<Trained, FitError> {
        let mut fitted: Vec<Fitted> = Vec::new();
        for (member, split) in splits.into_iter().enumerate() {
            // A network that was never begun would only spoil those that were.
            if member > 0 && self.stop.load(std::sync::atomic::Ordering::Relaxed) {
                break;
            }
            fitted.push(self.fit(split, member)?);
        }
        Ok(self.join(fitted))
    }

    fn join(&self, fitted: Vec<Fitted>) -> Trained {
        let Self { options, dataset, .. } = *self;
        let classes = dataset.card.labels.len();
        let mut rows: Vec<(usize, usize, &[f32])> = Vec::new();
        for (member, fitted) in fitted.iter().enumerate() {
            let answers = fitted.split.validation.iter().zip(fitted.logits.chunks_exact(classes));
            rows.extend(answers.map(|(window, logits)| (*window, member, logits)));
        }
        rows.sort_by_key(|(window, ..)| *window);
        let mut held = OutOfFold {
            windows: rows.iter().map(|(window, ..)| *window).collect(),
            members: rows.iter().map(|(_, member, _)| *member).collect(),
            probabilities: rows.iter().flat_map(|(.., logits)| *logits).copied().collect(),
        };
        let labels: Vec<usize> = held.windows.iter().map(|window| dataset.labels[*window]).collect();
        let calibration = (options.calibrate && !labels.is_empty()).then(|| {
            let by = temperature(&held.probabilities, &labels, classes);
            let mut before = held.probabilities.clone();
            softmax_rows(&mut before, classes);
            held.probabilities.iter_mut().for_each(|logit| *logit = (f64::from(*logit) / by) as f32);
            let mut after = held.probabilities.clone();
            softmax_rows(&mut after, classes);
            Calibration {
                temperature: by,
                error_before: expected_calibration_error(&before, &labels, classes),
                error_after: expected_calibration_error(&after, &labels, classes),
            }
        });
        softmax_rows(&mut held.probabilities, classes);
        let warnings = fitted.first().map(|first| first.split.warnings.clone()).unwrap_or_default();
        let mut members = Vec::new();
        let mut networks = Vec::new();
        for Fitted { network, split, history, best, .. } in fitted {
            networks.push(network);
            members.push(Member { split, history, best });
        }
        let mut ensemble = Ensemble::of(networks);
        if let Some(calibration) = &calibration {
            ensemble.scale_temperature(calibration.temperature);
        }
        Trained { options: options.clone(), ensemble, members, held, calibration, searched: false, warnings }
    }
}

impl Trained {
    /// Whether the scores also chose what was trained: then they are validation scores, better than those on new recordings.
    pub(crate) fn chosen_on_validation(&self) -> bool {
        self.searched || self.options.patience > 0
    }

    /// True against predicted labels of the windows held out.
    pub(crate) fn windows(&self, dataset: &Dataset) -> Confusion {
        self.held.confusion(dataset, |_| true)
    }

    /// The scores of each network on the windows that it was not trained on.
    pub(crate) fn scores(&self, dataset: &Dataset) -> Vec<Scores> {
        let of = |member| self.held.confusion(dataset, |other| other == member).scores();
        (0..self.members.len()).map(of).filter(|scores| scores.accuracy.is_finite()).collect()
    }

    /// True against decided labels, as the daemon decides with its default settings, recording by recording.
    pub(crate) fn decisions(&self, dataset: &Dataset) -> Confusion {
        let mut confusion = Confusion::new(&dataset.card.labels);
        let classes = dataset.card.labels.len();
        let mut deciders: BTreeMap<usize, DecisionFilter> = BTreeMap::new();
        for (window, probabilities) in
            self.held.windows.iter().zip(self.held.probabilities.chunks_exact(classes))
        {
            let decider = deciders.entry(dataset.sources[*window]).or_insert_with(|| {
                DecisionFilter::new(DecisionOptions::default(), &dataset.card, dataset.card.hop)
            });
            let decision = decider.step(dataset.windows[*window].time, probabilities);
            confusion.add(dataset.labels[*window], decision.surface);
        }
        confusion
    }
}

impl OutOfFold {
    fn confusion(&self, dataset: &Dataset, member: impl Fn(usize) -> bool) -> Confusion {
        let classes = dataset.card.labels.len();
        let rows = self.windows.iter().zip(&self.members).zip(self.probabilities.chunks_exact(classes));
        let rows: Vec<_> = rows.filter(|((_, other), _)| member(**other)).collect();
        let probabilities: Vec<f32> = rows.iter().flat_map(|(_, row)| *row).copied().collect();
        let truth = rows.iter().map(|((window, _), _)| dataset.labels[**window]);
        confusion(&dataset.card.labels, &probabilities, truth)
    }
}
