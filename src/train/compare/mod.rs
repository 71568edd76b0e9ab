//! Two models on the same recordings: how often they agree, which one is right where they differ, and what each costs.
//!
//! The models may differ in everything, also in the length of their windows, their rates, hops, channels and labels. So
//! they are compared in time: at each moment at which both have decided, the surface that each of them published last
//! is compared with the other's, and with the actual one. A decision holds until the next one, at most for a hop.
//! Windows overlap and the windows of a recording resemble each other, so the test of which model is better counts each
//! recording once.
//!
//! - `trace`: the decisions of one model on one recording
//! - `choice`: the recordings on which a comparison is fair
//! - `answer_times`: how long the models gave which answers
//! - `comparison`: all recordings together, by recording and by surface
//! - `mcnemar`: McNemar's test
//! - `cost`: what each model costs
//! - `wording`: the comparison for people
//! - `report`: the comparison for programs

pub(crate) mod answer_times;
pub(crate) mod choice;
pub(crate) mod comparison;
pub(crate) mod cost;
pub(crate) mod mcnemar;
pub(crate) mod report;
pub(crate) mod trace;
pub(crate) mod wording;
