//! Levels by least union: each flow does what its monitors need together, for each direction, at every moment.

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::reassembly::{Level, OverlapPolicy};
use sluice_engine::view::PeekError;
use sluice_engine::{Config, Direction, Engine, Grants, Nanos, Refusal, Side, Sides, View, millis, seconds};
use sluice_tests::{Frame, Frames, balance};
use sluice_wire::TcpFlags;

/// The first sequence numbers of both sides' streams.
const CLIENT: u32 = 1_001;
const SERVER: u32 = 5_001;

/// What a monitor asks for in a handler.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Level(Direction, Level),
    Size(Direction, u32),
    Stop(Sides),
}

/// When: at so many milliseconds, in the event of a kind at a hook.
type Moment = (u64, EventKind, Hook);

/// Monitors that read all there is at `new-data`, and do what is written for a moment.
#[derive(Debug, Default)]
struct Actors {
    wishes: Vec<(TenantId, Moment, Wish)>,
    /// What each was told, as "kind side offset+length" with the bytes that it read.
    told: [Vec<String>; 3],
    /// Those that read nothing before the flow ends.
    lazy: Vec<TenantId>,
    /// The first event asks for sizes.
    asks: bool,
    answers: Vec<Result<u32, Refusal>>,
}

const A: TenantId = TenantId(0);
const B: TenantId = TenantId(1);
const C: TenantId = TenantId(2);

impl Handler for Actors {
    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let (kind, place) = (call.event_kind().unwrap(), call.place());
        let at = place.side().map_or("-", Side::name);
        let mut line = format!("{} {at} {}+{}", kind.name(), call.offset, call.length);
        let is_lazy = self.lazy.contains(&tenant);
        if kind == if is_lazy { EventKind::ConnEnd } else { EventKind::NewData } {
            let mut bytes = Vec::new();
            if let Err(PeekError::Missed(missed)) = view.peek(place.direction(), u32::MAX, &mut bytes) {
                line = format!("{line} missed {missed}");
                view.peek(place.direction(), u32::MAX, &mut bytes).unwrap();
            }
            line = format!("{line} {}", String::from_utf8_lossy(&bytes));
        }
        if std::mem::take(&mut self.asks) {
            let sizes = [0, 1, 1_025, u32::MAX].map(|bytes| view.set_size(TO_SERVER, bytes));
            let retains = [0, u32::MAX].map(|bytes| view.set_retain(TO_SERVER, bytes));
            let overlap = view.overlap(TO_SERVER).map(OverlapPolicy::number);
            self.answers = sizes.into_iter().chain(retains).chain([overlap]).collect();
        }
        self.told[usize::from(tenant.0)].push(line);
        let now = (call.time / millis(1), kind, place.hook());
        for (_, _, wish) in self.wishes.iter().filter(|(who, when, _)| (*who, *when) == (tenant, now)) {
            match *wish {
                Wish::Level(direction, level) => view.set_level(direction, level).unwrap(),
                Wish::Size(direction, bytes) => {
                    view.set_size(direction, bytes).unwrap();
                }
                Wish::Stop(sides) => view.stop_monitoring(sides).unwrap(),
            }
        }
        Ok(0)
    }
}

impl Actors {
    fn told_of(&self, tenant: TenantId, kind: EventKind) -> Vec<&str> {
        let told = self.told[usize::from(tenant.0)].iter().map(String::as_str);
        told.filter(|line| line.starts_with(kind.name())).collect()
    }
}

struct Scene {
    engine: Engine,
    actors: Actors,
}

