//! What `tcp-info` tells of either side, worked out by hand.

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::tcp::TcpState;
use sluice_engine::view::TcpInfo;
use sluice_engine::{Config, Engine, Grants, Nanos, Refusal, Side, View, millis};
use sluice_tests::{Frame, Frames, Random, balance};
use sluice_wire::{Segment, SeqNumber, TcpFlags};

type Infos = [Result<TcpInfo, Refusal>; 2];

/// What two monitors are told at each packet, in order: its hook and both sides.
#[derive(Default)]
struct Told {
    asked: Vec<(Hook, [TcpInfo; 2])>,
    did_not_ask: Vec<Infos>,
}

impl Told {
    /// Client and server after the packet with this number reached its receiver.
    fn after(&self, packet: usize) -> [TcpInfo; 2] {
        let (hook, infos) = self.asked[packet * 2 + 1];
        assert_eq!(hook, Hook::Receiver);
        infos
    }

    /// Client and server when the packet with this number was sent.
    fn between(&self, packet: usize) -> [TcpInfo; 2] {
        let (hook, infos) = self.asked[packet * 2];
        assert_eq!(hook, Hook::Sender);
        infos
    }
}

impl Handler for Told {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let infos = Side::BOTH.map(|side| view.tcp_info(side));
        if call.id == 1 {
            self.asked.push((call.place().hook(), infos.map(|info| info.unwrap())));
        } else {
            self.did_not_ask.push(infos);
        }
        Ok(0)
    }
}

/// All frames through an engine. What the receiver ignores is told of at one hook.
fn told(level: Level, frames: Vec<Frame>) -> Told {
    let mut definitions = Definitions::new();
    for number in 0..2 {
        let monitor = definitions.open_stream(None, level).unwrap();
        for hook in [Hook::Sender, Hook::Receiver] {
            definitions.register(monitor, EventKind::PacketIn.number(), hook, number + 1).unwrap();
        }
    }
    definitions.observe(0).unwrap();
    let mut engine = Engine::new(Config::default());
    engine.attach(definitions, Grants::NONE).unwrap();
    let mut told = Told::default();
    let count = frames.len();
    let _ = engine.receive(Box::new(Frames(frames)), &mut told);
    engine.finish(&mut told);
    balance(&engine).unwrap();
    let ignored = usize::try_from(engine.counters().packets.refused.iter().sum::<u64>()).unwrap();
    assert_eq!(told.asked.len(), 2 * count - ignored);
    told
}

/// A segment at so many milliseconds: sequence number, ACK, window, options, payload.
fn segment(ms: u64, sender: Side, flags: TcpFlags, numbers: (u32, u32, u16), more: (&[u8], usize)) -> Frame {
    let (options, payload_len) = more;
    let payload = vec![b'x'; payload_len];
    let (seq, ack, window) = (SeqNumber(numbers.0), SeqNumber(numbers.1), numbers.2);
    let segment = Segment { flags, seq, ack, window, options, payload: &payload, ..Segment::default() };
    Frame::of(Nanos(millis(1_000_000 + ms)), 0, sender, &segment).unwrap()
}

fn ack(ms: u64, sender: Side, numbers: (u32, u32, u16), payload_len: usize) -> Frame {
    segment(ms, sender, TcpFlags::ACK, numbers, (&[], payload_len))
}

/// One block of selective acknowledgement.
fn sack(start: u32, end: u32) -> Vec<u8> {
    [&[1, 1, 5, 10][..], &start.to_be_bytes(), &end.to_be_bytes()].concat()
}

/// MSS 1460, SACK, window scale 7.
const CLIENT_SYN: [u8; 12] = [2, 4, 5, 180, 1, 1, 4, 2, 3, 3, 7, 1];
/// MSS 1400, SACK, window scale 3.
const SERVER_SYN: [u8; 12] = [2, 4, 5, 120, 1, 1, 4, 2, 3, 3, 3, 1];

/// A handshake of 20 ms beyond the observer and 4 ms before it. The client's data begin at 1001, the server's at 5001.
fn handshake() -> Vec<Frame> {
    let syn_ack = TcpFlags::SYN | TcpFlags::ACK;
    vec![
        segment(0, Side::Client, TcpFlags::SYN, (1000, 0, 64_240), (&CLIENT_SYN, 0)),
        segment(20, Side::Server, syn_ack, (5000, 1001, 65_160), (&SERVER_SYN, 0)),
        ack(24, Side::Client, (1001, 5001, 502), 0),
    ]
}

fn with(frames: Vec<Frame>) -> Told {
    told(Level::State, [handshake(), frames].concat())
}

