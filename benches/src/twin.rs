//! Native handlers that do the work of a guest: the engine with one of them is the engine alone, and the difference to
//! a guest with the same work is what the sandbox costs.

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::view::PeekError;
use sluice_engine::{Direction, Refusal, View};

use crate::traffic::{Expected, StreamSum};

/// What is done with the traffic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Work {
    /// One call for each packet; no buffers.
    PacketEvents,
    /// Calls for the begin and end of each connection and for each change of a TCP state; no buffers.
    Connections,
    /// All streams reassembled, and each byte of them read once.
    AllBytes,
}

impl Work {
    /// All kinds of work, from the least to the most.
    pub const ALL: [Self; 3] = [Self::PacketEvents, Self::Connections, Self::AllBytes];

    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PacketEvents => "packet events",
            Self::Connections => "connections and states",
            Self::AllBytes => "all bytes",
        }
    }

    /// What a tenant defines that does this work.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the engine allows less than a monitor and five registrations.
    pub fn definitions(self) -> Result<Definitions, Refusal> {
        let mut definitions = Definitions::new();
        let level = match self {
            Self::PacketEvents | Self::Connections => Level::State,
            Self::AllBytes => Level::Full,
        };
        let monitor = definitions.open_stream(None, level)?;
        let registrations: &[(EventKind, Hook)] = match self {
            Self::PacketEvents => &[(EventKind::PacketIn, Hook::Sender)],
            Self::Connections => &[
                (EventKind::ConnStart, Hook::Sender),
                (EventKind::StateChange, Hook::Sender),
                (EventKind::StateChange, Hook::Receiver),
                (EventKind::ConnEnd, Hook::None),
            ],
            Self::AllBytes => &[
                (EventKind::ConnStart, Hook::Sender),
                (EventKind::NewData, Hook::Receiver),
                (EventKind::Gap, Hook::Receiver),
            ],
        };
        for (kind, hook) in registrations {
            definitions.register(monitor, kind.number(), *hook, kind.number())?;
        }
        Ok(definitions)
    }
}

/// The handler of all kinds of [`Work`].
#[derive(Debug, Default)]
pub struct Twin {
    /// Handlers called, by number of the event's kind.
    pub calls: [u64; sluice_engine::event::KINDS],
    /// Sum of the packets' lengths on the wire, so that a call is not for nothing.
    pub wire_bytes: u64,
    /// What was read of all streams.
    pub read: Expected,
    /// Bytes that were in gaps, or dropped before they were read.
    pub lost_bytes: u64,
    buffer: Vec<u8>,
}

impl Twin {
    /// Handlers called.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.iter().sum()
    }

    fn read(&mut self, direction: Direction, offset: u64, view: &mut View) -> Result<(), Faulted> {
        self.buffer.clear();
        let sum = sum_of(&mut self.read, direction);
        match view.peek(direction, u32::MAX, &mut self.buffer) {
            Ok(()) => {
                sum.add(offset, &self.buffer);
                Ok(())
            }
            Err(PeekError::Missed(bytes)) => {
                self.lost_bytes = self.lost_bytes.saturating_add(bytes);
                Ok(())
            }
            Err(PeekError::Refused(_)) => Err(Faulted),
        }
    }
}

impl Handler for Twin {
    fn filter(&mut self, _: TenantId, _: &EventCall, _: &mut Box<View>) -> Result<bool, Faulted> {
        Ok(false)
    }

    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let kind = call.event_kind().ok_or(Faulted)?;
        self.calls[kind.index()] += 1;
        self.wire_bytes = self.wire_bytes.wrapping_add(u64::from(call.wire_length));
        if kind == EventKind::NewData {
            self.read(call.place().direction(), call.offset, view)?;
        } else if kind == EventKind::Gap {
            self.lost_bytes = self.lost_bytes.saturating_add(u64::from(call.length));
        }
        Ok(0)
    }
}

/// A handler that does nothing; told of new bytes, it reads them and looks at none. Unread, they would pile up and cost
/// more than reading them does.
#[derive(Debug, Default)]
pub struct Idle {
    buffer: Vec<u8>,
}

impl Handler for Idle {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        if call.event_kind() == Some(EventKind::NewData) {
            self.buffer.clear();
            view.peek(call.place().direction(), u32::MAX, &mut self.buffer).map_err(|_| Faulted)?;
        }
        Ok(0)
    }
}

const fn sum_of(read: &mut Expected, direction: Direction) -> &mut StreamSum {
    match direction {
        Direction::ToServer => &mut read.to_server,
        Direction::ToClient => &mut read.to_client,
    }
}
