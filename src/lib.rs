//! What a robot drives on, from the current its motors draw.

pub mod channel;
pub mod decide;
pub mod decode;
pub mod drops;
pub mod model;
pub mod sample;
pub mod score;
