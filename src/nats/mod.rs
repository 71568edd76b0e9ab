//! Samples from a JetStream stream of NATS, which several nodes share, so that no robot is lost when one of them dies.
//!
//! The servers put the messages of each robot into one of a fixed number of partitions. Each partition has a consumer that
//! delivers to one node at a time (the policy `pinned_client` of NATS, ADR-42), so that the messages of a robot stay in
//! order; when this node does not ask for messages any more, another one gets them. Which node asks for which partition
//! follows from who is there: each node says so twice a second, and all come to the same answer. It also says up to which message
//! each partition is decided, so that another node can go on even while the consumer has no leader.
//!
//! - [`source`] is the task, and `reader` its loop: requests, messages on their way to the pipeline, acknowledgements. `setup` checks
//!   the stream and makes the consumers, `connection` connects, `fault` says in plain words what is wrong, and `fleet_log` what happens.
//! - `partition` decides when a partition changes hands, and which of its messages are used in which order; those that its consumer
//!   does not deliver in order, at a takeover or when a server is lost, are read from the stream itself. `members` decides which node
//!   reads which partition, and `timing` has the times of both. They do no I/O and know no clock.
//! - `publisher` publishes predictions over the connection of a source, and tells the other nodes each surface; `node_surfaces`
//!   receives what they tell.
//! - `event` and `heartbeat` are what arrives: what the servers say about a partition, and the heartbeat of another node.
//!
//! The servers of a cluster agree on each delivery and on each acknowledgement, which takes them more than to store a message. So a
//! node asks for the messages of a busy partition in groups, and acknowledges them a few times a second.
//!
//! A message is acknowledged when everything that its samples completed is decided and handed to the sinks, and a partition
//! is left to another node when the broker has acknowledged the surfaces. A node that takes over asks the servers up to which message
//! everything is acknowledged, reads what came after it, and begins with the surface that was published last
//! ([`published_surfaces`](crate::decision)).

mod connection;
mod event;
mod fault;
mod nodes;
mod options;
mod partition;
mod publisher;
mod reader;
mod requests;
mod setup;
pub(crate) mod source;
mod streams;
mod timing;

pub(crate) use self::fault::NatsFault;
pub(crate) use self::options::NatsOptions;
pub(crate) use self::publisher::NatsPublisher;
pub(crate) use self::source::NatsSource;
