//! Segments of which every field can be a lie.

use sluice_engine::{Nanos, Side};
use sluice_tests::Frame;
use sluice_wire::checksum::ipv4_header_checksum;
use sluice_wire::{Segment, SeqNumber, TcpFlags};

/// Where the IPv4 header begins in a frame, and the TCP header.
pub(crate) const IP: usize = 14;
pub(crate) const TCP: usize = 34;

/// The option kinds that are written here: no operation, window scale, timestamps, MD5 (RFC 2385), user timeout
/// (RFC 5482).
pub(crate) const NOP: u8 = 1;
pub(crate) const WINDOW_SCALE: u8 = 3;
pub(crate) const TIMESTAMPS: u8 = 8;
pub(crate) const MD5: u8 = 19;
pub(crate) const USER_TIMEOUT: u8 = 28;

/// The ninth control bit (RFC 3540), beside the eight of [`TcpFlags`].
pub(crate) const NONCE: u16 = 0x100;

/// A segment as somebody wants it on the wire. What is `None` is written as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Crafted {
    /// Control bits, the ninth included.
    pub(crate) flags: u16,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) ttl: u8,
    pub(crate) window: u16,
    /// Kinds and what is behind their lengths.
    pub(crate) options: Vec<(u8, Vec<u8>)>,
    pub(crate) payload: Vec<u8>,
    /// Data offset in words of four bytes.
    pub(crate) data_offset: Option<u8>,
    /// Length in the IP header, in bytes.
    pub(crate) total_len: Option<u16>,
    /// Bits of the TCP checksum that are wrong.
    pub(crate) checksum_damage: u16,
}

impl Crafted {
    /// Gives an option this value: in its place if it is there, as the last one otherwise. Lengths are then right.
    pub(crate) fn set_option(&mut self, kind: u8, value: Vec<u8>) {
        match self.options.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, old)) => *old = value,
            None => self.options.push((kind, value)),
        }
        (self.data_offset, self.total_len) = (None, None);
    }

    /// The frame of flow 0 with the segment.
    pub(crate) fn frame(&self, time: Nanos, sender: Side) -> Frame {
        let mut options = Vec::new();
        for (kind, value) in &self.options {
            options.push(*kind);
            if *kind != NOP {
                options.push(u8::try_from(value.len() + 2).unwrap());
                options.extend(value);
            }
        }
        options.resize(options.len().next_multiple_of(4), 0);
        let [nonce, flags] = self.flags.to_be_bytes();
        let segment = Segment {
            seq: SeqNumber(self.seq),
            ack: SeqNumber(self.ack),
            flags: TcpFlags(flags),
            ttl: self.ttl,
            window: self.window,
            options: &options,
            payload: &self.payload,
            ..Segment::default()
        };
        let mut frame = Frame::of(time, 0, sender, &segment).unwrap();
        let bytes = &mut frame.bytes;
        bytes[TCP + 12] = self.data_offset.map_or(bytes[TCP + 12], |words| words << 4) | nonce;
        if let Some(total_len) = self.total_len {
            bytes[IP + 2..IP + 4].copy_from_slice(&total_len.to_be_bytes());
            bytes[IP + 10..IP + 12].fill(0);
            let checksum = ipv4_header_checksum(&bytes[IP..TCP]);
            bytes[IP + 10..IP + 12].copy_from_slice(&checksum.to_be_bytes());
        }
        // As scapy does it: over all the bytes, but with the length that the IP header says.
        let segment_len = self.total_len.map_or(bytes.len() - TCP, |len| usize::from(len).saturating_sub(20));
        bytes[TCP + 16..TCP + 18].fill(0);
        let right = !sum(bytes, TCP..bytes.len(), segment_len);
        bytes[TCP + 16..TCP + 18].copy_from_slice(&(right ^ self.checksum_damage).to_be_bytes());
        frame
    }
}

/// The Internet checksum's sum (RFC 1071) of a range of an IPv4 frame and its pseudo header.
pub(crate) fn sum(frame: &[u8], range: std::ops::Range<usize>, segment_len: usize) -> u16 {
    let words = |bytes: &[u8]| {
        let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from);
        bytes.chunks(2).map(word).sum::<u32>()
    };
    let mut sum =
        words(&frame[IP + 12..IP + 20]) + 6 + u32::try_from(segment_len).unwrap() + words(&frame[range]);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}
