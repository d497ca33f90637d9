//! A datagram put together as a handler sees it.

use sluice_engine::defrag::FragmentReason;
use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::packet::Verdict;
use sluice_engine::reassembly::Level;
use sluice_engine::view::{PacketInfo, Region};
use sluice_engine::{Config, Engine, Grants, Nanos, View};
use sluice_tests::{Frame, Frames, balance, fragment, fragment_with};
use sluice_wire::Fragment;
use sluice_wire::checksum::ipv4_header_checksum;

use super::Carrier;

/// Keeps what it sees of packets, and drops those with this payload.
#[derive(Debug, Default)]
struct Witness {
    seen: Vec<(EventKind, PacketInfo, Vec<u8>, Vec<u8>)>,
    unwanted: Vec<u8>,
}

impl Handler for Witness {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let bytes = |region| view.packet_bytes(region, 0, u32::MAX).unwrap().to_vec();
        let (info, frame, payload) =
            (view.packet_info().unwrap(), bytes(Region::Frame), bytes(Region::Payload));
        assert_eq!(bytes(Region::Ip), frame[usize::try_from(info.ip_offset).unwrap()..]);
        let drop = u32::from(!self.unwanted.is_empty() && payload == self.unwanted);
        self.seen.push((call.event_kind().unwrap(), info, frame, payload));
        Ok(drop)
    }
}

fn engine() -> Engine {
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full).unwrap();
    for (kind, hook) in [(EventKind::PacketIn, Hook::Receiver), (EventKind::Orphan, Hook::None)] {
        definitions.register(monitor, kind.number(), hook, 0).unwrap();
    }
    let mut engine = Engine::new(Config::default());
    engine.attach(definitions, Grants { drop: true, ..Grants::NONE }).unwrap();
    engine
}

/// Takes the frames in as one burst, a millisecond apart.
fn run(engine: &mut Engine, witness: &mut Witness, frames: Vec<Frame>) {
    let later = |(frame, time): (Frame, u64)| Frame { time: Nanos(time * 1_000_000), ..frame };
    let frames = frames.into_iter().zip(1..).map(later).collect();
    let _ = engine.receive(Box::new(Frames(frames)), witness);
    balance(engine).unwrap();
}

#[test]
fn a_handler_sees_the_datagram_in_place_of_the_fragment_that_completed_it() {
    for carrier in Carrier::ALL {
        let (mut engine, mut witness) = (engine(), Witness::default());
        let whole = carrier.frame(100, b"a payload in three fragments");
        let parts = [24..40, 0..24, 40..48].map(|range| fragment(&whole, range, 1).unwrap());
        let wire_len: u32 = parts.iter().map(|part| part.wire_len).sum();
        let next = carrier.frame(128, b"whole");
        run(&mut engine, &mut witness, [&parts[..], std::slice::from_ref(&next)].concat());
        let [(_, info, frame, payload), (_, second, after, _)] = witness.seen.as_slice() else {
            panic!("{:?}", witness.seen);
        };
        assert_eq!(payload, b"a payload in three fragments");
        assert_eq!(frame.len(), carrier.header_len() + 48);
        assert_eq!((info.ip_offset, info.time, info.wire_length), (0, 3_000_000, wire_len));
        assert_eq!(usize::try_from(info.captured_length).unwrap(), frame.len());
        // The flow is that of the VLANs of its fragments, and the burst is as it was.
        assert_eq!(info.vlan, second.vlan);
        assert_eq!((engine.flows(), engine.counters().packets.tracked), (1, 2));
        assert_eq!((after, second.time), (&next.bytes, 4_000_000));
        assert_eq!(engine.datagrams(), 0);
    }
}

#[test]
fn the_verdict_on_a_datagram_is_for_the_fragment_that_completed_it() {
    let (mut engine, mut witness) =
        (engine(), Witness { unwanted: b"unwanted".to_vec(), ..Witness::default() });
    let whole = Carrier::V4.frame(100, b"unwanted");
    let parts = [0..24, 24..28].map(|range| fragment(&whole, range, 1).unwrap());
    run(&mut engine, &mut witness, [&parts[..], &[Carrier::V4.frame(108, b"wanted")]].concat());
    assert_eq!(engine.verdicts(), [Verdict::Pass, Verdict::Drop, Verdict::Pass]);
}

