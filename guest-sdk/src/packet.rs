//! The packet that raised the current event.

use crate::alloc::lists;
use crate::bindings::sluice::middlebox::packet as raw;
use crate::tcp::TcpFlags;
use crate::{Error, Event};

/// Where in a frame bytes are read.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Region {
    /// The whole captured frame, from the link header on.
    Frame,
    /// From the IP header on that carries the segment.
    Ip,
    /// From the TCP header on.
    Tcp,
    /// The TCP payload, without padding and trailers of the link.
    Payload,
}

impl Region {
    /// Its number in the canonical ABI.
    const fn number(self) -> u32 {
        self.raw() as u32
    }

    pub(crate) const fn raw(self) -> raw::Region {
        match self {
            Self::Frame => raw::Region::Frame,
            Self::Ip => raw::Region::Ip,
            Self::Tcp => raw::Region::Tcp,
            Self::Payload => raw::Region::Payload,
        }
    }
}

impl Event {
    /// The packet in numbers (`getlastpkt`).
    ///
    /// # Errors
    ///
    /// [`Error::NoPacket`] for events that a deadline raised: see [`Event::has_packet`].
    pub fn packet(&self) -> Result<Packet, Error> {
        let raw = raw::getlastpkt().map_err(Error::from_number)?;
        Ok(Packet {
            time_ns: raw.time,
            offset: raw.offset,
            wire_length: raw.wire_length,
            captured_length: raw.captured_length,
            ip_offset: raw.ip_offset,
            tcp_offset: raw.tcp_offset,
            payload_offset: raw.payload_offset,
            payload_length: raw.payload_length,
            payload_captured: raw.payload_captured,
            sequence: raw.sequence,
            acknowledgment: raw.acknowledgment,
            window: raw.window,
            flags: TcpFlags(raw.flags.to_le_bytes()[0]),
            urgent: raw.urgent,
            ttl: raw.ttl.to_le_bytes()[0],
        })
    }

    /// At most `max` captured bytes of `region` from `offset` on; empty behind its end. Replaces the content of
    /// `buffer`.
    ///
    /// # Errors
    ///
    /// [`Error::NoPacket`].
    pub fn packet_bytes<'a>(
        &self,
        region: Region,
        offset: u32,
        max: u32,
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Error> {
        lists::packet_bytes(region.number(), offset, max, buffer).map_err(Error::from_number)?;
        Ok(buffer)
    }
}

/// The packet that raised an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Packet {
    /// Capture time, nanoseconds.
    pub time_ns: u64,
    /// Stream offset of the first payload byte; 0 for a payload that begins before the stream does.
    pub offset: u64,
    /// Bytes on the wire, with the link header.
    pub wire_length: u32,
    /// Bytes captured, with the link header.
    pub captured_length: u32,
    /// Where the IP header is in the frame.
    pub ip_offset: u32,
    /// Where the TCP header is in the frame.
    pub tcp_offset: u32,
    /// Where the payload is in the frame.
    pub payload_offset: u32,
    /// Payload bytes, as the IP header says.
    pub payload_length: u32,
    /// Payload bytes captured: fewer if the snap length cut the packet.
    pub payload_captured: u32,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number; meaningless without the ACK flag.
    pub acknowledgment: u32,
    /// Window field, unscaled.
    pub window: u32,
    /// TCP flags.
    pub flags: TcpFlags,
    /// Urgent pointer.
    pub urgent: u32,
    /// TTL or hop limit.
    pub ttl: u8,
}
