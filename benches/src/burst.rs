//! Bursts of packets that lie in an arena.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use sluice_engine::Nanos;
use sluice_engine::packet::{Burst, Packet};
use sluice_wire::LinkType;

use crate::traffic::Traffic;

/// Packets of one burst, as many as `PacketIo` gives at a time.
pub const BURST_PACKETS: usize = 32;

/// Consecutive packets of some traffic.
///
/// One of them serves a whole run: [`ArenaBurst::advance`] between two bursts moves it on without an allocation.
#[derive(Clone, Debug)]
pub struct ArenaBurst {
    traffic: Arc<Traffic>,
    range: Range<usize>,
}

impl ArenaBurst {
    /// The empty burst before the first packet.
    #[must_use]
    pub const fn before(traffic: Arc<Traffic>) -> Self {
        Self { traffic, range: 0..0 }
    }

    /// Moves on to the packets behind the current ones, at most [`BURST_PACKETS`]; false if there are none.
    pub fn advance(&mut self) -> bool {
        let until = self.range.end.saturating_add(BURST_PACKETS).min(self.traffic.packets.len());
        self.range = self.range.end..until;
        !self.range.is_empty()
    }

    /// Advances a burst that came back from the engine; `None` once no packets are left, or if it is some other burst.
    #[must_use]
    pub fn next(burst: Box<dyn Burst>) -> Option<Box<dyn Burst>> {
        let mut burst = burst.into_any().downcast::<Self>().ok()?;
        burst.advance().then_some(burst as Box<dyn Burst>)
    }
}

impl Burst for ArenaBurst {
    fn len(&self) -> usize {
        self.range.len()
    }

    fn packet(&self, slot: usize) -> Option<Packet<'_>> {
        let position = self.range.start.checked_add(slot).filter(|position| *position < self.range.end)?;
        let meta = self.traffic.packets.get(position)?;
        Some(Packet {
            bytes: self.traffic.frame(meta),
            time: Nanos(meta.time_ns),
            wire_len: u32::from(meta.len),
            link: Some(LinkType::Ethernet),
        })
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{Mix, generate};

    #[test]
    fn bursts_are_all_packets_once_and_in_order() {
        let traffic = Arc::new(generate(Mix::ShortFlows, 7, 1));
        let mut times = Vec::new();
        let mut burst = ArenaBurst::next(Box::new(ArenaBurst::before(Arc::clone(&traffic))));
        while let Some(packets) = burst {
            assert!(packets.packet(packets.len()).is_none());
            times.extend((0..packets.len()).map(|slot| packets.packet(slot).unwrap().time.0));
            burst = ArenaBurst::next(packets);
        }
        assert_eq!(times, traffic.packets.iter().map(|packet| packet.time_ns).collect::<Vec<_>>());
    }

    #[test]
    fn no_packets_are_no_burst() {
        let nothing = Arc::new(generate(Mix::Web, 0, 1));
        assert!(ArenaBurst::next(Box::new(ArenaBurst::before(nothing))).is_none());
    }
}
