//! `underfoot model card-template`: writes the card of a model from another program, from recordings.

use std::fmt::Write as _;
use std::path::PathBuf;

use toml::Value;

use crate::command::failure::Failure;
use crate::model::card::{Card, Statistics};
use crate::model::card_text::printable;
use crate::recordings;
use crate::text::counted;
use crate::train::data::dataset::{Dataset, DatasetOptions};
use crate::train::data::drops::DropSummary;
use crate::train::export;

/// The arguments of `underfoot model card-template`.
#[derive(Debug, clap::Args)]
pub struct CardTemplateArgs {
    /// The labelled recordings that the model was trained on, or folders of them
    #[arg(long, required = true, value_name = "DATA", num_args = 1..)]
    from: Vec<PathBuf>,
    /// The file to write [default: print the card on stdout]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How to read the recordings, instead of the dataset.toml in their folder
    #[arg(long, value_name = "FILE")]
    dataset: Option<PathBuf>,
    /// Steps per second that the model was trained with [default: the sample rate of the recordings]
    #[arg(long, value_name = "HZ")]
    rate: Option<f64>,
    /// Steps in a window of the model
    #[arg(long, value_name = "STEPS", default_value_t = 100)]
    window: usize,
    /// Steps between two predictions [default: a tenth of the window]
    #[arg(long, value_name = "STEPS")]
    hop: Option<usize>,
    /// Channels of the model, in the order of its input, separated by commas [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    channels: Vec<String>,
}

impl CardTemplateArgs {
    /// Reads the recordings as `underfoot-train fit` does, and writes the card.
    ///
    /// # Errors
    /// [`Failure`] if the recordings cannot be read, have fewer than two surfaces or no window, or the file cannot be
    /// written or is there already.
    pub(super) fn run(self) -> Result<(), Failure> {
        if let Some(out) = self.out.as_ref().filter(|out| out.exists()) {
            return Err(Failure::failed(format!(
                "--out \"{}\" is there already, and may have been changed by hand; name another file, or remove it",
                out.display()
            )));
        }
        let found = recordings::find(&self.from, self.dataset.as_deref()).map_err(Failure::failed)?;
        let options = DatasetOptions {
            channels: self.channels,
            rate: self.rate,
            window: Some(self.window),
            hop: self.hop,
            accept_constant: true,
        };
        let dataset = Dataset::load(&found, &options).map_err(Failure::failed)?;
        DropSummary::of(&dataset.drops).lines().iter().for_each(|line| eprintln!("{line}"));
        dataset.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        let all: Vec<usize> = (0..dataset.len()).collect();
        let text = template(&dataset.card, &dataset.statistics(&all), dataset.recordings.len());
        let Some(out) = self.out else {
            print!("{text}");
            return Ok(());
        };
        export::write_file(&out, text.as_bytes()).map_err(Failure::failed)?;
        eprintln!("wrote {}; check it against the model, then run `underfoot model stamp`", out.display());
        Ok(())
    }
}

/// The card as TOML, with comments that say what to check.
fn template(card: &Card, statistics: &[Statistics], recordings: usize) -> String {
    let text = |text: &str| Value::String(text.into()).to_string();
    let labels: Vec<String> = card.labels.iter().map(|label| text(label)).collect();
    let channels = card.channels.iter().map(|channel| {
        format!("    {{ name = {}, unit = {} }},\n", text(&channel.name), text(&channel.unit))
    });
    let method = serde_json::to_string(&card.resample.method).unwrap_or_default();
    let made_from = counted(recordings, "recording");
    let mut toml = format!(
        "# The card of a model from another program, made from {made_from}. Check each part against the \
         training of\n# the model, then add the card to it:\n#\n#     underfoot model stamp net.onnx --card card.toml \
         --out model.onnx\n\n\
         version = {}\n\n\
         # The steps per second that the model was trained with, in Hz.\n\
         rate = {}\n\
         # The steps of a window: the second axis of the model's input.\n\
         window = {}\n\
         # The steps between two predictions. It may be any number; the model does not depend on it.\n\
         hop = {}\n\
         # How samples become steps: \"nearest\" takes the nearest sample, \"linear\" interpolates between two samples, \
         and \"mean\"\n# averages over a step, for samples that are faster than the rate. A longer time without samples \
         than max_gap, in s,\n# is a gap, across which no window goes.\n\
         resample = {{ method = {method}, max_gap = {} }}\n\n\
         # The surfaces. THEY MUST BE IN THE ORDER OF THE MODEL'S OUTPUTS. Here they are in alphabetical order, which is \
         right only\n# if the training program sorted them, too. A wrong order is not noticed until the surfaces are \
         wrong.\n\
         labels = [{}]\n\n\
         # The channels, in the order of the last axis of the model's input, in the units that it was trained with.\n\
         channels = [\n{}]\n\n\
         # The values of each channel, in its unit and in the order of the channels, before any scaling. By them, the \
         daemon finds\n# sensors that are stuck, saturated or drifted. They are those of the model's training if it was \
         trained on these recordings.\n",
        Card::VERSION,
        number(card.rate),
        card.window,
        card.hop,
        number(card.resample.max_gap),
        labels.join(", "),
        channels.collect::<String>(),
    );
    for (channel, statistics) in card.channels.iter().zip(statistics) {
        let Statistics { mean, deviation, min, max, still } = *statistics;
        // Writing into a string cannot fail.
        let _ = write!(
            toml,
            "\n# {}\n[[training.statistics]]\nmean = {}\ndeviation = {}\nmin = {}\nmax = {}\n# The longest time without \
             a change, in s.\nstill = {}\n",
            printable(&channel.name),
            number(mean),
            number(deviation),
            number(min),
            number(max),
            number(still)
        );
    }
    toml
}

/// A number as TOML, rounded to six significant digits.
fn number(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    Value::Float(rounded).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::card::TrainingSummary;
    use crate::model::card_file;
    use crate::signal::Channel;

    #[test]
    fn the_template_is_a_card_with_the_same_values() {
        let statistics = Statistics { mean: 1.5, deviation: 0.25, min: -0.5, max: 5.125, still: 0.0 };
        let mut card = Card::of_test(100, 10, &["tile", "wood \"oak\"", "1"]);
        card.channels =
            vec![Channel::in_ampere("left"), Channel { name: "r\\ght".into(), unit: "mA".into() }];
        card.rate = 32.1;
        let text = template(&card, &[statistics; 2], 12);
        let parsed = card_file::parse(&text).unwrap();
        let training = TrainingSummary { statistics: vec![statistics; 2], ..TrainingSummary::default() };
        assert_eq!(parsed, Card { training: Some(training), ..card });
        assert!(text.lines().all(|line| line.len() <= 130), "{text}");
    }

    #[test]
    fn numbers_are_rounded_to_what_a_person_reads() {
        assert_eq!([number(0.1f32.into()), number(2.0), number(-1234.5678)], ["0.1", "2.0", "-1234.57"]);
    }
}
