//! Classic pcap: a header of 24 bytes, then records (draft-ietf-opsawg-pcap).

use super::byte_order::ByteOrder;
use super::window::Window;
use super::{Fault, PACKET_BYTES_MAX, Precision, Record};
use crate::error::Damage;

/// Bytes of the file header.
pub(crate) const HEADER_BYTES: usize = 24;

const MAGIC_MICROSECONDS: u32 = 0xa1b2_c3d4;
pub(crate) const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Written by libpcap 0.4 with A. Kuznetzov's patch: records carry 8 more bytes.
const MAGIC_MODIFIED: u32 = 0xa1b2_cd34;

/// The only version in use since 1998.
pub(crate) const VERSION: (u16, u16) = (2, 4);

/// Of the link type field; the bits above tell the length of the frame check sequence.
const LINK_MASK: u32 = 0x03ff_ffff;

const RECORD_HEADER_BYTES: usize = 16;
const MODIFIED_RECORD_HEADER_BYTES: usize = 24;

/// What the header of a file says about its records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Classic {
    order: ByteOrder,
    pub(crate) precision: Precision,
    record_header_bytes: usize,
    link: u32,
    pub(crate) version: (u16, u16),
}

impl Classic {
    /// Whether `first` is the magic number of this format.
    pub(crate) fn recognise(first: &[u8]) -> bool {
        magic(first).is_some()
    }

    /// Reads the file header; `None` when it is none. The version is for the caller to judge.
    pub(crate) fn parse(header: &[u8]) -> Option<Self> {
        let (order, magic) = magic(header)?;
        let precision =
            if magic == MAGIC_NANOSECONDS { Precision::Nanoseconds } else { Precision::Microseconds };
        let record_header_bytes =
            if magic == MAGIC_MODIFIED { MODIFIED_RECORD_HEADER_BYTES } else { RECORD_HEADER_BYTES };
        Some(Self {
            order,
            precision,
            record_header_bytes,
            link: order.u32(header, 20) & LINK_MASK,
            version: (order.u16(header, 4), order.u16(header, 6)),
        })
    }

    /// Brings the next record into the window, which the caller consumes.
    pub(crate) fn next(&self, window: &mut Window) -> Result<Record, Fault> {
        let header = window.require(self.record_header_bytes)?;
        let seconds = self.order.u32(header, 0);
        let fraction = self.order.u32(header, 4);
        let captured = self.order.u32(header, 8);
        let wire_len = self.order.u32(header, 12);
        // The length alone decides what is asked of the window, so it is checked first.
        let length = usize::try_from(captured)
            .ok()
            .filter(|length| *length <= PACKET_BYTES_MAX)
            .ok_or(Fault::TooLarge { bytes: u64::from(captured), limit: PACKET_BYTES_MAX })?;
        if captured > wire_len {
            return Err(Damage::CapturedExceedsWire { captured, wire: wire_len }.into());
        }
        let size = self.record_header_bytes.saturating_add(length);
        window.require(size)?;
        let fraction_ns = u64::from(fraction).saturating_mul(self.precision.unit_ns());
        Ok(Record {
            data: self.record_header_bytes..size,
            size,
            time_ns: u64::from(seconds).saturating_mul(1_000_000_000).saturating_add(fraction_ns),
            wire_len,
            link: self.link,
            interface: 0,
        })
    }
}

fn magic(first: &[u8]) -> Option<(ByteOrder, u32)> {
    [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| {
        let magic = order.u32(first, 0);
        matches!(magic, MAGIC_MICROSECONDS | MAGIC_NANOSECONDS | MAGIC_MODIFIED).then_some((order, magic))
    })
}
