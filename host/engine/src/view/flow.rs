//! The current flow.

use super::{Mode, View};
use crate::flow::{Attachment, EndReason, FlowId, Observables};
use crate::tcp::TcpState;
use crate::{Nanos, Refusal, Side};

/// Who talks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Endpoints {
    /// Client's address; IPv4 mapped into IPv6.
    pub client_address: [u8; 16],
    /// Server's address.
    pub server_address: [u8; 16],
    /// Client's port.
    pub client_port: u16,
    /// Server's port.
    pub server_port: u16,
    /// Outer and inner VLAN id; 0xffff for none.
    pub vlan: [u16; 2],
}

/// The flow as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FlowInfo {
    /// Identity in logs, 53 bits.
    pub log_id: u64,
    /// First packet.
    pub start: Nanos,
    /// Last packet.
    pub last_activity: Nanos,
    /// Client's TCP state.
    pub client_state: TcpState,
    /// Server's TCP state.
    pub server_state: TcpState,
    /// Why it ended, if it has.
    pub end_reason: Option<EndReason>,
    /// It was picked up in mid-stream.
    pub partial: bool,
}

/// What one side has sent; see `side-statistics` in the WIT.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SideStatistics {
    /// Packets that the receiver would honour.
    pub packets: u64,
    /// Their bytes from the IP header on.
    pub ip_bytes: u64,
    /// Their payload bytes.
    pub payload_bytes: u64,
    /// Stream bytes that became readable.
    pub delivered_bytes: u64,
    /// Packets that repeated something.
    pub retransmissions: u64,
    /// Packets ahead of missing bytes.
    pub out_of_order: u64,
    /// Bytes missing for good.
    pub gap_bytes: u64,
    /// Stretches that came again with other bytes.
    pub conflicts: u64,
    /// Packets that the receiver would ignore.
    pub refused: u64,
    /// Urgent bytes that were left out of the stream without an event.
    pub urgent_bytes: u64,
}

/// What was observed of one side; see `side-observables` in the WIT.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SideObservables {
    /// What its packets told.
    pub observables: Observables,
    /// Its TCP state.
    pub state: TcpState,
    /// The window that it advertised last, in bytes, scaled.
    pub window: u32,
    /// The largest window that it advertised, in bytes, scaled.
    pub window_max: u32,
    /// Stretches that came again with other bytes; 0 below level `full`.
    pub conflicts: u32,
    /// Urgent bytes that were left out of the stream without an event; 0 below level `full`.
    pub urgent_bytes: u32,
}

impl View {
    /// Makes a flow current for the tenant's first monitor that watches it.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`] if it is not tracked any more or not the tenant's to see, [`Refusal::NotAllowed`] in the
    /// event of a flow.
    pub fn select_flow(&mut self, flow: u64) -> Result<(), Refusal> {
        if !matches!(self.current.mode, Mode::Timer | Mode::Ready | Mode::Burst | Mode::Stop) {
            return Err(Refusal::NotAllowed);
        }
        let id = FlowId::from_number(flow).ok_or(Refusal::NoFlow)?;
        let index = self.flows.resolve(id).ok_or(Refusal::NoFlow)?;
        let flow = self.flows.get(index).ok_or(Refusal::NoFlow)?;
        let tenant = self.current.tenant;
        let position = flow.attachments.iter().position(|attachment| attachment.tenant == tenant);
        self.current.flow = Some((index, position.ok_or(Refusal::NoFlow)?));
        self.snapshot_levels();
        Ok(())
    }

