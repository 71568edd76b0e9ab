//! What can be wrong with the servers, the stream or the configuration, in plain words.

/// Why no samples can be read from NATS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NatsFault {
    /// A file of `[nats]` cannot be used.
    #[error("{0}")]
    File(String),
    /// The servers cannot be reached.
    #[error("the NATS servers {url} cannot be reached: {why}; check nats.url, and that a server runs there")]
    Unreachable {
        /// `nats.url`.
        url: String,
        /// The error of the system.
        why: String,
    },
    /// The servers refuse the user.
    #[error(
        "the NATS servers {url} refuse the login{}; check nats.username and nats.password_file, or nats.credentials",
        user.as_ref().map(|user| format!(" of the user \"{user}\"")).unwrap_or_default()
    )]
    Login {
        /// `nats.url`.
        url: String,
        /// `nats.username`.
        user: Option<String>,
    },
    /// TLS failed.
    #[error(
        "TLS to the NATS servers {url} failed: {why}; check nats.ca_file, and that nats.url begins with tls://"
    )]
    Tls {
        /// `nats.url`.
        url: String,
        /// The error.
        why: String,
    },
    /// The servers do not have JetStream, or not in this account.
    #[error(
        "JetStream is not available for this user at {url}; switch it on in the servers' configuration (jetstream {{ … }}) \
         and for the account (jetstream: enabled)"
    )]
    NoJetStream {
        /// `nats.url`.
        url: String,
    },
    /// The servers do not answer a request.
    #[error(
        "the NATS servers {url} do not answer the request {subject}{}; try again when the cluster has a leader",
        why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default()
    )]
    NoAnswer {
        /// `nats.url`.
        url: String,
        /// The subject of the request.
        subject: String,
        /// What the servers have said about it.
        why: Option<String>,
    },
    /// The user lacks a permission.
    #[error("the NATS user lacks a permission: {why}; the permissions of a node are in deploy/fleet")]
    Permission {
        /// The words of the server.
        why: String,
    },
    /// The stream does not exist.
    #[error(
        "there is no JetStream stream \"{stream}\"; create it as in deploy/fleet, or correct source.jetstream"
    )]
    NoStream {
        /// The name of the stream.
        stream: String,
    },
    /// The messages of the stream can be read only through its leader.
    #[error(
        "the JetStream stream \"{stream}\" does not allow to read its messages from each server, which a node does when the \
         server that leads a consumer is lost; allow it with `nats stream edit {stream} --allow-direct`"
    )]
    NotDirect {
        /// The name of the stream.
        stream: String,
    },
    /// The servers have lost the stream, and begun it anew.
    #[error(
        "the servers have lost the messages of the JetStream stream \"{stream}\" and begun it anew: its newest message has the \
         number {newest}, but number {read} was read; what it held is missing"
    )]
    BegunAnew {
        /// The name of the stream.
        stream: String,
        /// The number of its newest message.
        newest: u64,
        /// The number of a message that was read.
        read: u64,
    },
    /// The stream has other subjects.
    #[error(
        "the JetStream stream \"{stream}\" has the subjects {}, and so no messages of {wanted}; correct source.subject, or \
         the subjects of the stream", subjects.join(", ")
    )]
    OtherSubjects {
        /// The name of the stream.
        stream: String,
        /// Its subjects.
        subjects: Vec<String>,
        /// The subjects of the source.
        wanted: String,
    },
    /// The consumers were made for another number of partitions.
    #[error(
        "source.partitions is {wanted}, but the consumer \"{consumer}\" was made for {found}; set it to the number in the \
         servers' subject mapping, the same at each node, or stop all nodes and remove the old consumers"
    )]
    OtherPartitions {
        /// The name of the consumer.
        consumer: String,
        /// `source.partitions`.
        wanted: u16,
        /// The number that the consumer was made for.
        found: String,
    },
    /// The servers refuse a consumer.
    #[error("the NATS servers refuse the consumer \"{consumer}\": {why}; NATS 2.11 or later is needed")]
    Consumer {
        /// The name of the consumer.
        consumer: String,
        /// The words of the server.
        why: String,
    },
}

impl NatsFault {
    /// Whether a restart or a wait cannot fix it, only another configuration.
    pub(crate) fn is_permanent(&self) -> bool {
        matches!(self, Self::File(_) | Self::OtherPartitions { .. })
    }
}