#[test]
fn a_handshake_is_learned_by_each_side_when_it_reaches_it() {
    let told = with(vec![]);
    let [client, server] = told.between(1);
    // The SYN-ACK has left the server and not reached the client.
    assert_eq!((client.state, server.state), (TcpState::SynSent, TcpState::SynReceived));
    let negotiated = TcpInfo::OPTION_SACK | TcpInfo::OPTION_WINDOW_SCALE;
    assert_eq!((client.options, server.options), (0, negotiated));
    assert_eq!((client.send_mss, server.send_mss), (0, 1400));
    assert_eq!((client.knowledge.unacknowledged, server.knowledge.unacknowledged), (1, 1));
    assert_eq!((client.rtt, client.rto, client.knowledge.window_heard), (0, millis(1000), 0));
    let [client, server] = told.after(1);
    assert_eq!((client.options, client.send_mss, client.advertised_mss), (negotiated, 1400, 1460));
    assert_eq!((client.send_window_scale, client.receive_window_scale), (3, 7));
    assert_eq!((server.send_window_scale, server.receive_window_scale), (7, 3));
    assert_eq!((client.knowledge.unacknowledged, client.knowledge.counts.delivered), (0, 1));
    assert_eq!((client.rtt, client.rtt_variation, client.rto), (millis(20), millis(10), millis(220)));
    // The window of a SYN is not scaled.
    assert_eq!((client.knowledge.window_heard, server.receive_window), (65_160, 65_160));
    let [client, server] = told.after(2);
    assert_eq!((client.state, server.state), (TcpState::Established, TcpState::Established));
    // Beyond the observer 20 ms, before it 4.
    assert_eq!((client.rtt, client.rtt_min), (millis(24), millis(24)));
    assert_eq!((server.rtt, server.rtt_min, server.rto), (millis(24), millis(24), millis(224)));
    assert_eq!((server.knowledge.window_heard, client.receive_window), (502 << 7, 502 << 7));
    assert_eq!((server.knowledge.unacknowledged, server.knowledge.counts.delivered), (0, 1));
    assert_eq!((client.knowledge.bytes_acknowledged, server.knowledge.bytes_acknowledged), (0, 0));
}

#[test]
fn segments_bytes_and_ages_count_for_the_sender_first() {
    let told = with(vec![
        ack(100, Side::Client, (1001, 5001, 502), 300),
        ack(110, Side::Client, (1301, 5001, 502), 200),
        ack(140, Side::Server, (5001, 1501, 8000), 50),
    ]);
    let [client, server] = told.between(4);
    let (sent, received) = (client.knowledge, server.knowledge);
    assert_eq!((sent.segments_out, sent.counts.data_segments_out, sent.counts.bytes_sent), (4, 2, 500));
    assert_eq!((sent.unacknowledged, sent.unacknowledged_bytes), (2, 500));
    assert_eq!((received.counts.segments_in, received.counts.data_segments_in), (3, 1));
    assert_eq!((received.bytes_received, server.receive_mss), (300, 300));
    assert_eq!((client.last_data_sent, server.last_data_received), (Some(0), Some(millis(10))));
    let [client, server] = told.after(4);
    assert_eq!((server.knowledge.counts.segments_in, server.knowledge.bytes_received), (4, 500));
    assert_eq!(server.last_data_received, Some(0));
    assert_eq!((server.last_data_sent, client.last_data_received), (None, None));
    assert_eq!((server.last_ack_sent, client.last_ack_received), (Some(millis(90)), Some(millis(90))));
    let [client, _] = told.between(5);
    assert_eq!((client.knowledge.bytes_acknowledged, client.knowledge.unacknowledged_bytes), (0, 500));
    let [client, server] = told.after(5);
    assert_eq!((client.knowledge.bytes_acknowledged, client.knowledge.unacknowledged), (500, 0));
    assert_eq!((client.knowledge.counts.delivered, client.knowledge.window_heard), (3, 8000 << 3));
    assert_eq!((client.knowledge.bytes_received, server.knowledge.unacknowledged_bytes), (50, 50));
    // 7/8 of 20 and 1/8 of 40, and 4 before the observer; 3/4 of 10 and 1/4 of 20.
    assert_eq!((client.rtt, client.rtt_variation), (22_500_000 + millis(4), 12_500_000));
    assert_eq!((client.rtt_min, client.rto), (millis(24), 26_500_000 + millis(200)));
    // 20 bytes of IP, 20 of TCP.
    assert_eq!((client.knowledge.counts.datagram_max, server.knowledge.counts.datagram_max), (340, 90));
}

