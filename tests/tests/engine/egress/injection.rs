//! Segments that tenants send.

use sluice_engine::limits::INJECTED_PER_PACKET;
use sluice_engine::view::{Injected, SegmentSpec};
use sluice_engine::{Engine, Grants, Nanos, Refusal, Side, View};
use sluice_tests::Frame;
use sluice_wire::{IpAddress, LinkType, Segment, SeqNumber, TcpFlags};

use super::{END, INJECT, LATER, PACKET, data, engine, frame_of, receive, right};

const SPEC: SegmentSpec<'static> = SegmentSpec {
    side: Side::Server,
    flags: TcpFlags(TcpFlags::PSH.0 | TcpFlags::URG.0),
    seq: SeqNumber(5001),
    ack: SeqNumber(1006),
    window: 99,
    options: &[1, 1, 1, 1],
    payload: b"403",
};

/// Sends this for each packet; the answers.
fn sending(
    engine: &mut Engine,
    frames: &[Frame],
    mut send: impl FnMut(&mut View) -> Result<(), Refusal>,
) -> Vec<Result<(), Refusal>> {
    let mut answers = Vec::new();
    receive(engine, frames, |_, call, view| {
        if call.id == PACKET {
            answers.push(send(view));
        }
        Ok(0)
    });
    answers
}

#[test]
fn a_segment_has_the_flows_addresses_and_the_senders_numbers() {
    let mut engine = engine(&[INJECT]);
    assert_eq!(sending(&mut engine, &[data(b"hello")], |view| view.send_segment(&SPEC)), [Ok(())]);
    let [Injected { after: Some(0), bytes, link: LinkType::Ethernet, time: Nanos(5_000_000), .. }] =
        engine.injected()
    else {
        panic!("{:?}", engine.injected());
    };
    let headers = right(LinkType::Ethernet, bytes);
    let tcp = headers.tcp().unwrap();
    assert_eq!((headers.source, headers.ttl), (IpAddress::v4([198, 19, 0, 0]), 64));
    assert_eq!((tcp.source_port, tcp.destination_port), (80, 40_000));
    assert_eq!((tcp.seq, tcp.ack, tcp.window), (SPEC.seq, SPEC.ack, 99));
    assert_eq!((tcp.flags, tcp.header_len, tcp.payload(bytes)), (SPEC.flags, 24, &b"403"[..]));
    assert_eq!((engine.counters().injected, engine.counters().injected_refused), (1, 0));
    // Nothing of it was tracked.
    assert_eq!(engine.counters().packets.tracked, 1);
}

#[test]
fn the_link_header_is_that_of_the_sides_packets() {
    let v6 = [IpAddress([0x20; 16]), IpAddress([0x21; 16])];
    let from = |source: usize, mac: u8, vlan: &'static [u16]| {
        let ports = [(4000, 80), (80, 4000)][source];
        frame_of(&Segment {
            source: v6[source],
            destination: v6[1 - source],
            source_mac: [mac; 6],
            destination_mac: [mac + 1; 6],
            source_port: ports.0,
            destination_port: ports.1,
            vlan,
            ..Segment::default()
        })
    };
    let frames = [from(0, 2, &[5, 6]), from(1, 8, &[7])];
    let config = sluice_engine::Config { networks: sluice_engine::Networks::One, ..Default::default() };
    let mut engine = super::engine_with(config, &[INJECT]);
    let spec = SegmentSpec { options: &[], payload: b"", ..SPEC };
    assert_eq!(sending(&mut engine, &frames, |view| view.send_segment(&spec)), [Ok(()); 2]);
    let headers: Vec<_> =
        engine.injected().iter().map(|sent| (sent.after, sent.bytes[..22].to_vec())).collect();
    // Before a packet of the server was seen: the client's, with the addresses swapped.
    let mirrored = [&[2; 6][..], &[3; 6], &frames[0].bytes[12..22]].concat();
    assert_eq!(headers, [(Some(0), mirrored), (Some(1), frames[1].bytes[..22].to_vec())]);
}

