//! The section `[mqtt]`: the broker, the user, and TLS.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::ValueError;
use super::secret::Secret;

/// The systemd credential that has the broker's password, for a daemon whose configuration has none.
const CREDENTIAL: &str = "underfoot.mqtt-password";

/// The section `[mqtt]`: the broker, for MQTT sources and for publishing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MqttConfig {
    /// The broker's host name or address; if `None`, there is no MQTT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The broker's port.
    pub port: u16,
    /// The name of this client at the broker; if `None`, it is made from `publish.base`, the name of this
    /// computer, [`instance`](Self::instance) and `node.name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The user, if the broker requires one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A file that contains the password, instead of `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Whether the connection uses TLS.
    pub tls: bool,
    /// The certificates of the CAs that are trusted, in PEM; if `None`, those that the system trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The certificate of this client, in PEM, with any intermediate certificates after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_file: Option<PathBuf>,
    /// The private key of that certificate, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// How long the connection may be idle before it is checked.
    #[serde(with = "humantime_serde")]
    pub keep_alive: Duration,
    /// What tells this daemon apart from others on the same computer, as part of the default client id; `None` for
    /// the service. It is no key: it comes from the path of the configuration file.
    #[serde(skip)]
    pub instance: Option<String>,
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            host: None,
            port: 1883,
            client_id: None,
            username: None,
            password: None,
            password_file: None,
            tls: false,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            keep_alive: Duration::from_secs(15),
            instance: None,
        }
    }
}

impl MqttConfig {
    /// Checks the host, the password and the TLS files; the files are not read.
    pub(super) fn validate(&self) -> Result<(), ValueError> {
        if self.host.as_deref().is_some_and(str::is_empty) {
            return Err(ValueError::new("mqtt.host", "", "set it to the broker's host name or address"));
        }
        if let (Some(_), Some(path)) = (&self.password, &self.password_file) {
            return Err(ValueError::new(
                "mqtt.password_file",
                path,
                "mqtt.password is set as well; remove one of the two",
            ));
        }
        self.validate_tls()
    }

    fn validate_tls(&self) -> Result<(), ValueError> {
        let files = [
            ("mqtt.ca_file", &self.ca_file),
            ("mqtt.certificate_file", &self.certificate_file),
            ("mqtt.key_file", &self.key_file),
        ];
        for (key, path) in files {
            if let Some(path) = path.as_ref().filter(|_| !self.tls) {
                return Err(ValueError::new(
                    key,
                    path,
                    "it is used only with TLS; set mqtt.tls = true, and mqtt.port to the broker's TLS port, \
                     or remove it",
                ));
            }
        }
        let missing = |missing: &str, given: &str| {
            Err(ValueError::missing(
                missing,
                format!("{given} has no effect without it; set both or neither"),
            ))
        };
        match (&self.certificate_file, &self.key_file) {
            (Some(_), None) => missing("mqtt.key_file", "mqtt.certificate_file"),
            (None, Some(_)) => missing("mqtt.certificate_file", "mqtt.key_file"),
            (_, Some(path)) => validate_permissions("mqtt.key_file", path),
            (None, None) => Ok(()),
        }
    }

    /// What the files of this section hold now: the password, the certificates and the key, each with its key in the
    /// configuration. A reload compares them, and makes the connection anew if one has changed.
    ///
    /// A file that cannot be read is `None`; the code that uses it reports that.
    pub(crate) fn contents(&self) -> Vec<(&'static str, Option<u32>)> {
        let files = [
            ("mqtt.ca_file", &self.ca_file),
            ("mqtt.certificate_file", &self.certificate_file),
            ("mqtt.key_file", &self.key_file),
        ];
        let digest = |path: &PathBuf| std::fs::read(path).ok().map(|bytes| crc32fast::hash(&bytes));
        let mut contents: Vec<_> = files.map(|(key, path)| (key, path.as_ref().and_then(digest))).into();
        // A password from the configuration itself cannot change while the daemon runs.
        let password = if self.password.is_some() { None } else { self.read_password().ok().flatten() };
        let password = password.map(|password| crc32fast::hash(password.reveal().as_bytes()));
        contents.push(("mqtt.password_file", password));
        contents
    }

    /// The broker's password: from the key, from its file, or from the systemd credential [`CREDENTIAL`].
    pub(crate) fn read_password(&self) -> Result<Option<Secret>, ValueError> {
        let credential = || {
            let folder = std::env::var_os("CREDENTIALS_DIRECTORY")?;
            Some(PathBuf::from(folder).join(CREDENTIAL)).filter(|path| path.is_file())
        };
        let file = self.password_file.clone();
        let Some(path) = file.or_else(|| credential().filter(|_| self.password.is_none())) else {
            return Ok(self.password.clone());
        };
        validate_permissions("mqtt.password_file", &path)?;
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|why| {
            let fix = format!("the file cannot be read: {why}; check its path and its permissions");
            ValueError::new("mqtt.password_file", &path, fix)
        })?;
        Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']))))
    }
}

/// Checks that not every user of this computer can read a file with a secret.
///
/// A file that does not exist is no error here: the code that reads it reports that.
fn validate_permissions(key: &str, path: &Path) -> Result<(), ValueError> {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(()) };
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() && mode & 0o007 != 0 {
        let fix = format!(
            "every user of this computer can read the file (mode {mode:03o}); run `chmod o= {}`",
            path.display()
        );
        return Err(ValueError::new(key, path, fix));
    }
    Ok(())
}
