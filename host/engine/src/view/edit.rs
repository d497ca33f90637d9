//! Editing the current packet: `setlastpkt` of mOS, with bounds, and with lengths and checksums that stay right.

use sluice_wire::{Headers, Lengths, Tunnel, parse, write_lengths};

use super::egress::Edit;
use super::{CurrentPacket, Region, View};
use crate::Refusal;
use crate::limits::{DATAGRAM_BYTES, HEADER_BYTES};

const IPV6_HEADER_LEN: u32 = 40;
const FIXED_HEADER_LEN: usize = 20;
const UDP: u8 = 17;

/// A piece of a region that others take the place of.
#[derive(Clone, Copy, Debug)]
struct Change<'a> {
    region: Region,
    /// From the beginning of the region.
    offset: usize,
    removed: usize,
    inserted: &'a [u8],
}

impl View {
    /// Writes `bytes` over those that stand in a region of the current packet from `offset` on.
    ///
    /// Later tenants see it; filters, events and streams are about the packet as received. What headers say about
    /// lengths is the host's and is put right at once, checksums are when the packet leaves: what is written there has
    /// no effect.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotAllowed`] in a filter, and for what cannot be kept consistent: packets in tunnels, fragments,
    /// datagrams put together, segments that passed before, source routes, anything but the link header of what is
    /// neither TCP nor UDP. [`Refusal::NoPacket`], [`Refusal::NoCapability`]. [`Refusal::BadArgument`] if not all of
    /// it lies in the captured part of the region, or the headers would have another structure. [`Refusal::TooLong`]
    /// for more than 65,535 bytes.
    pub fn overwrite(&mut self, region: Region, offset: u32, bytes: &[u8]) -> Result<(), Refusal> {
        self.edit(region, offset, bytes.len(), bytes)
    }

    /// Takes `length` bytes out: of the payload, or of the options of the IPv4 or TCP header in multiples of four.
    ///
    /// # Errors
    ///
    /// As [`View::overwrite`]; also [`Refusal::NotAllowed`] if the snap length has cut the packet.
    pub fn chomp(&mut self, region: Region, offset: u32, length: u32) -> Result<(), Refusal> {
        self.edit(region, offset, usize::try_from(length).unwrap_or(usize::MAX), &[])
    }

    /// Puts `bytes` in, in front of what stands at `offset`, where [`View::chomp`] could take some out.
    ///
    /// # Errors
    ///
    /// As [`View::chomp`]; [`Refusal::TooLong`] also if the datagram would have more than 65,535 bytes, or a header
    /// more than 60.
    pub fn insert(&mut self, region: Region, offset: u32, bytes: &[u8]) -> Result<(), Refusal> {
        self.edit(region, offset, 0, bytes)
    }

    fn edit(&mut self, region: Region, offset: u32, removed: usize, bytes: &[u8]) -> Result<(), Refusal> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let edit = self.edited(&Change { region, offset, removed, inserted: bytes });
        self.egress.refused.0 = self.egress.refused.0.saturating_add(u64::from(edit.is_err()));
        edit.map(|edit| self.egress.put(edit))
    }

    /// The current packet as it is after a change.
    fn edited(&self, change: &Change<'_>) -> Result<Edit, Refusal> {
        self.may_change()?;
        let packet = self.packet.as_ref().ok_or(Refusal::NoPacket)?;
        if !self.egress.grants(self.current.tenant).modify {
            return Err(Refusal::NoCapability);
        }
        if change.inserted.len() > DATAGRAM_BYTES {
            return Err(Refusal::TooLong);
        }
        let frame = self.frame(packet.slot).ok_or(Refusal::NoPacket)?;
        let (bytes, headers, wire_len) = match self.egress.edit_of(packet) {
            Some(edit) => (&*edit.bytes, &edit.headers, edit.wire_len),
            None => (frame.bytes, &packet.headers, packet.wire_len),
        };
        let at = change.place(packet, headers, bytes)?;
        let lengths = change.lengths(headers, bytes)?;
        let end = at.saturating_add(change.removed);
        let (front, back) = (bytes.get(..at), bytes.get(end..));
        let (front, back) = front.zip(back).ok_or(Refusal::BadArgument)?;
        let mut edited = [front, change.inserted, back].concat();
        write_lengths(&mut edited, &lengths).ok_or(Refusal::BadArgument)?;
        let wire_len = resized(wire_len, change.removed, change.inserted.len()).ok_or(Refusal::TooLong)?;
        let link = frame.link.ok_or(Refusal::NotAllowed)?;
        let after = parse(link, &edited, wire_len).map_err(|_| Refusal::BadArgument)?;
        if !has_structure(&after, &lengths, headers) || udp_len(&after, &edited) != udp_len(headers, bytes) {
            return Err(Refusal::BadArgument);
        }
        let received = packet.headers;
        Ok(Edit { slot: packet.slot, bytes: edited, headers: after, received, wire_len })
    }
}

