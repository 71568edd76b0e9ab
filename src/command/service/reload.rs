//! The configuration read again, for a daemon that runs.

use std::path::PathBuf;

use tokio::sync::oneshot;

use super::assemble;
use crate::command::failure::Failure;
use crate::config::change::changed;
use crate::config::{Config, load};
use crate::daemon::reload::Prepared;
use crate::decision::ServingContext;
use crate::inference::Handover;
use crate::signal::channel_names;

/// Reads the same file, with the same flags, and knows what runs.
pub(crate) struct Reloader {
    /// The file that the daemon was started with.
    pub(crate) file: Option<PathBuf>,
    /// The flags that it was started with.
    pub(crate) flags: Vec<(&'static str, String)>,
    /// What is in force: keys that take a restart are still as they were at the start.
    pub(crate) running: Config,
    /// What surfaces are decided by.
    pub(crate) context: ServingContext,
    /// The bytes of the model's file, as a hash.
    pub(crate) digest: assemble::Digest,
}

impl Reloader {
    /// Reads and checks everything, and loads the model where it is another.
    ///
    /// # Errors
    /// What the daemon would not start with either, in one line; then nothing changes.
    pub(crate) fn prepare(&mut self) -> Result<Prepared, String> {
        self.read().map_err(|failure| failure.message)
    }

    fn read(&mut self) -> Result<Prepared, Failure> {
        let new = load::load(self.file.as_deref(), &self.flags).map_err(Failure::config)?;
        new.password().map_err(Failure::config)?;
        let mut running = self.running.adopting(&new);
        let (digest, bytes) = assemble::read_model(&running)?;
        let mut models = None;
        if digest != self.digest {
            models = Some(assemble::load_models(&running, &bytes)?);
        }
        drop(bytes);
        let card = models.as_ref().map_or_else(|| self.context.card.clone(), |(card, _)| card.clone());
        assemble::sources(&new, Some(&card.channels))?;

        let mut needs_restart = changed(&running, &new);
        let own = &self.context.card.channels;
        let other_channels = card.channels != *own;
        if other_channels {
            // The sources were opened for the channels of the model that runs.
            let (old, new) = (channel_names(own), channel_names(&card.channels));
            needs_restart.insert(0, format!("model.path (it takes the channels {new} in place of {old})"));
            running.model.path.clone_from(&self.running.model.path);
        }
        let (card, models, digest) = match models {
            Some((card, models)) if !other_channels => (card, Some(models), digest),
            _ => (self.context.card.clone(), None, self.digest),
        };
        let mut applied = changed(&self.running, &running);
        if models.is_some() && !applied.iter().any(|key| key == "model.path") {
            applied.push("the model's file".into());
        }
        let streams = assemble::streams(&running, &card);
        let context = assemble::context(&running, card);
        let (done, taken) = oneshot::channel();
        let handover =
            Handover { models, context: context.clone(), streams, queue_limit: running.limits.windows, done };
        let (pace, silence) = (running.publish.health, running.limits.silence);
        (self.running, self.context, self.digest) = (running, context, digest);
        Ok(Prepared { handover, taken, pace, silence, applied, needs_restart })
    }
}
