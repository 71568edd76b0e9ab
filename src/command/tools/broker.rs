//! The flags that name the broker for the tools: a configuration file, or the broker itself.

use std::path::PathBuf;

use crate::command::failure::Failure;
use crate::config::{Config, load};

/// The flags of `watch` and `forget` for the broker and the base topic.
#[derive(Debug, clap::Args)]
pub(crate) struct BrokerArgs {
    /// The configuration file with the broker, its user and TLS [default: /etc/underfoot/underfoot.toml]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The broker to use instead of the configuration's, such as robot.local:1883
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    mqtt: Option<(String, u16)>,
    /// The base of all topics, instead of the configuration's publish.base ("underfoot" by default)
    #[arg(long, value_name = "TOPIC")]
    base: Option<String>,
}

impl BrokerArgs {
    /// Loads the configuration with these flags applied. The result always has a broker.
    ///
    /// # Errors
    /// [`Failure`] with exit code 78 if the configuration is invalid or has no broker.
    pub(crate) fn load(&self) -> Result<Config, Failure> {
        let mut flags = Vec::new();
        if let Some((host, port)) = &self.mqtt {
            flags.push(("mqtt.host", host.clone()));
            flags.push(("mqtt.port", port.to_string()));
        }
        if let Some(base) = &self.base {
            flags.push(("publish.base", base.clone()));
        }
        let config = load::load(self.config.as_deref(), &flags).map_err(Failure::config)?;
        if config.mqtt.host.is_none() {
            return Err(Failure::config(
                "mqtt.host is missing; give the broker with --mqtt HOST:PORT, \
                 or a configuration that names one with -c FILE",
            ));
        }
        Ok(config)
    }
}

/// Parses `HOST:PORT`, where an IPv6 address is in brackets.
fn address(text: &str) -> Result<(String, u16), String> {
    let parts = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let (host, port) = parts.ok_or("it must be HOST:PORT, such as robot.local:1883")?;
    let port = port.parse().map_err(|_| "the port must be a number from 0 to 65535".to_owned())?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        assert_eq!(address("robot:1883"), Ok(("robot".into(), 1883)));
        assert_eq!(address("[::1]:8883"), Ok(("::1".into(), 8883)));
        for text in ["robot", ":1883", "robot:", "robot:70000"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
