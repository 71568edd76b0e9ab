//! The one connection to the broker: samples in, surfaces out.
//!
//! [`Connection`] owns the network and is polled by one task that is never cancelled; it tells others each time the broker has
//! accepted the connection. [`Publisher`] keeps every retained topic, so that all of them can be published again
//! after an outage: what is retained is sent when it is dirty, and a new connection makes everything dirty.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill, MqttOptions, Packet, QoS,
};
use tokio::sync::{Notify, watch};

use crate::channel::Columns;
use crate::config::{Input, Mqtt};
use crate::decode::message::{self, MessageFormat};
use crate::drops::{Drops, Reason};
use crate::health::State;
use crate::sample::StreamId;
use crate::shutdown::Shutdown;
use crate::source::{Closed, Feed, backoff};

/// Requests that may wait for the network.
const REQUESTS: usize = 256;
/// The largest packet that is read; a larger one would end the connection, and with it every other stream.
const MAX_PACKET: usize = 32 << 20;
/// A broker that does not answer for this long is away.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The same fault is logged again after this many tries.
const SAY_AGAIN: u32 = 100;

/// Topics that samples come by.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The topic, with `{stream}` for one level.
    pub topic: String,
    /// How payloads are written.
    pub format: MessageFormat,
    /// What they hold.
    pub input: Input,
    /// A larger payload is left out, in bytes.
    pub max_payload: usize,
}

impl Subscription {
    /// What the broker is asked for.
    pub(crate) fn filter(&self) -> String {
        self.topic.replace("{stream}", "+")
    }

    /// The stream's name in a topic that this subscription is for.
    fn stream<'a>(&self, topic: &'a str) -> Option<&'a str> {
        let (before, after) = self.topic.split_once("{stream}")?;
        let name = topic.strip_prefix(before)?.strip_suffix(after)?;
        (!name.contains('/')).then_some(name)
    }
}

/// Where a subscription's samples go.
pub type Subscribed = (Subscription, Feed);

/// The network's side.
pub struct Connection {
    broker: String,
    username: Option<String>,
    events: EventLoop,
    /// One more at each connection that the broker accepts; 0 while there is none.
    accepted: watch::Sender<u64>,
}

/// The topics' side. Clones publish by the same connection.
#[derive(Clone)]
pub struct Publisher {
    client: AsyncClient,
    base: String,
    accepted: watch::Receiver<u64>,
    retained: Arc<Retained>,
}

#[derive(Default)]
struct Retained {
    topics: Mutex<BTreeMap<String, Entry>>,
    changed: Notify,
}

struct Entry {
    payload: Vec<u8>,
    dirty: bool,
}

