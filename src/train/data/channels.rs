//! The channels that all recordings have, and the orders of the channels under which the surface stays the
//! same.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::DatasetError;
use crate::recordings::layout::Layout;
use crate::recordings::reader::channels_of;
use crate::recordings::{Recording, RecordingError};
use crate::signal::{Channel, channel_names};

/// The channels that all recordings have in common: those named in `wanted`, or all of them if none are
/// named.
///
/// # Errors
/// [`DatasetError`]: a recording's channels cannot be read or are not those of the first recording, or a
/// wanted channel is missing.
pub(crate) fn channels_of_all(found: &[Recording], wanted: &[String]) -> Result<Vec<Channel>, DatasetError> {
    let mut first: Option<Vec<Channel>> = None;
    for recording in found {
        let inputs = channels_of(recording)?;
        let all = inputs.iter().map(|input| input.channel()).collect::<Result<Vec<_>, _>>();
        let all = all.map_err(|why| RecordingError::Channels { path: recording.path.clone(), why })?;
        let mut chosen = Vec::new();
        for name in wanted {
            let channel = all.iter().find(|channel| channel.name == *name).cloned();
            chosen.push(channel.ok_or_else(|| DatasetError::NoChannel {
                name: name.clone(),
                recording: recording.name.clone(),
                has: channel_names(&all),
            })?);
        }
        let chosen = if wanted.is_empty() { all } else { chosen };
        match &first {
            None => first = Some(chosen),
            Some(expected) if *expected != chosen => {
                return Err(DatasetError::Channels {
                    first: found.first().map(|first| first.name.clone()).unwrap_or_default(),
                    expected: channel_names(expected),
                    other: recording.name.clone(),
                    found: channel_names(&chosen),
                });
            }
            Some(_) => {}
        }
    }
    Ok(first.unwrap_or_default())
}

/// The orders of the channels, as indices into `channels`, that the layouts of all recordings allow. An order
/// that moves a channel of `channels` to or from one that was not chosen is dropped.
///
/// # Errors
/// [`DatasetError::Permutation`]: an order in a layout does not name every channel of the recording once.
pub(crate) fn permutations(
    found: &[Recording],
    channels: &[Channel],
) -> Result<Vec<Vec<usize>>, DatasetError> {
    let mut shared: Option<Vec<Vec<usize>>> = None;
    let mut previous: Option<&Arc<Layout>> = None;
    for recording in found {
        // Recordings of one folder share their layout, so it need not be checked again.
        if previous.replace(&recording.layout).is_some_and(|layout| Arc::ptr_eq(layout, &recording.layout)) {
            continue;
        }
        let inputs = channels_of(recording)?;
        let all: Vec<_> = inputs.iter().filter_map(|input| input.channel().ok()).collect();
        let mut own = Vec::new();
        for order in &recording.layout.augment.permutations {
            let distinct: BTreeSet<&String> = order.iter().collect();
            let known = order.iter().all(|name| all.iter().any(|channel| channel.name == *name));
            if !known || distinct.len() != order.len() || order.len() != all.len() {
                return Err(DatasetError::Permutation { order: order.join(", "), has: channel_names(&all) });
            }
            own.extend(indices_of(order, &all, channels));
        }
        shared = Some(match shared {
            None => own,
            Some(shared) => shared.into_iter().filter(|order| own.contains(order)).collect(),
        });
    }
    Ok(shared.unwrap_or_default())
}

/// For each of `channels`, the index in `channels` of the channel that replaces it; `None` if a replacement
/// was not chosen.
fn indices_of(order: &[String], all: &[Channel], channels: &[Channel]) -> Option<Vec<usize>> {
    let index = |channel: &Channel| {
        let source = order.get(all.iter().position(|other| other.name == channel.name)?)?;
        channels.iter().position(|channel| channel.name == *source)
    };
    channels.iter().map(index).collect()
}
