//! One event: what happened, told by the sixteen numbers that come with every call.

use core::cell::{Cell, OnceCell};
use core::mem;
use core::ops::Range;

use crate::Error;
use crate::burst::Burst;
use crate::flow::{Flow, FlowId};
use crate::kind::{Direction, EventKind, Hook, Side};
use crate::tcp::{EndReason, TcpFlags, TcpState};

/// What happened. All that its own methods answer came with the call; [`flow`](Event::flow), [`peek`](Event::peek)
/// and what concerns the packet's bytes ask the host.
#[derive(Debug)]
pub struct Event {
    pub(crate) scalars: Scalars,
    pub(crate) flow: Flow,
    data: OnceCell<Data>,
}

/// What [`Event::data`] has read.
#[derive(Debug)]
enum Data {
    /// It came with the event and lies here.
    Brought(Range<usize>),
    Peeked(Vec<u8>),
}

std::thread_local! {
    /// A buffer for the next event that has to ask for its bytes.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The parameters of `callback` and `filter` in the world, without the handler's number: `wit/world.wit` says what
/// they mean.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scalars {
    pub(crate) kind: u32,
    pub(crate) place: u32,
    pub(crate) flow: u64,
    pub(crate) time: u64,
    pub(crate) user_context: u64,
    pub(crate) argument: u64,
    pub(crate) offset: u64,
    pub(crate) readable: u32,
    pub(crate) length: u32,
    pub(crate) wire_length: u32,
    pub(crate) sequence: u32,
    pub(crate) acknowledgment: u32,
    pub(crate) window: u32,
    pub(crate) ports: u32,
    pub(crate) states: u32,
}

impl Event {
    pub(crate) const fn from_scalars(scalars: Scalars) -> Self {
        Self { scalars, flow: Flow::current(), data: OnceCell::new() }
    }

