//! pcapng: sections of blocks, each with its length at both ends (draft-ietf-opsawg-pcapng).
//!
//! Blocks that carry packets or describe interfaces are read whole; all others are passed over without being
//! held in memory.

use super::byte_order::ByteOrder;
use super::clock::Clock;
use super::window::Window;
use super::{BLOCK_BYTES_MAX, Fault, INTERFACES_MAX, PACKET_BYTES_MAX, Record};
use crate::error::Damage;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
/// Obsolete, replaced by the enhanced one; still found in old captures.
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// Type and length in front, length behind.
const BLOCK_BYTES_MIN: u32 = 12;
const TRAILER_BYTES: usize = 4;

const OPTION_END: u16 = 0;
const OPTION_TIME_RESOLUTION: u16 = 9;
const OPTION_TIME_OFFSET: u16 = 14;

/// The current section of a file.
#[derive(Debug)]
pub(crate) struct Pcapng {
    order: ByteOrder,
    interfaces: Vec<Interface>,
    /// For simple packets, which have no time of their own.
    last_time_ns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: u32,
    snap_len: u32,
    clock: Clock,
}

impl Pcapng {
    /// Whether `first` is the start of this format.
    pub(crate) fn recognise(first: &[u8]) -> bool {
        // The type of a section header reads the same in both byte orders.
        first.starts_with(&SECTION_HEADER.to_be_bytes())
    }

    /// Reads the section header that every file starts with.
    pub(crate) fn start(window: &mut Window) -> Result<Self, Fault> {
        let mut section = Self { order: ByteOrder::Little, interfaces: Vec::new(), last_time_ns: 0 };
        let length = section.whole_block(window)?.length;
        section.enter_section(window.at_hand())?;
        window.consume(length);
        Ok(section)
    }

    /// Brings the next packet into the window, which the caller consumes.
    pub(crate) fn next(&mut self, window: &mut Window) -> Result<Record, Fault> {
        loop {
            let Header { kind, length } = self.whole_block(window)?;
            let block = window.at_hand().get(..length).unwrap_or_default();
            let record = match kind {
                SECTION_HEADER => self.enter_section(block).map(|()| None),
                INTERFACE_DESCRIPTION => self.add_interface(block).map(|()| None),
                ENHANCED_PACKET => self.enhanced_packet(block).map(Some),
                SIMPLE_PACKET => self.simple_packet(block).map(Some),
                PACKET => self.packet(block).map(Some),
                _ => Ok(None),
            }?;
            if let Some(record) = record {
                self.last_time_ns = record.time_ns;
                return Ok(record);
            }
            window.consume(length);
        }
    }

    /// Brings the next block into the window, passing over those that are too large and of no interest.
    fn whole_block(&mut self, window: &mut Window) -> Result<Header, Fault> {
        loop {
            let kind = self.order.u32(window.require(8)?, 0);
            if kind == SECTION_HEADER {
                self.order = byte_order(window.require(12)?)?;
            }
            let length = self.order.u32(window.at_hand(), 4);
            if length < least_length(kind) || !length.is_multiple_of(4) {
                return Err(Damage::BlockLength { kind, length }.into());
            }
            let fits = usize::try_from(length).ok().filter(|length| *length <= BLOCK_BYTES_MAX);
            match fits {
                Some(size) => {
                    let block = window.require(size)?;
                    let trailer = self.order.u32(block, size.saturating_sub(TRAILER_BYTES));
                    if trailer != length {
                        return Err(Damage::BlockTrailer { length, trailer }.into());
                    }
                    return Ok(Header { kind, length: size });
                }
                None if is_read_whole(kind) => {
                    return Err(Fault::TooLarge { bytes: u64::from(length), limit: BLOCK_BYTES_MAX });
                }
                None => window.skip(u64::from(length)),
            }
        }
    }

    /// Section header: type, length, magic, version, section length, options. The byte order is known.
    fn enter_section(&mut self, block: &[u8]) -> Result<(), Fault> {
        let (major, minor) = (self.order.u16(block, 12), self.order.u16(block, 14));
        // 1.2 was written by some programs and is the same format.
        if major != 1 || !matches!(minor, 0 | 2) {
            return Err(Damage::SectionVersion { major, minor }.into());
        }
        self.interfaces.clear();
        Ok(())
    }

