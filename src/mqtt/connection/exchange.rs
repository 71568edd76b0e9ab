//! What goes over the network: requests, and whatever the broker sends.

use rumqttc::{ConnectionError, Event, Request};

use super::Connection;
use crate::mqtt::credentials::Credentials;
use crate::mqtt::fault::BrokerFault;
use crate::mqtt::limits::TIMEOUT;

impl Connection {
    /// Polls the connection: sends requests, and returns the next thing that happened. An attempt to connect reads the password and
    /// the certificates first.
    ///
    /// The future must not be dropped while the connection is to go on: requests that it has taken would be lost.
    pub(in crate::mqtt) async fn poll(&mut self) -> Result<Event, BrokerFault> {
        let polled = match self.events.network {
            Some(_) => self.exchange().await,
            None => self.connect().await?,
        };
        if let Ok(Event::Incoming(_)) = polled {
            // Whatever the broker sends shows that it is there. Its answer to a ping may be behind many messages
            // that have not been read yet.
            self.events.state.await_pingresp = false;
        }
        polled.map_err(BrokerFault::Client)
    }

    /// Connects. What was to be sent on an earlier connection is not sent any more.
    async fn connect(&mut self) -> Result<Result<Event, ConnectionError>, BrokerFault> {
        let config = self.config.clone();
        // The certificates that the system trusts are many, and reading them must not delay samples.
        let read = tokio::task::spawn_blocking(move || Credentials::read(&config)).await;
        if let Ok(read) = read {
            read.map_err(BrokerFault::Files)?.apply(&self.config, &mut self.events.mqtt_options);
        }
        let polled = self.events.poll().await;
        if polled.is_ok() {
            self.events.pending.extend(self.requests.clear());
        }
        Ok(polled)
    }

    /// Sends and receives, until something has happened.
    async fn exchange(&mut self) -> Result<Event, ConnectionError> {
        loop {
            if let Some(event) = self.events.state.events.pop_front() {
                return Ok(event);
            }
            // As many as have room in the window of unacknowledged messages, whatever they are.
            let room = self.events.mqtt_options.inflight().saturating_sub(self.events.state.inflight());
            let has_room = room > 0 && self.events.state.collision.is_none();
            tokio::select! {
                requests = self.requests.next(room.into()), if has_room => match requests {
                    None => return Err(ConnectionError::RequestsDone),
                    Some(requests) => if let Err(error) = self.write(requests).await {
                        self.events.clean();
                        return Err(error);
                    }
                },
                // Dropping this future loses nothing: what it has read stays in the state, and what it writes in the buffer of the
                // network. It takes no requests from a queue of its own.
                polled = self.events.poll() => return polled,
            }
        }
    }

    /// Writes requests to the network at once.
    pub(super) async fn write(&mut self, requests: Vec<Request>) -> Result<(), ConnectionError> {
        let Some(network) = &mut self.events.network else { return Ok(()) };
        let state = &mut self.events.state;
        let written = async {
            for request in requests {
                if let Some(packet) = state.handle_outgoing_packet(request)? {
                    network.write(packet).await?;
                }
            }
            network.flush().await
        };
        match tokio::time::timeout(TIMEOUT, written).await {
            Ok(written) => written.map_err(ConnectionError::MqttState),
            Err(_) => Err(ConnectionError::FlushTimeout),
        }
    }
}
