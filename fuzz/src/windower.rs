//! The windower: times and values of one stream to windows.

use underfoot::model::card::{Card, Method, Resample};
use underfoot::signal::{Channel, Drops, Samples, Time};
use underfoot::stream::{StreamWindower, WindowerOptions, WindowerOutput};

use super::{readings, split_first};

/// Windows of 10 steps at 100 Hz that bridge up to 0.1 s.
fn card(method: Method) -> Card {
    Card {
        version: Card::VERSION,
        channels: vec![Channel::in_ampere("current")],
        rate: 100.0,
        window: 10,
        hop: 3,
        resample: Resample { method, max_gap: 0.1 },
        labels: vec!["a".into(), "b".into()],
        candidates: None,
        novelty_allowance: None,
        made_by: String::new(),
        training: None,
    }
}

/// Every window is whole and finite, its time grows from window to window between resets, and every sample is accounted for.
pub fn windower(data: &[u8]) {
    let (choice, data) = split_first(data);
    let method = if choice & 1 == 0 { Method::Linear } else { Method::Mean };
    let reorder = if choice & 2 == 0 { 0 } else { 30_000_000 };
    let mut windower =
        StreamWindower::new(&WindowerOptions { reorder, ..WindowerOptions::of(&card(method)) });
    let (mut drops, mut last) = (Drops::default(), None::<Time>);
    let mut check = |output| match output {
        WindowerOutput::Window(window) => {
            assert_eq!(window.values.len(), 10);
            assert!(window.values.iter().all(|value| value.is_finite()));
            assert!(last.is_none_or(|last| last < window.time), "windows go forward in time");
            assert!((0.0..=1.0).contains(&window.quality.measured));
            last = Some(window.time);
        }
        WindowerOutput::Reset { .. } => last = None,
    };
    for (time, value) in readings(data) {
        let Some(time) = Time::from_nanos(time) else { continue };
        let mut samples = Samples::new(1);
        samples.push(time, [value]);
        windower.push(&samples, &mut drops, &mut check);
    }
    windower.finish(&mut drops, &mut check);
    assert!(drops.total() <= data.len() as u64 / 12);
}