    /// Interface description: link type, reserved, snap length, options.
    fn add_interface(&mut self, block: &[u8]) -> Result<(), Fault> {
        if self.interfaces.len() >= INTERFACES_MAX {
            return Err(Damage::TooManyInterfaces { limit: INTERFACES_MAX }.into());
        }
        let mut resolution = 6;
        let mut offset_s = 0;
        let mut rest = contents(block, 16);
        while rest.len() >= 4 {
            let code = self.order.u16(rest, 0);
            let length = usize::from(self.order.u16(rest, 2));
            if code == OPTION_END {
                break;
            }
            let value = rest.get(4..length.saturating_add(4)).ok_or_else(|| too_long(length, rest, 4))?;
            match (code, value) {
                (OPTION_TIME_RESOLUTION, [exponent]) => resolution = *exponent,
                (OPTION_TIME_OFFSET, [_, _, _, _, _, _, _, _]) => offset_s = self.order.i64(value, 0),
                _ => {}
            }
            rest = rest.get(length.next_multiple_of(4).saturating_add(4)..).unwrap_or_default();
        }
        self.interfaces.push(Interface {
            link: u32::from(self.order.u16(block, 8)),
            snap_len: self.order.u32(block, 12),
            clock: Clock::new(resolution, offset_s),
        });
        Ok(())
    }

    /// Enhanced packet: interface, time (high, low), captured, wire length, bytes, options.
    fn enhanced_packet(&self, block: &[u8]) -> Result<Record, Fault> {
        self.timed_packet(block, self.order.u32(block, 8))
    }

    /// Packet: as the enhanced one, but with 16 bits of interface and 16 of drop count.
    fn packet(&self, block: &[u8]) -> Result<Record, Fault> {
        self.timed_packet(block, u32::from(self.order.u16(block, 8)))
    }

    fn timed_packet(&self, block: &[u8], interface: u32) -> Result<Record, Fault> {
        let described = self.interface(interface)?;
        let ticks = (u64::from(self.order.u32(block, 12)) << 32) | u64::from(self.order.u32(block, 16));
        let captured = self.order.u32(block, 20);
        let wire_len = self.order.u32(block, 24);
        if captured > wire_len {
            return Err(Damage::CapturedExceedsWire { captured, wire: wire_len }.into());
        }
        record(
            block,
            28,
            captured,
            Record {
                data: 0..0,
                size: block.len(),
                time_ns: described.clock.time_ns(ticks),
                wire_len,
                link: described.link,
                interface,
            },
        )
    }

    /// Simple packet: wire length, bytes. It belongs to the first interface; the snap length of that one tells
    /// how many bytes are there, and its time is unknown, so it gets that of the packet before.
    fn simple_packet(&self, block: &[u8]) -> Result<Record, Fault> {
        let described = self.interface(0)?;
        let wire_len = self.order.u32(block, 8);
        let snap_len = if described.snap_len == 0 { u32::MAX } else { described.snap_len };
        record(
            block,
            12,
            wire_len.min(snap_len),
            Record {
                data: 0..0,
                size: block.len(),
                time_ns: self.last_time_ns,
                wire_len,
                link: described.link,
                interface: 0,
            },
        )
    }

    fn interface(&self, interface: u32) -> Result<&Interface, Fault> {
        let found = usize::try_from(interface).ok().and_then(|at| self.interfaces.get(at));
        found.ok_or_else(|| Damage::UnknownInterface { interface }.into())
    }
}

/// Type and size of a block that is whole in the window.
struct Header {
    kind: u32,
    length: usize,
}

/// Completes `record` with the place of `captured` bytes that start `at` bytes into the block.
fn record(block: &[u8], at: usize, captured: u32, record: Record) -> Result<Record, Fault> {
    let length = usize::try_from(captured).unwrap_or(usize::MAX);
    if length > PACKET_BYTES_MAX {
        return Err(Fault::TooLarge { bytes: u64::from(captured), limit: PACKET_BYTES_MAX });
    }
    let rest = contents(block, at);
    if length > rest.len() {
        return Err(too_long(length, rest, 0));
    }
    Ok(Record { data: at..at.saturating_add(length), ..record })
}

/// The bytes of a block from `at` up to its trailer.
fn contents(block: &[u8], at: usize) -> &[u8] {
    block.get(at..block.len().saturating_sub(TRAILER_BYTES)).unwrap_or_default()
}

fn too_long(claimed: usize, rest: &[u8], header: usize) -> Fault {
    let wide = |length| u64::try_from(length).unwrap_or(u64::MAX);
    Damage::BlockContents { claimed: wide(claimed), room: wide(rest.len().saturating_sub(header)) }.into()
}

fn byte_order(header: &[u8]) -> Result<ByteOrder, Fault> {
    let order = [ByteOrder::Little, ByteOrder::Big].into_iter();
    order.into_iter().find(|order| order.u32(header, 8) == BYTE_ORDER_MAGIC).ok_or(Damage::ByteOrder.into())
}

fn least_length(kind: u32) -> u32 {
    match kind {
        SECTION_HEADER => 28,
        INTERFACE_DESCRIPTION => 20,
        ENHANCED_PACKET | PACKET => 32,
        SIMPLE_PACKET => 16,
        _ => BLOCK_BYTES_MIN,
    }
}

fn is_read_whole(kind: u32) -> bool {
    matches!(kind, SECTION_HEADER | INTERFACE_DESCRIPTION | ENHANCED_PACKET | PACKET | SIMPLE_PACKET)
}
