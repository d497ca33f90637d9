//! What the tests of sluice have in common: packet scripts, bursts made by hand, a handler that reads everything, the
//! targets of fuzzing, attacks on memory, and a model of the event layer.
#![forbid(unsafe_code)]

mod cases;
pub mod events;
mod fragment;
mod frames;
pub mod fuzz;
mod ledger;
pub mod load;
mod random;
pub mod script;
mod segments;
mod watcher;

pub use cases::cases;
pub use fragment::{fragment, fragment_with};
pub use frames::{Frame, Frames};
pub use ledger::{Imbalance, balance};
pub use random::Random;
pub use watcher::{SeenFlow, SeenStream, TwoVersions, Watcher};
