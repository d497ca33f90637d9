//! What the tests of sluice have in common: packet scripts and bursts made by hand.
#![forbid(unsafe_code)]

mod fragment;
mod frames;
mod ledger;
pub mod script;

pub use fragment::{fragment, fragment_with};
pub use frames::{Frame, Frames};
pub use ledger::{Imbalance, balance};