#[test]
fn loss_is_repaired_by_selective_acknowledgement_and_not_timed() {
    let told = with(vec![
        ack(100, Side::Client, (1001, 5001, 502), 100),
        // 1101 to 1201 is lost before the observer.
        ack(101, Side::Client, (1201, 5001, 502), 100),
        ack(102, Side::Client, (1301, 5001, 502), 100),
        segment(120, Side::Server, TcpFlags::ACK, (5001, 1101, 8000), (&sack(1201, 1401), 0)),
        ack(125, Side::Client, (1101, 5001, 502), 100),
        ack(145, Side::Server, (5001, 1401, 8000), 0),
        ack(200, Side::Client, (1301, 5001, 502), 100),
        segment(220, Side::Server, TcpFlags::ACK, (5001, 1401, 8000), (&sack(1301, 1401), 0)),
    ]);
    let [client, server] = told.after(5);
    assert_eq!((client.knowledge.unacknowledged, client.knowledge.unacknowledged_bytes), (3, 400));
    assert_eq!((server.knowledge.bytes_received, server.knowledge.counts.out_of_order_in), (100, 2));
    let [client, _] = told.after(6);
    let flight = client.knowledge;
    assert_eq!((flight.unacknowledged, flight.sacked, flight.sacked_bytes), (2, 2, 200));
    assert_eq!((flight.bytes_acknowledged, flight.counts.delivered), (100, 4));
    let [client, server] = told.after(7);
    let flight = client.knowledge;
    // What fills a hole may be a first copy that came late, but it lies below what was sent before.
    assert_eq!((flight.unacknowledged, flight.sacked), (3, 2));
    assert_eq!((flight.counts.retransmissions, flight.counts.bytes_retransmitted), (1, 100));
    assert_eq!(server.knowledge.bytes_received, 400);
    let trips = client.knowledge.beyond.samples;
    let [client, _] = told.after(8);
    assert_eq!((client.knowledge.unacknowledged, client.knowledge.counts.delivered), (0, 5));
    assert_eq!((client.knowledge.bytes_acknowledged, client.knowledge.sacked), (400, 0));
    assert_eq!(client.knowledge.beyond.samples, trips, "sent twice, so not timed (Karn)");
    let [client, server] = told.after(10);
    assert_eq!(
        (client.knowledge.counts.duplicate_reports, server.knowledge.counts.duplicate_reports),
        (1, 0)
    );
    assert_eq!((client.knowledge.counts.retransmissions, client.knowledge.counts.bytes_sent), (2, 500));
    // The duplicate was delivered, too.
    assert_eq!((client.knowledge.unacknowledged, client.knowledge.counts.delivered), (0, 6));
}

#[test]
fn what_was_sent_again_is_under_way_once() {
    let told = with(vec![
        ack(100, Side::Client, (1001, 5001, 502), 100),
        ack(101, Side::Client, (1101, 5001, 502), 100),
        ack(400, Side::Client, (1001, 5001, 502), 100),
        ack(420, Side::Server, (5001, 1201, 0), 0),
        ack(800, Side::Server, (5001, 1201, 1000), 0),
    ]);
    let [client, _] = told.after(5);
    let flight = client.knowledge;
    assert_eq!((flight.unacknowledged, flight.retransmitted, flight.unacknowledged_bytes), (2, 1, 200));
    let [client, server] = told.after(6);
    let zero = (client.knowledge.window_heard, server.receive_window);
    assert_eq!((zero, client.knowledge.retransmitted), ((0, 0), 0));
    assert_eq!(client.rtt, millis(24), "the answer may be to either copy");
    let [client, server] = told.between(7);
    assert_eq!((client.knowledge.window_heard, server.receive_window), (0, 8000));
    let [client, _] = told.after(7);
    assert_eq!(client.knowledge.window_heard, 8000);
}

#[test]
fn fins_and_repeated_syns_are_segments_and_no_bytes() {
    let fin = TcpFlags::FIN | TcpFlags::ACK;
    let mut frames = handshake();
    frames.insert(1, segment(10, Side::Client, TcpFlags::SYN, (1000, 0, 64_240), (&CLIENT_SYN, 0)));
    frames.extend([
        segment(100, Side::Client, fin, (1001, 5001, 502), (&[], 10)),
        ack(120, Side::Server, (5001, 1012, 8000), 0),
        segment(121, Side::Server, fin, (5001, 1012, 8000), (&[], 0)),
        ack(125, Side::Client, (1012, 5002, 502), 0),
    ]);
    let told = told(Level::Full, frames);
    let [client, _] = told.after(1);
    assert_eq!((client.knowledge.unacknowledged, client.knowledge.retransmitted), (1, 1));
    assert_eq!(
        (client.knowledge.counts.retransmissions, client.knowledge.counts.bytes_retransmitted),
        (1, 0)
    );
    let [client, server] = told.after(4);
    assert_eq!((client.state, server.state), (TcpState::FinWait1, TcpState::CloseWait));
    assert_eq!((client.knowledge.unacknowledged, client.knowledge.unacknowledged_bytes), (1, 10));
    assert_eq!(server.knowledge.bytes_received, 10);
    let [client, _] = told.after(5);
    assert_eq!((client.state, client.knowledge.bytes_acknowledged), (TcpState::FinWait2, 10));
    let [client, server] = told.after(7);
    assert_eq!((server.knowledge.bytes_acknowledged, client.knowledge.bytes_received), (0, 0));
    assert_eq!((client.knowledge.counts.delivered, server.knowledge.counts.delivered), (2, 2));
}

