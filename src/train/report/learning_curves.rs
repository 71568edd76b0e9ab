//! The loss and accuracy of every epoch, as charts.

use maud::{Markup, html};

use super::elements::axis::Scale;
use super::elements::chart::{Chart, ChartLine};
use crate::train::fit::epoch::Epoch;
use crate::train::fit::trained::Trained;

/// That training ended early, and why; `None` if every network was trained for all epochs.
pub(crate) fn ended_early(trained: &Trained) -> Option<String> {
    let ended = trained.members.iter().filter(|member| member.learned);
    let mut epochs: Vec<usize> = ended.map(|member| member.history.len()).collect();
    epochs.sort_unstable();
    let (first, last) = (epochs.first()?, epochs.last()?);
    let after = if first == last { last.to_string() } else { format!("{first} to {last}") };
    let networks = match (epochs.len(), trained.members.len()) {
        (1, 1) => "the network".to_owned(),
        (some, all) => format!("{some} of {all} networks"),
    };
    Some(format!(
        "training of {networks} ended after {after} of {} epochs, because the training windows were learned and further epochs \
         would have changed little; --end-when-learned=false trains all of them",
        trained.options.epochs(),
    ))
}

/// Charts of the loss, of the loss on a logarithmic axis, and of the accuracy; one line for each network.
pub(super) fn learning_curves(trained: &Trained) -> Markup {
    let several = trained.members.len() > 1;
    let line = |name: &str, colour, value: &dyn Fn(&Epoch) -> Option<f64>| -> Vec<ChartLine> {
        let members = trained.members.iter().enumerate();
        members
            .map(|(index, member)| ChartLine {
                // One entry in the legend serves all networks.
                name: if index == 0 { name.to_owned() } else { String::new() },
                colour,
                faint: several,
                points: member
                    .history
                    .iter()
                    .filter_map(|epoch| Some((epoch.epoch as f64, value(epoch)?)))
                    .collect(),
            })
            .filter(|line| !line.points.is_empty())
            .collect()
    };
    let losses = || {
        let mut lines = line("training loss", 0, &|epoch| Some(epoch.loss));
        lines.extend(line("validation loss", 1, &|epoch| epoch.validation_loss));
        lines
    };
    let mut accuracies = line("training accuracy", 0, &|epoch| Some(epoch.accuracy));
    accuracies.extend(line("validation accuracy", 1, &|epoch| epoch.validation_accuracy));
    let chart = |title: &str, y: &str, y_scale, range, lines| Chart {
        title: title.into(),
        x: "epoch".into(),
        y: y.into(),
        y_scale,
        range,
        lines,
        ..Chart::default()
    };
    html! {
        div.charts {
            (chart("Loss over the epochs", "loss, nats", Scale::Linear, None, losses()).svg())
            (chart("Loss over the epochs, logarithmic", "loss, nats, logarithmic", Scale::Logarithmic, None, losses()).svg())
            (chart("Accuracy over the epochs", "share of correct windows", Scale::Linear, Some((0.0, 1.0)), accuracies).svg())
        }
        @if let Some(ended_early) = ended_early(trained) { p.soft { (ended_early) "." } }
        @if several {
            p.soft {
                "There is one line for each network. Each network was trained without one fold of the recordings and \
                 is validated on that fold."
            }
        }
    }
}
