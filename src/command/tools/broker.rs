//! The broker as tools beside the daemon name it: the configuration's, or the one of the flags.

use std::path::PathBuf;

use crate::command::failure::Failure;
use crate::config::{Config, load};

/// Which broker, and what its topics start with
#[derive(Debug, clap::Args)]
pub(crate) struct BrokerArgs {
    /// The configuration with the broker, its user and TLS; /etc/underfoot/underfoot.toml where none is named
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The broker, in place of the configuration's
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    mqtt: Option<(String, u16)>,
    /// What every topic starts with, in place of the configuration's publish.base
    #[arg(long, value_name = "TOPIC")]
    base: Option<String>,
}

impl BrokerArgs {
    /// The configuration that they come to; it names a broker.
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
                "mqtt.host is missing; name the broker with --mqtt HOST:PORT, or a configuration that has one with -c FILE",
            ));
        }
        Ok(config)
    }
}

fn address(text: &str) -> Result<(String, u16), String> {
    let parts = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let (host, port) = parts.ok_or("it takes HOST:PORT")?;
    let port = port.parse().map_err(|_| "its port is no number from 0 to 65535".to_owned())?;
    // An IPv6 address stands in brackets.
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_a_host_and_a_port() {
        assert_eq!(address("robot:1883"), Ok(("robot".into(), 1883)));
        assert_eq!(address("[::1]:8883"), Ok(("::1".into(), 8883)));
        for text in ["robot", ":1883", "robot:", "robot:70000"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