#[test]
fn timestamps_and_ecn_need_both_sides_and_take_room() {
    let stamp = |mss: u8| [&[2, 4, 5, mss, 1, 1][..], &[8, 10, 0, 0, 0, 9, 0, 0, 0, 0]].concat();
    let ecn_syn = TcpFlags::SYN | TcpFlags::ECE | TcpFlags::CWR;
    let ecn_syn_ack = TcpFlags::SYN | TcpFlags::ACK | TcpFlags::ECE;
    let opening = |syn: TcpFlags, syn_ack: TcpFlags, answer: &[u8]| {
        let told = told(
            Level::State,
            vec![
                segment(0, Side::Client, syn, (1000, 0, 64_240), (&stamp(180), 0)),
                segment(20, Side::Server, syn_ack, (5000, 1001, 65_160), (answer, 0)),
            ],
        );
        told.after(1).map(|side| (side.options, side.send_mss))
    };
    let both = TcpInfo::OPTION_TIMESTAMPS | TcpInfo::OPTION_ECN;
    assert_eq!(opening(ecn_syn, ecn_syn_ack, &stamp(160)), [(both, 1428); 2]);
    let plain_answer = TcpFlags::SYN | TcpFlags::ACK;
    assert_eq!(opening(ecn_syn, plain_answer, &[2, 4, 5, 160]), [(0, 1440); 2]);
    assert_eq!(opening(TcpFlags::SYN, ecn_syn_ack, &[]), [(0, 536), (0, 1460)]);
}

#[test]
fn what_the_receiver_ignores_reaches_it_and_changes_no_more() {
    let told = with(vec![
        ack(100, Side::Client, (1001, 5001, 502), 100),
        // Far beyond the window: with a forged number.
        ack(101, Side::Client, (900_001_001, 5001, 502), 100),
        ack(120, Side::Server, (5001, 1101, 8000), 0),
    ]);
    // The one that is ignored is told of at hook `sender` alone, and the next one comes from the server.
    let (hook, [client, server]) = told.asked[9];
    assert_eq!(
        (hook, client.knowledge.segments_out, server.knowledge.counts.segments_in),
        (Hook::Sender, 4, 4)
    );
    assert_eq!((client.knowledge.unacknowledged, client.knowledge.unacknowledged_bytes), (1, 100));
    assert_eq!(server.knowledge.bytes_received, 100);
}

/// What holds whatever two hosts send.
fn check(info: &TcpInfo) {
    let known = info.knowledge;
    assert!(known.sacked + known.retransmitted <= known.unacknowledged, "{info:?}");
    assert!(known.counts.bytes_retransmitted <= known.counts.bytes_sent, "{info:?}");
    assert!(known.counts.data_segments_out <= known.segments_out, "{info:?}");
    assert!(known.counts.data_segments_in <= known.counts.segments_in, "{info:?}");
    assert!(known.unacknowledged > 0 || known.unacknowledged_bytes == 0, "{info:?}");
    assert!((known.segments_out > 0) == (known.counts.datagram_max > 0), "{info:?}");
}

#[test]
fn any_segments_leave_counts_that_agree() {
    let mut random = Random::new(11);
    let (mut sacked, mut retransmitted) = (0, 0);
    for _ in 0..300 {
        let frames = (0..60).map(|place| {
            let sender = if random.below(2) == 0 { Side::Client } else { Side::Server };
            let (own, peer) = if sender == Side::Client { (1001, 5001) } else { (5001, 1001) };
            let mut near = |base: u32| base + u32::try_from(random.below(60) * 10).unwrap();
            let numbers = (near(own), near(peer), 8000);
            let block = sack(near(peer), near(peer));
            let options = if random.below(3) == 0 { &block[..] } else { &[] };
            let flags = if random.below(40) == 0 { TcpFlags::FIN | TcpFlags::ACK } else { TcpFlags::ACK };
            let len = random.below(8) * 10;
            segment(100 + place, sender, flags, numbers, (options, len))
        });
        let told = with(frames.collect());
        for (_, infos) in &told.asked {
            infos.iter().for_each(check);
            sacked += infos[0].knowledge.sacked;
            retransmitted += infos[0].knowledge.retransmitted;
        }
    }
    assert!(sacked > 1000 && retransmitted > 1000, "{sacked} {retransmitted}");
}

#[test]
fn who_did_not_ask_is_told_nothing() {
    let told = with(vec![]);
    assert_eq!(told.did_not_ask, [[Err(Refusal::NotAllowed); 2]; 6]);
}
