//! Segments that tenants send: `sendpkt` and `reset_conn` of mOS, with the sender's own numbers and flags.

use sluice_wire::{Segment, SeqNumber, TcpFlags, Tunnel};

use super::View;
use super::egress::{Injected, Reset};
use crate::event::TenantId;
use crate::flow::{Flow, Link};
use crate::limits::{HEADER_BYTES, INJECTED_DATAGRAM_BYTES};
use crate::{Nanos, Refusal, Side};

const TCP_HEADER_LEN: usize = 20;
const IPV4_HEADER_LEN: usize = 20;
const IPV6_HEADER_LEN: usize = 40;
const TTL: u8 = 64;

/// A segment to be sent in the name of one side of a flow; addresses, ports and link header are the flow's.
#[derive(Clone, Copy, Debug)]
pub struct SegmentSpec<'a> {
    /// Who sends it.
    pub side: Side,
    /// Flags, as they are.
    pub flags: TcpFlags,
    /// Sequence number.
    pub seq: SeqNumber,
    /// Acknowledgment number, written whether ACK is set or not.
    pub ack: SeqNumber,
    /// Window field, unscaled.
    pub window: u16,
    /// Option bytes: at most 40, a multiple of four.
    pub options: &'a [u8],
    /// Payload: with options and headers at most [`INJECTED_DATAGRAM_BYTES`].
    pub payload: &'a [u8],
}

impl SegmentSpec<'_> {
    /// Whether a segment can be as this one is to be.
    fn check(&self, flow: &Flow) -> Result<(), Refusal> {
        let is_v4 = flow.endpoint(self.side).address.is_v4();
        let ip_len = if is_v4 { IPV4_HEADER_LEN } else { IPV6_HEADER_LEN };
        let header_len = TCP_HEADER_LEN.saturating_add(self.options.len());
        let total_len = ip_len.saturating_add(header_len).saturating_add(self.payload.len());
        if header_len > HEADER_BYTES || total_len > INJECTED_DATAGRAM_BYTES {
            return Err(Refusal::TooLong);
        }
        if self.options.len().is_multiple_of(4) { Ok(()) } else { Err(Refusal::BadArgument) }
    }

    /// The frame; `None` for what [`SegmentSpec::check`] refuses.
    fn frame(&self, flow: &Flow, link: &Link) -> Option<Vec<u8>> {
        let (source, destination) = (flow.endpoint(self.side), flow.endpoint(self.side.other()));
        let segment = Segment {
            source: source.address,
            destination: destination.address,
            source_port: source.port,
            destination_port: destination.port,
            ttl: TTL,
            seq: self.seq,
            ack: self.ack,
            flags: self.flags,
            window: self.window,
            options: self.options,
            payload: self.payload,
            ..Segment::default()
        };
        let header = link.header();
        let mut bytes = vec![0; header.len().checked_add(INJECTED_DATAGRAM_BYTES)?];
        let (front, datagram) = bytes.split_at_mut_checked(header.len())?;
        front.copy_from_slice(header);
        let len = segment.write_datagram(datagram)?;
        bytes.truncate(header.len().checked_add(len)?);
        Some(bytes)
    }
}

impl View {
    /// Sends a segment in the name of a side of the current flow, behind the packet at hand, with the link header that
    /// packets of that side have. The flow's own tracking does not take it: it follows what comes in.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotAllowed`] in a filter, in tunnels, and where it cannot be told what link header that side's
    /// packets have. [`Refusal::NoFlow`] also if the flow has ended. [`Refusal::NoCapability`].
    /// [`Refusal::BadArgument`] for options of no multiple of four. [`Refusal::TooLong`] for more than 40 bytes of
    /// options, or a datagram of more than [`INJECTED_DATAGRAM_BYTES`]. [`Refusal::TooMany`] for more than
    /// [`INJECTED_PER_PACKET`](crate::limits::INJECTED_PER_PACKET) since the last packet.
    pub fn send_segment(&mut self, segment: &SegmentSpec<'_>) -> Result<(), Refusal> {
        let tenant = self.current.tenant;
        let frame = self.sending_flow().and_then(|(_, flow)| {
            segment.check(flow)?;
            let link = flow.link(segment.side).ok_or(Refusal::NotAllowed)?;
            let bytes = segment.frame(flow, &link).ok_or(Refusal::BadArgument)?;
            Ok((bytes, link.kind))
        });
        let sent = frame.and_then(|(bytes, link)| {
            self.egress.charge(tenant)?;
            let (after, time) = (self.egress.after, self.clock);
            self.egress.injected.push(Injected { after, tenant, bytes, link, time });
            Ok(())
        });
        self.count_refused(sent)
    }

    /// Resets the connection of the current flow: an RST to either host, with the number that it expects next, once the
    /// packet at hand is decided about. Where it cannot be told whether the host got the last bytes, it gets one for
    /// each number that it may expect. The flow's own tracking does not take them: it follows what comes in.
    ///
    /// # Errors
    ///
    /// As [`View::send_segment`], one for both hosts.
    pub fn reset(&mut self) -> Result<(), Refusal> {
        let tenant = self.current.tenant;
        let flow = self.sending_flow().and_then(|(index, flow)| {
            let has_links = Side::BOTH.into_iter().all(|side| flow.link(side).is_some());
            if has_links { Ok(flow.id(index)) } else { Err(Refusal::NotAllowed) }
        });
        let reset = flow.and_then(|flow| {
            self.egress.charge(tenant)?;
            let sender = self.packet.as_ref().map(|packet| packet.sender);
            self.egress.resets.push(Reset { tenant, flow, time: self.clock, sender });
            Ok(())
        });
        self.count_refused(reset)
    }

    /// The current flow, if the tenant may send in the name of its hosts.
    fn sending_flow(&self) -> Result<(u32, &Flow), Refusal> {
        self.may_change()?;
        let (index, _) = self.current.flow.ok_or(Refusal::NoFlow)?;
        let flow = self.flow()?;
        if flow.end.is_some() {
            return Err(Refusal::NoFlow);
        }
        if self.egress.grants(self.current.tenant).inject {
            Ok((index, flow))
        } else {
            Err(Refusal::NoCapability)
        }
    }

    fn count_refused(&mut self, done: Result<(), Refusal>) -> Result<(), Refusal> {
        self.egress.refused.1 = self.egress.refused.1.saturating_add(u64::from(done.is_err()));
        done
    }

    /// Sends a segment that the host has made for a tenant.
    pub(crate) fn send_for(&mut self, tenant: TenantId, index: u32, time: Nanos, segment: &SegmentSpec<'_>) {
        let Some(flow) = self.flows.get(index) else { return };
        let Some(link) = flow.link(segment.side) else { return };
        let Some(bytes) = segment.frame(flow, &link) else { return };
        let after = self.egress.after;
        self.egress.injected.push(Injected { after, tenant, bytes, link: link.kind, time });
    }

    /// See [`View::note_link`].
    pub(super) fn keep_link(&mut self, index: u32, sender: Side) {
        let Some(packet) = &self.packet else { return };
        if packet.is_stand_in || packet.headers.encapsulation.tunnel != Tunnel::NONE {
            return;
        }
        let frame = self.burst.as_ref().and_then(|burst| burst.packet(packet.slot));
        let link = frame.and_then(|frame| {
            let header = frame.bytes.get(..usize::from(packet.headers.ip_offset))?;
            Link::new(frame.link?, header)
        });
        if let (Some(link), Some(flow)) = (link, self.flows.get_mut(index)) {
            flow.set_link(sender, link);
        }
    }
}