#[test]
fn other_protocols_are_orphans_once_and_what_is_not_complete_is_none() {
    let (mut engine, mut witness) = (engine(), Witness::default());
    let mut other = Carrier::V4.frame(0, &[3; 60]);
    other.bytes[23] = 17;
    let parts = [0..32, 32..48, 48..80].map(|range| fragment(&other, range, 1).unwrap());
    let lost = fragment(&other, 0..32, 2).unwrap();
    run(&mut engine, &mut witness, [&parts[..], &[lost]].concat());
    let [(EventKind::Orphan, info, frame, _)] = witness.seen.as_slice() else { panic!("{:?}", witness.seen) };
    assert_eq!((frame.len(), info.time), (100, 3_000_000));
    let packets = engine.counters().packets;
    assert_eq!((packets.not_tcp, packets.fragments.joined, packets.fragments.held), (1, 2, 1));
    assert!(engine.budget().used() > 0);
    engine.finish(&mut witness);
    balance(&engine).unwrap();
    assert_eq!((engine.budget().used(), engine.datagrams(), witness.seen.len()), (0, 0, 1));
}

#[test]
fn a_datagram_that_is_a_fragment_itself_is_refused() {
    let (mut engine, mut witness) = (engine(), Witness::default());
    let whole = Carrier::V6.frame(100, &[1; 100]);
    let inner = fragment(&whole, 0..64, 1).unwrap();
    // The inner fragment header and its data as the payload of two outer ones.
    let data = inner.bytes[14 + 40..].to_vec();
    let mut parts = Vec::new();
    for (offset, range, more) in [(0, 0..40, true), (40, 40..72, false)] {
        let place = Fragment { offset, more, id: 9 };
        let mut part = fragment_with(&whole, place, &data[range]).unwrap();
        part.bytes[14 + 40] = 44;
        parts.push(part);
    }
    run(&mut engine, &mut witness, parts);
    let refused = engine.counters().packets.fragments.refused;
    let nested = FragmentReason::Nested.index();
    assert_eq!((refused[nested], refused.iter().sum::<u64>(), witness.seen.len()), (1, 1, 0));
    assert_eq!(engine.budget().used(), 0);
}

/// Bytes of an IP in IP datagram that carries `inner`, as a fragment of it.
fn outer_fragment(like: &Frame, inner: &[u8], range: std::ops::Range<usize>, id: u16) -> Frame {
    let mut bytes = like.bytes[..14 + 20].to_vec();
    let word = u16::try_from(range.start / 8).unwrap() | u16::from(range.end < inner.len()) << 13;
    let header = &mut bytes[14..];
    header[2..4].copy_from_slice(&u16::try_from(20 + range.len()).unwrap().to_be_bytes());
    header[4..6].copy_from_slice(&id.to_be_bytes());
    header[6..8].copy_from_slice(&word.to_be_bytes());
    header[9] = 4;
    header[10..12].fill(0);
    let checksum = ipv4_header_checksum(header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    bytes.extend(&inner[range]);
    Frame { wire_len: u32::try_from(bytes.len()).unwrap(), bytes, ..like.clone() }
}

#[test]
fn fragments_in_a_tunnel_whose_packets_were_cut_again_are_put_together() {
    let (mut engine, mut witness) = (engine(), Witness::default());
    let whole = Carrier::V4.frame(100, &[1; 200]);
    let mut frames = Vec::new();
    for (range, id) in [(0..96, 7), (96..220, 8)] {
        let inner = fragment(&whole, range, 1).unwrap().bytes[14..].to_vec();
        let end = inner.len();
        frames.push(outer_fragment(&whole, &inner, 0..64, id));
        frames.push(outer_fragment(&whole, &inner, 64..end, id));
    }
    run(&mut engine, &mut witness, frames.clone());
    let packets = engine.counters().packets;
    assert_eq!((packets.tracked, packets.fragments.joined, packets.fragments.rebuilt), (1, 3, 3));
    assert_eq!(packets.fragments.refused.iter().sum::<u64>(), 0);
    assert_eq!(witness.seen.len(), 1);
    // The inner fragment that came first waits alone if the second one is never whole.
    let (mut engine, mut witness) = (self::engine(), Witness::default());
    run(&mut engine, &mut witness, frames[..3].to_vec());
    assert_eq!((engine.counters().packets.fragments.held, witness.seen.len(), engine.datagrams()), (2, 0, 2));
    engine.finish(&mut witness);
    balance(&engine).unwrap();
    assert_eq!(engine.budget().used(), 0);
}

#[test]
fn a_fragment_with_a_wrong_header_checksum_is_refused() {
    let (mut engine, mut witness) = (engine(), Witness::default());
    let whole = Carrier::V4.frame(100, &[1; 100]);
    let mut damaged = fragment(&whole, 0..64, 1).unwrap();
    damaged.bytes[24] ^= 1;
    let rest = fragment(&whole, 64..120, 1).unwrap();
    run(&mut engine, &mut witness, vec![damaged.clone(), rest.clone()]);
    assert_eq!((witness.seen.len(), engine.counters().packets.fragments.held), (0, 1));
    damaged.bytes[24] ^= 1;
    run(&mut engine, &mut witness, vec![damaged]);
    assert_eq!(witness.seen.len(), 1);
}
