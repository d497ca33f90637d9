//! What Linux told of its connections by `TCP_INFO`, as `scripts/record-tcp-info.py` recorded it, against what an
//! observer between the two hosts tells.

use std::collections::{BTreeMap, BTreeSet};

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::view::TcpInfo;
use sluice_engine::{Config, Engine, Grants, Nanos, Side, View};
use sluice_tests::{Frame, Frames, balance};
use sluice_wire::{Segment, SeqNumber, TcpFlags};

const RECORDED: &str = include_str!("linux-6.18-tcp-info.txt");

/// What the observer tells otherwise: conversation, side, fields, why.
const EXCUSED: [(&str, &str, &[&str], &str); 23] = [
    ("exchange without options", "c", &["rcv_wnd"], UNSCALED),
    ("exchange without options", "s", &["rcv_wnd"], UNSCALED),
    ("lost SYN", "c", &["rto"], STAMPED),
    ("lost SYN-ACK", "c", &["rtt", "min_rtt", "rto"], STAMPED),
    ("lost SYN-ACK", "s", &["rto"], STAMPED),
    ("lost SYN-ACK", "s", &["segs_in"], "a SYN that comes again is none of the socket that it makes"),
    ("lost behind the observer", "s", &["rcv_ooopack"], LOST),
    (
        "lost before the observer",
        "c",
        &["segs_out", "data_segs_out", "bytes_sent"],
        "it did not pass the observer",
    ),
    ("two lost", "s", &["rcv_ooopack"], LOST),
    ("lost twice", "s", &["rcv_ooopack"], LOST),
    ("lost twice", "s", &["bytes_received"], LOST),
    ("last ones lost", "c", &["delivered"], JOINED),
    ("last ones lost", "s", &["bytes_received"], LOST),
    ("last ones lost", "s", &["last_ack_recv"], PREDICTED),
    ("all lost", "c", &["delivered"], JOINED),
    ("all lost", "s", &["bytes_received"], LOST),
    ("lost without sack", "s", &["rcv_ooopack"], LOST),
    ("all acks lost", "c", &["unacked", "bytes_acked", "delivered", "snd_wnd", "last_ack_recv"], LOST),
    ("all acks lost", "c", &["rto"], STAMPED),
    (
        "all acks lost",
        "s",
        &["last_data_recv", "last_ack_recv"],
        "in bytes that it has read Linux looks at nothing",
    ),
    (
        "one shown twice",
        "c",
        &["total_retrans", "segs_out", "data_segs_out", "bytes_sent", "bytes_retrans", "delivered"],
        DOUBLED,
    ),
    ("closed window", "s", &["last_ack_recv"], PREDICTED),
    ("closed window without timestamps", "s", &["last_ack_recv"], PREDICTED),
];

const UNSCALED: &str = "a window beyond 65,535 bytes cannot be told without a scale";
const STAMPED: &str = "Linux measures what was sent twice by its timestamps; Karn's algorithm leaves it out";
const LOST: &str = "what is lost behind the observer is taken to have arrived";
const JOINED: &str =
    "Linux joins small segments when it sends them again, and counts them as one from then on";
const PREDICTED: &str = "Linux takes no note of an ACK that says nothing new in a segment that it expects";
const DOUBLED: &str = "what the path doubles before the observer passes for sent again";

/// Nanoseconds that a host's clock of 4 ms, the way to it and the machine that recorded may make of a time.
const TIME_SLACK: u64 = 100_000_000;

/// What was told last of both sides, and when.
#[derive(Default)]
struct Last(Option<([TcpInfo; 2], Nanos)>);

impl Handler for Last {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        self.0 = Some((Side::BOTH.map(|side| view.tcp_info(side).unwrap()), Nanos(call.time)));
        Ok(0)
    }
}

/// One conversation as it goes on.
struct Conversation {
    name: &'static str,
    engine: Engine,
    last: Last,
    /// Packets of each side that the observer saw and its peer did not get, and those of them with payload.
    lost: [[u64; 2]; 2],
    /// SYN-ACKs.
    syn_acks: u64,
    /// Sides that sent a FIN.
    closed: [bool; 2],
}

impl Conversation {
    fn begin(name: &'static str) -> Self {
        let mut definitions = Definitions::new();
        let monitor = definitions.open_stream(None, Level::State).unwrap();
        for hook in [Hook::Sender, Hook::Receiver] {
            definitions.register(monitor, EventKind::PacketIn.number(), hook, 1).unwrap();
        }
        definitions.observe(monitor).unwrap();
        let mut engine = Engine::new(Config::default());
        engine.attach(definitions, Grants::NONE).unwrap();
        Self { name, engine, last: Last::default(), lost: [[0; 2]; 2], syn_acks: 0, closed: [false; 2] }
    }

    /// A packet as a line has it: time, side, header, length of payload, whether it was lost behind the observer.
    fn packet(&mut self, time: Nanos, sender: Side, words: &[&str]) {
        let header = bytes(words[0]);
        let tcp = &header[20..];
        let number = |at: usize| u32::from_be_bytes(tcp[at..at + 4].try_into().unwrap());
        let payload = vec![0; words[1].parse().unwrap()];
        let flags = TcpFlags(tcp[13]);
        let segment = Segment {
            flags,
            seq: SeqNumber(number(4)),
            ack: SeqNumber(number(8)),
            window: u16::from_be_bytes([tcp[14], tcp[15]]),
            options: &tcp[20..],
            payload: &payload,
            ..Segment::default()
        };
        let frame = Frame::of(time, 0, sender, &segment).unwrap();
        let _ = self.engine.receive(Box::new(Frames(vec![frame])), &mut self.last);
        self.syn_acks += u64::from(flags.contains(TcpFlags::SYN | TcpFlags::ACK));
        self.closed[sender.index()] |= flags.contains(TcpFlags::FIN);
        if words.get(2) == Some(&"lost") {
            let [packets, with_payload] = &mut self.lost[sender.index()];
            *packets += 1;
            *with_payload += u64::from(!payload.is_empty());
        }
    }

