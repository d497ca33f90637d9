//! What an embedding keeps with flows: there from call to call, and gone with them.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::view::PeekError;
use sluice_engine::{Config, Engine, Grants, Nanos, Refusal, Side, View, millis, seconds};
use sluice_tests::{Frame, Frames, balance};
use sluice_wire::{Segment, SeqNumber, TcpFlags};

/// Bytes read so far of one direction; counted as long as it is there.
#[derive(Debug)]
struct Kept {
    bytes: u64,
    alive: Rc<Cell<usize>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.alive.set(self.alive.get() - 1);
    }
}

/// Reads with [`View::read_with`] and keeps how far it came.
#[derive(Debug, Default)]
struct Keeper {
    alive: Rc<Cell<usize>>,
    /// Tenant, offset of the bytes read, the bytes, and how many were read before.
    told: Vec<(u16, u64, Vec<u8>, u64)>,
    refuses: bool,
    faults: Option<TenantId>,
    in_filter: RefCell<Option<PeekError>>,
}

impl Handler for Keeper {
    fn filter(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<bool, Faulted> {
        let answer = view.read_with(call.place().direction(), |_| Ok(((), None)));
        *self.in_filter.borrow_mut() = answer.err();
        Ok(true)
    }

    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        if self.faults == Some(tenant) {
            return Err(Faulted);
        }
        let (alive, refuses) = (&self.alive, self.refuses);
        let answer = view.read_with(call.place().direction(), |unread| {
            if refuses {
                return Err(Refusal::TooMany);
            }
            let bytes = unread.pieces.concat();
            if let Some(kept) = unread.kept.and_then(|kept| kept.downcast_mut::<Kept>()) {
                let before = kept.bytes;
                kept.bytes += bytes.len() as u64;
                return Ok(((unread.offset, bytes, before), None));
            }
            alive.set(alive.get() + 1);
            let kept = Kept { bytes: bytes.len() as u64, alive: Rc::clone(alive) };
            Ok(((unread.offset, bytes, 0), Some(Box::new(kept) as Box<dyn Any>)))
        });
        match answer {
            Ok((offset, bytes, before)) => self.told.push((tenant.0, offset, bytes, before)),
            Err(error) => assert_eq!(error, PeekError::Refused(Refusal::TooMany)),
        }
        Ok(0)
    }
}

fn engine(tenants: usize) -> Engine {
    let mut engine = Engine::new(Config::default());
    for _ in 0..tenants {
        let mut definitions = Definitions::new();
        let monitor = definitions.open_stream(None, Level::Full).unwrap();
        definitions.register(monitor, EventKind::NewData.number(), Hook::Receiver, 0).unwrap();
        engine.attach(definitions, Grants::NONE).unwrap();
    }
    engine
}

fn send(
    engine: &mut Engine,
    keeper: &mut Keeper,
    time: Nanos,
    flow: u16,
    sender: Side,
    segment: &Segment<'_>,
) {
    let frame = Frame::of(time, flow, sender, segment).unwrap();
    let _ = engine.receive(Box::new(Frames(vec![frame])), keeper);
    balance(engine).unwrap();
}

/// Opens a flow with data in both directions.
fn open(engine: &mut Engine, keeper: &mut Keeper, ms: u64, flow: u16) {
    let segment = |flags, seq, ack, payload| Segment {
        flags,
        seq: SeqNumber(seq),
        ack: SeqNumber(ack),
        payload,
        ..Segment::default()
    };
    for (sender, segment) in [
        (Side::Client, segment(TcpFlags::SYN, 1_000, 0, &b""[..])),
        (Side::Server, segment(TcpFlags::SYN | TcpFlags::ACK, 5_000, 1_001, b"")),
        (Side::Client, segment(TcpFlags::ACK, 1_001, 5_001, b"abc")),
        (Side::Server, segment(TcpFlags::ACK, 5_001, 1_004, b"xy")),
        (Side::Client, segment(TcpFlags::ACK, 1_004, 5_003, b"de")),
    ] {
        send(engine, keeper, Nanos(millis(ms)), flow, sender, &segment);
    }
}

