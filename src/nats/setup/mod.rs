//! The stream and the consumers on the servers: whether they are as this node needs them.

mod api;
mod consumers;
mod stream;

pub(super) use self::api::{acknowledged, nanoseconds};
pub(super) use self::consumers::{GROUP, consumers, make_consumers};
pub(super) use self::stream::{NewestRead, StreamState, begun_anew, check_stream};
