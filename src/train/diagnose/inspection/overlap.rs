//! Pairs of labels that cannot be told apart.

use super::label_errors::LabelledStretch;

/// The fewest stretches of two labels that show that these cannot be told apart.
const MIN_STRETCHES: usize = 6;
/// So many of the stretches of either label have to look most like the other of the two.
const ALIKE: f64 = 0.6;

/// The pairs of labels that a model which was not trained on a stretch tells apart no better than a coin does.
pub(crate) fn inseparable_pairs(stretches: &[LabelledStretch]) -> Vec<(&str, &str)> {
    let mut labels: Vec<&str> = stretches.iter().map(|stretch| stretch.label.as_str()).collect();
    labels.sort_unstable();
    labels.dedup();
    let pairs = labels
        .iter()
        .enumerate()
        .flat_map(|(index, one)| labels[index + 1..].iter().map(move |other| (*one, *other)));
    pairs.filter(|(one, other)| are_inseparable(stretches, one, other)).collect()
}

fn are_inseparable(stretches: &[LabelledStretch], one: &str, other: &str) -> bool {
    let of_pair = |name: &str| name == one || name == other;
    let own: Vec<&LabelledStretch> = stretches.iter().filter(|stretch| of_pair(&stretch.label)).collect();
    let alike: Vec<&&LabelledStretch> = own.iter().filter(|stretch| of_pair(&stretch.looks_like)).collect();
    let count = alike.len() as f64;
    let enough =
        |label: &str| own.iter().filter(|stretch| stretch.label == label).count() >= MIN_STRETCHES / 2;
    let right = alike.iter().filter(|stretch| stretch.own > stretch.other).count() as f64;
    // A coin is right more often than this in about one of twenty cases: 1.7 standard deviations of a share.
    let chance = 0.5 + 1.7 * (0.25 / count.max(1.0)).sqrt();
    own.len() >= MIN_STRETCHES
        && enough(one)
        && enough(other)
        && count >= ALIKE * own.len() as f64
        && right / count <= chance
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(label: &str, looks_like: &str, own: f64) -> LabelledStretch {
        LabelledStretch {
            recording: String::new(),
            label: label.into(),
            looks_like: looks_like.into(),
            own,
            other: 0.9 - own,
            suspected: own < 0.45,
            windows: Vec::new(),
        }
    }

    #[test]
    fn two_names_of_one_floor_are_a_pair_and_a_few_wrong_labels_are_not() {
        let mut stretches: Vec<LabelledStretch> = Vec::new();
        for index in 0..12 {
            let own = if index % 2 == 0 { 0.5 } else { 0.4 };
            stretches.push(stretch("tile", "tiles", own));
            stretches.push(stretch("tiles", "tile", own));
            stretches.push(stretch("wood", "gravel", if index == 0 { 0.1 } else { 0.8 }));
            stretches.push(stretch("gravel", "wood", 0.8));
        }
        assert_eq!(inseparable_pairs(&stretches), [("tile", "tiles")]);
        assert!(inseparable_pairs(&stretches[..4]).is_empty(), "one drive of each shows nothing");
    }
}
