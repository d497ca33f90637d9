//! Native filters in the events of small conversations.

use std::any::Any;

use sluice_wire::{IpAddress, LinkType, Segment, SeqNumber, TcpFlags};

use super::{End, NativeFilter};
use crate::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, Predicate, TenantId};
use crate::limits::PATTERN_BYTES;
use crate::packet::{Burst, Packet};
use crate::reassembly::Level;
use crate::{Config, Engine, Grants, Nanos, Refusal, Side, View, millis, seconds};

const SYN: TcpFlags = TcpFlags::SYN;
const ACK: TcpFlags = TcpFlags::ACK;
const PSH_ACK: TcpFlags = TcpFlags(0x18);
const SYN_ACK: TcpFlags = TcpFlags(0x12);

const CLIENT: IpAddress = IpAddress::v4([192, 0, 2, 1]);
const SERVER: IpAddress = IpAddress::v4([198, 51, 100, 2]);

struct Frames(Vec<(Nanos, Vec<u8>)>);

impl Burst for Frames {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn packet(&self, slot: usize) -> Option<Packet<'_>> {
        let (time, bytes) = self.0.get(slot)?;
        let wire_len = u32::try_from(bytes.len()).unwrap();
        Some(Packet { bytes, time: *time, wire_len, link: Some(LinkType::Ethernet) })
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// One frame a millisecond between client and server; offsets count from the ISNs, 1000 and 5000.
#[derive(Default)]
struct Talk(Vec<(Nanos, Vec<u8>)>);

impl Talk {
    /// Through the handshake.
    fn opened() -> Self {
        let mut talk = Self::default();
        talk.say(Side::Client, SYN, 0, 0, b"");
        talk.say(Side::Server, SYN_ACK, 0, 1, b"");
        talk.say(Side::Client, ACK, 1, 1, b"");
        talk
    }

    fn say(&mut self, sender: Side, flags: TcpFlags, seq: u32, ack: u32, payload: &[u8]) {
        let (isn, peer_isn) = if sender == Side::Client { (1000, 5000) } else { (5000, 1000) };
        let (mut ends, mut ports) = ([CLIENT, SERVER], [40_000, 8080]);
        if sender == Side::Server {
            ends.reverse();
            ports.reverse();
        }
        let segment = Segment {
            source: ends[0],
            destination: ends[1],
            source_port: ports[0],
            destination_port: ports[1],
            seq: SeqNumber(isn + seq),
            ack: SeqNumber(peer_isn + ack),
            flags,
            payload,
            ..Segment::default()
        };
        let mut frame = vec![0; 200];
        let len = segment.write_frame(&mut frame).unwrap();
        frame.truncate(len);
        self.frame(frame);
    }

    /// Client data at a stream offset.
    fn data(&mut self, offset: u32, payload: &[u8]) {
        self.say(Side::Client, PSH_ACK, 1 + offset, 1, payload);
    }

    fn frame(&mut self, bytes: Vec<u8>) {
        let number = u64::try_from(self.0.len()).unwrap();
        self.0.push((Nanos(seconds(1) + millis(number)), bytes));
    }
}

/// Asks one filter at each event that it suits.
struct Asked {
    filter: NativeFilter,
    reads: bool,
    /// (kind, hook, offset of the event, answer).
    answers: Vec<(EventKind, Hook, u64, bool)>,
}

impl Handler for Asked {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let kind = call.event_kind().unwrap();
        if self.filter.suits(kind) {
            let answer = self.filter.holds(view, call);
            self.answers.push((kind, call.place().hook(), call.offset, answer));
        }
        if self.reads && kind == EventKind::NewData {
            view.peek(call.place().direction(), u32::MAX, &mut Vec::new()).unwrap();
        }
        Ok(0)
    }
}

/// The filter's answers at all events of a conversation.
fn ask(filter: Result<NativeFilter, Refusal>, talk: Talk, reads: bool) -> Vec<(EventKind, Hook, u64, bool)> {
    let mut engine = Engine::new(Config::default());
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full).unwrap();
    for kind in EventKind::ALL {
        for hook in Hook::ALL.into_iter().filter(|hook| kind.allows(*hook)) {
            definitions.register(monitor, kind.number(), hook, 1).unwrap();
        }
    }
    engine.attach(definitions, Grants::NONE).unwrap();
    let mut asked = Asked { filter: filter.unwrap(), reads, answers: Vec::new() };
    engine.receive(Box::new(Frames(talk.0)), &mut asked);
    engine.expire(Nanos(seconds(10)), &mut asked);
    engine.finish(&mut asked);
    asked.answers
}