    /// The built-in event at the root of what happened.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        EventKind::from_number(self.scalars.kind)
    }

    /// Where in the processing of the packet this call is.
    #[must_use]
    pub const fn hook(&self) -> Hook {
        match self.scalars.place >> 8 & 3 {
            1 => Hook::Sender,
            2 => Hook::Receiver,
            _ => Hook::None,
        }
    }

    /// The end host whose stack the hook belongs to; `None` for events that belong to none.
    #[must_use]
    pub const fn side(&self) -> Option<Side> {
        match self.scalars.place >> 10 & 3 {
            0 => Some(Side::Client),
            1 => Some(Side::Server),
            _ => None,
        }
    }

    /// The direction of the packet or stream.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        Direction::of_place(self.scalars.place)
    }

    /// Whether a packet is current. It is not if a deadline raised the event.
    #[must_use]
    pub const fn has_packet(&self) -> bool {
        self.scalars.place >> 13 & 1 != 0
    }

    /// Whether the flow was picked up in mid-stream, so that it is assumed which side is which.
    #[must_use]
    pub const fn partial(&self) -> bool {
        self.scalars.place >> 14 & 1 != 0
    }

    /// TCP flags of the packet.
    #[must_use]
    pub const fn flags(&self) -> TcpFlags {
        TcpFlags(self.scalars.place.to_le_bytes()[0])
    }

    /// The reason that the event gives, 0 for none.
    #[must_use]
    pub const fn reason(&self) -> u8 {
        self.scalars.place.to_le_bytes()[3]
    }

    /// Why the flow ended: the reason of [`EventKind::ConnEnd`].
    #[must_use]
    pub fn end_reason(&self) -> Option<EndReason> {
        if self.kind() == EventKind::ConnEnd { EndReason::from_number(self.reason().into()) } else { None }
    }

    /// The flow, to be remembered.
    #[must_use]
    pub const fn flow_id(&self) -> FlowId {
        FlowId::from_number(self.scalars.flow)
    }

    /// The flow, to be asked.
    #[must_use]
    pub fn flow(&self) -> &Flow {
        self.flow.be_current();
        &self.flow
    }

    /// When, in nanoseconds: of the packet, or of the deadline that passed.
    #[must_use]
    pub const fn time_ns(&self) -> u64 {
        self.scalars.time
    }

    /// What [`Flow::set_user_context`] stored for this flow, 0 at first.
    #[must_use]
    pub const fn user_context(&self) -> u64 {
        self.scalars.user_context
    }

    /// Argument of the definition of the user-defined event that matched last, else 0.
    #[must_use]
    pub const fn argument(&self) -> u64 {
        self.scalars.argument
    }

    /// Stream offset that the event is about: the first byte that became readable, is missing, came again or differs;
    /// else where the packet's payload lies.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.scalars.offset
    }

    /// Bytes that the next [`Event::peek`] could return.
    #[must_use]
    pub const fn readable(&self) -> u32 {
        self.scalars.readable
    }

    /// Bytes that the event is about: payload of the packet, length of the gap, bytes that came again or differ.
    #[must_use]
    pub const fn length(&self) -> u32 {
        self.scalars.length
    }

    /// Bytes of the frame on the wire, 0 without a packet.
    #[must_use]
    pub const fn wire_length(&self) -> u32 {
        self.scalars.wire_length
    }

    /// Sequence number of the packet, 0 without one.
    #[must_use]
    pub const fn sequence(&self) -> u32 {
        self.scalars.sequence
    }

    /// Acknowledgment number of the packet, 0 without one.
    #[must_use]
    pub const fn acknowledgment(&self) -> u32 {
        self.scalars.acknowledgment
    }

    /// Receive window of the packet in bytes, scaled once the window scale is known.
    #[must_use]
    pub const fn window(&self) -> u32 {
        self.scalars.window
    }

    /// The client's port.
    #[must_use]
    pub const fn client_port(&self) -> u16 {
        let [_, _, low, high] = self.scalars.ports.to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// The server's port.
    #[must_use]
    pub const fn server_port(&self) -> u16 {
        let [low, high, _, _] = self.scalars.ports.to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// TCP state of the client.
    #[must_use]
    pub const fn client_state(&self) -> TcpState {
        TcpState::from_number(self.scalars.states.to_le_bytes()[0])
    }

    /// TCP state of the server.
    #[must_use]
    pub const fn server_state(&self) -> TcpState {
        TcpState::from_number(self.scalars.states.to_le_bytes()[1])
    }

    /// The state that the hook's stack left: only for [`EventKind::TcpStateChange`].
    #[must_use]
    pub const fn previous_state(&self) -> TcpState {
        TcpState::from_number(self.scalars.states.to_le_bytes()[2])
    }

    /// [`Flow::peek`] in the direction of the event: all in-order bytes that this monitor has not read.
    ///
    /// # Errors
    ///
    /// As [`Flow::peek`].
    pub fn peek<'a>(&self, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], Error> {
        self.flow.peek(self.direction(), buffer)
    }

    /// All in-order bytes in the direction of the event that this monitor has not read, as [`Event::peek`], without a
    /// buffer of one's own. The bytes are the event's: the same each time.
    ///
    /// In a handler of [`on_deferred_data`](crate::StreamMonitor::on_deferred_data) they usually lie where the host has
    /// put them, and nothing is copied or asked for.
    ///
    /// # Errors
    ///
    /// As [`Flow::peek`].
    pub fn data(&self) -> Result<&[u8], Error> {
        if self.data.get().is_none() {
            let _was_empty = self.data.set(self.read_data()?);
        }
        match (self.data.get(), &self.flow.burst) {
            (Some(Data::Peeked(bytes)), _) => Ok(bytes),
            (Some(Data::Brought(range)), Some(burst)) => Ok(burst.bytes(range.clone())),
            _ => Ok(&[]),
        }
    }

    fn read_data(&self) -> Result<Data, Error> {
        if let Some(range) = self.flow.burst.as_ref().and_then(Burst::read_whole) {
            return Ok(Data::Brought(range));
        }
        let mut buffer = SPARE.take();
        match self.peek(&mut buffer) {
            Ok(_) => Ok(Data::Peeked(buffer)),
            Err(error) => {
                SPARE.set(buffer);
                Err(error)
            }
        }
    }

    /// Gives the buffer back for the next event.
    pub(crate) fn forget_data(&mut self) {
        if let Some(Data::Peeked(buffer)) = mem::take(&mut self.data).into_inner() {
            SPARE.set(buffer);
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        self.forget_data();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_unpacks_as_the_world_says() {
        let event = Event::from_scalars(Scalars {
            kind: 3,
            place: 0x12 | 2 << 8 | 1 << 10 | 1 << 12 | 1 << 14 | 7 << 24,
            ..Scalars::default()
        });
        assert_eq!(event.kind(), EventKind::TcpStateChange);
        assert!(event.flags().syn() && event.flags().ack() && !event.flags().fin());
        assert_eq!(event.hook(), Hook::Receiver);
        assert_eq!(event.side(), Some(Side::Server));
        assert_eq!(event.direction(), Direction::ToClient);
        assert!(!event.has_packet());
        assert!(event.partial());
        assert_eq!(event.reason(), 7);
    }

    #[test]
    fn ports_and_states_unpack_as_the_world_says() {
        let event = Event::from_scalars(Scalars {
            ports: 50_000 << 16 | 443,
            states: 4 | 3 << 8 | 2 << 16,
            ..Scalars::default()
        });
        assert_eq!((event.client_port(), event.server_port()), (50_000, 443));
        assert_eq!(event.client_state(), TcpState::Established);
        assert_eq!(event.server_state(), TcpState::SynReceived);
        assert_eq!(event.previous_state(), TcpState::SynSent);
    }

    #[test]
    fn only_conn_end_has_an_end_reason() {
        let of =
            |kind| Event::from_scalars(Scalars { kind, place: 2 << 24, ..Scalars::default() }).end_reason();
        assert_eq!(of(9), Some(EndReason::ResetByClient));
        assert_eq!(of(8), None);
    }
}
