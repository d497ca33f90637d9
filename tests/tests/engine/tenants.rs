//! Tenants beside each other: what one of them leaves undone costs the others nothing.

use sluice_engine::counters::TenantCounters;
use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::view::PeekError;
use sluice_engine::{Config, Engine, Grants, View};
use sluice_tests::{Frame, Frames, balance};
use sluice_wire::{LinkType, Segment, SeqNumber, TcpFlags};

const SLOTH: TenantId = TenantId(0);
const LAGGARD: TenantId = TenantId(1);

/// The first tenant reads only when a flow ends, the second one after every other piece of data.
#[derive(Debug, Default)]
struct Readers {
    pieces: u64,
    /// Bytes that each tenant has read, and missed.
    read: [u64; 2],
    missed: [u64; 2],
    starts: [u64; 2],
}

impl Readers {
    fn read(&mut self, tenant: TenantId, call: &EventCall, view: &mut View) {
        let (place, mut bytes) = (usize::from(tenant.0), Vec::new());
        if let Err(PeekError::Missed(missed)) = view.peek(call.place().direction(), u32::MAX, &mut bytes) {
            self.missed[place] += missed;
            view.peek(call.place().direction(), u32::MAX, &mut bytes).unwrap();
        }
        self.read[place] += bytes.len() as u64;
    }
}

impl Handler for Readers {
    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        match call.event_kind() {
            Some(EventKind::ConnStart) => self.starts[usize::from(tenant.0)] += 1,
            Some(EventKind::ConnEnd) => self.read(tenant, call, view),
            Some(EventKind::NewData) if tenant == LAGGARD => {
                self.pieces += 1;
                if self.pieces.is_multiple_of(2) {
                    self.read(tenant, call, view);
                }
            }
            _ => {}
        }
        Ok(0)
    }
}

fn definitions(monitors: usize) -> Definitions {
    let mut definitions = Definitions::new();
    for _ in 0..monitors {
        let monitor = definitions.open_stream(None, Level::Full).unwrap();
        definitions.register(monitor, EventKind::ConnStart.number(), Hook::Sender, 0).unwrap();
        definitions.register(monitor, EventKind::NewData.number(), Hook::Receiver, 0).unwrap();
        definitions.register(monitor, EventKind::ConnEnd.number(), Hook::None, 0).unwrap();
    }
    definitions
}

fn send(engine: &mut Engine, readers: &mut Readers, segment: &Segment<'_>) {
    let mut bytes = vec![0; 1_600];
    let len = segment.write_datagram(&mut bytes).unwrap();
    bytes.truncate(len);
    let frame = Frame {
        time: engine.now().after(1_000),
        wire_len: u32::try_from(len).unwrap(),
        bytes,
        link: Some(LinkType::RawIp),
    };
    let _ = engine.receive(Box::new(Frames(vec![frame])), readers);
    balance(engine).unwrap();
}

/// So many flows in turn, each with pieces of 100 bytes.
fn talk(engine: &mut Engine, readers: &mut Readers, flows: u16, pieces: u32) {
    for piece in 0..pieces {
        for flow in 0..flows {
            let payload = [b'x'; 100];
            let seq = SeqNumber(piece * 100);
            send(
                engine,
                readers,
                &Segment { source_port: 2_000 + flow, seq, payload: &payload, ..Segment::default() },
            );
        }
    }
}

fn counters(engine: &Engine, tenant: TenantId) -> TenantCounters {
    *engine.tenant_counters(tenant).unwrap()
}

#[test]
fn a_tenant_that_does_not_read_takes_nothing_from_one_that_does() {
    let mut config = Config::default();
    config.limits.tenant_bytes = 1_000;
    let mut engine = Engine::new(config);
    for _ in [SLOTH, LAGGARD] {
        engine.attach(definitions(1), Grants::NONE).unwrap();
    }
    let mut readers = Readers::default();
    // Odd, so that the laggard leaves something of each flow in turn.
    talk(&mut engine, &mut readers, 7, 10);
    let sloth = counters(&engine, SLOTH);
    assert_eq!((sloth.flows, sloth.kept_bytes_peak), (7, 1_000));
    assert_eq!(sloth.kept_bytes + sloth.refused_bytes, 7 * 10 * 100);
    assert!(sloth.kept_bytes > 0);
    let laggard = counters(&engine, LAGGARD);
    assert!(laggard.kept_bytes_peak <= 700 && laggard.refused_bytes == 0, "{laggard:?}");
    engine.finish(&mut readers);
    assert_eq!(readers.read[1], 7 * 10 * 100, "the laggard has read all");
    assert_eq!(readers.missed[1], 0);
    assert_eq!(readers.read[0] + readers.missed[0], 7 * 10 * 100, "the sloth is told what it missed");
    assert!(readers.missed[0] > 0);
    for tenant in [SLOTH, LAGGARD] {
        let counters = counters(&engine, tenant);
        assert_eq!((counters.flows, counters.kept_bytes), (0, 0), "{tenant:?}");
    }
    assert_eq!(engine.budget().used(), 0);
}

#[test]
fn a_flow_that_ends_frees_what_a_tenant_left_of_it() {
    let mut config = Config::default();
    config.limits.tenant_bytes = 300;
    let mut engine = Engine::new(config);
    engine.attach(definitions(1), Grants::NONE).unwrap();
    let mut readers = Readers::default();
    for _ in 0..5 {
        talk(&mut engine, &mut readers, 1, 3);
        assert_eq!(counters(&engine, SLOTH).kept_bytes, 300);
        let reset =
            Segment { source_port: 2_000, seq: SeqNumber(300), flags: TcpFlags::RST, ..Segment::default() };
        send(&mut engine, &mut readers, &reset);
        assert_eq!(counters(&engine, SLOTH).kept_bytes, 0);
        engine.expire(engine.now().after(sluice_engine::seconds(100)), &mut readers);
    }
    assert_eq!((readers.read[0], readers.missed[0]), (1_500, 0));
    assert_eq!(counters(&engine, SLOTH).refused_bytes, 0);
}

#[test]
fn a_tenant_with_many_monitors_does_not_make_flows_larger_than_its_share() {
    let mut config = Config::default();
    config.limits.tenant_flows = 5;
    let mut engine = Engine::new(config);
    engine.attach(definitions(2), Grants::NONE).unwrap();
    engine.attach(definitions(1), Grants::NONE).unwrap();
    let mut readers = Readers::default();
    talk(&mut engine, &mut readers, 4, 1);
    assert_eq!(readers.starts, [5, 4]);
    let many = counters(&engine, SLOTH);
    assert_eq!((many.flows, many.refused_flows), (5, 3));
    assert_eq!(counters(&engine, LAGGARD).refused_flows, 0);
    engine.finish(&mut readers);
    assert_eq!(counters(&engine, SLOTH).flows, 0);
}
