//! An engine with a reader, and packets made on the way.

use std::any::Any;

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::flow::EndReason;
use sluice_engine::packet::{Burst, Packet};
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Engine, Grants, Nanos, Refusal, View};
use sluice_wire::{IpAddress, LinkType, Segment, SeqNumber, TcpFlags};

use crate::{Imbalance, balance};

/// Packets that are made before they are taken: so many that the clock is read seldom.
const PACKETS: usize = 4_096;

/// Packets of a burst, as many as a network card gives at a time.
const BURST: usize = 32;

/// Bytes of the largest datagram that is made.
const DATAGRAM: usize = 1_600;

/// What a stretch of the traffic took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lap {
    /// Packets taken.
    pub packets: u64,
    /// CPU time for them, by the clock that the rig was given.
    pub cpu_ns: u64,
}

impl Lap {
    /// CPU time of one packet, in nanoseconds.
    #[must_use]
    pub const fn packet_ns(&self) -> u64 {
        match self.cpu_ns.checked_div(self.packets) {
            Some(ns) => ns,
            None => 0,
        }
    }
}

/// One end of a connection and the other.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// The client's address and port.
    pub client: ([u8; 4], u16),
    /// The server's.
    pub server: ([u8; 4], u16),
}

impl Pair {
    /// A pair of its own for each number, up to 2^40, to a port of the server.
    #[must_use]
    pub const fn number(number: u64, server_port: u16) -> Self {
        let [_, _, _, high, a, b, c, d] = number.to_be_bytes();
        Self { client: ([10, a, b, c], 1_024 + d as u16), server: ([192, 0, 2, high], server_port) }
    }

    /// A segment that the client sends.
    #[must_use]
    pub fn up(&self, flags: TcpFlags, seq: u32, ack: u32) -> Segment<'static> {
        Segment {
            source: IpAddress::v4(self.client.0),
            source_port: self.client.1,
            destination: IpAddress::v4(self.server.0),
            destination_port: self.server.1,
            flags,
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            ..Segment::default()
        }
    }

    /// A segment that the server sends.
    #[must_use]
    pub fn down(&self, flags: TcpFlags, seq: u32, ack: u32) -> Segment<'static> {
        Self { client: self.server, server: self.client }.up(flags, seq, ack)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Rig {
    /// The engine.
    pub engine: Engine,
    /// Who watches.
    pub reader: Reader,
    batch: Option<Box<Batch>>,
    clock: fn() -> u64,
    lap: Lap,
}

impl Rig {
    /// An engine with one reader of all bytes. `clock` tells the CPU time of this thread in nanoseconds.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the engine does not take the reader.
    pub fn new(config: Config, clock: fn() -> u64) -> Result<Self, Refusal> {
        let mut definitions = Definitions::new();
        let monitor = definitions.open_stream(None, Level::Full)?;
        for kind in [EventKind::NewData, EventKind::Gap, EventKind::Error] {
            definitions.register(monitor, kind.number(), Hook::Receiver, 0)?;
        }
        definitions.register(monitor, EventKind::ConnEnd.number(), Hook::None, 0)?;
        let mut engine = Engine::new(config);
        engine.attach(definitions, Grants::NONE)?;
        let (reader, lap) = (Reader::default(), Lap::default());
        Ok(Self { engine, reader, batch: Some(Box::default()), clock, lap })
    }

    /// Sends a segment. It is taken at once or with some that follow.
    pub fn send(&mut self, segment: &Segment<'_>, time: Nanos) {
        let Some(batch) = self.batch.as_mut() else { return };
        batch.push(segment, time);
        if batch.packets.len() >= PACKETS {
            self.flush();
        }
    }

