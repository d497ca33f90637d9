//! Attacks on the engine's memory, each a function of its scale: full ones are run by the program `load`, which also
//! looks at the memory of the process and at CPU time, small ones by the tests, which look at counters only.
//!
//! Traffic is made while it is sent, the same each time; time is virtual.

mod collide;
mod flood;
mod holes;
mod rig;
mod slow;

pub use collide::{Collisions, Fold, collisions};
pub use flood::{Flood, FloodScale, flood};
pub use holes::{Depth, Holes, depth, far, one_hole, shallow};
pub use rig::{Lap, Pair, Reader, Rig};
pub use slow::{Slow, slow};

use crate::Imbalance;

/// Why a load proves nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The engine did not take the reader.
    #[error("the engine refused the reader")]
    Refused(#[from] sluice_engine::Refusal),
    /// Packets or bytes are not accounted for.
    #[error(transparent)]
    Ledger(#[from] Imbalance),
}
