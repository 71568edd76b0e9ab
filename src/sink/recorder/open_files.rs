//! How many recordings may be open, so that the process never runs out of file descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_recordings_are_always_possible() {
        assert_eq!(limit(3), 3);
        assert!(limit(usize::MAX) > 3);
    }
}