/// A conversation before a handler of `new-data` alone: nothing is kept for comparison.
fn watch_data(handler: &mut dyn Handler, say: impl FnOnce(&mut Talk)) {
    let mut engine = Engine::new(Config::default());
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full).unwrap();
    definitions.register(monitor, EventKind::NewData.number(), Hook::Receiver, 1).unwrap();
    engine.attach(definitions, Grants::NONE).unwrap();
    let mut talk = Talk::opened();
    say(&mut talk);
    engine.receive(Box::new(Frames(talk.0)), handler);
}

/// Its answers at the packets of a conversation, in their order.
fn at_packets(filter: Result<NativeFilter, Refusal>, talk: Talk) -> Vec<bool> {
    let answers = ask(filter, talk, true).into_iter();
    answers
        .filter(|answer| (answer.0, answer.1) == (EventKind::PacketIn, Hook::Sender))
        .map(|answer| answer.3)
        .collect()
}

/// Offsets of the `new-data` in which it holds.
fn holds_at(filter: Result<NativeFilter, Refusal>, talk: Talk, reads: bool) -> Vec<u64> {
    let answers = ask(filter, talk, reads).into_iter();
    answers.filter(|answer| answer.0 == EventKind::NewData && answer.3).map(|answer| answer.2).collect()
}

/// A UDP datagram from the client to port 53 of the server.
fn udp() -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    frame.extend([0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2]);
    frame.extend([0x9c, 0x40, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4]);
    frame
}

#[test]
fn tcp_flags_are_those_of_the_packet() {
    let flags = |mask, value| at_packets(NativeFilter::tcp_flags(mask, value), Talk::opened());
    assert_eq!(flags(SYN, SYN), [true, true, false]);
    assert_eq!(flags(SYN_ACK, SYN), [true, false, false]);
    assert_eq!(flags(SYN_ACK, SYN_ACK), [false, true, false]);
    assert_eq!(flags(SYN, TcpFlags(0)), [false, false, true]);
}

#[test]
fn ports_and_addresses_are_those_of_the_flow_whoever_sends() {
    let ports = |end, port| at_packets(NativeFilter::ports(end, &[(port, port)]), Talk::opened());
    assert_eq!(ports(End::Server, 8080), [true; 3]);
    assert_eq!(ports(End::Client, 8080), [false; 3]);
    assert_eq!(ports(End::Either, 8080), [true; 3]);
    assert_eq!(ports(End::Either, 40_000), [true; 3]);
    assert_eq!(ports(End::Either, 443), [false; 3]);
    let hosts = |end, host| at_packets(NativeFilter::prefixes(end, &[(host, 32)]), Talk::opened());
    assert_eq!(hosts(End::Client, CLIENT), [true; 3]);
    assert_eq!(hosts(End::Server, CLIENT), [false; 3]);
    assert_eq!(hosts(End::Either, SERVER), [true; 3]);
}

#[test]
fn ends_of_a_packet_without_a_flow_are_source_and_destination() {
    let orphan = |filter: Result<NativeFilter, Refusal>| {
        let answers = ask(filter, Talk(vec![(Nanos(seconds(1)), udp())]), false);
        answers.into_iter().map(|answer| (answer.0, answer.3)).collect::<Vec<_>>()
    };
    let yes = [(EventKind::Orphan, true)];
    let no = [(EventKind::Orphan, false)];
    assert_eq!(orphan(NativeFilter::ports(End::Server, &[(53, 53)])), yes);
    assert_eq!(orphan(NativeFilter::ports(End::Client, &[(40_000, 40_000)])), yes);
    assert_eq!(orphan(NativeFilter::ports(End::Client, &[(53, 53)])), no);
    assert_eq!(orphan(NativeFilter::prefixes(End::Client, &[(CLIENT, 32)])), yes);
    assert_eq!(orphan(NativeFilter::prefixes(End::Server, &[(CLIENT, 32)])), no);
    // A packet without TCP flags is not one with none of them set.
    assert_eq!(orphan(NativeFilter::tcp_flags(SYN, TcpFlags(0))), no);
    let mut icmp = udp();
    icmp[23] = 1;
    let filter = NativeFilter::ports(End::Either, &[(0, u16::MAX)]);
    let answers = ask(filter, Talk(vec![(Nanos(seconds(1)), icmp)]), false);
    assert_eq!(answers, [(EventKind::Orphan, Hook::None, 0, false)]);
}