    /// Every field that the observer tells otherwise than the kernel, as Linux counts.
    fn differences(&self, time: Nanos, side: Side, kernel: &BTreeMap<&str, u64>) -> Vec<String> {
        let (infos, at) = self.last.0.unwrap();
        let info = infos[side.index()];
        let (known, counts) = (info.knowledge, info.knowledge.counts);
        let peer = side.other();
        let has_closed = |side: Side| u64::from(self.closed[side.index()]);
        let [lost, lost_with_payload] = self.lost[peer.index()];
        let is_client = side == Side::Client;
        let exact: [(&str, u64); 22] = [
            ("state", linux_state(info.state.number())),
            ("options", u64::from(info.options)),
            ("wscale", u64::from(info.receive_window_scale) << 4 | u64::from(info.send_window_scale)),
            ("snd_mss", u64::from(info.send_mss)),
            ("advmss", u64::from(info.advertised_mss)),
            ("unacked", u64::from(known.unacknowledged)),
            ("sacked", u64::from(known.sacked)),
            ("retrans", u64::from(known.retransmitted)),
            ("total_retrans", u64::from(counts.retransmissions)),
            // The SYN of who opened, and a FIN, are bytes to Linux.
            ("bytes_acked", known.bytes_acknowledged + u64::from(is_client) + has_closed(side)),
            ("bytes_received", known.bytes_received + has_closed(peer)),
            // A SYN-ACK is none of the socket that it makes.
            ("segs_out", known.segments_out - if is_client { 0 } else { self.syn_acks }),
            ("segs_in", counts.segments_in - lost),
            ("data_segs_out", counts.data_segments_out),
            ("data_segs_in", counts.data_segments_in - lost_with_payload),
            ("delivered", counts.delivered),
            ("bytes_sent", counts.bytes_sent),
            ("bytes_retrans", counts.bytes_retransmitted),
            ("dsack_dups", u64::from(counts.duplicate_reports)),
            ("rcv_ooopack", u64::from(counts.out_of_order_in)),
            ("snd_wnd", u64::from(known.window_heard)),
            ("rcv_wnd", u64::from(info.receive_window)),
        ];
        let found = |field: &str| match field {
            "options" => kernel[field] & 15,
            _ => kernel[field],
        };
        let mut differences: Vec<String> = exact
            .into_iter()
            .filter(|(field, told)| found(field) != *told)
            .map(|(field, told)| format!("{field} is {}, told {told}", found(field)))
            .collect();
        let ages = [
            ("last_data_sent", info.last_data_sent),
            ("last_data_recv", info.last_data_received),
            ("last_ack_recv", info.last_ack_received),
        ];
        let times = ages
            .into_iter()
            .filter_map(|(field, age)| Some((field, time.0 - kernel[field] * 1_000_000, at.0 - age?)));
        let trips = [("rtt", info.rtt), ("min_rtt", info.rtt_min), ("rto", info.rto)];
        let trips = trips.into_iter().map(|(field, told)| (field, kernel[field] * 1000, told));
        let near = times.chain(trips).filter(|(_, is, told)| is.abs_diff(*told) > TIME_SLACK);
        differences.extend(near.map(|(field, is, told)| format!("{field} is {is}, told {told}")));
        differences
    }

    /// Which excuse there is for a difference.
    fn excuse(&self, side: Side, difference: &str) -> Option<usize> {
        let field = difference.split(' ').next()?;
        EXCUSED.iter().position(|(name, of, fields, _)| {
            self.name == *name && (*of == "c") == (side == Side::Client) && fields.contains(&field)
        })
    }
}

/// The number of a state of RFC 9293 in `include/net/tcp_states.h`.
fn linux_state(number: u8) -> u64 {
    [7, 10, 2, 3, 1, 4, 5, 8, 11, 9, 6][usize::from(number)]
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn an_observer_tells_of_linux_hosts_what_they_tell_of_themselves() {
    let (mut told, mut compared, mut used) = (Vec::new(), 0, BTreeSet::new());
    let mut conversation: Option<Conversation> = None;
    for line in RECORDED.lines() {
        if let Some(name) = line.strip_prefix("conversation ") {
            conversation = Some(Conversation::begin(name));
            continue;
        }
        let conversation = conversation.as_mut().unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        // The first packet is not at the beginning of time.
        let time = Nanos((words[0].parse::<u64>().unwrap() + 60_000_000) * 1000);
        let side = |word: &str| if word == "c" { Side::Client } else { Side::Server };
        if words[1] != "info" {
            conversation.packet(time, side(words[1]), &words[2..]);
            continue;
        }
        let kernel = words[3..].iter().map(|word| word.split_once('=').unwrap());
        let kernel = kernel.map(|(field, value)| (field, value.parse().unwrap())).collect();
        compared += 1;
        let side = side(words[2]);
        let mut differences = conversation.differences(time, side, &kernel);
        differences.retain(|difference| match conversation.excuse(side, difference) {
            Some(excuse) => {
                used.insert(excuse);
                false
            }
            None => true,
        });
        told.extend(
            differences.iter().map(|difference| format!("{}: {line:.16} {difference}", conversation.name)),
        );
        balance(&conversation.engine).unwrap();
    }
    assert!(told.is_empty(), "{} of {compared}:\n{}", told.len(), told.join("\n"));
    assert_eq!((compared, used.len()), (180, EXCUSED.len()), "an excuse that nothing needs");
}