impl Scene {
    /// One monitor for each level, of a tenant of its own, with a handler for every event.
    fn new(levels: &[Level], wishes: &[(TenantId, Moment, Wish)]) -> Self {
        let mut engine = Engine::new(Config::default());
        for level in levels {
            let mut definitions = Definitions::new();
            let monitor = definitions.open_stream(None, *level).unwrap();
            for kind in EventKind::ALL {
                for hook in Hook::ALL.into_iter().filter(|hook| kind.allows(*hook)) {
                    definitions.register(monitor, kind.number(), hook, 0).unwrap();
                }
            }
            engine.attach(definitions, Grants::NONE).unwrap();
        }
        let mut scene = Self { engine, actors: Actors { wishes: wishes.to_vec(), ..Actors::default() } };
        scene.send(0, Side::Client, TcpFlags::SYN, (CLIENT - 1, 0), "");
        scene.send(1, Side::Server, TcpFlags::SYN | TcpFlags::ACK, (SERVER - 1, CLIENT), "");
        scene.send(2, Side::Client, TcpFlags::ACK, (CLIENT, SERVER), "");
        scene
    }

    fn send(&mut self, ms: u64, sender: Side, flags: TcpFlags, numbers: (u32, u32), payload: &str) {
        let frame = Frame::plain(Nanos(millis(ms)), sender, flags, numbers, payload.as_bytes()).unwrap();
        let _ = self.engine.receive(Box::new(Frames(vec![frame])), &mut self.actors);
        balance(&self.engine).unwrap();
    }

    /// Bytes of the client at an offset of its stream.
    fn data(&mut self, ms: u64, offset: u32, payload: &str) {
        self.send(ms, Side::Client, TcpFlags::ACK, (CLIENT + offset, SERVER), payload);
    }

    /// Bytes of the server at an offset of its stream.
    fn answer(&mut self, ms: u64, offset: u32, payload: &str) {
        self.send(ms, Side::Server, TcpFlags::ACK, (SERVER + offset, CLIENT), payload);
    }

    fn finish(&mut self) {
        self.engine.finish(&mut self.actors);
        balance(&self.engine).unwrap();
        assert_eq!(self.engine.budget().used(), 0);
    }
}

const TO_SERVER: Direction = Direction::ToServer;

#[test]
fn a_stopped_side_has_no_events_and_its_stream_no_bytes() {
    let stop = Wish::Stop(Sides::SERVER);
    let mut scene =
        Scene::new(&[Level::Full, Level::Full], &[(A, (2, EventKind::PacketIn, Hook::Sender), stop)]);
    scene.data(10, 0, "question");
    scene.answer(11, 0, "answer");
    scene.finish();
    let [stopped, other, _] = &scene.actors.told;
    let until = stopped.iter().position(|line| line.starts_with("packet-in client 0+8")).unwrap();
    assert!(!stopped[until..].iter().any(|line| line.contains(" server ")), "{stopped:?}");
    assert_eq!(scene.actors.told_of(A, EventKind::NewData), ["new-data client 0+6 answer"]);
    assert_eq!(scene.actors.told_of(A, EventKind::ConnEnd).len(), 1);
    assert_eq!(scene.actors.told_of(B, EventKind::NewData).len(), 2);
    assert!(other.len() > stopped.len());
}

#[test]
fn who_stops_both_sides_is_told_no_end() {
    let moment = (2, EventKind::PacketIn, Hook::Sender);
    let wishes = [(A, moment, Wish::Stop(Sides::CLIENT)), (A, moment, Wish::Stop(Sides::SERVER))];
    let mut scene = Scene::new(&[Level::Full, Level::Full], &wishes);
    scene.data(10, 0, "question");
    scene.finish();
    assert_eq!(scene.actors.told[0].last().unwrap(), "packet-in client 0+0");
    assert_eq!(scene.actors.told_of(B, EventKind::ConnEnd).len(), 1);
}