#[test]
fn refusals_have_their_reasons() {
    let long = [0; 1461];
    let table = [
        (SegmentSpec { options: &[1; 5], ..SPEC }, Refusal::BadArgument),
        (SegmentSpec { options: &[1; 44], ..SPEC }, Refusal::TooLong),
        (SegmentSpec { options: &[], payload: &long, ..SPEC }, Refusal::TooLong),
        (SegmentSpec { payload: &long[..1457], ..SPEC }, Refusal::TooLong),
    ];
    for (spec, refusal) in table {
        let mut engine = engine(&[INJECT]);
        assert_eq!(sending(&mut engine, &[data(b"hello")], |view| view.send_segment(&spec)), [Err(refusal)]);
        assert_eq!((engine.injected().len(), engine.counters().injected_refused), (0, 1));
    }
    let full = SegmentSpec { payload: &long[..1456], ..SPEC };
    let mut engine = engine(&[INJECT]);
    assert_eq!(sending(&mut engine, &[data(b"hello")], |view| view.send_segment(&full)), [Ok(())]);
    assert_eq!(engine.injected()[0].bytes.len(), 1514);
    let mut engine = super::engine(&[Grants { drop: true, modify: true, inject: false }]);
    for send in [|view: &mut View| view.send_segment(&SPEC), |view: &mut View| view.reset()] {
        assert_eq!(sending(&mut engine, &[data(b"hello")], send), [Err(Refusal::NoCapability)]);
    }
}

#[test]
fn a_storm_is_bounded_by_packet_whatever_the_burst() {
    let all = |frames: &[Frame], bursts: usize| {
        let mut engine = engine(&[INJECT, INJECT]);
        let mut sent = 0;
        for burst in frames.chunks(frames.len() / bursts) {
            let answers = sending(&mut engine, burst, |view| {
                for _ in 0..INJECTED_PER_PACKET {
                    view.send_segment(&SPEC).unwrap();
                }
                view.send_segment(&SPEC)
            });
            assert!(answers.iter().all(|answer| *answer == Err(Refusal::TooMany)));
            sent += engine.injected().len();
        }
        (sent, engine.counters().injected, engine.counters().injected_refused)
    };
    let frames: Vec<Frame> = (0..4).map(|_| data(b"hello")).collect();
    let expected = 4 * 2 * INJECTED_PER_PACKET;
    assert_eq!(all(&frames, 1), (expected, expected as u64, 8));
    assert_eq!(all(&frames, 4), all(&frames, 1));
}

#[test]
fn deferred_handlers_may_send_and_ended_flows_may_not() {
    let mut engine = engine(&[INJECT]);
    let rst = Frame::plain(Nanos(6_000_000), Side::Client, TcpFlags::RST, (1006, 0), b"").unwrap();
    let mut answers = Vec::new();
    receive(&mut engine, &[data(b"hello")], |_, call, view| {
        if call.id == LATER {
            answers.push(view.send_segment(&SPEC));
        }
        Ok(0)
    });
    assert_eq!((engine.injected().len(), engine.injected()[0].after), (1, Some(0)));
    receive(&mut engine, &[rst], |_, call, view| {
        if call.id == END {
            answers.extend([view.send_segment(&SPEC), view.reset()]);
        }
        Ok(0)
    });
    assert_eq!(answers, [Ok(()), Err(Refusal::NoFlow), Err(Refusal::NoFlow)]);
    assert_eq!(engine.injected(), []);
}

#[test]
fn a_fault_takes_back_what_its_call_sent() {
    let mut engine = engine(&[INJECT, INJECT]);
    receive(&mut engine, &[data(b"hello")], |tenant, call, view| {
        if call.id != PACKET {
            return Ok(0);
        }
        view.send_segment(&SPEC).unwrap();
        view.reset().unwrap();
        if tenant.0 == 1 { Err(sluice_engine::event::Faulted) } else { Ok(0) }
    });
    let tenants: Vec<u16> = engine.injected().iter().map(|sent| sent.tenant.0).collect();
    assert!(tenants.len() >= 3 && tenants.iter().all(|tenant| *tenant == 0), "{tenants:?}");
    assert_eq!(engine.counters().injected, tenants.len() as u64);
}
