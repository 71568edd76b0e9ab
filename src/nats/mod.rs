//! Samples from a JetStream stream of NATS, which several nodes share, so that no robot is lost when one of them dies.
//!
//! The servers put the messages of each robot into one of a fixed number of partitions. Each partition has a consumer that
//! delivers to one node at a time (the policy `pinned_client` of NATS, ADR-42), so that the messages of a robot stay in
//! order; when this node does not ask for messages any more, another one gets them. Which node asks for which partition
//! follows from who is there: each node says so several times a second, and all come to the same answer.
//!
//! - [`source`] is the task, and `reader` its loop: requests, messages on their way to the pipeline, acknowledgements. `setup` checks
//!   the stream and makes the consumers, `connection` connects, and `fault` says in plain words what is wrong.
//! - `partition` decides which messages are used in which order, and when a partition changes hands; `members` decides
//!   which node reads which partition; `timing` has the times of both. They do no I/O and know no clock.
//! - `delivery` and `heartbeat` are what arrives: a message with its numbers, and the heartbeat of another node.
//!
//! A message is acknowledged when everything that its samples completed is decided and handed to the sinks, and a partition
//! is left to another node when the broker has acknowledged the surfaces. A node that
//! takes over gets the others again, and begins with the surface that was published last
//! ([`published_surfaces`](crate::decision)).

mod connection;
mod delivery;
mod fault;
mod heartbeat;
mod members;
mod options;
mod partition;
mod reader;
mod requests;
mod setup;
pub(crate) mod source;
mod streams;
mod timing;

pub(crate) use self::fault::NatsFault;
pub(crate) use self::options::NatsOptions;
pub(crate) use self::source::NatsSource;
