//! Changing the current packet, and sending segments of one's own.
//!
//! All of it needs the operator's leave: `--allow modify` for edits, `--allow inject` for segments and resets.

use crate::bindings::sluice::middlebox::{flow, packet};
use crate::kind::Side;
use crate::packet::Region;
use crate::tcp::TcpFlags;
use crate::{Error, Event, Flow};

/// Edits of the packet that raised the event, which take effect when it leaves. Lengths in headers and checksums are
/// the host's; sequence numbers are not translated.
///
/// ```
/// # use sluice_guest_sdk as sluice;
/// use sluice::prelude::*;
/// use sluice::Region;
///
/// /// Hides what clients say about themselves: as many bytes as before, so that no number changes.
/// fn hide_agent(event: &Event) -> Result<(), Error> {
///     let mut bytes = Vec::new();
///     let payload = event.packet_bytes(Region::Payload, 0, 1460, &mut bytes)?;
///     let Some(at) = payload.windows(12).position(|bytes| bytes == b"User-Agent: ") else { return Ok(()) };
///     let value = &payload[at + 12..];
///     let end = value.iter().position(|byte| *byte == b'\r').unwrap_or(value.len());
///     let offset = u32::try_from(at + 12).unwrap_or(u32::MAX);
///     event.overwrite(Region::Payload, offset, &vec![b'x'; end])
/// }
/// ```
impl Event {
    /// Writes `bytes` over those that stand in `region` from `offset` on.
    ///
    /// # Errors
    ///
    /// [`Error::NoPacket`], [`Error::NoCapability`]; [`Error::NotAllowed`] in a filter, in tunnels, for fragments and
    /// datagrams put together, and for all but the link header of what is neither TCP nor UDP; [`Error::BadArgument`]
    /// outside of what was captured of the region, and if the headers would have another structure;
    /// [`Error::TooLong`] for more than 65,535 bytes.
    pub fn overwrite(&self, region: Region, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        packet::overwrite(region.raw(), offset, bytes).map_err(Error::from_number)
    }

    /// Takes `length` bytes out: of the payload, or of the options of an IPv4 or TCP header in multiples of four.
    ///
    /// # Errors
    ///
    /// As [`Event::overwrite`]; [`Error::NotAllowed`] also if the snap length has cut the packet.
    pub fn chomp(&self, region: Region, offset: u32, length: u32) -> Result<(), Error> {
        packet::chomp(region.raw(), offset, length).map_err(Error::from_number)
    }

    /// Puts `bytes` in, in front of what stands at `offset`, where [`Event::chomp`] could take some out.
    ///
    /// # Errors
    ///
    /// As [`Event::chomp`]; [`Error::TooLong`] also if the datagram or header would be longer than it can say.
    pub fn insert(&self, region: Region, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        packet::insert(region.raw(), offset, bytes).map_err(Error::from_number)
    }
}

/// A TCP segment to be sent in the name of a host of the current flow.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// In whose name.
    pub side: Side,
    /// TCP flags; none is added.
    pub flags: TcpFlags,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number.
    pub acknowledgment: u32,
    /// Window field, unscaled.
    pub window: u16,
    /// TCP options: at most 40 bytes, a multiple of four.
    pub options: &'a [u8],
    /// Payload: with all headers from IP on at most 1,500 bytes.
    pub payload: &'a [u8],
}

impl Flow {
    /// Sends a segment in the name of a host, behind the packet at hand (`sendpkt`): addresses, ports and link header
    /// are the flow's. The host's tracking does not take it.
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`] also if it has ended, [`Error::NoCapability`]; [`Error::NotAllowed`] in a filter and in
    /// tunnels; [`Error::BadArgument`] for options of no multiple of four, [`Error::TooLong`]; [`Error::TooMany`] for
    /// more than 64, resets included, between one packet and the next.
    pub fn send(&self, segment: &Segment<'_>) -> Result<(), Error> {
        packet::sendpkt(&packet::Segment {
            side: segment.side.raw(),
            flags: segment.flags.0,
            sequence: segment.sequence,
            acknowledgment: segment.acknowledgment,
            window: segment.window,
            options: segment.options.to_vec(),
            payload: segment.payload.to_vec(),
        })
        .map_err(Error::from_number)
    }

    /// Resets the connection: each host gets an RST with the number that it expects, once the packet at hand is decided
    /// about. The host's tracking does not take them.
    ///
    /// # Errors
    ///
    /// As [`Flow::send`].
    pub fn reset(&self) -> Result<(), Error> {
        flow::reset().map_err(Error::from_number)
    }
}
