//! A burst: the packets that one call of `receive` brings, in storage that is used again and again.

use std::ops::Range;

/// Packets that a burst holds at most.
pub const BURST_PACKETS: usize = 32;

/// Bytes after which a burst takes no further packet.
///
/// A burst of ordinary packets never gets here (32 × 9,018 bytes). Captures of loopback or of hosts with
/// segmentation offload hold packets of 64 KiB and more; without this bound 32 of the largest would keep
/// 8 MiB per worker busy. The packet that crosses the bound is kept whole.
pub const BURST_BYTES_MAX: usize = 512 * 1024;

/// One packet as it was captured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet<'a> {
    /// The captured bytes, from the link header on.
    pub bytes: &'a [u8],
    /// Nanoseconds since 1970-01-01 00:00 UTC as the source says. Captures may go back in time.
    pub time_ns: u64,
    /// Bytes that the packet had on the wire. At least `bytes.len()` when it comes from a capture.
    pub wire_len: u32,
    /// LINKTYPE_ code of the link header (1 is Ethernet, 101 raw IP; tcpdump.org/linktypes.html).
    pub link: u32,
    /// Interface within the section of a pcapng file; 0 for sources that have only one.
    pub interface: u32,
    /// Number of the packet in its input, from 1.
    pub index: u64,
}

/// The burst takes no further packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the burst is full")]
pub struct BurstFull;

/// Up to [`BURST_PACKETS`] packets with their bytes in one buffer.
///
/// The buffer grows to the largest burst seen and is then reused: no allocation per packet.
#[derive(Debug)]
pub struct Burst {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    range: Range<usize>,
    time_ns: u64,
    wire_len: u32,
    link: u32,
    interface: u32,
    index: u64,
}

impl Burst {
    /// An empty burst.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: Vec::new(), slots: Vec::with_capacity(BURST_PACKETS) }
    }

    /// Packets held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no packet is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether [`Burst::push`] would refuse a packet.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.slots.len() >= BURST_PACKETS || self.bytes.len() >= BURST_BYTES_MAX
    }

    /// The packet in `slot`, counted from 0.
    #[must_use]
    pub fn packet(&self, slot: usize) -> Option<Packet<'_>> {
        let Slot { range, time_ns, wire_len, link, interface, index } = self.slots.get(slot)?;
        let bytes = self.bytes.get(range.clone())?;
        Some(Packet {
            bytes,
            time_ns: *time_ns,
            wire_len: *wire_len,
            link: *link,
            interface: *interface,
            index: *index,
        })
    }

    /// The bytes of the packet in `slot`, to be rewritten in place.
    #[must_use]
    pub fn bytes_mut(&mut self, slot: usize) -> Option<&mut [u8]> {
        let range = self.slots.get(slot)?.range.clone();
        self.bytes.get_mut(range)
    }

    /// The packets in order.
    pub fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        (0..self.len()).filter_map(|slot| self.packet(slot))
    }

    /// Copies `packet` behind the ones held.
    ///
    /// # Errors
    ///
    /// [`BurstFull`] when [`Burst::is_full`]. The burst is unchanged.
    pub fn push(&mut self, packet: &Packet<'_>) -> Result<(), BurstFull> {
        if self.is_full() {
            return Err(BurstFull);
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(packet.bytes);
        self.slots.push(Slot {
            range: start..self.bytes.len(),
            time_ns: packet.time_ns,
            wire_len: packet.wire_len,
            link: packet.link,
            interface: packet.interface,
            index: packet.index,
        });
        Ok(())
    }

    /// Forgets the packets and keeps the storage.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.slots.clear();
    }
}

impl Default for Burst {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(bytes: &[u8], index: u64) -> Packet<'_> {
        Packet { bytes, time_ns: 7, wire_len: 99, link: 1, interface: 2, index }
    }

    #[test]
    fn packets_read_back_as_pushed() {
        let mut burst = Burst::new();
        for (bytes, index) in [(&b"abc"[..], 1), (b"", 2), (b"de", 3)] {
            burst.push(&packet(bytes, index)).unwrap();
        }
        assert_eq!(burst.len(), 3);
        assert_eq!(burst.packet(0), Some(packet(b"abc", 1)));
        assert_eq!(burst.packet(1), Some(packet(b"", 2)));
        assert_eq!(burst.packet(2), Some(packet(b"de", 3)));
        assert_eq!(burst.packet(3), None);
        assert_eq!(burst.packets().map(|p| p.index).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn a_full_burst_refuses_and_a_cleared_one_takes_again() {
        let mut burst = Burst::new();
        for index in 1..=32 {
            burst.push(&packet(b"x", index)).unwrap();
        }
        assert_eq!(burst.push(&packet(b"x", 33)), Err(BurstFull));
        assert_eq!(burst.len(), BURST_PACKETS);
        burst.clear();
        assert!(burst.is_empty());
        assert_eq!(burst.packet(0), None);
        assert_eq!(burst.push(&packet(b"x", 33)), Ok(()));
    }

    #[test]
    fn large_packets_fill_a_burst_by_bytes() {
        let big = vec![0; 300_000];
        let mut burst = Burst::new();
        burst.push(&packet(&big, 1)).unwrap();
        burst.push(&packet(&big, 2)).unwrap();
        assert_eq!(burst.push(&packet(&big, 3)), Err(BurstFull));
        assert_eq!(burst.packet(1).unwrap().bytes.len(), 300_000);
    }

    #[test]
    fn rewriting_one_packet_leaves_its_neighbours() {
        let mut burst = Burst::new();
        burst.push(&packet(b"ab", 1)).unwrap();
        burst.push(&packet(b"cd", 2)).unwrap();
        burst.bytes_mut(1).unwrap().copy_from_slice(b"XY");
        assert_eq!(burst.packet(0).unwrap().bytes, b"ab");
        assert_eq!(burst.packet(1).unwrap().bytes, b"XY");
        assert!(burst.bytes_mut(2).is_none());
    }
}
