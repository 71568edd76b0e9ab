//! The section `[http]`: where the page, the metrics and the probes are served.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serialize};

use super::error::ValueError;

/// The section `[http]`: where the page, the metrics and the probes are served.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpConfig {
    /// The IP address and port to listen on; if `None`, nothing is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// The names under which browsers may ask for the page, in addition to localhost and the address itself.
    #[serde(deserialize_with = "names")]
    pub hosts: Vec<String>,
}

impl HttpConfig {
    /// Checks the address and the names.
    pub(super) fn validate(&self) -> Result<(), ValueError> {
        self.address()?;
        let plain = |name: &&String| {
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        };
        match self.hosts.iter().find(|name| !plain(name)) {
            Some(name) => Err(ValueError::new(
                "http.hosts",
                name,
                "each name must be without a scheme and without a port, such as \"robot.local\"",
            )),
            None => Ok(()),
        }
    }

    /// The address to listen on; `None` if nothing is served.
    ///
    /// # Errors
    /// `listen` is not an IP address with a port.
    pub(crate) fn address(&self) -> Result<Option<SocketAddr>, ValueError> {
        let Some(listen) = &self.listen else { return Ok(None) };
        let invalid = || {
            ValueError::new(
                "http.listen",
                listen,
                "it must be an IP address and a port, such as \"127.0.0.1:8089\" or \"[::1]:8089\"",
            )
        };
        listen.parse().map(Some).map_err(|_| invalid())
    }
}

/// A list of names, or one text with commas between the names, because an environment variable cannot be a
/// list.
fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "it must be a list of names, such as [\"robot.local\"]")]
    enum Names {
        Many(Vec<String>),
        One(String),
    }
    Ok(match Names::deserialize(deserializer)? {
        Names::Many(names) => names,
        Names::One(text) => {
            text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_a_list_or_one_text_with_commas() {
        for toml in ["hosts = ['a.local', 'b']", "hosts = 'a.local, b'"] {
            let http: HttpConfig = toml::from_str(toml).unwrap();
            assert_eq!(http.hosts, ["a.local", "b"]);
        }
    }

    #[test]
    fn addresses_may_be_ipv4_or_ipv6() {
        for listen in ["127.0.0.1:0", "[::1]:8089", "0.0.0.0:80"] {
            let http = HttpConfig { listen: Some(listen.into()), hosts: Vec::new() };
            assert_eq!(http.address().unwrap().unwrap().to_string(), listen);
        }
        assert_eq!(HttpConfig::default().address(), Ok(None));
    }
}
