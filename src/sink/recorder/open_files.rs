//! How many recordings may be open, so that the process never runs out of file descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::signal::StreamId;

/// File descriptors that are left for everything else: sources, connections, pages, the model.
const RESERVED: u64 = 128;

/// The number of recordings that may be open at once, at most `wanted`.
///
/// The soft limit of the process is raised for them as far as the hard limit allows. If that is not enough, the
/// log says so.
pub(super) fn limit(wanted: usize) -> usize {
    let needed = (wanted as u64).saturating_add(RESERVED);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let mut allowed = current.unwrap_or(u64::MAX);
    if allowed < needed {
        let raised = maximum.map_or(needed, |maximum| needed.min(maximum));
        if setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }).is_ok() {
            allowed = raised;
        }
    }
    let limit =
        usize::try_from(allowed.saturating_sub(RESERVED)).unwrap_or(usize::MAX).clamp(1, wanted.max(1));
    if limit < wanted {
        tracing::warn!(
            "this process may open {allowed} files, so at most {limit} of limits.streams = {wanted} streams are \
             recorded; raise LimitNOFILE in the unit, or `ulimit -n`"
        );
    }
    limit
}

/// Why a stream is not recorded, while as many `files` are open as may be for the limit of `streams`.
pub(super) fn over_limit(stream: &StreamId, files: usize, streams: usize) -> String {
    if files < streams {
        return format!(
            "the stream \"{stream}\" is not recorded, because {files} recordings are open, and this process may not open more \
             files; raise LimitNOFILE in the unit, or `ulimit -n`"
        );
    }
    format!(
        "the stream \"{stream}\" is over the limit limits.streams = {streams}; raise it to record more streams"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_recordings_are_always_possible() {
        assert_eq!(limit(3), 3);
        assert!(limit(usize::MAX) > 3);
    }
}
