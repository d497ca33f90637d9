//! Packets outside of flows: monitors of packets, and orphans.

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, Predicate, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::view::Region;
use sluice_engine::{Config, Engine, Grants, Nanos, Refusal, Side, View};
use sluice_tests::{Frame, Frames, balance};
use sluice_wire::{LinkType, Segment, SeqNumber, TcpFlags};

/// Matches by the protocol number of the IPv4 header.
struct Protocol(u8);

impl Predicate for Protocol {
    fn matches(&mut self, datagram: &[u8]) -> bool {
        datagram.get(9) == Some(&self.0)
    }
}

/// What was seen: handler, kind, bytes of the frame, bytes of the datagram.
#[derive(Default)]
struct Seen(Vec<(u32, EventKind, usize, usize)>);

impl Handler for Seen {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let len = |region| view.packet_bytes(region, 0, u32::MAX).unwrap().len();
        if call.flow == 0 {
            assert_eq!(view.endpoints(), Err(Refusal::NoFlow));
            assert_eq!((call.place().hook(), call.place().side()), (Hook::None, None));
        }
        self.0.push((call.id, call.event_kind().unwrap(), len(Region::Frame), len(Region::Ip)));
        Ok(0)
    }
}

fn ethernet(ether_type: u16, payload: &[u8]) -> Frame {
    let mut bytes = vec![2; 12];
    bytes.extend(ether_type.to_be_bytes());
    bytes.extend(payload);
    let wire_len = u32::try_from(bytes.len()).unwrap();
    Frame { time: Nanos(1), bytes, wire_len, link: Some(LinkType::Ethernet) }
}

/// An IPv4 datagram with these bytes 6 and 7 of its header (flags and fragment offset).
fn ipv4(protocol: u8, fragment: [u8; 2], payload: &[u8]) -> Frame {
    let len = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut header = [
        0x45,
        0,
        len[0],
        len[1],
        0,
        7,
        fragment[0],
        fragment[1],
        64,
        protocol,
        0,
        0,
        10,
        0,
        0,
        1,
        10,
        0,
        0,
        2,
    ];
    let checksum = sluice_wire::checksum::ipv4_header_checksum(&header).to_be_bytes();
    header[10..12].copy_from_slice(&checksum);
    ethernet(0x0800, &[&header, payload].concat())
}

fn tcp(flags: TcpFlags, payload: &[u8]) -> Frame {
    let segment = Segment { flags, seq: SeqNumber(1), payload, ..Segment::default() };
    Frame::of(Nanos(1), 0, Side::Client, &segment).unwrap()
}

const ALL: u32 = 1;
const UDP_ONLY: u32 = 2;
const ORPHANS: u32 = 3;
const ICMP_ORPHANS: u32 = 4;
const IN_FLOW: u32 = 5;

fn engine() -> Engine {
    let mut definitions = Definitions::new();
    let packet = EventKind::PacketIn.number();
    for (filter, handler) in [(None, ALL), (Some(17), UDP_ONLY)] {
        let filter = filter.map(|protocol| Box::new(Protocol(protocol)) as Box<dyn Predicate>);
        let monitor = definitions.open_raw(filter).unwrap();
        definitions.register(monitor, packet, Hook::None, handler).unwrap();
    }
    for (filter, handler) in [(None, ORPHANS), (Some(1), ICMP_ORPHANS)] {
        let filter = filter.map(|protocol| Box::new(Protocol(protocol)) as Box<dyn Predicate>);
        let monitor = definitions.open_stream(None, Level::State).unwrap();
        definitions.filter_orphans(monitor, filter).unwrap();
        definitions.register(monitor, EventKind::Orphan.number(), Hook::None, handler).unwrap();
        if handler == ORPHANS {
            definitions.register(monitor, packet, Hook::Sender, IN_FLOW).unwrap();
        }
    }
    let mut engine = Engine::new(Config::default());
    engine.attach(definitions, Grants::NONE).unwrap();
    engine
}

/// Who saw a packet, with the length of the frame and of the datagram in it.
fn seen(frames: Vec<Frame>) -> Vec<(u32, usize, usize)> {
    let (mut engine, mut seen) = (engine(), Seen::default());
    let _ = engine.receive(Box::new(Frames(frames)), &mut seen);
    balance(&engine).unwrap();
    seen.0.into_iter().map(|(handler, _, frame, datagram)| (handler, frame, datagram)).collect()
}

