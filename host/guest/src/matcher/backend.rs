//! What scans.

use std::fmt::Debug;

use aho_corasick::automaton::StateID;

use super::Found;

/// Where a scan of a stream stands, for one backend.
#[derive(Debug)]
#[non_exhaustive]
pub enum Carry {
    /// States of the two automata of [`Literals`](super::Literals).
    States([StateID; 2]),
    /// A stream of Vectorscan.
    #[cfg(feature = "vectorscan")]
    Stream(sluice_vectorscan::Stream),
}

/// Patterns compiled, and how they are looked for.
///
/// However a stream is cut into pieces, the same matches are found.
pub trait Backend: Debug + Send + Sync {
    /// The beginning of a stream.
    fn begin(&self) -> Carry;

    /// Scans the next piece of a stream, whose first byte is byte `base` of what is scanned in this call.
    fn scan(&self, carry: &mut Carry, base: usize, piece: &[u8], found: &mut Found);

    /// Whether the beginning of a stream would find the same from here on.
    fn is_fresh(&self, carry: &Carry) -> bool;

    /// Bytes that it takes.
    fn bytes(&self) -> usize;

    /// Bytes that a [`Carry`] takes beside its own.
    fn carry_bytes(&self) -> usize;
}
