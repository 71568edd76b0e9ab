//! Why a connection to the broker failed, in plain words with the fix.

use std::io::ErrorKind;
use std::time::Duration;

use rumqttc::{ConnectReturnCode, ConnectionError, StateError};

use super::tls;
use crate::config::ValueError;

/// Why an attempt to connect failed, or a connection ended.
#[derive(Debug)]
pub(super) enum BrokerFault {
    /// A file with the password or a certificate cannot be used.
    Files(ValueError),
    /// The network, TLS or the broker.
    Client(ConnectionError),
    /// The broker did not acknowledge a message or a subscription for this long.
    Unanswered(Duration),
    /// The connection is to be made anew because the files of `[mqtt]` have changed.
    Renewed,
}

impl BrokerFault {
    /// Whether the other side closed the network connection, as a broker does with the older of two clients of
    /// one name.
    pub(super) fn is_cut(&self) -> bool {
        let BrokerFault::Client(error) = self else { return false };
        match error {
            ConnectionError::Io(error) | ConnectionError::MqttState(StateError::Io(error)) => matches!(
                error.kind(),
                ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::UnexpectedEof
            ),
            ConnectionError::MqttState(StateError::ConnectionAborted) => true,
            // rumqttc reads packets with a codec whose errors include those of the network.
            ConnectionError::MqttState(StateError::Deserialization(rumqttc::Error::Io(error))) => {
                matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
            }
            _ => false,
        }
    }

    /// Says in plain words what is wrong and how to fix it. `broker` is its host and port, `user` the user of
    /// `mqtt.username`.
    pub(super) fn explain(&self, broker: &str, user: Option<&str>) -> String {
        let error = match self {
            BrokerFault::Files(error) => return error.to_string(),
            BrokerFault::Client(error) => error,
            BrokerFault::Unanswered(time) => {
                return format!(
                    "the broker at {broker} has not acknowledged what was sent to it for {}; look at the broker's \
                     log and at the network",
                    humantime::format_duration(*time)
                );
            }
            BrokerFault::Renewed => return "the connection is made anew".into(),
        };
        if let Some(why) = tls::explain(error) {
            return format!("the TLS connection to the broker at {broker} failed: {why}");
        }
        match error {
            ConnectionError::ConnectionRefused(code) => explain_return_code(*code, broker, user),
            ConnectionError::Io(error) => {
                format!(
                    "the broker at {broker} cannot be reached: {error}; check mqtt.host and mqtt.port, and \
                     that the broker is running"
                )
            }
            ConnectionError::NetworkTimeout
            | ConnectionError::FlushTimeout
            | ConnectionError::MqttState(StateError::AwaitPingResp) => {
                format!("the broker at {broker} does not answer; check mqtt.host, mqtt.port and the network")
            }
            ConnectionError::Tls(why) => format!(
                "the broker at {broker} closed the connection during the TLS handshake ({why}); check that \
                 mqtt.port is its TLS port, often 8883"
            ),
            error => format!(
                "the connection to the broker at {broker} failed: {error}; if this continues, look at the \
                 broker's log"
            ),
        }
    }
}

/// Says in plain words why the broker refused the connection and how to fix it.
fn explain_return_code(code: ConnectReturnCode, broker: &str, user: Option<&str>) -> String {
    match code {
        ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => match user {
            Some(user) => format!(
                "the broker at {broker} refuses the user {user:?} or its password; correct mqtt.username \
                 and mqtt.password_file"
            ),
            None => format!(
                "the broker at {broker} requires a user and a password; set mqtt.username and \
                 mqtt.password_file"
            ),
        },
        ConnectReturnCode::BadClientId => {
            format!(
                "the broker at {broker} does not accept this client's name; set another one in mqtt.client_id"
            )
        }
        ConnectReturnCode::RefusedProtocolVersion => {
            format!("the broker at {broker} does not accept MQTT 3.1.1; enable that version on the broker")
        }
        ConnectReturnCode::ServiceUnavailable | ConnectReturnCode::Success => {
            format!("the broker at {broker} refuses the connection for now; look at the broker's log")
        }
    }
}

/// Says in plain words that the broker refused these topic filters, and how to fix it.
pub(super) fn explain_refusal(broker: &str, filters: &[String]) -> String {
    format!(
        "the broker at {broker} does not allow this user to subscribe to {}; allow it to read these topics in the \
         broker's ACL",
        filters.join(", ")
    )
}
