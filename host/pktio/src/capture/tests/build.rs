//! Builds captures in both byte orders, independently of the code that reads them.

#![expect(clippy::cast_possible_truncation, reason = "the formats cut numbers into narrower fields")]

use super::Read;

/// The byte order to write in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) const BOTH: [Self; 2] = [Self::Little, Self::Big];

    pub(super) fn u16(self, number: u16) -> [u8; 2] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    pub(super) fn u32(self, number: u32) -> [u8; 4] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    fn u64(self, number: u64) -> [u8; 8] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }
}

pub(super) const MICROSECONDS: u32 = 0xa1b2_c3d4;
pub(super) const NANOSECONDS: u32 = 0xa1b2_3c4d;
pub(super) const MODIFIED: u32 = 0xa1b2_cd34;

/// The header of a classic capture.
pub(super) fn classic_header(order: Order, magic: u32, link: u32) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(order.u32(magic));
    out.extend(order.u16(2));
    out.extend(order.u16(4));
    out.extend([0; 8]);
    out.extend(order.u32(65_535));
    out.extend(order.u32(link));
    out
}

/// A classic record.
pub(super) fn classic_record(order: Order, magic: u32, packet: &Read) -> Vec<u8> {
    let unit = if magic == NANOSECONDS { 1 } else { 1_000 };
    let mut out = Vec::new();
    out.extend(order.u32((packet.time_ns / 1_000_000_000) as u32));
    out.extend(order.u32((packet.time_ns % 1_000_000_000 / unit) as u32));
    out.extend(order.u32(packet.bytes.len() as u32));
    out.extend(order.u32(packet.wire_len));
    if magic == MODIFIED {
        out.extend(order.u32(3));
        out.extend([0x08, 0, 4, 0]);
    }
    out.extend(&packet.bytes);
    out
}

/// A classic capture of link type 1.
pub(super) fn classic(order: Order, magic: u32, packets: &[Read]) -> Vec<u8> {
    let mut out = classic_header(order, magic, 1);
    for packet in packets {
        out.extend(classic_record(order, magic, packet));
    }
    out
}

/// A pcapng capture that grows block by block.
pub(super) struct Blocks {
    pub(super) order: Order,
    pub(super) bytes: Vec<u8>,
}

impl Blocks {
    /// Starts with a section header.
    pub(super) fn new(order: Order) -> Self {
        Self { order, bytes: Vec::new() }.section(order)
    }

    /// A section of unknown length with a comment.
    pub(super) fn section(mut self, order: Order) -> Self {
        self.order = order;
        let mut body = order.u32(0x1a2b_3c4d).to_vec();
        body.extend(order.u16(1));
        body.extend(order.u16(0));
        body.extend([0xff; 8]);
        body.extend(self.option(1, b"hello"));
        body.extend(self.option(0, b""));
        self.block(0x0a0d_0d0a, &body)
    }

    /// Any block; the body is padded.
    pub(super) fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let length = self.order.u32((body.len().next_multiple_of(4) + 12) as u32);
        self.bytes.extend(self.order.u32(kind));
        self.bytes.extend(length);
        self.bytes.extend(body);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.bytes.extend(length);
        self
    }

    pub(super) fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut out = self.order.u16(code).to_vec();
        out.extend(self.order.u16(value.len() as u16));
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    /// An interface with raw option bytes.
    pub(super) fn interface(self, link: u16, snap_len: u32, options: &[u8]) -> Self {
        let mut body = self.order.u16(link).to_vec();
        body.extend([0; 2]);
        body.extend(self.order.u32(snap_len));
        body.extend(options);
        self.block(1, &body)
    }

    /// An interface whose ticks are `10^-resolution` or, with the top bit, `2^-resolution` seconds.
    pub(super) fn interface_with_clock(self, link: u16, resolution: u8, offset_s: i64) -> Self {
        let mut options = self.option(2, b"eth0");
        options.extend(self.option(9, &[resolution]));
        options.extend(self.option(14, &self.order.u64(offset_s.cast_unsigned())));
        options.extend(self.option(0, b""));
        self.interface(link, 0, &options)
    }

    /// An enhanced packet of `packet.interface` at `ticks`, with a comment.
    pub(super) fn enhanced(self, packet: &Read, ticks: u64) -> Self {
        let interface = self.order.u32(packet.interface);
        let options = [self.option(1, b"seen"), self.option(0, b"")].concat();
        let body = self.timed(&interface, packet, ticks, &options);
        self.block(6, &body)
    }

    /// An obsolete packet block.
    pub(super) fn obsolete(self, packet: &Read, ticks: u64) -> Self {
        let interface = [self.order.u16(packet.interface as u16), self.order.u16(7)].concat();
        let body = self.timed(&interface, packet, ticks, b"");
        self.block(2, &body)
    }

    fn timed(&self, interface: &[u8], packet: &Read, ticks: u64, options: &[u8]) -> Vec<u8> {
        let mut body = interface.to_vec();
        body.extend(self.order.u32((ticks >> 32) as u32));
        body.extend(self.order.u32(ticks as u32));
        body.extend(self.order.u32(packet.bytes.len() as u32));
        body.extend(self.order.u32(packet.wire_len));
        body.extend(&packet.bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options);
        body
    }

    /// A simple packet.
    pub(super) fn simple(self, wire_len: u32, bytes: &[u8]) -> Self {
        let body = [&self.order.u32(wire_len)[..], bytes].concat();
        self.block(3, &body)
    }
}

/// A pcapng capture of one Ethernet interface with nanoseconds.
pub(super) fn pcapng(order: Order, packets: &[Read]) -> Vec<u8> {
    let start = Blocks::new(order).interface_with_clock(1, 9, 0);
    packets.iter().fold(start, |blocks, packet| blocks.enhanced(packet, packet.time_ns)).bytes
}
