//! The current flow: who talks, in which state, how much.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::Error;
use crate::bindings::sluice::middlebox::flow as raw;
use crate::burst::{Burst, is_at_hand};
use crate::kind::{Direction, Side, Sides};
use crate::tcp::{EndReason, TcpState};

/// A flow as it can be remembered between calls: opaque, unique while the process runs.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FlowId(u64);

impl FlowId {
    pub(crate) const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Makes the flow current, in a timer's handler and in `stop`, until the call ends or another is selected.
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`] if the host does not follow it any more, [`Error::NotAllowed`] in handlers of events.
    pub fn select(self) -> Result<Flow, Error> {
        if is_at_hand() {
            return Err(Error::NotAllowed);
        }
        raw::select_flow(self.0).map(|()| Flow::current()).map_err(Error::from_number)
    }
}

/// The flow that calls to the host are about: that of the event, or the one selected.
///
/// Every method answers [`Error::NoFlow`] where there is none. Methods about bytes are in the module `stream`.
#[derive(Debug)]
pub struct Flow {
    /// The burst of events, one of which it is the flow of.
    pub(crate) burst: Option<Burst>,
}

impl Flow {
    /// The one that the host has made current.
    pub(crate) const fn current() -> Self {
        Self { burst: None }
    }

    /// Makes it so if it is that of one of many events in one call.
    #[inline]
    pub(crate) fn be_current(&self) {
        if let Some(burst) = &self.burst {
            burst.be_current();
        }
    }

    /// Who talks.
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`].
    pub fn endpoints(&self) -> Result<Endpoints, Error> {
        let raw = raw::endpoints().map_err(Error::from_number)?;
        Ok(Endpoints {
            client: socket_address(raw.client_address, raw.client_port),
            server: socket_address(raw.server_address, raw.server_port),
            vlan_outer: vlan(raw.vlan_outer),
            vlan_inner: vlan(raw.vlan_inner),
        })
    }

    /// The flow as a whole.
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`].
    pub fn info(&self) -> Result<FlowInfo, Error> {
        let raw = raw::info().map_err(Error::from_number)?;
        Ok(FlowInfo {
            log_id: raw.log_id,
            start_time_ns: raw.start_time,
            last_activity_ns: raw.last_activity,
            client_state: state(raw.client_state),
            server_state: state(raw.server_state),
            end_reason: EndReason::from_number(raw.end_reason),
            partial: raw.partial,
        })
    }

    /// What `side` has sent. Streams are counted at [`Level::Count`](crate::Level::Count) and above.
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`].
    pub fn statistics(&self, side: Side) -> Result<SideStatistics, Error> {
        let raw = raw::statistics(side.raw()).map_err(Error::from_number)?;
        Ok(SideStatistics {
            packets: raw.packets,
            ip_bytes: raw.ip_bytes,
            payload_bytes: raw.payload_bytes,
            delivered_bytes: raw.delivered_bytes,
            retransmissions: raw.retransmissions,
            out_of_order: raw.out_of_order,
            gap_bytes: raw.gap_bytes,
            conflicts: raw.conflicts,
            refused: raw.refused,
        })
    }

    /// Stores a number with the flow, for this monitor alone: later events of the flow bring it as
    /// [`user_context`](crate::Event::user_context). It is 0 at first.
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`], [`Error::NotAllowed`] in a filter.
    pub fn set_user_context(&self, value: u64) -> Result<(), Error> {
        raw::set_user_context(value).map_err(Error::from_number)?;
        if let Some(burst) = &self.burst {
            burst.set_user_context(value);
        }
        Ok(())
    }

    /// No more events at these sides of this flow for this monitor, and no more bytes of the stream that such a side
    /// receives, from the next pass on: the next packet, or the next hook of this one. [`ConnEnd`] comes until both
    /// sides are stopped.
    ///
    /// [`ConnEnd`]: crate::EventKind::ConnEnd
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`], [`Error::NotAllowed`] in a filter.
    pub fn stop_monitoring(&self, sides: Sides) -> Result<(), Error> {
        raw::stop_monitoring(sides.raw()).map_err(Error::from_number)?;
        if let Some(burst) = &self.burst {
            burst.doubt();
        }
        Ok(())
    }
}

/// Addresses and ports of a flow.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Endpoints {
    /// The client's address and port.
    pub client: SocketAddr,
    /// The server's address and port.
    pub server: SocketAddr,
    /// Id of the outer VLAN.
    pub vlan_outer: Option<u16>,
    /// Id of the inner VLAN.
    pub vlan_inner: Option<u16>,
}

impl Endpoints {
    /// Who sends in `direction`, and to whom.
    #[must_use]
    pub const fn sender_and_receiver(&self, direction: Direction) -> (SocketAddr, SocketAddr) {
        match direction {
            Direction::ToServer => (self.client, self.server),
            Direction::ToClient => (self.server, self.client),
        }
    }
}

/// A flow as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct FlowInfo {
    /// Identity in logs: 53 bits, a hash of addresses, ports and start.
    pub log_id: u64,
    /// Time of the first packet, nanoseconds.
    pub start_time_ns: u64,
    /// Time of the last packet, nanoseconds.
    pub last_activity_ns: u64,
    /// The client's TCP state.
    pub client_state: TcpState,
    /// The server's TCP state.
    pub server_state: TcpState,
    /// Why the flow ended; `None` while it lives.
    pub end_reason: Option<EndReason>,
    /// The flow was picked up in mid-stream: which side is which is assumed.
    pub partial: bool,
}

/// What one side of a flow has sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SideStatistics {
    /// Packets, retransmissions included, without those that the receiver would ignore.
    pub packets: u64,
    /// Bytes of these packets from the IP header on.
    pub ip_bytes: u64,
    /// Payload bytes of these packets.
    pub payload_bytes: u64,
    /// Bytes of the stream delivered in order.
    pub delivered_bytes: u64,
    /// Packets that repeated bytes already seen.
    pub retransmissions: u64,
    /// Packets that came ahead of missing bytes.
    pub out_of_order: u64,
    /// Bytes that are missing for good.
    pub gap_bytes: u64,
    /// Ranges that came again with other bytes.
    pub conflicts: u64,
    /// Packets that the receiver would ignore.
    pub refused: u64,
}

/// IPv4 comes mapped into IPv6 (RFC 4291 section 2.5.5.2).
fn socket_address((high, low): (u64, u64), port: u16) -> SocketAddr {
    let address = Ipv6Addr::from(u128::from(high) << 64 | u128::from(low));
    SocketAddr::new(IpAddr::V6(address).to_canonical(), port)
}

const fn vlan(id: u16) -> Option<u16> {
    if id == u16::MAX { None } else { Some(id) }
}

fn state(number: u32) -> TcpState {
    TcpState::from_number(u8::try_from(number).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_ipv4() {
        assert_eq!(socket_address((0, 0xffff_c000_0201), 80).to_string(), "192.0.2.1:80");
    }

    #[test]
    fn other_addresses_are_ipv6() {
        assert_eq!(socket_address((0x2001_0db8 << 32, 1), 443).to_string(), "[2001:db8::1]:443");
    }
}
