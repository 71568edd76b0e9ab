//! What the connection logs in with: the password and the TLS files, which are read at each attempt.

use std::net::IpAddr;
use std::sync::Arc;

use rumqttc::{MqttOptions, TlsConfiguration, Transport};
use tokio_rustls::rustls::ClientConfig;

use super::tls;
use crate::config::{MqttConfig, Secret, ValueError};

/// The password and the TLS settings, as the files have them now.
///
/// They are read at each attempt to connect, so that a password or a certificate that was replaced is used
/// without a restart.
pub(crate) struct Credentials {
    password: Option<Secret>,
    tls: Option<Arc<ClientConfig>>,
}

impl Credentials {
    /// Reads the files of `[mqtt]`.
    ///
    /// # Errors
    /// A file that cannot be read or does not contain what its key requires, with the key and the path.
    pub(crate) fn read(config: &MqttConfig) -> Result<Self, ValueError> {
        Ok(Self { password: config.read_password()?, tls: tls::client(config)? })
    }

    /// Sets the user, the password and the certificates of the next attempt to connect.
    pub(super) fn apply(self, config: &MqttConfig, options: &mut MqttOptions) {
        if let Some(username) = &config.username {
            options.set_credentials(
                username.clone(),
                self.password.as_ref().map(Secret::reveal).unwrap_or_default(),
            );
        }
        if let Some(tls) = self.tls {
            options.set_transport(Transport::Tls(TlsConfiguration::Rustls(tls)));
        }
    }
}

/// A warning if a password goes to a broker on another computer without TLS; `None` if it does not.
pub(super) fn plain_password_warning(config: &MqttConfig, broker: &str) -> Option<String> {
    let host = config.host.as_deref().unwrap_or_default();
    let is_local = host.eq_ignore_ascii_case("localhost")
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if config.tls || config.username.is_none() || is_local {
        return None;
    }
    // Whether there is a password is not known before the files are read; if they cannot be, that is reported.
    config.read_password().ok().flatten()?;
    Some(format!(
        "the password for the broker at {broker} is sent without encryption, so that everyone on the network can \
         read it; set mqtt.tls = true, and mqtt.port to the broker's TLS port, often 8883"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_leaves_the_computer_without_tls_is_warned_about() {
        for (host, tls, password, warns) in [
            ("broker.local", false, true, true),
            ("192.168.1.2", false, true, true),
            ("broker.local", true, true, false),
            ("broker.local", false, false, false),
            ("localhost", false, true, false),
            ("127.0.0.2", false, true, false),
            ("::1", false, true, false),
        ] {
            let password = password.then(|| Secret::new("hunter2"));
            let username = Some("robot".to_owned());
            let config =
                MqttConfig { host: Some(host.into()), tls, username, password, ..MqttConfig::default() };
            let warning = plain_password_warning(&config, "there:1883");
            assert_eq!(warning.is_some(), warns, "{host}");
            assert!(warning.is_none_or(|text| text.contains("mqtt.tls = true") && !text.contains("hunter2")));
        }
    }
}
