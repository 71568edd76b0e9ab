//! Reads the configuration again while the daemon runs.

use std::path::PathBuf;

use tokio::sync::oneshot;

use super::assemble;
use crate::command::failure::Failure;
use crate::config::change::changed;
use crate::config::{Config, load};
use crate::daemon::reload::Prepared;
use crate::decision::ServingContext;
use crate::http;
use crate::inference::Handover;
use crate::mqtt::{Credentials, Publisher};
use crate::signal::channel_names;
use crate::sink::recorder;

/// Prepares reloads: reads the same configuration file with the same flags, and compares it with what is in
/// force.
pub(crate) struct Reloader {
    /// The configuration file that the daemon was started with; `None` for the default one.
    pub(crate) file: Option<PathBuf>,
    /// The command line flags that override configuration keys, as pairs of key and value.
    pub(crate) flags: Vec<(&'static str, String)>,
    /// The configuration that the daemon was started with.
    pub(crate) started: Config,
    /// The configuration in force. Keys that need a restart have the values from the start.
    pub(crate) running: Config,
    /// The serving context in force.
    pub(crate) context: ServingContext,
    /// SHA-256 of the model file in use.
    pub(crate) digest: assemble::Digest,
    /// What the files of `[mqtt]` held when they were last read.
    pub(crate) mqtt_files: Vec<(&'static str, Option<u32>)>,
    /// Makes the connection to the broker anew when one of these files has changed; `None` without a broker.
    pub(crate) publisher: Option<Publisher>,
}

impl Reloader {
    /// Reads and checks the configuration, and loads the model if its file has changed.
    ///
    /// # Errors
    /// An error message in one line if the daemon could not start with the new configuration; the old one
    /// stays active.
    pub(crate) fn prepare(&mut self) -> Result<Prepared, String> {
        self.read().map_err(|failure| failure.message)
    }

    fn read(&mut self) -> Result<Prepared, Failure> {
        let new = load::load(self.file.as_deref(), &self.flags).map_err(Failure::config)?;
        Credentials::read(&new.mqtt).map_err(Failure::config)?;
        let mut running = self.running.adopting(&new);
        let (digest, bytes) = assemble::read_model(&running)?;
        let mut models = None;
        if digest != self.digest {
            let loaded = assemble::load_models(&running, &bytes)?;
            if let Some(warning) = assemble::novelty_warning(&running, &loaded.1) {
                tracing::warn!("{warning}");
            }
            models = Some(loaded);
        }
        drop(bytes);
        let card = models.as_ref().map_or_else(|| self.context.card.clone(), |(card, _)| card.clone());
        assemble::sources(&new, Some(&card.channels))?;
        self.check_next_start(&new)?;

        let mut needs_restart = changed(&running, &new);
        needs_restart.extend(self.recorder_limits(&running));
        let current = &self.context.card.channels;
        let channels_differ = card.channels != *current;
        if channels_differ {
            // The open sources deliver the channels of the running model, so another set of channels needs a
            // restart.
            let (old, new) = (channel_names(current), channel_names(&card.channels));
            needs_restart.insert(0, format!("model.path (its channels are {new} instead of {old})"));
            running.model.path.clone_from(&self.running.model.path);
        }
        let (card, models, digest) = match models {
            Some((card, models)) if !channels_differ => (card, Some(models), digest),
            _ => (self.context.card.clone(), None, self.digest),
        };
        let mut applied = changed(&self.running, &running);
        if models.is_some() && !applied.iter().any(|key| key == "model.path") {
            applied.push("the model's file".into());
        }
        let mqtt_files = running.mqtt.contents();
        let renewed = self.mqtt_files.iter().zip(&mqtt_files).filter(|(before, now)| before != now);
        let renewed: Vec<_> = renewed.map(|(_, (key, _))| format!("the contents of {key}")).collect();
        if let Some(publisher) = self.publisher.as_ref().filter(|_| !renewed.is_empty()) {
            applied.extend(renewed);
            publisher.renew();
        }
        self.mqtt_files = mqtt_files;
        let streams = assemble::stream_options(&running, &card);
        let context = assemble::context(&running, card);
        let (sender, done) = oneshot::channel();
        let handover = Handover {
            models,
            context: context.clone(),
            streams,
            queue_limit: running.limits.windows,
            done: sender,
        };
        let (health_interval, silence) = (running.publish.health, running.limits.silence);
        (self.running, self.context, self.digest) = (running, context, digest);
        Ok(Prepared { handover, done, health_interval, silence, applied, needs_restart })
    }

    /// Checks what the running daemon does not take over, but would fail at the next start.
    fn check_next_start(&self, new: &Config) -> Result<(), Failure> {
        let current = self.running.http.address().map_err(Failure::config)?;
        if let Some(address) = new.http.address().map_err(Failure::config)?
            // This daemon itself has the current port, so that it cannot be tried.
            && current.is_none_or(|current| current.port() != address.port())
        {
            http::try_address(address).map_err(Failure::failed)?;
        }
        if let Some(folder) = &new.record.folder
            && new.record != self.running.record
        {
            let folder = folder.join(new.record.label());
            recorder::check_folder(&folder)
                .map_err(|error| Failure::config(format!("record.folder: {error}")))?;
        }
        match &new.model.runtime {
            Some(runtime) if new.model.runtime != self.running.model.runtime && !runtime.is_file() => Err(
                Failure::config(format!("model.runtime is \"{}\", which is not a file", runtime.display())),
            ),
            _ => Ok(()),
        }
    }

    /// The keys that the streams take over, but the recorder does not.
    fn recorder_limits(&self, running: &Config) -> Vec<String> {
        if self.running.record.folder.is_none() {
            return Vec::new();
        }
        let keys = ["limits.idle", "limits.streams", "window.reorder"];
        let changed = changed(&self.started, running);
        let own = changed.into_iter().filter(|key| keys.contains(&key.as_str()));
        own.map(|key| format!("{key} (for recordings)")).collect()
    }
}