/// Makes the connection's two sides; nothing is sent before [`Connection::run`].
pub fn connect(config: &Mqtt, host: &str, password: Option<&str>, base: &str) -> (Connection, Publisher) {
    let client_id = config.client_id.clone().unwrap_or_else(|| format!("{base}-{}", host_name()));
    let mut options = MqttOptions::new(client_id, host, config.port);
    options.set_keep_alive(config.keep_alive);
    options.set_max_packet_size(MAX_PACKET, MAX_PACKET);
    options.set_last_will(LastWill::new(format!("{base}/status"), "offline", QoS::AtLeastOnce, true));
    if let Some(username) = &config.username {
        options.set_credentials(username.clone(), password.unwrap_or_default());
    }
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    // A prediction must not wait for the one before to be acknowledged.
    events.network_options.set_tcp_nodelay(true);
    events.network_options.set_connection_timeout(TIMEOUT.as_secs());
    let (accepted, watched) = watch::channel(0);
    let connection = Connection {
        broker: format!("{host}:{}", config.port),
        username: config.username.clone(),
        events,
        accepted,
    };
    let publisher = Publisher { client, base: base.to_owned(), accepted: watched, retained: Arc::default() };
    (connection, publisher)
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl Connection {
    /// Connects once and says what is wrong, as `underfoot check` does.
    ///
    /// # Errors
    /// What is wrong, with the broker and the mend.
    pub async fn try_once(mut self) -> Result<(), String> {
        match self.events.poll().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// Keeps the connection until the client asks to disconnect; connects again, with growing waits, for ever.
    ///
    /// Samples go to the feeds until the shutdown; after it only publishing goes on.
    pub async fn run(mut self, feeds: Vec<Subscribed>, mut shutdown: Shutdown) {
        let mut feeds = Some(feeds);
        let mut waits = backoff();
        let (mut said, mut tries, mut connections) = (String::new(), 0u32, 0u64);
        loop {
            let polled = {
                let poll = std::pin::pin!(self.events.poll());
                let mut poll = poll;
                loop {
                    tokio::select! {
                        // To cancel it could cut a packet in two: the same future is waited for again.
                        polled = &mut poll => break polled,
                        () = shutdown.requested(), if feeds.is_some() => feeds = None,
                    }
                }
            };
            match polled {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    tracing::info!(broker = self.broker, tries = tries + 1, "connected to the broker");
                    (said, tries, waits) = (String::new(), 0, backoff());
                    connections += 1;
                    self.accepted.send_replace(connections);
                    for (_, feed) in feeds.iter().flatten() {
                        feed.state(State::Silent);
                    }
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let topic = String::from_utf8_lossy(publish.topic.as_bytes()).into_owned();
                    let done = match &feeds {
                        Some(feeds) => take(feeds, &topic, &publish.payload).await,
                        None => Ok(()),
                    };
                    if done.is_err() {
                        feeds = None;
                    }
                }
                Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) => return,
                Ok(_) => {}
                Err(ConnectionError::RequestsDone) => return,
                Err(error) => {
                    self.accepted.send_replace(0);
                    for (_, feed) in feeds.iter().flatten() {
                        feed.state(State::Connecting);
                    }
                    tries += 1;
                    let why = self.explain(&error);
                    if why != said || tries % SAY_AGAIN == 0 {
                        tracing::warn!(tries, "{why}; trying again");
                        said = why;
                    }
                    if feeds.is_none() {
                        // The daemon ends, and nobody is there to say goodbye to.
                        return;
                    }
                    let wait = waits.next().unwrap_or(TIMEOUT);
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = shutdown.requested() => return,
                    }
                }
            }
        }
    }

    fn explain(&self, error: &ConnectionError) -> String {
        let broker = &self.broker;
        match error {
            ConnectionError::ConnectionRefused(
                ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
            ) => match &self.username {
                Some(user) => format!(
                    "the broker at {broker} refuses the user {user:?} or its password; mend mqtt.username and mqtt.password_file"
                ),
                None => format!(
                    "the broker at {broker} asks for a user and a password; set mqtt.username and mqtt.password_file"
                ),
            },
            ConnectionError::ConnectionRefused(code) => {
                format!("the broker at {broker} refuses the connection: {code:?}")
            }
            ConnectionError::Io(error) => {
                format!(
                    "the broker at {broker} cannot be reached: {error}; check mqtt.host, mqtt.port and that it runs"
                )
            }
            ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
                format!("the broker at {broker} does not answer; check mqtt.host, mqtt.port and the network")
            }
            error => format!("the connection to the broker at {broker} broke: {error}"),
        }
    }
}

/// Decodes a message for every subscription that its topic fits.
async fn take(feeds: &[Subscribed], topic: &str, payload: &[u8]) -> Result<(), Closed> {
    for (subscription, feed) in feeds {
        let Some(name) = subscription.stream(topic) else { continue };
        let Subscription { input, format, max_payload, .. } = subscription;
        let mut drops = Drops::default();
        let stream = match StreamId::new(name) {
            Ok(stream) if payload.len() <= *max_payload => stream,
            Ok(stream) => {
                drops.add(Reason::TooLarge, || {
                    format!(
                        "a payload of {} bytes for stream \"{stream}\" is over limits.payload = {max_payload}; send fewer samples at once, or raise it",
                        payload.len()
                    )
                });
                feed.dropped(&mut drops);
                continue;
            }
            Err(why) => {
                drops.add(Reason::StreamName, || why.to_string());
                feed.dropped(&mut drops);
                continue;
            }
        };
        let columns: &Columns = &input.columns;
        let mut samples = columns.samples();
        message::decode(*format, payload, columns, &input.time, &mut samples, &mut drops);
        feed.send(&stream, samples, input.time.rate, &mut drops).await?;
    }
    Ok(())
}

