//! Resets: each host is told with the number that it expects.

use sluice_engine::event::EventKind;
use sluice_engine::flow::EndReason;
use sluice_engine::{Engine, Grants, Nanos, Side};
use sluice_tests::Frame;
use sluice_wire::{LinkType, SeqNumber, TcpFlags};

use super::{DATA, INJECT, PACKET, data, engine, numbers, receive, right};

const RST_ACK: TcpFlags = TcpFlags(TcpFlags::RST.0 | TcpFlags::ACK.0);

/// A handshake from 1000 and 5000.
fn handshake() -> Vec<Frame> {
    Frame::handshake(Nanos(1_000_000), 1000, 5000).unwrap()
}

/// Frames of what was sent, and who sends them.
fn sent(engine: &Engine) -> Vec<(Side, Frame)> {
    let frames = engine.injected().iter().map(|sent| {
        let headers = right(LinkType::Ethernet, &sent.bytes);
        let side = if headers.tcp().unwrap().source_port == 80 { Side::Server } else { Side::Client };
        let wire_len = u32::try_from(sent.bytes.len()).unwrap();
        (side, Frame { time: sent.time, bytes: sent.bytes.clone(), wire_len, link: Some(sent.link) })
    });
    frames.collect()
}

/// What was sent after the flow was reset once, with the last of `frames`, at the event of this handler.
fn reset_at(handler: u32, grants: Grants, frames: &[Frame], verdict: u32) -> Vec<(Side, Frame)> {
    let mut engine = engine(&[grants]);
    let (last, before) = frames.split_last().unwrap();
    receive(&mut engine, before, |_, _, _| Ok(0));
    receive(&mut engine, std::slice::from_ref(last), |_, call, view| {
        if call.id == handler {
            view.reset().unwrap();
            return Ok(verdict);
        }
        Ok(0)
    });
    sent(&engine)
}

/// How a connection ends for one who sees these frames and then one more.
fn end_of(frames: &[Frame], rst: &Frame) -> u64 {
    let mut engine = engine(&[Grants::NONE]);
    receive(&mut engine, &[frames, std::slice::from_ref(rst)].concat(), |_, _, _| Ok(0));
    let counters = engine.counters();
    assert_eq!(counters.events[EventKind::ConnEnd.index()], 1, "{counters:?}");
    counters.ended_by(EndReason::ResetByClient) + 2 * counters.ended_by(EndReason::ResetByServer)
}

#[test]
fn both_hosts_take_it_in_every_phase() {
    let conversation = [handshake(), vec![data(b"hello")]].concat();
    for packets in 1..=conversation.len() {
        let frames = &conversation[..packets];
        let rsts = reset_at(PACKET, INJECT, frames, 0);
        for (side, reason) in [(Side::Client, 1), (Side::Server, 2)] {
            let of_side = rsts.iter().find(|(sender, _)| *sender == side);
            let (_, rst) = of_side.unwrap();
            assert_eq!(end_of(frames, rst), reason, "{side:?} after {packets}");
        }
    }
}

#[test]
fn the_numbers_are_those_behind_the_packet_at_hand_at_either_hook() {
    let frames = [handshake(), vec![data(b"hello")]].concat();
    for handler in [PACKET, DATA] {
        let rsts = reset_at(handler, INJECT, &frames, 0);
        let numbers: Vec<_> = rsts.iter().map(|(side, frame)| (*side, numbers(&frame.bytes))).collect();
        // "hello" is not acknowledged: if it is lost behind the tap, the server expects 1001.
        let expected = [
            (Side::Client, (SeqNumber(1006), SeqNumber(5001), RST_ACK)),
            (Side::Client, (SeqNumber(1001), SeqNumber(5001), RST_ACK)),
            (Side::Server, (SeqNumber(5001), SeqNumber(1006), RST_ACK)),
        ];
        assert_eq!(numbers, expected);
    }
}

#[test]
fn a_host_that_did_not_get_the_packet_takes_it_too() {
    let frames = [handshake(), vec![data(b"hello")]].concat();
    let before = frames[..3].to_vec();
    let rsts = reset_at(PACKET, Grants { drop: true, ..INJECT }, &frames, 1);
    // Those who see the wire behind the host: the dropped packet never came there.
    let ends: Vec<u64> = rsts
        .iter()
        .map(|(_, rst)| {
            let mut engine = engine(&[Grants::NONE]);
            receive(&mut engine, &[&before[..], std::slice::from_ref(rst)].concat(), |_, _, _| Ok(0));
            engine.counters().ended_by(EndReason::ResetByClient)
        })
        .collect();
    assert!(ends.contains(&1), "{ends:?}");
}

#[test]
fn a_connection_that_the_packet_at_hand_ends_gets_no_rst() {
    let rst = Frame::plain(Nanos(6_000_000), Side::Client, TcpFlags::RST, (1001, 0), b"").unwrap();
    let rsts = reset_at(PACKET, INJECT, &[handshake(), vec![rst]].concat(), 0);
    assert!(rsts.is_empty());
}
