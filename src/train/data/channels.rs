//! The channels that recordings share, and the orders of them under which the surface stays what it is.

use std::collections::BTreeSet;

use super::error::DatasetError;
use crate::recordings::{Recording, RecordingError};
use crate::signal::{Channel, channel_names};

/// The channels that every recording has, or those wanted of them.
pub(crate) fn channels_of_all(found: &[Recording], wanted: &[String]) -> Result<Vec<Channel>, DatasetError> {
    let mut first: Option<Vec<Channel>> = None;
    for recording in found {
        let inputs = recording.layout.channels_of(&recording.path)?;
        let all = inputs.iter().map(|input| input.channel()).collect::<Result<Vec<_>, _>>();
        let all = all.map_err(|why| RecordingError::Channels { path: recording.path.clone(), why })?;
        let mut taken = Vec::new();
        for name in wanted {
            let channel = all.iter().find(|channel| channel.name == *name).cloned();
            taken.push(channel.ok_or_else(|| DatasetError::NoChannel {
                name: name.clone(),
                recording: recording.name.clone(),
                has: channel_names(&all),
            })?);
        }
        let taken = if wanted.is_empty() { all } else { taken };
        match &first {
            None => first = Some(taken),
            Some(ours) if *ours != taken => {
                return Err(DatasetError::Channels {
                    first: found.first().map(|first| first.name.clone()).unwrap_or_default(),
                    ours: channel_names(ours),
                    other: recording.name.clone(),
                    theirs: channel_names(&taken),
                });
            }
            Some(_) => {}
        }
    }
    Ok(first.unwrap_or_default())
}

/// The orders of the channels that all recordings' layouts allow. One that also moves channels that were not taken
/// cannot be followed, and is left out.
pub(crate) fn permutations(
    found: &[Recording],
    channels: &[Channel],
) -> Result<Vec<Vec<usize>>, DatasetError> {
    let mut shared: Option<Vec<Vec<usize>>> = None;
    let mut seen: Option<*const crate::recordings::layout::Layout> = None;
    for recording in found {
        let layout = std::sync::Arc::as_ptr(&recording.layout);
        if seen.replace(layout) == Some(layout) {
            continue;
        }
        let inputs = recording.layout.channels_of(&recording.path)?;
        let all: Vec<_> = inputs.iter().filter_map(|input| input.channel().ok()).collect();
        let mut own = Vec::new();
        for order in &recording.layout.augment.permutations {
            let distinct: BTreeSet<&String> = order.iter().collect();
            let known = order.iter().all(|name| all.iter().any(|channel| channel.name == *name));
            if !known || distinct.len() != order.len() || order.len() != all.len() {
                return Err(DatasetError::Permutation { order: order.clone(), has: channel_names(&all) });
            }
            own.extend(followed(order, &all, channels));
        }
        shared = Some(match shared {
            None => own,
            Some(shared) => shared.into_iter().filter(|order| own.contains(order)).collect(),
        });
    }
    Ok(shared.unwrap_or_default())
}

/// For each channel taken, the one that takes its place; `None` where that one was not taken.
fn followed(order: &[String], all: &[Channel], channels: &[Channel]) -> Option<Vec<usize>> {
    let place = |channel: &Channel| {
        let source = order.get(all.iter().position(|other| other.name == channel.name)?)?;
        channels.iter().position(|channel| channel.name == *source)
    };
    channels.iter().map(place).collect()
}