impl Change<'_> {
    /// Where in the frame it begins.
    fn place(&self, packet: &CurrentPacket, headers: &Headers, bytes: &[u8]) -> Result<usize, Refusal> {
        let is_whole = !packet.is_stand_in && headers.fragment.is_none() && headers.ip_total_len > 0;
        if !is_whole || headers.encapsulation.tunnel != Tunnel::NONE || headers.rerouted {
            return Err(Refusal::NotAllowed);
        }
        let ip_offset = usize::from(headers.ip_offset);
        let offset_of = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
        let (start, len) = match (self.region, headers.tcp()) {
            (Region::Frame, _) => (0, bytes.len()),
            (Region::Ip, _) => (ip_offset, bytes.len().saturating_sub(ip_offset)),
            (Region::Tcp, Some(_)) => {
                (offset_of(headers.transport_offset()), headers.ip_payload(bytes).len())
            }
            (Region::Payload, Some(tcp)) => (offset_of(tcp.payload_offset), tcp.payload(bytes).len()),
            (Region::Tcp | Region::Payload, None) => return Err(Refusal::BadArgument),
        };
        if self.offset.checked_add(self.removed).is_none_or(|end| end > len) {
            return Err(Refusal::BadArgument);
        }
        let at = start.saturating_add(self.offset);
        let is_summed = headers.tcp().is_some() || headers.protocol == UDP;
        if !is_summed && at.saturating_add(self.removed) > ip_offset {
            return Err(Refusal::NotAllowed);
        }
        Ok(at)
    }

    /// What the headers are to say afterwards.
    fn lengths(&self, headers: &Headers, bytes: &[u8]) -> Result<Lengths, Refusal> {
        let mut lengths = Lengths {
            ip_offset: headers.ip_offset,
            ip_header_len: headers.ip_header_len,
            ip_total_len: resized(headers.ip_total_len, self.removed, self.inserted.len())
                .ok_or(Refusal::TooLong)?,
            tcp_header_len: headers.tcp().map(|tcp| tcp.header_len),
        };
        if self.removed != self.inserted.len() {
            match (self.region, lengths.tcp_header_len) {
                (Region::Payload, Some(_)) => {}
                (Region::Tcp, Some(len)) => {
                    let len = u8::try_from(self.resized_header(usize::from(len))?);
                    lengths.tcp_header_len = Some(len.map_err(|_| Refusal::TooLong)?);
                }
                (Region::Ip, _) if headers.source.is_v4() => {
                    let len = u16::try_from(self.resized_header(usize::from(headers.ip_header_len))?);
                    lengths.ip_header_len = len.map_err(|_| Refusal::TooLong)?;
                }
                _ => return Err(Refusal::BadArgument),
            }
            // The checksum covers bytes that are not there, and they would stand elsewhere.
            if u32::try_from(headers.ip_payload(bytes).len()) != Ok(headers.ip_payload_len()) {
                return Err(Refusal::NotAllowed);
            }
        }
        let fixed = if headers.source.is_v4() { 0 } else { IPV6_HEADER_LEN };
        let counted = lengths.ip_total_len.saturating_sub(fixed);
        if usize::try_from(counted).is_ok_and(|counted| counted <= DATAGRAM_BYTES) {
            Ok(lengths)
        } else {
            Err(Refusal::TooLong)
        }
    }

    /// Length of a header of which options are changed.
    fn resized_header(&self, len: usize) -> Result<usize, Refusal> {
        let end = self.offset.saturating_add(self.removed);
        let is_in_options = self.offset >= FIXED_HEADER_LEN && end <= len;
        if !is_in_options || !self.removed.is_multiple_of(4) || !self.inserted.len().is_multiple_of(4) {
            return Err(Refusal::BadArgument);
        }
        let len = len.saturating_sub(self.removed).saturating_add(self.inserted.len());
        if len > HEADER_BYTES { Err(Refusal::TooLong) } else { Ok(len) }
    }
}

/// A length after a change.
fn resized(len: u32, removed: usize, inserted: usize) -> Option<u32> {
    let signed = |len: usize| i64::try_from(len).ok();
    let len = i64::from(len).checked_sub(signed(removed)?)?.checked_add(signed(inserted)?)?;
    u32::try_from(len).ok()
}

/// Whether headers have these lengths and lead to what those `before` led to.
fn has_structure(headers: &Headers, lengths: &Lengths, before: &Headers) -> bool {
    let found = Lengths {
        ip_offset: headers.ip_offset,
        ip_header_len: headers.ip_header_len,
        ip_total_len: headers.ip_total_len,
        tcp_header_len: headers.tcp().map(|tcp| tcp.header_len),
    };
    found == *lengths
        && headers.protocol == before.protocol
        && headers.fragment.is_none()
        && headers.encapsulation.tunnel == Tunnel::NONE
        && !headers.rerouted
}

/// The length that a UDP header states.
fn udp_len(headers: &Headers, frame: &[u8]) -> Option<[u8; 2]> {
    if headers.protocol != UDP {
        return None;
    }
    headers.ip_payload(frame).get(4..6)?.first_chunk().copied()
}