#[test]
fn a_pattern_holds_in_the_data_that_completes_it() {
    let talk = || {
        let mut talk = Talk::opened();
        for (offset, piece) in [(0, &b"GE"[..]), (2, b"T"), (3, b" / HTTP"), (10, b"/1.1")] {
            talk.data(offset, piece);
        }
        talk
    };
    let pattern = |offset, bytes: &[u8]| holds_at(NativeFilter::pattern(offset, bytes), talk(), false);
    assert_eq!(pattern(0, b"GET "), [3]);
    assert_eq!(pattern(0, b"GET"), [2]);
    assert_eq!(pattern(0, b"PUT "), [0; 0]);
    assert_eq!(pattern(1, b"ET / HTTP/1"), [10]);
    assert_eq!(pattern(4, b"/"), [3]);
    assert_eq!(pattern(10, b"/1.1"), [10]);
    assert_eq!(pattern(10, b"/1.10"), [0; 0]);
}

#[test]
fn a_pattern_holds_whatever_the_order_of_segments() {
    let mut talk = Talk::opened();
    talk.data(2, b"T / HTTP");
    talk.data(0, b"GE");
    assert_eq!(holds_at(NativeFilter::pattern(0, b"GET /"), talk, false), [0]);
}

#[test]
fn a_pattern_is_of_one_direction() {
    let mut talk = Talk::opened();
    talk.data(0, b"SSH-2.0-a");
    talk.say(Side::Server, PSH_ACK, 1, 10, b"SSH-2.0-b");
    let directions = ask(NativeFilter::pattern(8, b"b"), talk, false).into_iter();
    let answers: Vec<bool> =
        directions.filter(|answer| answer.0 == EventKind::NewData).map(|answer| answer.3).collect();
    assert_eq!(answers, [false, true]);
}

#[test]
fn a_pattern_does_not_hold_where_bytes_are_gone() {
    let pieces = || {
        let mut talk = Talk::opened();
        talk.data(0, b"GE");
        talk.data(2, b"T / HTTP");
        talk
    };
    let pattern = || NativeFilter::pattern(0, b"GET ");
    assert_eq!(holds_at(pattern(), pieces(), false), [2]);
    // Once a reader has had them and nothing keeps them. Conflicts and repetitions are not asked for here.
    let mut asked = Asked { filter: pattern().unwrap(), reads: true, answers: Vec::new() };
    watch_data(&mut asked, |talk| *talk = pieces());
    assert_eq!(asked.answers.iter().map(|answer| answer.3).collect::<Vec<_>>(), [false, false]);
    // Behind a gap: bytes 2 to 4 never come.
    let mut talk = Talk::opened();
    talk.data(0, b"GE");
    talk.data(4, b"/ HTTP");
    talk.say(Side::Server, ACK, 1, 11, b"");
    let answers = ask(NativeFilter::pattern(0, b"GE/ HT"), talk, false);
    let data = answers.iter().filter(|answer| answer.0 == EventKind::NewData);
    assert_eq!(data.map(|answer| (answer.2, answer.3)).collect::<Vec<_>>(), [(0, false), (4, false)]);
}

#[test]
fn lengths_are_those_of_what_the_event_is_about() {
    let mut talk = Talk::opened();
    for (offset, piece) in [(0, &b"1"[..]), (1, b"22"), (3, b"333")] {
        talk.data(offset, piece);
    }
    assert_eq!(at_packets(NativeFilter::length(1, 2), talk), [false, false, false, true, true, false]);
}

#[test]
fn every_so_many_bytes_hold_where_a_multiple_is_reached() {
    let mut talk = Talk::opened();
    for number in 0..8 {
        talk.data(number * 3, b"abc");
    }
    // Multiples 10 and 20 lie in 9..12 and 18..21.
    assert_eq!(holds_at(NativeFilter::every_bytes(10), talk, true), [9, 18]);
    let mut talk = Talk::opened();
    talk.data(0, b"abcde");
    talk.data(5, b"fghij");
    assert_eq!(holds_at(NativeFilter::every_bytes(5), talk, true), [0, 5]);
}

#[test]
fn every_so_many_packets_count_what_one_side_sent_and_the_other_honours() {
    let every = |n| {
        let mut talk = Talk::opened();
        talk.data(0, b"a");
        talk.say(Side::Server, ACK, 1, 2, b"");
        // Far outside of the window: the server would ignore it.
        talk.data(900_000_000, b"?");
        talk.data(1, b"b");
        talk.data(2, b"c");
        at_packets(NativeFilter::every_packets(n), talk)
    };
    // The client's packets are 1, 2, 3, none, 4, 5; the server's 1, 2.
    assert_eq!(every(2), [false, false, true, false, true, false, true, false]);
    assert_eq!(every(3), [false, false, false, true, false, false, false, false]);
}

