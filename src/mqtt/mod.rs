//! The one connection to the broker: samples arrive on it, and surfaces leave by it.
//!
//! [`connect()`] makes two values that belong together:
//!
//! - [`Connection`] owns the network. One task polls it and is never cancelled, because cancelling could cut
//!   a packet in two. It passes received messages to the [`Subscription`]s, and connects again after each
//!   failure, with the delays and the log lines that its [`reconnect`] policy decides.
//! - [`Publisher`] is what the rest of the daemon publishes with, and it asks for the subscriptions. It keeps
//!   the payload of every retained topic (`retained.rs`). A payload is sent when it has changed, and all of them
//!   are sent again when the broker has accepted a new connection. A connection on which the broker does not
//!   acknowledge them is made anew.
//!
//! The two share a counter of accepted connections, the retained topics and the subscriptions; apart from these,
//! only requests to send something pass between them (`requests.rs`). Tools use the same two values for one task each: `check`
//! connects once, [`listener`] only receives, and [`clear`] removes retained topics.
//!
//! [`topics`] names the topics on which the daemon says how it is.
//!
//! [`credentials`] reads the password and the certificates at each attempt, [`tls`] the latter, and `fault.rs`
//! explains what went wrong in plain words. The protocol is MQTT 3.1.1.

pub(crate) mod clear;
pub(crate) mod connect;
pub(crate) mod connection;
pub(crate) mod credentials;
mod fault;
pub(crate) mod limits;
pub(crate) mod listener;
pub(crate) mod publisher;
pub(crate) mod reconnect;
mod requests;
mod retained;
pub(crate) mod role;
pub(crate) mod subscription;
pub(crate) mod tls;
pub(crate) mod topics;

pub(crate) use self::connect::connect;
pub(crate) use self::connection::Connection;
pub(crate) use self::credentials::Credentials;
pub(crate) use self::listener::{BrokerEvent, Message};
pub(crate) use self::publisher::Publisher;
pub(crate) use self::role::Role;
pub(crate) use self::subscription::{LabelTopic, ReceivedTopics, Subscribed, Subscription, SurfaceTopic};
pub(crate) use self::topics::DaemonTopics;
