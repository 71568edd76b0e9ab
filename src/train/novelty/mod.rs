//! How unlike the training windows a window is, and which surfaces are candidates for it.
//!
//! - [`windows`] has the summary statistics of the training windows.
//! - [`experts`] are three measures of how unlike them a window is, of closed form: the distance to `prototypes`, a
//!   kernel ridge regression, and the density among `discriminants`. `linear_algebra` has what they need.
//! - [`score`] ranks the sum of their surprises, each from a [`surprise_table`], among windows of recordings that they
//!   were not fitted to: the novelty. The exported graph computes the same.
//! - `allowance` is what decisions take from it, so that hardly any on a known surface is withheld.
//! - [`left_out`] leaves out each surface in turn, to see how well it would stand out.
//! - [`candidates`] finds from which probability on a surface is a candidate.
//! - [`figures`] are what a training run says about all this.
//!
//! [docs/novelty.md](../../../docs/novelty.md) has what was measured.

mod allowance;
pub(crate) mod candidates;
mod discriminants;
pub(crate) mod experts;
pub(crate) mod figures;
pub(crate) mod left_out;
mod linear_algebra;
mod prototypes;
pub(crate) mod score;
pub(crate) mod surprise_table;
mod weighted_quantile;
pub(crate) mod windows;
