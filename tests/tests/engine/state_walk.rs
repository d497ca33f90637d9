//! A walk through the states that segments can lead two stacks to: breadth first, every segment in every state.

use std::collections::{BTreeSet, HashSet, VecDeque};

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::tcp::TcpState;
use sluice_engine::{Config, Engine, Grants, Nanos, PickUp, View, millis};
use sluice_tests::{Frame, Frames, balance};
use sluice_wire::{IpAddress, LinkType, Segment as Written, SeqNumber, TcpFlags};

use super::state_model::{Model, Segment};

/// Segments of a conversation at most.
const DEPTH: usize = 6;

const CLIENT_ISN: i64 = 1_000_000;
const SERVER_ISN: i64 = 5_000_000;

/// Bytes of a segment with data.
const DATA: i64 = 100;

/// What the tracker says of one flow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Seen {
    /// Client and server.
    states: Option<(TcpState, TcpState)>,
    has_ended: bool,
}

/// What the tracker says of the flows of one engine, by client port.
#[derive(Debug, Default)]
struct Tracker {
    flows: Vec<Seen>,
}

const FIRST_PORT: u16 = 1024;

impl Handler for Tracker {
    fn callback(&mut self, _: TenantId, call: &EventCall, _: &mut Box<View>) -> Result<u32, Faulted> {
        let port = u16::try_from(call.ports >> 16).unwrap();
        let flow = &mut self.flows[usize::from(port - FIRST_PORT)];
        let [_, _, server, client] = call.states.to_be_bytes();
        let state = |number| TcpState::ALL[usize::from(number)];
        flow.states = Some((state(client), state(server)));
        flow.has_ended |= call.event_kind() == Some(EventKind::ConnEnd);
        Ok(0)
    }
}

fn engine() -> Engine {
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full).unwrap();
    for hook in [Hook::Sender, Hook::Receiver] {
        definitions.register(monitor, EventKind::PacketIn.number(), hook, 0).unwrap();
        definitions.register(monitor, EventKind::StateChange.number(), hook, 0).unwrap();
    }
    definitions.register(monitor, EventKind::ConnEnd.number(), Hook::None, 0).unwrap();
    let mut engine = Engine::new(Config { pick_up: PickUp::HandshakeOnly, ..Config::default() });
    engine.attach(definitions, Grants::NONE).unwrap();
    engine
}

fn frame(segment: &Segment, port: u16, time: usize) -> Frame {
    let (client, server) = ((IpAddress::v4([192, 0, 2, 1]), port), (IpAddress::v4([192, 0, 2, 2]), 80));
    let (source, destination) = if segment.by_client { (client, server) } else { (server, client) };
    let flags = [
        (segment.syn, TcpFlags::SYN),
        (segment.ack.is_some(), TcpFlags::ACK),
        (segment.fin, TcpFlags::FIN),
        (segment.rst, TcpFlags::RST),
    ];
    let flags =
        flags.into_iter().filter(|(is_set, _)| *is_set).fold(TcpFlags(0), |all, (_, flag)| all | flag);
    let payload = vec![b'x'; usize::try_from(segment.len).unwrap()];
    let written = Written {
        source: source.0,
        source_port: source.1,
        destination: destination.0,
        destination_port: destination.1,
        seq: SeqNumber(u32::try_from(segment.seq).unwrap()),
        ack: SeqNumber(u32::try_from(segment.ack.unwrap_or(0)).unwrap()),
        flags,
        payload: &payload,
        ..Written::default()
    };
    let mut bytes = vec![0; 300];
    let len = written.write_frame(&mut bytes).unwrap();
    bytes.truncate(len);
    let wire_len = u32::try_from(len).unwrap();
    Frame { time: Nanos(millis(time as u64)), bytes, wire_len, link: Some(LinkType::Ethernet) }
}

