//! Training on: from a model and a few new recordings to a model that knows them, and what got better and what worse.
//!
//! - [`material`]: the windows of the new recordings, and old ones so that nothing is forgotten: those of old recordings,
//!   or the [rehearsal windows](crate::train::rehearsal) in the model's file.
//! - `start`: the networks of the model, made ready; `plan`: how they are trained, and what is held out.
//! - [`run`] trains networks that leave out some drives, for the [`comparison`] of before and after, and then those of
//!   the new model, with the same loop as `fit`.
//! - [`wording`]: the comparison for people; [`card()`]: the card of the new model.

mod card;
pub(crate) mod comparison;
pub(crate) mod error;
pub(crate) mod material;
mod plan;
pub(crate) mod run;
mod start;
pub(crate) mod wording;

pub(crate) use self::card::card;
