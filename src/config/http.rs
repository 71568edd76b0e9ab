//! Where the page, the metrics and the probes are served.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serialize};

use super::ValueError;

/// The page, the metrics and the probes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpConfig {
    /// The address and port; nothing is served where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Names that this computer may be called by, besides localhost and the address itself.
    #[serde(deserialize_with = "names")]
    pub hosts: Vec<String>,
}

impl HttpConfig {
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
                "it takes names without a scheme or a port, such as [\"robot.local\"]",
            )),
            None => Ok(()),
        }
    }

    /// Where to listen, if anywhere.
    pub(crate) fn address(&self) -> Result<Option<SocketAddr>, ValueError> {
        let Some(listen) = &self.listen else { return Ok(None) };
        let bad = || {
            ValueError::new(
                "http.listen",
                listen,
                "it takes an address and a port, such as \"127.0.0.1:8089\" or \"[::1]:8089\"",
            )
        };
        listen.parse().map(Some).map_err(|_| bad())
    }
}

/// A list, or one text with commas, which is all that a variable can hold.
fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "it takes a list of names, such as [\"robot.local\"]")]
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
    fn hosts_are_a_list_or_a_text_with_commas() {
        for toml in ["hosts = ['a.local', 'b']", "hosts = 'a.local, b'"] {
            let http: HttpConfig = toml::from_str(toml).unwrap();
            assert_eq!(http.hosts, ["a.local", "b"]);
        }
    }

    #[test]
    fn an_address_of_either_family_will_do() {
        for listen in ["127.0.0.1:0", "[::1]:8089", "0.0.0.0:80"] {
            let http = HttpConfig { listen: Some(listen.into()), hosts: Vec::new() };
            assert_eq!(http.address().unwrap().unwrap().to_string(), listen);
        }
        assert_eq!(HttpConfig::default().address(), Ok(None));
    }
}
