//! The allowed values of the settings.

use std::ops::RangeInclusive;

use clap::ValueEnum;

use super::fit_options::FitOptions;
use crate::train::network::architecture::Pooling;

/// A setting has a value that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value}; it takes {takes}")]
pub struct OptionError {
    name: &'static str,
    value: String,
    takes: &'static str,
}

impl FitOptions {
    /// Checks the value of every setting, and the settings that depend on each other.
    ///
    /// # Errors
    /// [`OptionError`] with the flag, its value and the values that it takes, for the first setting that is
    /// not allowed.
    pub fn check(&self) -> Result<(), OptionError> {
        let folds = self.folds();
        let checks = [
            count("--hidden", self.hidden.unwrap_or(1), "1 to 4096 units", 1..=4096),
            count("--patch", self.patch, "1 to 1024 steps", 1..=1024),
            count("--summary-bins", self.summary_bins.unwrap_or(0), "0 to 64 bins", 0..=64),
            count("--layers", self.layers, "1 to 8 layers", 1..=8),
            count("--dense", self.dense.unwrap_or(0), "0 to 4096 units", 0..=4096),
            share("--dropout", self.dropout),
            share("--input-dropout", self.input_dropout),
            share("--recurrent-dropout", self.recurrent_dropout),
            share("--label-smoothing", self.label_smoothing),
            share("--channel-dropout", self.channel_dropout),
            share("--momentum", self.momentum),
            share("--weight-average", self.weight_average),
            at_least_0("--jitter", self.jitter, "a number of at least 0"),
            at_least_0("--scale", self.scale, "a number of at least 0"),
            at_least_0("--gain", self.gain(), "a number of at least 0"),
            at_least_0("--weight-decay", self.weight_decay, "a number of at least 0"),
            at_least_0("--clip", self.clip, "a norm above 0, or 0 for no limit"),
            at_least_0("--warmup", self.warmup, "a number of epochs of at least 0"),
            check(
                "--learning-rate",
                self.learning_rate,
                "a number above 0",
                self.learning_rate > 0.0 && self.learning_rate.is_finite(),
            ),
            check(
                "--plateau-factor",
                self.plateau_factor,
                "a number above 0 and below 1",
                self.plateau_factor > 0.0 && self.plateau_factor < 1.0,
            ),
            count("--batch-size", self.batch_size, "1 to 1048576 windows", 1..=1 << 20),
            count("--epochs", self.epochs.unwrap_or(1), "1 to 1000000 epochs", 1..=1_000_000),
            count("--rehearsal-windows", self.rehearsal_windows, "0 to 1000 windows", 0..=1000),
            share("--validation", self.validation()),
            check("--folds", folds, "0, or 2 to 100 folds", folds == 0 || (2..=100).contains(&folds)),
            check(
                "--folds",
                folds,
                "0 with --validation, which is for a single network",
                folds == 0 || self.validation.is_none(),
            ),
            check(
                "--pooling",
                names(&self.pooling),
                "one or more of last, mean and max, each at most once",
                distinct(&self.pooling),
            ),
            check(
                "--nesterov",
                self.nesterov,
                "true only with a --momentum above 0",
                !self.nesterov || self.momentum > 0.0,
            ),
        ];
        checks.into_iter().collect()
    }
}

/// An error if `holds` is false.
fn check(
    name: &'static str,
    value: impl ToString,
    takes: &'static str,
    holds: bool,
) -> Result<(), OptionError> {
    if holds { Ok(()) } else { Err(OptionError { name, value: value.to_string(), takes }) }
}

fn share(name: &'static str, value: f64) -> Result<(), OptionError> {
    check(name, value, "a number from 0 to below 1", (0.0..1.0).contains(&value))
}

fn at_least_0(name: &'static str, value: f64, takes: &'static str) -> Result<(), OptionError> {
    check(name, value, takes, value >= 0.0 && value.is_finite())
}

fn count(
    name: &'static str,
    value: usize,
    takes: &'static str,
    range: RangeInclusive<usize>,
) -> Result<(), OptionError> {
    check(name, value, takes, range.contains(&value))
}

/// The kinds of pooling separated by commas, as on the command line.
fn names(pooling: &[Pooling]) -> String {
    if pooling.is_empty() {
        return "empty".into();
    }
    let values = pooling.iter().filter_map(ValueEnum::to_possible_value);
    values.map(|value| value.get_name().to_owned()).collect::<Vec<_>>().join(",")
}

/// Whether there is at least one kind of pooling, and none occurs twice.
fn distinct(pooling: &[Pooling]) -> bool {
    !pooling.is_empty() && pooling.iter().enumerate().all(|(index, one)| !pooling[..index].contains(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed() {
        FitOptions::default().check().unwrap();
    }

    #[test]
    fn a_value_that_is_not_allowed_is_named_with_what_the_setting_takes() {
        let check = |options: FitOptions| options.check().unwrap_err().to_string();
        let options = || FitOptions::default();
        assert_eq!(
            check(FitOptions { dropout: 1.0, ..options() }),
            "--dropout is 1; it takes a number from 0 to below 1"
        );
        assert!(check(FitOptions { folds: Some(1), ..options() }).contains("0, or 2 to 100 folds"));
        let both = FitOptions { folds: Some(5), validation: Some(0.2), ..options() };
        assert!(check(both).starts_with("--folds is 5; it takes 0 with --validation"));
        assert!(
            check(FitOptions { learning_rate: f64::NAN, ..options() }).contains("--learning-rate is NaN")
        );
        assert!(check(FitOptions { pooling: vec![], ..options() }).starts_with("--pooling is empty"));
        let twice = FitOptions { pooling: vec![Pooling::Last, Pooling::Last], ..options() };
        assert!(check(twice).starts_with("--pooling is last,last"));
    }
}