/// Every segment that can come next: all flags, from both sides, with numbers before, at, in and behind the window, and
/// ACKs of everything, of nothing more, of what is long past and of what was never sent.
fn inputs(model: Option<&Model>) -> Vec<Segment> {
    let mut inputs = Vec::new();
    // Who sends the first segment is the client.
    let sides = if model.is_some() { &[true, false][..] } else { &[true] };
    for by_client in sides.iter().copied() {
        let (own_isn, peer_isn) = if by_client { (CLIENT_ISN, SERVER_ISN) } else { (SERVER_ISN, CLIENT_ISN) };
        let ends = model.map(|model| match by_client {
            true => (&model.client, &model.server),
            false => (&model.server, &model.client),
        });
        let own_isn = ends.and_then(|(own, _)| own.isn()).unwrap_or(own_isn);
        let peer_isn = ends.and_then(|(_, peer)| peer.isn()).unwrap_or(peer_isn);
        let next = ends.and_then(|(own, _)| own.next).unwrap_or(own_isn + 1);
        let sent = ends.and_then(|(_, peer)| peer.sent).unwrap_or(peer_isn + 1);
        let told = ends.and_then(|(own, _)| own.told).unwrap_or(peer_isn + 1);
        for bits in 0..16 {
            let is_set = |bit: u8| bits & bit != 0;
            let (syn, fin, rst) = (is_set(1), is_set(2), is_set(4));
            let base = if syn { own_isn } else { next };
            // No host looks further at what has no ACK, or flags that contradict each other.
            let is_odd = fin && (syn || rst) || syn && rst || !is_set(8) && !syn && !rst;
            let acks = [sent, told, peer_isn - 200_000, sent + 300_000].map(Some);
            let acks = if is_set(8) { &acks[..if is_odd { 1 } else { 4 }] } else { &[None] };
            let lens: &[i64] = if is_set(8) && !syn && !rst { &[0, DATA] } else { &[0] };
            let places = [base, base + if syn { 200 } else { 250 }, base - 50, base + 300_000];
            for seq in places.into_iter().take(if is_odd { 1 } else { 4 }) {
                for ack in acks {
                    for len in lens {
                        let (ack, len) = (*ack, *len);
                        inputs.push(Segment { by_client, syn, ack, fin, rst, seq, len });
                    }
                }
            }
        }
    }
    inputs.sort_unstable();
    inputs.dedup();
    inputs
}

/// Runs `path` and then each of `inputs` in a flow of its own; gives what the tracker says before and after, and
/// whether it refused the input.
fn track(path: &[Segment], inputs: &[Segment]) -> Vec<(Seen, Seen, bool)> {
    let (mut engine, mut tracker) = (engine(), Tracker { flows: vec![Seen::default(); inputs.len()] });
    let ports = || (FIRST_PORT..).take(inputs.len());
    for (segment, time) in path.iter().zip(1..) {
        let frames = ports().map(|port| frame(segment, port, time)).collect();
        let _ = engine.receive(Box::new(Frames(frames)), &mut tracker);
    }
    let mut seen = Vec::new();
    for (input, port) in inputs.iter().zip(ports()) {
        let flow = usize::from(port - FIRST_PORT);
        let (before, refused) = (tracker.flows[flow], refused(&engine));
        let frames = Frames(vec![frame(input, port, path.len() + 1)]);
        let _ = engine.receive(Box::new(frames), &mut tracker);
        seen.push((before, tracker.flows[flow], self::refused(&engine) > refused));
    }
    balance(&engine).unwrap();
    seen
}

fn refused(engine: &Engine) -> u64 {
    let packets = &engine.counters().packets;
    packets.refused.iter().sum::<u64>() + packets.orphan
}

#[test]
fn every_segment_in_every_state_does_what_the_model_says() {
    let mut known = HashSet::new();
    let mut waiting = VecDeque::from([(None::<Model>, Vec::new())]);
    let (mut states, mut pairs, mut wrong) = (0, 0, Vec::new());
    let mut names = BTreeSet::new();
    while let Some((model, path)) = waiting.pop_front() {
        states += 1;
        let inputs = inputs(model.as_ref());
        for (input, (before, after, is_refused)) in inputs.iter().zip(track(&path, &inputs)) {
            pairs += 1;
            let mut next = model.clone();
            let is_taken = match next.as_mut() {
                Some(next) => next.take(input),
                None => {
                    next = Model::open(input);
                    next.is_some()
                }
            };
            let expected = next.as_ref().map(|next| (next.client.state, next.server.state));
            let is_over = next.as_ref().is_some_and(Model::is_over);
            if (expected, is_over, is_taken) != (after.states, after.has_ended, !is_refused) {
                wrong.push(format!(
                    "{path:?}\n{input:?}\nfrom {:?}: {expected:?} over {is_over} taken {is_taken}, tracker {after:?} \
                     refused {is_refused}",
                    before.states
                ));
                continue;
            }
            let Some(next) = next.filter(|next| is_taken && !next.is_over()) else { continue };
            names.insert((next.client.state.number(), next.server.state.number()));
            if path.len() + 1 < DEPTH && known.insert(next.shape()) {
                let path = path.iter().copied().chain([*input]).collect::<Vec<Segment>>();
                waiting.push_back((Some(next), path));
            }
        }
    }
    let first = wrong.first().map_or("", String::as_str);
    assert!(wrong.is_empty(), "{} of {pairs} pairs in {states} states, the first:\n{first}", wrong.len());
    #[expect(clippy::print_stdout, reason = "who runs the tests should know how far the walk went")]
    {
        println!("{states} states, {} pairs of state names, {pairs} segments compared", names.len());
    }
    assert!(pairs > 900_000 && names.len() > 50, "{states} states, {pairs} segments");
}