#[test]
fn memory_goes_when_the_last_reader_goes_and_what_waited_counts_as_seen() {
    let lower = Wish::Level(TO_SERVER, Level::Count);
    let wishes = [
        (A, (20, EventKind::PacketIn, Hook::Sender), lower),
        (B, (30, EventKind::PacketIn, Hook::Receiver), lower),
    ];
    let mut scene = Scene::new(&[Level::Full, Level::Full], &wishes);
    scene.data(10, 0, "0123456789");
    scene.data(11, 20, "abcdefghij");
    scene.data(20, 40, "ABCDE");
    assert_eq!(scene.engine.counters().bytes.buffered, 15, "the other one reads on");
    assert!(scene.engine.budget().used() > 0);
    scene.data(30, 50, "FGHIJ");
    let bytes = scene.engine.counters().bytes;
    assert_eq!((scene.engine.budget().used(), bytes.buffered, bytes.delivered), (0, 0, 30));
    scene.data(40, 10, "late bytes");
    assert_eq!(scene.engine.counters().bytes.duplicate, 10, "a counted stream has stepped over them");
    scene.data(41, 55, "more");
    scene.finish();
    for tenant in [A, B] {
        assert_eq!(scene.actors.told_of(tenant, EventKind::NewData), ["new-data server 0+10 0123456789"]);
        assert!(scene.actors.told_of(tenant, EventKind::Gap).is_empty());
    }
}

#[test]
fn a_fin_behind_a_hole_is_reached_when_nobody_waits_for_the_hole() {
    let wishes = [(A, (30, EventKind::PacketIn, Hook::Sender), Wish::Level(TO_SERVER, Level::State))];
    let mut scene = Scene::new(&[Level::Full], &wishes);
    scene.send(10, Side::Server, TcpFlags::ACK | TcpFlags::FIN, (SERVER, CLIENT), "");
    scene.send(20, Side::Client, TcpFlags::ACK | TcpFlags::FIN, (CLIENT + 10, SERVER + 1), "tail");
    let states = scene.actors.told_of(A, EventKind::StateChange).len();
    scene.send(30, Side::Client, TcpFlags::ACK, (CLIENT + 15, SERVER + 1), "");
    assert_eq!(scene.actors.told_of(A, EventKind::StateChange).len(), states + 1);
    scene.send(40, Side::Server, TcpFlags::ACK, (SERVER + 1, CLIENT + 15), "");
    assert_eq!(scene.actors.told_of(A, EventKind::ConnEnd).len(), 1);
    scene.finish();
}

#[test]
fn who_begins_to_read_gets_the_packet_at_hand_and_waits_for_nothing_before_it() {
    for hook in [Hook::Sender, Hook::Receiver] {
        let raise = Wish::Level(TO_SERVER, Level::Full);
        let mut scene = Scene::new(&[Level::Count], &[(A, (20, EventKind::PacketIn, hook), raise)]);
        scene.data(10, 0, "0123456789");
        scene.data(11, 20, "abcdefghij");
        scene.data(20, 30, "ABCDE");
        scene.data(21, 10, "late bytes");
        scene.data(22, 35, "FGHIJ");
        scene.finish();
        let expected = ["new-data server 30+5 ABCDE", "new-data server 35+5 FGHIJ"];
        assert_eq!(scene.actors.told_of(A, EventKind::NewData), expected, "{hook:?}");
    }
}

#[test]
fn bytes_kept_for_others_are_not_shown_to_who_begins_to_read() {
    let raise = Wish::Level(TO_SERVER, Level::Full);
    let wishes = [(B, (20, EventKind::PacketIn, Hook::Sender), raise)];
    let mut scene = Scene::new(&[Level::Full, Level::Count], &wishes);
    scene.data(10, 0, "0123456789");
    scene.data(11, 20, "abcdefghij");
    scene.data(20, 30, "ABCDE");
    scene.data(30, 10, "late bytes");
    scene.finish();
    let both = ["new-data server 0+10 0123456789", "new-data server 10+25 late bytesabcdefghijABCDE"];
    assert_eq!(scene.actors.told_of(A, EventKind::NewData), both);
    assert_eq!(scene.actors.told_of(B, EventKind::NewData), ["new-data server 30+5 ABCDE"]);
}

