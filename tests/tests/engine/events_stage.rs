//! Tenants, flows that talk, and a handler that does what a test says.

use std::collections::BTreeMap;

use sluice_engine::event::{Change, Definitions, EventFilter, EventKind, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Engine, Grants, Nanos, Refusal, Side, View, millis};
use sluice_tests::events::{Answer, Listener, Told};
use sluice_tests::{Frame, Frames, balance};
use sluice_wire::{Segment, SeqNumber, TcpFlags};

pub(crate) const SENDER: Hook = Hook::Sender;
pub(crate) const RECEIVER: Hook = Hook::Receiver;
pub(crate) const PACKET: u32 = EventKind::PacketIn as u32;
pub(crate) const START: u32 = EventKind::ConnStart as u32;
pub(crate) const DATA: u32 = EventKind::NewData as u32;
pub(crate) const END: u32 = EventKind::ConnEnd as u32;
pub(crate) const TENANT: TenantId = TenantId(0);

/// First sequence numbers of both sides.
const FIRST: [u32; 2] = [1_000, 5_000];

pub(crate) struct Stage<'t> {
    pub(crate) engine: Engine,
    pub(crate) listener: Listener<'t>,
    now: u64,
    sent: BTreeMap<u16, [u32; 2]>,
}

/// One monitor of level full, and what `define` makes of it.
pub(crate) fn tenant(define: impl FnOnce(&mut Definitions)) -> Definitions {
    let mut definitions = Definitions::new();
    definitions.open_stream(None, Level::Full).unwrap();
    define(&mut definitions);
    definitions
}

/// An event that a filter of the guest decides about; its name is its filter's number.
pub(crate) fn guest(definitions: &mut Definitions, parent: u32, filter: u32) -> u32 {
    definitions.define(&format!("f{filter}"), parent, EventFilter::Guest(filter), b"").unwrap()
}

/// An event that is raised.
pub(crate) fn alloc(definitions: &mut Definitions, name: &str, parent: u32) -> u32 {
    definitions.define(name, parent, EventFilter::Raised, b"").unwrap()
}

/// As [`guest`], in a call.
pub(crate) fn define(view: &mut View, parent: u32, filter: u32) -> Result<u32, Refusal> {
    view.define(&format!("f{filter}"), parent, EventFilter::Guest(filter), b"")
}

impl<'t> Stage<'t> {
    pub(crate) fn new(
        tenants: impl IntoIterator<Item = Definitions>,
        act: impl FnMut(&Told, &mut View) -> Answer + 't,
    ) -> Self {
        Self::with(Config::default(), tenants, act)
    }

    pub(crate) fn with(
        config: Config,
        tenants: impl IntoIterator<Item = Definitions>,
        act: impl FnMut(&Told, &mut View) -> Answer + 't,
    ) -> Self {
        let mut engine = Engine::new(config);
        for definitions in tenants {
            engine.attach(definitions, Grants::NONE).unwrap();
        }
        Self { engine, listener: Listener::new(act), now: 0, sent: BTreeMap::new() }
    }

    /// Milliseconds pass.
    pub(crate) fn wait(&mut self, ms: u64) {
        self.now += ms;
        self.engine.expire(Nanos(millis(self.now)), &mut self.listener);
    }

    pub(crate) fn frame(&mut self, frame: Frame) {
        self.now += 1;
        let frame = Frame { time: Nanos(millis(self.now)), ..frame };
        let _ = self.engine.receive(Box::new(Frames(vec![frame])), &mut self.listener);
        balance(&self.engine).unwrap();
    }

    /// A segment of a side at an offset of what it sends.
    pub(crate) fn segment(&mut self, flow: u16, side: Side, flags: TcpFlags, offset: u32, payload: &str) {
        let sent = self.sent.entry(flow).or_default();
        let number = |side: Side, offset: u32| SeqNumber(FIRST[side.index()] + 1 + offset);
        let has_syn = flags.contains(TcpFlags::SYN);
        let has_ack = flags.contains(TcpFlags::ACK);
        let segment = Segment {
            flags,
            seq: if has_syn { SeqNumber(FIRST[side.index()]) } else { number(side, offset) },
            ack: if has_ack { number(side.other(), sent[side.other().index()]) } else { SeqNumber(0) },
            payload: payload.as_bytes(),
            ..Segment::default()
        };
        let len = u32::try_from(payload.len()).unwrap() + u32::from(flags.contains(TcpFlags::FIN));
        sent[side.index()] = sent[side.index()].max(offset + len);
        let frame = Frame::of(Nanos(0), flow, side, &segment).unwrap();
        self.frame(frame);
    }

    /// The next segment of a side.
    pub(crate) fn send(&mut self, flow: u16, side: Side, flags: TcpFlags, payload: &str) {
        let offset = self.sent.get(&flow).map_or(0, |sent| sent[side.index()]);
        self.segment(flow, side, flags, offset, payload);
    }

    /// A handshake.
    pub(crate) fn open(&mut self, flow: u16) {
        self.sent.remove(&flow);
        self.send(flow, Side::Client, TcpFlags::SYN, "");
        self.send(flow, Side::Server, TcpFlags::SYN | TcpFlags::ACK, "");
        self.send(flow, Side::Client, TcpFlags::ACK, "");
    }

    /// Bytes of the client.
    pub(crate) fn data(&mut self, flow: u16, payload: &str) {
        self.send(flow, Side::Client, TcpFlags::ACK | TcpFlags::PSH, payload);
    }

    /// Bytes of the server.
    pub(crate) fn answer(&mut self, flow: u16, payload: &str) {
        self.send(flow, Side::Server, TcpFlags::ACK | TcpFlags::PSH, payload);
    }

    /// Both sides close.
    pub(crate) fn close(&mut self, flow: u16) {
        self.send(flow, Side::Client, TcpFlags::ACK | TcpFlags::FIN, "");
        self.send(flow, Side::Server, TcpFlags::ACK | TcpFlags::FIN, "");
        self.send(flow, Side::Client, TcpFlags::ACK, "");
    }

    /// What was called since it was asked last; see [`Listener::ids`].
    pub(crate) fn told(&mut self) -> String {
        self.listener.take_ids()
    }

    /// Different sets of the first tenant, and how many flows and monitors hold one.
    pub(crate) fn held(&self) -> (usize, u64) {
        let forests = self.engine.events(TENANT).unwrap().forests();
        (forests.len(), forests.iter().map(|(holders, _)| holders).sum())
    }
}

/// A change that registers on the current flow, in a call.
pub(crate) fn register(view: &mut View, event: u32, hook: Hook, handler: u32) -> Result<(), Refusal> {
    view.change_flow(Change::register(event, hook, handler))
}

/// A handler that does nothing.
pub(crate) fn idle(_: &Told, _: &mut View) -> Answer {
    Answer::Yes
}