#[test]
fn udp_and_icmp_reach_monitors_of_packets_and_orphans() {
    assert_eq!(seen(vec![ipv4(17, [0, 0], &[0; 8])]), [(ALL, 42, 28), (UDP_ONLY, 42, 28), (ORPHANS, 42, 28)]);
    let icmp = seen(vec![ipv4(1, [0, 0], &[0; 8])]);
    assert_eq!(icmp, [(ALL, 42, 28), (ORPHANS, 42, 28), (ICMP_ORPHANS, 42, 28)]);
}

#[test]
fn a_packet_of_a_flow_is_seen_once_and_before_the_flow_is() {
    let len = tcp(TcpFlags::SYN, b"").bytes.len();
    assert_eq!(seen(vec![tcp(TcpFlags::SYN, b"")]), [(ALL, len, len - 14), (IN_FLOW, len, len - 14)]);
    let orphan = seen(vec![tcp(TcpFlags::RST, b"")]);
    assert_eq!(orphan, [(ALL, len, len - 14), (ORPHANS, len, len - 14)]);
}

#[test]
fn what_is_no_datagram_is_a_packet_all_the_same() {
    // ARP, an Ethernet header alone, a broken IPv4 header, a link type that nobody knows.
    let unknown = Frame { link: None, ..ethernet(0, b"abc") };
    let broken = ethernet(0x0800, &[0x4f; 12]);
    let frames = vec![ethernet(0x0806, &[1; 28]), ethernet(0x0800, b""), broken, unknown];
    let lens: Vec<usize> = frames.iter().map(|frame| frame.bytes.len()).collect();
    let expected: Vec<(u32, usize, usize)> = lens.into_iter().map(|len| (ALL, len, 0)).collect();
    assert_eq!(seen(frames), expected);
}

/// Matches by the last byte of the IPv4 source address.
struct Client(u8);

impl Predicate for Client {
    fn matches(&mut self, datagram: &[u8]) -> bool {
        datagram.get(15) == Some(&self.0)
    }
}

/// In mOS the mark that a filter has matched is never cleared, so that a monitor sees every flow after its first one
/// that any monitor takes.
#[test]
fn a_monitor_that_took_a_flow_does_not_see_those_that_others_take() {
    let mut definitions = Definitions::new();
    for client in [0, 1] {
        let monitor = definitions.open_stream(Some(Box::new(Client(client))), Level::State).unwrap();
        let handler = u32::from(client);
        definitions.register(monitor, EventKind::ConnStart.number(), Hook::Sender, handler).unwrap();
        definitions.register(monitor, EventKind::PacketIn.number(), Hook::Receiver, handler).unwrap();
    }
    let mut engine = Engine::new(Config::default());
    engine.attach(definitions, Grants::NONE).unwrap();
    let mut seen = Seen::default();
    let syn = Segment { flags: TcpFlags::SYN, seq: SeqNumber(1), ..Segment::default() };
    let flows = [0, 1, 0, 2, 1].into_iter().zip(0..).map(|(client, number): (u16, u16)| {
        // The last byte of the client's address is that of the flow's number.
        Frame::of(Nanos(1), client | number << 8, Side::Client, &syn).unwrap()
    });
    let _ = engine.receive(Box::new(Frames(flows.collect())), &mut seen);
    let told: Vec<u32> = seen.0.iter().map(|(handler, ..)| *handler).collect();
    assert_eq!(told, [0, 0, 1, 1, 0, 0, 1, 1], "nobody sees the fourth flow");
}

#[test]
fn fragments_are_packets_as_they_come_and_orphans_when_they_are_whole() {
    let more = [0x20, 0];
    let frames = vec![ipv4(17, more, &[0; 16]), ipv4(17, [0, 2], &[0; 8])];
    let packets = |handler| [(handler, 50, 36), (handler, 42, 28)];
    let [first, second] = packets(ALL);
    let [first_udp, second_udp] = packets(UDP_ONLY);
    // The datagram put together has no link header.
    assert_eq!(seen(frames), [first, first_udp, second, second_udp, (ORPHANS, 44, 44)]);
}
