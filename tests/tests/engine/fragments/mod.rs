//! Datagrams from fragments: against a naive model, within their bounds, and as guests see them.

mod bounds;
mod honest;
mod linux;
mod model;
mod refusals;
mod seen;

use sluice_engine::Nanos;
use sluice_engine::counters::FragmentCounters;
use sluice_engine::defrag::{Defragmenter, Fragment, FragmentReason, Whole};
use sluice_tests::Frame;
use sluice_wire::{IpAddress, LinkType, Segment, SeqNumber, parse};

/// Room for everything.
const PLENTY: usize = 1 << 30;

/// Nanoseconds that fragments wait.
const TIMEOUT: u64 = 30_000_000_000;

/// A version of IP, with VLANs around it.
#[derive(Clone, Copy, Debug)]
enum Carrier {
    V4,
    V6,
    Vlan,
}

impl Carrier {
    const ALL: [Self; 3] = [Self::V4, Self::V6, Self::Vlan];

    /// Bytes of the IP header of a whole datagram.
    const fn header_len(self) -> usize {
        match self {
            Self::V4 | Self::Vlan => 20,
            Self::V6 => 40,
        }
    }

    /// An Ethernet frame with a segment of `payload` at `seq`.
    fn frame(self, seq: u32, payload: &[u8]) -> Frame {
        let six = |last| {
            let mut address = [0; 16];
            (address[0], address[15]) = (0x20, last);
            IpAddress(address)
        };
        let plain = Segment::default();
        let (source, destination) = match self {
            Self::V4 | Self::Vlan => (plain.source, plain.destination),
            Self::V6 => (six(1), six(2)),
        };
        let vlan: &[u16] = if matches!(self, Self::Vlan) { &[7, 9] } else { &[] };
        let segment = Segment { source, destination, vlan, seq: SeqNumber(seq), payload, ..plain };
        let mut bytes = vec![0; payload.len() + 100];
        let len = segment.write_frame(&mut bytes).unwrap();
        bytes.truncate(len);
        let wire_len = u32::try_from(len).unwrap();
        Frame { time: Nanos(0), bytes, wire_len, link: Some(LinkType::Ethernet) }
    }
}

/// A defragmenter and its counters.
#[derive(Debug)]
struct Bench {
    defragmenter: Defragmenter,
    counters: FragmentCounters,
    room_bytes: usize,
}

impl Bench {
    fn new(datagrams_max: usize, room_bytes: usize) -> Self {
        let defragmenter = Defragmenter::new(datagrams_max, TIMEOUT, 5);
        Self { defragmenter, counters: FragmentCounters::default(), room_bytes }
    }

    /// Takes a frame that holds a fragment.
    fn insert(&mut self, frame: &Frame) -> Option<Whole> {
        let headers = parse(frame.link.unwrap(), &frame.bytes, frame.wire_len).unwrap();
        let fragment = Fragment { headers: &headers, frame: &frame.bytes, wire_len: frame.wire_len };
        self.defragmenter.insert(&fragment, frame.time, self.room_bytes, &mut self.counters)
    }

    fn refused(&self, reason: FragmentReason) -> u64 {
        self.counters.refused[reason.index()]
    }
}
