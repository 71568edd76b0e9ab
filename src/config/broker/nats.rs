//! The section `[nats]`: the servers, the user, TLS, and when another node takes over.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::secret::Secret;
use super::secret_file;
use crate::config::error::ValueError;
use crate::config::source::subject::validate_predictions;

/// The section `[nats]`: the servers for sources of the kind `nats`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NatsConfig {
    /// The servers, such as `nats://a:4222,nats://b:4222`; if `None`, there is no NATS. With `tls://`, the connection
    /// uses TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The user, if the servers require one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A file that contains the password, instead of `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// A credentials file of NATS, with a token and its key, instead of a user and a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<PathBuf>,
    /// The certificates of the CAs that are trusted, in PEM; if `None`, those that the system trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The certificate of this client, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_file: Option<PathBuf>,
    /// The private key of that certificate, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The subject on which predictions are published instead of over MQTT, with the token `{stream}` for the name of a
    /// stream; if `None`, they are published over MQTT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predictions: Option<String>,
    /// How long the robots of a node that has died wait at most until another node takes them over.
    #[serde(with = "humantime_serde")]
    pub failover: Duration,
}

impl Default for NatsConfig {
    fn default() -> Self {
        Self {
            url: None,
            username: None,
            password: None,
            password_file: None,
            credentials: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            predictions: None,
            failover: Duration::from_secs(5),
        }
    }
}

impl NatsConfig {
    /// Checks the servers, the user, the files, the subject and the time; the files are not read.
    pub(in crate::config) fn validate(&self) -> Result<(), ValueError> {
        if let Some(url) = &self.url {
            let is_server = |server: &str| {
                let host = server.strip_prefix("nats://").or(server.strip_prefix("tls://"));
                host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '@', ' ']))
            };
            if !url.split(',').all(is_server) {
                // A password in the address must not be printed.
                let shown = if url.contains('@') { "…@…" } else { url };
                let fix = "it must be one server or several with commas between them, each as \"nats://HOST:4222\", or \
                           \"tls://HOST:4222\" with TLS; the user and the password have keys of their own";
                return Err(ValueError::new("nats.url", shown, fix));
            }
        }
        let alone = |key: &str, path: &PathBuf, other: &str| {
            Err(ValueError::new(key, path, format!("nats.{other} is set as well; remove one of the two")))
        };
        match (&self.password_file, &self.credentials) {
            (Some(path), _) if self.password.is_some() => {
                return alone("nats.password_file", path, "password");
            }
            (_, Some(path)) if self.username.is_some() => return alone("nats.credentials", path, "username"),
            (_, Some(path)) => secret_file::check("nats.credentials", path)?,
            _ => {}
        }
        match (&self.certificate_file, &self.key_file) {
            (Some(path), None) => {
                let fix = "it has no effect without nats.key_file; set both or neither";
                return Err(ValueError::new("nats.certificate_file", path, fix));
            }
            (None, Some(path)) => {
                let fix = "it has no effect without nats.certificate_file; set both or neither";
                return Err(ValueError::new("nats.key_file", path, fix));
            }
            (Some(_), Some(key)) => secret_file::check("nats.key_file", key)?,
            (None, None) => {}
        }
        self.predictions.as_deref().map_or(Ok(()), validate_predictions)?;
        let limits = Duration::from_secs(2)..=Duration::from_secs(60);
        if !limits.contains(&self.failover) {
            return Err(ValueError::new("nats.failover", self.failover, "it must be from \"2s\" to \"60s\""));
        }
        Ok(())
    }

    /// The password: from the key, or from its file.
    ///
    /// # Errors
    /// The file cannot be read, or every user of this computer can read it.
    #[cfg(feature = "nats")]
    pub(crate) fn read_password(&self) -> Result<Option<Secret>, ValueError> {
        let file = self.password_file.as_deref();
        let read = file.map(|path| secret_file::read("nats.password_file", path)).transpose()?;
        Ok(read.or_else(|| self.password.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_with_their_scheme_and_without_a_password() {
        let validate = |url: &str| NatsConfig { url: Some(url.into()), ..NatsConfig::default() }.validate();
        for url in ["nats://a:4222", "tls://a", "nats://a:4222,nats://b:4223,tls://[::1]:4222"] {
            assert_eq!(validate(url), Ok(()), "{url}");
        }
        for url in ["a:4222", "nats://", "nats://a, nats://b", "http://a", "nats://robot:hunter2@a", ""] {
            let error = validate(url).unwrap_err().to_string();
            assert!(error.starts_with("nats.url") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_excludes_each_other_and_what_needs_each_other_is_named() {
        let path = |name: &str| Some(PathBuf::from(name));
        let both = NatsConfig {
            password: Some(Secret::new("x")),
            password_file: path("p"),
            ..NatsConfig::default()
        };
        let user = NatsConfig { username: Some("a".into()), credentials: path("c"), ..NatsConfig::default() };
        let half = NatsConfig { certificate_file: path("c"), ..NatsConfig::default() };
        let short = NatsConfig { failover: Duration::from_secs(1), ..NatsConfig::default() };
        for (config, key) in [
            (both, "nats.password_file"),
            (user, "nats.credentials"),
            (half, "nats.certificate_file"),
            (short, "nats.failover"),
        ] {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(key), "{error}");
        }
    }
}
