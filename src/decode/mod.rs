//! Decoders: bytes to samples, without I/O and without a clock.
//!
//! - [`StreamDecoder`] decodes byte streams, which come from serial ports, files and standard input, in one
//!   of the formats of [`StreamFormat`]: [`csv`], [`json`] or [`binary`].
//! - [`LiveDecoder`] decodes a live byte stream, and finds out the unit of its times and whether its first line is
//!   whole.
//! - [`message::decode`] decodes the payloads of MQTT messages. They contain the same lines and objects.
//!
//! [`decode_label`] decodes what somebody says about the surface under a robot.
//!
//! A decoder never fails. What it cannot decode it counts in [`Drops`](crate::signal::Drops), which also
//! describes the first fault, and then it continues with the next line or frame. All decoders work in bounded
//! memory, whatever the bytes are. They do not set the times of samples that carry none: those are
//! [`Time::ARRIVAL`](crate::signal::Time::ARRIVAL).

pub mod binary;
mod bytes;
mod channel_joiner;
pub mod csv;
pub mod json;
mod label;
mod live;
pub mod message;
mod message_unit;
#[cfg(feature = "mcap")]
pub(crate) mod ros;
mod stream;
mod unit_choice;

pub(crate) use channel_joiner::ChannelJoiner;
pub(crate) use label::{LabelFault, MAX_LABEL_PAYLOAD, decode_label};
pub use live::LiveDecoder;
pub(crate) use message_unit::MessageUnit;
pub use stream::{StreamDecoder, StreamFormat};
pub(crate) use unit_choice::{UNITS, UnitChoice, choose_unit};
