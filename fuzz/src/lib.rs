//! The bodies of the fuzz targets: each takes any bytes and asserts what must hold for all of them.
//!
//! A body panics only where the code under test broke a promise. `make test` runs every file below `fuzz/seeds` through
//! its body on the stable toolchain; `make fuzz` lets libFuzzer look for more, and `make mutate` does so without it.

mod card;
mod config;
mod dataset;
mod decoders;
mod mcap;
mod recorder;
mod recording;
mod windower;

pub use card::card;
pub use config::config;
pub use dataset::dataset;
pub use decoders::{binary, csv, json, message, recorded_csv};
pub use mcap::mcap;
pub use recorder::recorder;
pub use recording::recording;
pub use windower::windower;

/// The body of a fuzz target.
pub type Body = fn(&[u8]);

/// Every target by the name of its folder below `fuzz/seeds`.
pub const TARGETS: [(&str, Body); 12] = [
    ("binary", binary),
    ("card", card),
    ("config", config),
    ("csv", csv),
    ("dataset", dataset),
    ("json", json),
    ("mcap", mcap),
    ("message", message),
    ("recorded_csv", recorded_csv),
    ("recorder", recorder),
    ("recording", recording),
    ("windower", windower),
];

/// Splits off the first byte, which chooses a variant of the target.
fn split_first(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

/// Times and values made from bytes: each 12 bytes are a step in time in nanoseconds and a bit pattern of an `f32`.
///
/// Steps are small most of the time, so that windows fill; every bit pattern of a value occurs, NaN and infinities too.
fn readings(data: &[u8]) -> impl Iterator<Item = (i64, f32)> {
    let mut time = 0i64;
    data.chunks_exact(12).map(move |bytes| {
        let (step, value) = bytes.split_at(8);
        let step = i64::from_le_bytes(step.try_into().unwrap_or_default());
        let step = if step % 16 == 0 { step } else { step % 50_000_000 };
        time = time.saturating_add(step).clamp(-(i64::MAX / 2), i64::MAX / 2);
        (time, f32::from_le_bytes(value.try_into().unwrap_or_default()))
    })
}