/// Holds for datagrams of a length.
struct Long(usize);

impl Predicate for Long {
    fn matches(&mut self, datagram: &[u8]) -> bool {
        datagram.first() == Some(&0x45) && datagram.len() == self.0
    }
}

#[test]
fn pcap_expressions_see_the_datagram_without_padding() {
    let mut talk = Talk::opened();
    talk.data(0, b"abc");
    for (_, frame) in &mut talk.0 {
        frame.resize(80, 0xee);
    }
    let filter = NativeFilter::pcap(" len = 43 ", Box::new(Long(43)));
    assert_eq!(at_packets(filter, talk), [false, false, false, true]);
}

#[test]
fn what_needs_a_packet_does_not_hold_without_one() {
    let talk = || {
        let mut talk = Talk::opened();
        talk.data(0, b"GE");
        talk.data(4, b"/ HTTP");
        talk.say(Side::Server, ACK, 1, 11, b"");
        talk
    };
    let gaps = |filter| {
        let answers = ask(filter, talk(), false).into_iter();
        answers.filter(|answer| answer.0 == EventKind::Gap).map(|answer| answer.3).collect::<Vec<_>>()
    };
    // The gap is declared by a deadline.
    assert_eq!(gaps(NativeFilter::ports(End::Server, &[(8080, 8080)])), [true]);
    assert_eq!(gaps(NativeFilter::length(2, 2)), [true]);
    assert_eq!(gaps(NativeFilter::tcp_flags(ACK, TcpFlags(0))), [false]);
    assert_eq!(gaps(NativeFilter::every_packets(1)), [false]);
    assert_eq!(gaps(NativeFilter::pcap("ip", Box::new(Long(40)))), [false]);
}

#[test]
fn a_pattern_does_not_hold_before_the_event_that_completes_it() {
    struct Early(NativeFilter, Vec<bool>);
    impl Handler for Early {
        fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
            // More is readable than the event is about, as where data comes by the burst.
            let part = |offset, length| EventCall { offset, length, ..*call };
            let calls = [part(0, 3), part(3, 1), part(4, 1), part(0, 5)];
            self.1 = calls.iter().map(|call| self.0.holds(view, call)).collect();
            Ok(0)
        }
    }
    let mut early = Early(NativeFilter::pattern(1, b"ell").unwrap(), Vec::new());
    watch_data(&mut early, |talk| talk.data(0, b"hello"));
    assert_eq!(early.1, [false, true, false, true]);
}

#[test]
fn asking_moves_no_reader() {
    struct Reader(NativeFilter, Vec<u8>);
    impl Handler for Reader {
        fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
            assert!(self.0.holds(view, call));
            view.peek(call.place().direction(), u32::MAX, &mut self.1).unwrap();
            Ok(0)
        }
    }
    let mut reader = Reader(NativeFilter::pattern(1, b"ell").unwrap(), Vec::new());
    watch_data(&mut reader, |talk| talk.data(0, b"hello"));
    assert_eq!(reader.1, b"hello");
}