    /// Makes another of the tenant's monitors current that watches the current flow.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`], [`Refusal::BadId`] if that monitor does not watch it, [`Refusal::NotAllowed`] in the event
    /// of a flow.
    pub fn select_monitor(&mut self, monitor: u32) -> Result<(), Refusal> {
        if !matches!(self.current.mode, Mode::Timer | Mode::Ready | Mode::Burst | Mode::Stop) {
            return Err(Refusal::NotAllowed);
        }
        let (index, _) = self.current.flow.ok_or(Refusal::NoFlow)?;
        let flow = self.flows.get(index).ok_or(Refusal::NoFlow)?;
        let tenant = self.current.tenant;
        let is_meant =
            |attachment: &Attachment| attachment.tenant == tenant && u32::from(attachment.number) == monitor;
        let position = flow.attachments.iter().position(is_meant).ok_or(Refusal::BadId)?;
        self.current.flow = Some((index, position));
        self.snapshot_levels();
        Ok(())
    }

    /// Who talks.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`].
    pub fn endpoints(&self) -> Result<Endpoints, Refusal> {
        let flow = self.flow()?;
        let (client, server) = (flow.endpoint(Side::Client), flow.endpoint(Side::Server));
        Ok(Endpoints {
            client_address: client.address.0,
            server_address: server.address.0,
            client_port: client.port,
            server_port: server.port,
            vlan: flow.key.vlan,
        })
    }

    /// The flow as a whole.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`].
    pub fn flow_info(&self) -> Result<FlowInfo, Refusal> {
        let flow = self.flow()?;
        Ok(FlowInfo {
            log_id: flow.log_id(),
            start: flow.start,
            last_activity: flow.last,
            client_state: flow.stack(Side::Client).state,
            server_state: flow.stack(Side::Server).state,
            end_reason: flow.end,
            partial: flow.is_partial(),
        })
    }

    /// What a side has sent.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`].
    pub fn statistics(&self, side: Side) -> Result<SideStatistics, Refusal> {
        let flow = self.flow()?;
        let sent = flow.sent_until(side, self.horizon(side.sends()));
        let mut statistics = SideStatistics {
            packets: u64::from(sent.packets),
            ip_bytes: sent.ip_bytes,
            payload_bytes: sent.payload_bytes,
            retransmissions: u64::from(sent.mishaps.retransmissions),
            refused: u64::from(sent.mishaps.refused),
            ..SideStatistics::default()
        };
        // What a monitor sees follows its own level, whatever others have done for the flow.
        if self.reads(side.sends()) {
            statistics.delivered_bytes = sent.delivered_bytes;
            statistics.out_of_order = u64::from(sent.mishaps.out_of_order);
            statistics.gap_bytes = sent.mishaps.gap_bytes;
            statistics.conflicts = u64::from(sent.mishaps.conflicts);
            statistics.urgent_bytes = u64::from(sent.mishaps.urgent_bytes);
        } else {
            statistics.delivered_bytes = flow.stream(side.sends()).highest();
        }
        Ok(statistics)
    }

    /// What was observed of a side, whatever the monitor's level.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`], [`Refusal::NotAllowed`] if the monitor did not ask for observables before its flows began.
    pub fn observables(&self, side: Side) -> Result<SideObservables, Refusal> {
        let flow = self.flow()?;
        let attachment = self.attachment().ok_or(Refusal::NoFlow)?;
        let account = flow.account().filter(|_| attachment.observes).ok_or(Refusal::NotAllowed)?;
        let stack = flow.stack(side);
        let is_read = self.reads(side.sends());
        let read = |count: u32| if is_read { count } else { 0 };
        Ok(SideObservables {
            observables: account.observables(side),
            state: stack.state,
            window: stack.window,
            window_max: stack.window_max,
            conflicts: read(flow.sent(side).mishaps.conflicts),
            urgent_bytes: read(flow.sent(side).mishaps.urgent_bytes),
        })
    }

    /// Stores a number with the flow for the current monitor.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`], [`Refusal::NotAllowed`] in a filter.
    pub fn set_user_context(&mut self, value: u64) -> Result<(), Refusal> {
        self.attachment_to_change()?.user_context = value;
        Ok(())
    }

    /// The record of the current monitor with the current flow.
    #[inline]
    pub(super) fn attachment(&self) -> Option<&Attachment> {
        let (index, position) = self.current.flow?;
        self.flows.get(index)?.attachments.get(position)
    }
}
