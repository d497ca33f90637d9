//! Filters on bytes of a stream, where flows come to them while they run.

use sluice_engine::event::{
    Change, Definitions, EventCall, EventKind, Faulted, Handler, Hook, NativeFilter, TenantId,
};
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Direction, Engine, Grants, Nanos, Side, View};
use sluice_tests::{Frame, Frames, balance};
use sluice_wire::TcpFlags;

/// Hears of the first packet of a flow, registers an event of bytes there, and reads all data at once.
struct Learner {
    event: u32,
    happened: Vec<(u64, u32)>,
}

impl Handler for Learner {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        match call.event_kind() {
            Some(EventKind::ConnStart) => {
                view.change_flow(Change::register(self.event, Hook::Receiver, 2)).unwrap();
            }
            Some(EventKind::NewData) if call.id == 2 => self.happened.push((call.offset, call.length)),
            _ => view.peek(Direction::ToServer, u32::MAX, &mut Vec::new()).unwrap(),
        }
        Ok(0)
    }
}

#[test]
fn a_pattern_that_a_flow_registers_is_found_across_segments_although_they_are_read() {
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full).unwrap();
    let data = EventKind::NewData.number();
    let hello = NativeFilter::pattern(0, b"hello").unwrap();
    let event = definitions.define("hello", data, hello.into(), b"").unwrap();
    definitions.register(monitor, EventKind::ConnStart.number(), Hook::Sender, 0).unwrap();
    definitions.register(monitor, data, Hook::Receiver, 1).unwrap();
    let mut engine = Engine::new(Config::default());
    engine.attach(definitions, Grants::NONE).unwrap();
    let mut learner = Learner { event, happened: Vec::new() };
    let send = |flags, seq, payload| Frame::plain(Nanos(1), Side::Client, flags, (seq, 0), payload).unwrap();
    let syn = send(TcpFlags::SYN, 0, b"");
    let pieces = [(1, &b"he"[..]), (3, b"ll"), (5, b"o!")];
    let frames = pieces.map(|(seq, payload)| send(TcpFlags::ACK, seq, payload));
    for frame in [syn].into_iter().chain(frames) {
        let _ = engine.receive(Box::new(Frames(vec![frame])), &mut learner);
        balance(&engine).unwrap();
    }
    assert_eq!(learner.happened, [(4, 2)]);
    engine.finish(&mut learner);
    assert_eq!(engine.budget().used(), 0);
}