impl Publisher {
    /// What every topic starts with.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Publishes once, at most, now; says whether it went on its way.
    pub fn send(&self, topic: &str, payload: Vec<u8>) -> bool {
        let connected = *self.accepted.borrow() > 0;
        connected
            && self
                .client
                .try_publish(format!("{}/{topic}", self.base), QoS::AtMostOnce, false, payload)
                .is_ok()
    }

    /// Keeps a retained topic at this payload, across outages.
    pub fn retain(&self, topic: &str, payload: Vec<u8>) {
        let entry = Entry { payload, dirty: true };
        self.lock().insert(format!("{}/{topic}", self.base), entry);
        self.retained.changed.notify_one();
    }

    /// Does not publish a topic again after the next outage.
    pub fn release(&self, topic: &str) {
        self.lock().retain(|name, entry| entry.dirty || *name != format!("{}/{topic}", self.base));
    }

    /// Subscribes at each connection, and publishes what is retained and dirty, for ever.
    pub async fn run(self, filters: Vec<String>) {
        let mut accepted = self.accepted.clone();
        let mut seen = 0;
        loop {
            let connection = *accepted.borrow_and_update();
            if connection > 0 {
                if connection != seen {
                    seen = connection;
                    self.lock().values_mut().for_each(|entry| entry.dirty = true);
                    for filter in &filters {
                        self.in_time(self.client.subscribe(filter, QoS::AtMostOnce)).await;
                    }
                }
                self.flush().await;
            }
            tokio::select! {
                changed = accepted.changed() => if changed.is_err() { return },
                () = self.retained.changed.notified() => {}
            }
        }
    }

    /// Publishes the last words and ends the connection; the connection's task returns when they are sent.
    pub async fn close(&self) {
        self.retain("status", b"offline".to_vec());
        if *self.accepted.borrow() > 0 {
            self.flush().await;
        }
        self.in_time(self.client.disconnect()).await;
    }

    async fn flush(&self) {
        loop {
            let next = self.lock().iter_mut().find(|(_, entry)| entry.dirty).map(|(topic, entry)| {
                entry.dirty = false;
                (topic.clone(), entry.payload.clone())
            });
            let Some((topic, payload)) = next else { return };
            self.in_time(self.client.publish(topic, QoS::AtLeastOnce, true, payload)).await;
        }
    }

    /// What does not find room in time is lost to this connection, which must then be dead; the next one publishes it again.
    async fn in_time(&self, request: impl Future<Output = Result<(), rumqttc::ClientError>>) {
        let _ = tokio::time::timeout(TIMEOUT, request).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Entry>> {
        self.retained.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{Channel, TimeInput};

    fn subscription(topic: &str) -> Subscription {
        let columns = Columns::of(&[Channel::in_ampere("current")]).unwrap();
        Subscription {
            topic: topic.into(),
            format: MessageFormat::Auto,
            input: Input { columns, time: TimeInput::default() },
            max_payload: 1 << 20,
        }
    }

    #[test]
    fn a_topic_names_its_stream_in_one_level() {
        let robots = subscription("robots/{stream}/current");
        assert_eq!(robots.filter(), "robots/+/current");
        assert_eq!(robots.stream("robots/rover/current"), Some("rover"));
        assert_eq!(robots.stream("robots/a/b/current"), None);
        assert_eq!(robots.stream("robots/rover/voltage"), None);
        assert_eq!(robots.stream("robots//current"), Some(""), "the stream's name is checked after this");
    }
}
