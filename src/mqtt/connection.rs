//! The network's side of the connection: it comes and goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::{ConnectReturnCode, ConnectionError, Event, EventLoop, Packet, SubscribeReasonCode};
use tokio::sync::watch;

use super::TIMEOUT;
use super::subscription::{Subscribed, take};
use super::tls;
use crate::health::{Health, State};
use crate::shutdown::Shutdown;
use crate::source::backoff;

/// The same fault is logged again after this many tries.
const SAY_AGAIN: u32 = 100;
/// A connection that ends sooner than this did not work: the next try waits longer.
const STEADY: Duration = Duration::from_secs(5);

/// The network's side.
pub struct Connection {
    pub(super) broker: String,
    pub(super) username: Option<String>,
    pub(super) events: EventLoop,
    /// One more at each connection that the broker accepts; 0 while there is none.
    pub(super) accepted: watch::Sender<u64>,
}

impl Connection {
    /// Connects once and says what is wrong, as `underfoot check` does.
    ///
    /// # Errors
    /// What is wrong, with the broker and the mend.
    pub async fn try_once(mut self) -> Result<(), String> {
        match self.events.poll().await {
            // Without a last will, to hang up is leave enough.
            Ok(_) => Ok(()),
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// Keeps the connection until the client asks to disconnect; connects again, with growing waits, for ever.
    ///
    /// Samples go to the feeds until the shutdown; after it only publishing goes on.
    pub async fn run(mut self, feeds: Vec<Subscribed>, mut shutdown: Shutdown, health: Arc<Health>) {
        let mut feeds = Some(feeds);
        let mut waits = backoff();
        let (mut said, mut tries, mut connections) = (String::new(), 0u32, 0u64);
        let mut connected = None;
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
                    (said, tries, connected) = (String::new(), 0, Some(Instant::now()));
                    connections += 1;
                    health.counters.connected();
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
                Ok(Event::Incoming(Packet::SubAck(answer)))
                    if answer.return_codes.contains(&SubscribeReasonCode::Failure) =>
                {
                    let topics = feeds.iter().flatten().map(|(subscription, _)| subscription.filter());
                    tracing::warn!(
                        "the broker at {} refuses a subscription, one of {}; allow this user to read it in the broker's ACL",
                        self.broker,
                        topics.collect::<Vec<_>>().join(", ")
                    );
                }
                Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) => return,
                Ok(_) => {}
                Err(ConnectionError::RequestsDone) => return,
                Err(error) => {
                    self.accepted.send_replace(0);
                    health.counters.disconnected();
                    // rumqttc keeps a collision of packet numbers across connections, and would send nothing on the next one.
                    self.events.state.collision = None;
                    if connected.take().is_some_and(|since| since.elapsed() > STEADY) {
                        waits = backoff();
                    }
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
        if let Some(why) = tls::explain(error) {
            return format!("the broker at {broker} and TLS: {why}");
        }
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
            ConnectionError::Tls(why) => format!(
                "the broker at {broker} breaks off while TLS is set up ({why}); see that mqtt.port is its TLS port, often 8883"
            ),
            error => format!(
                "the connection to the broker at {broker} broke: {error}; if this goes on, see that no other client is called {:?}, and set mqtt.client_id",
                self.events.mqtt_options.client_id()
            ),
        }
    }
}