#[test]
fn each_monitor_and_direction_keeps_its_own() {
    let (mut engine, mut keeper) = (engine(2), Keeper::default());
    open(&mut engine, &mut keeper, 0, 0);
    let told = |tenant| {
        let own = keeper.told.iter().filter(move |(of, ..)| *of == tenant);
        own.map(|(_, offset, bytes, before)| (*offset, &**bytes, *before)).collect::<Vec<_>>()
    };
    let expected: [(u64, &[u8], u64); 3] = [(0, b"abc", 0), (0, b"xy", 0), (3, b"de", 3)];
    assert_eq!(told(0), expected);
    assert_eq!(told(1), expected);
    assert_eq!(keeper.alive.get(), 4);
    engine.finish(&mut keeper);
    assert_eq!(keeper.alive.get(), 0);
}

#[test]
fn what_is_kept_goes_with_the_flow_however_it_ends() {
    let (mut engine, mut keeper) = (engine(1), Keeper::default());
    open(&mut engine, &mut keeper, 0, 0);
    open(&mut engine, &mut keeper, 0, 1);
    open(&mut engine, &mut keeper, 0, 2);
    assert_eq!(keeper.alive.get(), 6);
    let rst = Segment { flags: TcpFlags::RST, seq: SeqNumber(1_006), ..Segment::default() };
    send(&mut engine, &mut keeper, Nanos(millis(1)), 0, Side::Client, &rst);
    assert_eq!(keeper.alive.get(), 4, "the reset flow is still in the table, to absorb stragglers");
    engine.expire(Nanos(seconds(1_000_000)), &mut keeper);
    assert_eq!(keeper.alive.get(), 0, "both others were silent for too long");
}

#[test]
fn what_is_kept_goes_with_its_tenant() {
    let (mut engine, mut keeper) = (engine(2), Keeper::default());
    open(&mut engine, &mut keeper, 0, 0);
    assert_eq!(keeper.alive.get(), 4);
    keeper.faults = Some(TenantId(1));
    open(&mut engine, &mut keeper, 1, 1);
    assert_eq!(keeper.alive.get(), 4, "two of the other's in each flow");
    engine.finish(&mut keeper);
    assert_eq!(keeper.alive.get(), 0);
}

#[test]
fn what_is_refused_stays_unread_and_keeps_nothing() {
    let (mut engine, mut keeper) = (engine(1), Keeper { refuses: true, ..Keeper::default() });
    open(&mut engine, &mut keeper, 0, 0);
    assert_eq!((keeper.told.len(), keeper.alive.get()), (0, 0));
    keeper.refuses = false;
    let segment = Segment {
        flags: TcpFlags::ACK,
        seq: SeqNumber(1_006),
        ack: SeqNumber(5_003),
        payload: b"f",
        ..Segment::default()
    };
    send(&mut engine, &mut keeper, Nanos(millis(1)), 0, Side::Client, &segment);
    assert_eq!(keeper.told, [(0, 0, b"abcdef".to_vec(), 0)]);
}

#[test]
fn a_filter_reads_nothing_so() {
    let mut engine = Engine::new(Config::default());
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full).unwrap();
    let filter = sluice_engine::event::EventFilter::Guest(1);
    let event = definitions.define("mine", EventKind::NewData.number(), filter, &[]).unwrap();
    definitions.register(monitor, event, Hook::Receiver, 0).unwrap();
    engine.attach(definitions, Grants::NONE).unwrap();
    let mut keeper = Keeper::default();
    open(&mut engine, &mut keeper, 0, 0);
    assert_eq!(keeper.in_filter.take(), Some(PeekError::Refused(Refusal::NotAllowed)));
    assert_eq!(keeper.told.len(), 3);
}

/// A million connections, one after the other in 64 places: as many values are there as directions that are open.
#[test]
fn a_million_flows_leave_nothing() {
    let flows = sluice_tests::cases(20_000).min(1_000_000);
    let (mut engine, mut keeper) = (engine(1), Keeper::default());
    for flow in 0..u64::from(flows) {
        let place = u16::try_from(flow % 64).unwrap();
        // Ten minutes until a place comes again: its tombstone is gone.
        let ms = 10_000 * flow;
        open(&mut engine, &mut keeper, ms, place);
        assert_eq!(keeper.alive.get(), 2);
        let rst = Segment { flags: TcpFlags::RST, seq: SeqNumber(1_006), ..Segment::default() };
        send(&mut engine, &mut keeper, Nanos(millis(ms)), place, Side::Client, &rst);
        assert_eq!(keeper.alive.get(), 0);
        keeper.told.clear();
    }
    assert_eq!(engine.counters().flows, u64::from(flows));
}
