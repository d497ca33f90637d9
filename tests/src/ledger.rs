//! The ledger: every packet and byte ends in exactly one counter.

use sluice_engine::Engine;

/// What does not add up.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{seen} {what} seen, {accounted} accounted for")]
pub struct Imbalance {
    /// Of what.
    pub what: &'static str,
    /// How many came in.
    pub seen: u64,
    /// How many the counters know of.
    pub accounted: u64,
}

/// Checks the engine's ledger, which holds at any time between packets.
///
/// # Errors
///
/// [`Imbalance`] if packets or bytes were lost or counted twice.
pub fn balance(engine: &Engine) -> Result<(), Imbalance> {
    let counters = engine.counters();
    let sides = [
        ("packets", counters.packets.seen, counters.packets.accounted()),
        ("bytes", counters.bytes.seen, counters.bytes.accounted()),
    ];
    match sides.into_iter().find(|(_, seen, accounted)| seen != accounted) {
        Some((what, seen, accounted)) => Err(Imbalance { what, seen, accounted }),
        None => Ok(()),
    }
}
