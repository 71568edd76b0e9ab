//! The samples of one topic.

use std::collections::HashMap;

use super::clock::ClockOffset;
use super::form::TopicForm;
use super::topic::{TopicDecoder, TopicMessage};
use crate::signal::{Columns, Drops, Hold, Samples, TimeInput};

/// A topic whose messages are samples.
pub(super) struct TopicStream {
    name: String,
    columns: Columns,
    /// How its messages are decoded in the file that is read, by the number that it has there.
    decoders: HashMap<u16, TopicDecoder>,
    hold: Option<Hold>,
    clock: ClockOffset,
    /// The samples that have not been joined with those of other topics.
    fresh: Samples,
}

impl TopicStream {
    /// The samples of a topic, whose raw columns are the paths of fields.
    pub(super) fn new(name: &str, columns: Columns) -> Self {
        let (hold, fresh) = (Hold::new(&columns, None), columns.samples());
        let (decoders, clock) = Default::default();
        Self { name: name.to_owned(), columns, decoders, hold, clock, fresh }
    }

    /// The name of the topic.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How much later than their own times samples are logged.
    pub(super) fn clock(&self) -> &ClockOffset {
        &self.clock
    }

    /// Begins another file, in which the numbers of topics are others.
    pub(super) fn begin_file(&mut self) {
        self.decoders.clear();
    }

    /// Takes a topic of the file, which is this one if it has the right name.
    ///
    /// # Errors
    /// What is wrong with its messages.
    pub(super) fn add_topic(
        &mut self,
        id: u16,
        name: &str,
        form: &TopicForm,
        time: &TimeInput,
    ) -> Result<(), String> {
        if name == self.name {
            self.decoders.insert(id, TopicDecoder::new(form, &self.columns, time)?);
        }
        Ok(())
    }

    /// Adds the samples of a message, if it is one of the topic, to `samples`.
    pub(super) fn decode(
        &mut self,
        id: u16,
        message: &TopicMessage<'_>,
        samples: &mut Samples,
        drops: &mut Drops,
    ) {
        let Some(decoder) = self.decoders.get_mut(&id) else { return };
        let before = samples.len();
        decoder.decode(message, &self.columns, samples, drops);
        if let Some(time) = samples.times().get(before..).and_then(<[_]>::last) {
            self.clock.add(*time, message.logged);
        }
    }

    /// Keeps the samples of a message, if it is one of the topic, until [`TopicStream::take`].
    pub(super) fn keep(&mut self, id: u16, message: &TopicMessage<'_>, drops: &mut Drops) {
        let mut fresh = std::mem::replace(&mut self.fresh, Samples::new(0));
        self.decode(id, message, &mut fresh, drops);
        self.fresh = fresh;
    }

    /// The samples that were kept.
    pub(super) fn take(&mut self) -> Samples {
        let mut fresh = std::mem::replace(&mut self.fresh, self.columns.samples());
        self.fill(&mut fresh, 0);
        fresh
    }

    /// Replaces missing values of the samples from index `first` on by those before, as long as the layout says.
    pub(super) fn fill(&mut self, samples: &mut Samples, first: usize) {
        if let Some(hold) = &mut self.hold {
            hold.fill(samples, first);
        }
    }
}
