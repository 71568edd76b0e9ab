//! What a robot drives on, from the current its motors draw.

pub mod channel;
pub mod clock;
pub mod command;
pub mod config;
pub mod decide;
pub mod decode;
pub mod drops;
pub mod lane;
pub mod model;
pub mod recordings;
pub mod resample;
pub mod sample;
pub mod score;
pub mod train;
pub mod window;
