//! Patterns of guests, compiled once and matched by the host.
//!
//! A guest hands patterns over in `start` ([`Patterns`]); what they are compiled to ([`Matcher`]) is shared by all
//! instances that have the same ones ([`MatcherCache`]). Scanning is done by a [`Backend`]: `literals` is always
//! there, `vectorscan` with the feature of that name. All give the same matches in the same order: each occurrence
//! of each pattern, whatever it overlaps, by its end and then by the pattern's number.

mod automaton;
mod backend;
mod cache;
#[cfg(test)]
mod equality;
#[cfg(feature = "vectorscan")]
mod expressions;
mod found;
mod literals;
mod patterns;
mod progress;
mod sieve;

pub use backend::{Backend, Carry};
pub use cache::{CompileError, Matcher, MatcherCache};
#[cfg(feature = "vectorscan")]
pub use expressions::Expressions;
pub use found::Found;
pub use literals::Literals;
pub use patterns::{Pattern, Patterns};
pub(crate) use progress::{Matching, NotCompiled};