#[test]
fn a_change_in_the_senders_pass_counts_for_the_same_expected_segment() {
    let wishes = [
        (A, (11, EventKind::PacketIn, Hook::Sender), Wish::Level(TO_SERVER, Level::Count)),
        (A, (13, EventKind::PacketIn, Hook::Sender), Wish::Level(TO_SERVER, Level::Full)),
        (A, (15, EventKind::PacketIn, Hook::Sender), Wish::Stop(Sides::SERVER)),
        (A, (16, EventKind::PacketIn, Hook::Sender), Wish::Stop(Sides::BOTH)),
    ];
    let mut scene = Scene::new(&[Level::Full], &wishes);
    scene.answer(3, 0, "hello");
    for place in 0..7 {
        scene.send(
            10 + place,
            Side::Client,
            TcpFlags::ACK,
            (CLIENT + 2 * u32::try_from(place).unwrap(), SERVER + 5),
            "xy",
        );
    }
    let expected = [
        "new-data client 0+5 hello",
        "new-data server 0+2 xy",
        "new-data server 6+2 xy",
        "new-data server 8+2 xy",
    ];
    assert_eq!(scene.actors.told_of(A, EventKind::NewData), expected);
    let at_receiver = |line: &&&str| line.starts_with("packet-in server");
    let packets = scene.actors.told_of(A, EventKind::PacketIn);
    // The SYN, the ACK and the answer, then all segments before the side was stopped.
    assert_eq!(packets.iter().filter(at_receiver).count(), 4 + 5, "{packets:?}");
    assert_eq!(*packets.last().unwrap(), "packet-in client 12+2");
    scene.engine.expire(scene.engine.now().after(seconds(4_000)), &mut scene.actors);
    assert!(scene.actors.told_of(A, EventKind::ConnEnd).is_empty());
}

/// Three monitors on one flow: who turns its buffers off, down or does not read takes nothing from another. In mOS one
/// socket that disabled its buffer freed the stream of all.
#[test]
fn who_turns_its_buffers_off_or_down_takes_no_byte_of_another() {
    let off = |direction| Wish::Level(direction, Level::State);
    let moment = (10, EventKind::PacketIn, Hook::Sender);
    let wishes = [
        (A, moment, off(Direction::ToServer)),
        (A, moment, off(Direction::ToClient)),
        (C, moment, Wish::Size(TO_SERVER, 1)),
    ];
    let mut scene = Scene::new(&[Level::Full; 3], &wishes);
    scene.actors.lazy = vec![B, C];
    let piece = "x".repeat(1_000);
    for place in 0..5u32 {
        scene.data(10 + u64::from(place), place * 1_000, &piece);
    }
    assert_eq!(scene.actors.told_of(A, EventKind::NewData), Vec::<&str>::new());
    scene.send(20, Side::Client, TcpFlags::ACK, (CLIENT + 5_000, SERVER), "");
    scene.finish();
    let end = |tenant| scene.actors.told_of(tenant, EventKind::ConnEnd)[0];
    assert_eq!(end(B), format!("conn-end - 0+0 {}", "x".repeat(5_000)), "all of it");
    assert_eq!(end(C), format!("conn-end - 0+0 missed 3976 {}", "x".repeat(1_024)), "as much as it wanted");
}

#[test]
fn sizes_are_answered_as_they_are_in_force() {
    let mut scene = Scene::new(&[Level::Full], &[]);
    scene.actors.asks = true;
    scene.data(10, 0, "x");
    scene.finish();
    let kept = u32::try_from(Config::default().limits.kept_bytes).unwrap();
    let expected = [Err(Refusal::BadArgument), Ok(1_024), Ok(2_048), Ok(kept), Ok(0), Ok(kept), Ok(0)];
    assert_eq!(scene.actors.answers, expected);
}