#[test]
fn filters_are_in_words_of_the_field() {
    let prefix = |address, length| NativeFilter::prefixes(End::Server, &[(address, length)]);
    let many: Vec<(u16, u16)> = (0..40).map(|n| (n * 10, n * 10)).collect();
    let table = [
        (NativeFilter::pcap(" tcp port 80\u{1b}[2J", Box::new(Long(0))), "pcap \"tcp port 80\\u{1b}[2J\""),
        (NativeFilter::tcp_flags(SYN_ACK, SYN), "tcp flags SYN of SYN,ACK"),
        (NativeFilter::tcp_flags(SYN_ACK, TcpFlags(0)), "tcp flags none of SYN,ACK"),
        (
            NativeFilter::ports(End::Client, &[(8000, 8100), (443, 443), (80, 80)]),
            "client port in 80,443,8000-8100",
        ),
        (NativeFilter::ports(End::Either, &[(80, 80)]), "port in 80"),
        (
            NativeFilter::ports(End::Server, &many),
            "server port in 0,10,20,30,40,50,60,70,80,90,100,110,120,130,140,150 and 24 more",
        ),
        (prefix(IpAddress::v4([10, 0, 0, 0]), 8), "server in 10.0.0.0/8"),
        (prefix(IpAddress([0; 16]), 0), "server in ::/0"),
        (NativeFilter::pattern(0, b"GET \"\0\xff"), "bytes at 0 are \"GET \\\"\\x00\\xff\""),
        (NativeFilter::pattern(7, &[b'x'; 40]), "bytes at 7 are \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"..."),
        (NativeFilter::length(1, 100), "length 1-100"),
        (NativeFilter::length(0, 0), "length 0"),
        (NativeFilter::length(1000, u32::MAX), "length 1000 or more"),
        (NativeFilter::every_bytes(4096), "every 4096 bytes"),
        (NativeFilter::every_packets(10), "every 10th packet"),
        (NativeFilter::every_packets(2), "every 2nd packet"),
        (NativeFilter::every_packets(113), "every 113th packet"),
        (NativeFilter::every_packets(101), "every 101st packet"),
    ];
    for (filter, text) in table {
        assert_eq!(filter.unwrap().to_string(), text);
    }
    let long = NativeFilter::pcap(&"port 80 or ".repeat(30), Box::new(Long(0))).unwrap().to_string();
    assert!(long.ends_with("\"...") && long.len() < 220, "{long}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let bad = [
        NativeFilter::pcap(" ", Box::new(Long(0))),
        NativeFilter::tcp_flags(SYN, SYN_ACK),
        NativeFilter::tcp_flags(TcpFlags(0), TcpFlags(0)),
        NativeFilter::ports(End::Client, &[]),
        NativeFilter::prefixes(End::Client, &[]),
        NativeFilter::pattern(0, b""),
        NativeFilter::pattern(u64::MAX, b"x"),
        NativeFilter::length(2, 1),
        NativeFilter::every_bytes(0),
        NativeFilter::every_packets(0),
        NativeFilter::every_packets(1 << 32),
    ];
    for filter in bad {
        assert_eq!(filter, Err(Refusal::BadFilter));
    }
    assert_eq!(NativeFilter::pattern(0, &[0; PATTERN_BYTES + 1]), Err(Refusal::TooLong));
    assert!(NativeFilter::pattern(0, &[0; PATTERN_BYTES]).is_ok());
}

#[test]
fn filters_that_mean_the_same_are_equal() {
    let pcap = |text: &str, length| NativeFilter::pcap(text, Box::new(Long(length)));
    assert_eq!(pcap("tcp", 1), pcap(" tcp ", 2));
    assert_ne!(pcap("tcp", 1), pcap("udp", 1));
    let ports = |ranges: &[(u16, u16)]| NativeFilter::ports(End::Client, ranges);
    assert_eq!(ports(&[(1, 5), (6, 9)]), ports(&[(4, 9), (1, 4)]));
    assert_ne!(ports(&[(1, 5)]), NativeFilter::ports(End::Server, &[(1, 5)]));
    assert_ne!(NativeFilter::pattern(0, b"a"), NativeFilter::pattern(1, b"a"));
    assert_ne!(NativeFilter::every_bytes(4), NativeFilter::every_packets(4));
}

#[test]
fn filters_stand_below_events_in_which_they_can_hold() {
    use EventKind::{ConnEnd, ConnStart, Gap, NewData, Orphan, PacketIn};
    let suits = |filter: Result<NativeFilter, Refusal>| {
        let filter = filter.unwrap();
        [PacketIn, ConnStart, NewData, Gap, ConnEnd, Orphan].map(|kind| filter.suits(kind))
    };
    assert_eq!(suits(NativeFilter::pcap("tcp", Box::new(Long(0)))), [true, true, true, true, false, true]);
    assert_eq!(suits(NativeFilter::tcp_flags(SYN, SYN)), [true, true, true, true, false, true]);
    assert_eq!(suits(NativeFilter::ports(End::Client, &[(1, 1)])), [true; 6]);
    assert_eq!(suits(NativeFilter::pattern(0, b"a")), [false, false, true, false, false, false]);
    assert_eq!(suits(NativeFilter::length(1, 2)), [true, true, true, true, false, false]);
    assert_eq!(suits(NativeFilter::every_bytes(1)), [true, true, true, true, false, false]);
    assert_eq!(suits(NativeFilter::every_packets(1)), [true, true, true, true, false, false]);
}

#[test]
fn only_patterns_need_bytes_of_the_stream() {
    assert_eq!(NativeFilter::pattern(5, b"abc").unwrap().needs(), Some((5, 8)));
    assert_eq!(NativeFilter::every_bytes(5).unwrap().needs(), None);
}
