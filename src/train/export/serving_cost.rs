//! What a model costs to serve on this machine.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::model::session::{Model, ModelError};

/// The windows in a batch, as many as a daemon with many streams answers at once.
const BATCH: usize = 64;
/// How long each size of batch is measured at most.
const TIME: Duration = Duration::from_millis(300);
/// How often each size of batch is measured at most.
const RUNS: usize = 200;

/// The processor time for a window on one core of this machine, in ONNX Runtime as the daemon runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServingCost {
    /// The time for a window in a batch of 64.
    pub in_batch: Duration,
    /// The time for a window alone.
    pub alone: Duration,
}

impl ServingCost {
    /// Measures a model on windows, each row-major [W, C], which are repeated as often as is needed.
    ///
    /// # Errors
    /// [`ModelError`] if the model does not run.
    pub(crate) fn measure(
        model: &[u8],
        windows: &[&[f32]],
        library: Option<&Path>,
    ) -> Result<Self, ModelError> {
        let mut model = Model::from_bytes(model, Path::new("(memory)"), library)?;
        let batch: Vec<f32> = windows.iter().cycle().take(BATCH).copied().flatten().copied().collect();
        let alone = windows.first().copied().unwrap_or_default();
        let in_batch = median_time(&mut model, &batch)? / BATCH as u32;
        Ok(Self { in_batch, alone: median_time(&mut model, alone)? })
    }
}

impl std::fmt::Display for ServingCost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { in_batch, alone } = self;
        write!(
            f,
            "on one core of this machine, a window takes {} µs alone and {} µs in a batch of {BATCH}",
            alone.as_micros(),
            in_batch.as_micros(),
        )
    }
}

/// The median time of a run on these windows, after one run that is not counted.
fn median_time(model: &mut Model, windows: &[f32]) -> Result<Duration, ModelError> {
    model.probabilities(windows)?;
    let (started, mut times) = (Instant::now(), Vec::new());
    while times.is_empty() || (times.len() < RUNS && started.elapsed() < TIME) {
        let start = Instant::now();
        model.probabilities(windows)?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_told_in_microseconds() {
        let cost = ServingCost { in_batch: Duration::from_nanos(61_900), alone: Duration::from_micros(215) };
        assert_eq!(
            cost.to_string(),
            "on one core of this machine, a window takes 215 µs alone and 61 µs in a batch of 64"
        );
    }
}
