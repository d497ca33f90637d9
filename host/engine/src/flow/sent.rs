//! What each side of a flow has sent, counted.

/// What one side has sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sent {
    /// Packets that the receiver would honour, retransmissions included.
    pub packets: u32,
    /// Bytes of the packets from the IP header on.
    pub ip_bytes: u64,
    /// Payload bytes of the packets.
    pub payload_bytes: u64,
    /// Stream bytes that became readable.
    pub delivered_bytes: u64,
    /// What did not go as usual.
    pub mishaps: Mishaps,
}

/// What few flows have to count, for one side: kept apart, and only once there is something.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Mishaps {
    /// Packets that the receiver would ignore.
    pub refused: u32,
    /// Packets that repeated bytes, a SYN or a FIN.
    pub retransmissions: u32,
    /// Packets that came ahead of missing bytes.
    pub out_of_order: u32,
    /// Stretches that came again with other bytes.
    pub conflicts: u32,
    /// Urgent bytes that were left out of the stream without an event.
    pub urgent_bytes: u32,
    /// Times that the count of header bytes went over 2^32.
    header_carries: u32,
    /// Stream bytes that are missing for good.
    pub gap_bytes: u64,
    /// Stream bytes that were stepped over where nobody wanted the bytes; they may have come later.
    pub skipped_bytes: u64,
}

/// What every packet adds to, in 16 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) packets: u32,
    header_bytes: u32,
    payload_bytes: u64,
}

impl Tally {
    /// Counts a packet; true if the count of header bytes went over.
    #[inline]
    pub(super) fn add(&mut self, ip_len: u32, payload_len: u32) -> bool {
        self.packets = self.packets.saturating_add(1);
        self.payload_bytes = self.payload_bytes.saturating_add(u64::from(payload_len));
        let (header_bytes, is_over) = self.header_bytes.overflowing_add(ip_len.saturating_sub(payload_len));
        self.header_bytes = header_bytes;
        is_over
    }
}

impl Mishaps {
    /// The count of header bytes went over.
    #[cold]
    pub(super) fn carry_header(&mut self) {
        self.header_carries = self.header_carries.saturating_add(1);
    }
}

impl Sent {
    /// What was counted, of a stream that got as far as `next`.
    pub(super) fn of(tally: &Tally, mishaps: Mishaps, next: u64) -> Self {
        let header_bytes = u64::from(mishaps.header_carries) << 32 | u64::from(tally.header_bytes);
        let unread = mishaps
            .gap_bytes
            .saturating_add(mishaps.skipped_bytes)
            .saturating_add(u64::from(mishaps.urgent_bytes));
        Self {
            packets: tally.packets,
            ip_bytes: tally.payload_bytes.saturating_add(header_bytes),
            payload_bytes: tally.payload_bytes,
            delivered_bytes: next.saturating_sub(unread),
            mishaps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_bytes_beyond_32_bits_are_counted_on() {
        let (mut tally, mut mishaps) = (Tally::default(), Mishaps::default());
        for _ in 0..3 {
            // No header is that long; what matters is that the sum goes over.
            if tally.add(u32::MAX, 15) {
                mishaps.carry_header();
            }
        }
        let sent = Sent::of(&tally, mishaps, 45);
        assert_eq!((sent.packets, sent.payload_bytes, sent.delivered_bytes), (3, 45, 45));
        assert_eq!(sent.ip_bytes, 3 * u64::from(u32::MAX));
        assert_eq!(size_of::<Tally>(), 16);
    }
}