    /// Opens a connection with both numbers at 0: three packets.
    pub fn open(&mut self, pair: &Pair, time: Nanos) {
        let syn_ack = TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0);
        self.send(&pair.up(TcpFlags::SYN, u32::MAX, 0), time);
        self.send(&pair.down(syn_ack, u32::MAX, 0), time);
        self.send(&pair.up(TcpFlags::ACK, 0, 0), time);
    }

    /// Lets the engine take what was sent.
    pub fn flush(&mut self) {
        let Some(mut batch) = self.batch.take() else { return };
        self.lap.packets += batch.packets.len() as u64;
        let begin = (self.clock)();
        while batch.advance() {
            let burst = self.engine.receive(batch, &mut self.reader);
            match burst.into_any().downcast() {
                Ok(back) => batch = back,
                // The engine gives back what it was given.
                Err(_) => return,
            }
        }
        self.lap.cpu_ns += (self.clock)().saturating_sub(begin);
        batch.clear();
        self.batch = Some(batch);
    }

    /// Time passes without packets.
    pub fn expire(&mut self, now: Nanos) {
        self.flush();
        self.engine.expire(now, &mut self.reader);
    }

    /// What was taken since the last call.
    pub fn lap(&mut self) -> Lap {
        self.flush();
        std::mem::take(&mut self.lap)
    }

    /// The input ends; checks that every packet and byte is accounted for.
    ///
    /// # Errors
    ///
    /// [`Imbalance`].
    pub fn finish(&mut self) -> Result<(), Imbalance> {
        self.flush();
        self.engine.finish(&mut self.reader);
        balance(&self.engine)
    }
}

/// Packets that lie one behind the other.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    packets: Vec<(usize, usize, Nanos)>,
    from: usize,
    until: usize,
}

impl Batch {
    fn push(&mut self, segment: &Segment<'_>, time: Nanos) {
        let start = self.bytes.len();
        self.bytes.resize(start.saturating_add(DATAGRAM), 0);
        let len = self.bytes.get_mut(start..).and_then(|room| segment.write_datagram(room));
        let len = len.unwrap_or(0);
        self.bytes.truncate(start.saturating_add(len));
        self.packets.push((start, len, time));
    }

    fn advance(&mut self) -> bool {
        self.from = self.until;
        self.until = self.until.saturating_add(BURST).min(self.packets.len());
        self.from < self.until
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.packets.clear();
        (self.from, self.until) = (0, 0);
    }
}

impl Burst for Batch {
    fn len(&self) -> usize {
        self.until.saturating_sub(self.from)
    }

    fn packet(&self, slot: usize) -> Option<Packet<'_>> {
        let place = self.from.checked_add(slot).filter(|place| *place < self.until)?;
        let (start, len, time) = *self.packets.get(place)?;
        let bytes = self.bytes.get(start..)?.get(..len)?;
        let wire_len = u32::try_from(len).unwrap_or(u32::MAX);
        Some(Packet { bytes, time, wire_len, link: Some(LinkType::RawIp) })
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// Reads everything and counts what it is told.
#[derive(Debug, Default)]
pub struct Reader {
    /// Bytes read.
    pub read: u64,
    /// Gaps told of.
    pub gaps: u64,
    /// Payloads that there was no room for.
    pub errors: u64,
    /// Connections to port 443 that ended, by number of the reason.
    pub live_ends: [u64; 8],
    /// All others, the same.
    pub other_ends: [u64; 8],
    buffer: Vec<u8>,
}

impl Reader {
    /// Connections to port 443 that ended before the input did.
    #[must_use]
    pub fn live_lost(&self) -> u64 {
        let ended: u64 = self.live_ends.iter().sum();
        ended.saturating_sub(self.live_ends[usize::from(EndReason::EndOfInput.number())])
    }
}

impl Handler for Reader {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        match call.event_kind() {
            Some(EventKind::NewData) => {
                self.buffer.clear();
                // What was dropped before it was read is missing in the count.
                let _ = view.peek(call.place().direction(), u32::MAX, &mut self.buffer);
                self.read += self.buffer.len() as u64;
            }
            Some(EventKind::Gap) => self.gaps += 1,
            Some(EventKind::Error) => self.errors += 1,
            Some(EventKind::ConnEnd) => {
                let reason = view.flow_info().ok().and_then(|info| info.end_reason);
                let is_live = call.ports & 0xffff == 443 || call.ports >> 16 == 443;
                let ends = if is_live { &mut self.live_ends } else { &mut self.other_ends };
                ends[usize::from(reason.map_or(0, EndReason::number))] += 1;
            }
            _ => {}
        }
        Ok(0)
    }
}
