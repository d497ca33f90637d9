//! What Linux made of single segments in each of its states, as `scripts/record-states.py` recorded it, against what an
//! observer of the same segments makes of them.

use std::fmt::Write;

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::tcp::TcpState;
use sluice_engine::{Config, Direction, Engine, Grants, Nanos, View, millis};
use sluice_tests::{Frame, Frames, balance};
use sluice_wire::{IpAddress, LinkType, Segment, SeqNumber, TcpFlags};

const RECORDED: &str = include_str!("linux-6.18-states.txt");

/// Conversations in which the observer is wrong about the kernel's end, or cannot know, and why.
const EXCUSED: [(&str, &str); 43] = [
    ("syn-rcvd syn-exact", FORGOTTEN),
    ("syn-rcvd syn-in-window", FORGOTTEN),
    ("syn-rcvd syn-fin", FORGOTTEN),
    ("server syn-other-isn", FORGOTTEN),
    ("server syn-other-isn-t*", FORGOTTEN),
    ("reuse syn-rcvd in-window", FORGOTTEN),
    ("reuse syn-rcvd stamped in-window", FORGOTTEN),
    ("established data-ack-future", AHEAD),
    ("established fin-ack-future", AHEAD),
    ("hole data-ack-future", AHEAD),
    ("hole fin-ack-future", AHEAD),
    ("established data-ack-before-the-syn", PREDICTED),
    ("established data-ack-a-window-old", PREDICTED),
    ("established data-ack-very-old", PREDICTED),
    ("lost-behind-the-tap rst-plus-20", "that the host holds these bytes behind a hole is not on the wire"),
    ("fin-wait-2-closed rst-plus-1*", CLOSED),
    ("fin-wait-2-closed rst-plus-20", CLOSED),
    ("fin-wait-2-closed rst-in-window", CLOSED),
    ("fin-wait-2-closed syn-exact", CLOSED),
    ("fin-wait-2-closed syn-in-window", CLOSED),
    ("fin-wait-2-closed syn-fin", CLOSED),
    ("fin-wait-2-closed data-ack*", CLOSED),
    ("fin-wait-2-closed fin-ack-future", CLOSED),
    ("fin-wait-2-closed stamped fin-old-stamp", CLOSED),
    ("fin-wait-2-closed stamped syn-exact", CLOSED),
    ("fin-wait-2-closed stamped syn-old-stamp", CLOSED),
    ("fin-wait-2-closed stamped syn-in-window", CLOSED),
    ("fin-wait-2-closed stamped syn-no-stamp", CLOSED),
    ("reuse fin-wait-2-closed in-window", CLOSED),
    ("reuse fin-wait-2-closed stamped in-window", CLOSED),
    ("time-wait rst-exact", OVER),
    ("time-wait rst-ack*", OVER),
    ("time-wait rst-with-data", OVER),
    ("time-wait rst-syn", OVER),
    ("time-wait rst-fin", OVER),
    ("time-wait stamped rst-exact-old-stamp", OVER),
    ("time-wait stamped rst-ack-old-stamp", OVER),
    ("time-wait stamped rst-exact-no-stamp", OVER),
    ("time-wait syn-exact", ATTEMPT),
    ("time-wait syn-below", ATTEMPT),
    ("time-wait stamped syn-below-no-stamp", ATTEMPT),
    ("reuse time-wait lower", ATTEMPT),
    ("reuse time-wait stamped higher-older", ATTEMPT),
];

const FORGOTTEN: &str = "a SYN in its window makes the host forget the half-open connection; the RST that says so is \
                         ignored by its peer, and anybody could have sent it";
const AHEAD: &str = "the host has not sent what is acknowledged, or the tap has lost it, or shows it later";
const PREDICTED: &str = "the next expected segment passes by header prediction, its ACK unseen, if there is memory for \
                         it: a hole or a first segment is refused";
const CLOSED: &str =
    "the application has closed, not only shut down, and the kernel keeps less: not on the wire";
const OVER: &str = "TIME-WAIT is the end, RST or not";
const ATTEMPT: &str = "what the host does not answer is a flow too, of a SYN";

const KERNEL: [u8; 4] = [192, 0, 2, 2];

/// What the observer thinks of the kernel's end.
#[derive(Debug, Default)]
struct Observer {
    state: Option<TcpState>,
    /// Bytes that its application can read.
    read: u64,
    has_gap: bool,
}

impl Handler for Observer {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let is_client = view.endpoints().unwrap().client_address == IpAddress::v4(KERNEL).0;
        let is_here =
            call.place().direction() == if is_client { Direction::ToClient } else { Direction::ToServer };
        let [_, _, server, client] = call.states.to_be_bytes();
        let number = usize::from(if is_client { client } else { server });
        let is_start = call.event_kind() == Some(EventKind::ConnStart) && call.place().hook() == Hook::Sender;
        if is_start {
            self.has_gap = false;
        }
        self.state = Some(TcpState::ALL[number]);
        match call.event_kind() {
            Some(EventKind::NewData) if is_here && !self.has_gap => self.read += u64::from(call.length),
            Some(EventKind::Gap) if is_here => self.has_gap = true,
            _ => {}
        }
        Ok(0)
    }
}

fn engine() -> Engine {
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full).unwrap();
    for kind in EventKind::ALL {
        for hook in Hook::ALL.into_iter().filter(|hook| kind.allows(*hook)) {
            if kind != EventKind::Orphan {
                definitions.register(monitor, kind.number(), hook, 0).unwrap();
            }
        }
    }
    let mut engine = Engine::new(Config::default());
    engine.attach(definitions, Grants::NONE).unwrap();
    engine
}

/// A recorded segment as a frame; `windows` are those that the kernel and its peer told last.
fn frame(words: &[&str], time: u64, windows: &mut [u16; 2]) -> Frame {
    let [mark, flags, seq, ack, rest @ ..] = words else { panic!("{words:?} is no segment") };
    let is_kernel = *mark == "<";
    let letters = [('F', TcpFlags::FIN), ('S', TcpFlags::SYN), ('R', TcpFlags::RST), ('P', TcpFlags::PSH)];
    let flags =
        letters.into_iter().chain([('.', TcpFlags::ACK)]).filter(|(letter, _)| flags.contains(*letter));
    let flags = flags.fold(TcpFlags(0), |all, (_, flag)| all | flag);
    let (mut payload, mut options) = (Vec::new(), Vec::new());
    let (mut blocks, mut rest) = (Vec::new(), rest.iter().copied());
    while let Some(word) = rest.next() {
        if word == "sackok" {
            options.extend([1, 1, 4, 2]);
            continue;
        }
        let value = rest.next().unwrap();
        let numbers: Vec<u32> = value.split(['/', '-']).map(|number| number.parse().unwrap()).collect();
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        match word {
            "len" => payload = vec![b'x'; value.parse().unwrap()],
            "win" => windows[usize::from(is_kernel)] = value.parse().unwrap(),
            "mss" => options.extend([&[2, 4][..], &bytes[2..]].concat()),
            "ws" => options.extend([1, 3, 3, bytes[3]]),
            "ts" => options.extend([&[1, 1, 8, 10][..], &bytes].concat()),
            "sack" => blocks.extend(bytes),
            _ => panic!("{word} in {words:?}"),
        }
    }
    if !blocks.is_empty() {
        let len = u8::try_from(blocks.len() + 2).unwrap();
        options.extend([&[1, 1, 5, len][..], &blocks].concat());
    }
    let (kernel, peer) = ((IpAddress::v4(KERNEL), 8080), (IpAddress::v4([192, 0, 2, 1]), 40_000));
    let (source, destination) = if is_kernel { (kernel, peer) } else { (peer, kernel) };
    let segment = Segment {
        source: source.0,
        source_port: source.1,
        destination: destination.0,
        destination_port: destination.1,
        seq: SeqNumber(seq.parse().unwrap()),
        ack: SeqNumber(ack.parse().unwrap()),
        flags,
        window: windows[usize::from(is_kernel)],
        options: &options,
        payload: &payload,
        ..Segment::default()
    };
    let mut bytes = vec![0; 1700];
    let len = segment.write_frame(&mut bytes).unwrap();
    bytes.truncate(len);
    let wire_len = u32::try_from(len).unwrap();
    Frame { time: Nanos(millis(time)), bytes, wire_len, link: Some(LinkType::Ethernet) }
}

/// Where the observer of a conversation is wrong about the kernel's end.
fn observe(line: &str) -> Vec<String> {
    let mut steps = line.split(" | ");
    let name = steps.next().unwrap();
    let (mut engine, mut observer, mut windows) = (engine(), Observer::default(), [0, 0]);
    let (mut wrong, mut last, mut state) = (Vec::new(), "", "");
    for (step, time) in steps.chain(["end"]).zip(1..) {
        let words: Vec<&str> = step.split(' ').collect();
        // A state stands until the peer sends the next segment.
        let known = observer.state.map_or("nothing", TcpState::name);
        if matches!(words[0], ">" | "end") && !last.is_empty() && known != state {
            wrong.push(format!("{name}: {last}: {state}, not {known}"));
        }
        match words.as_slice() {
            ["end"] => {}
            ["=", now] => state = now,
            ["read", count] => {
                if count.parse::<u64>().unwrap() != observer.read {
                    wrong.push(format!("{name}: read {count}, not {}", observer.read));
                }
            }
            words => {
                last = step;
                let frames = Frames(vec![frame(words, time, &mut windows)]);
                let _ = engine.receive(Box::new(frames), &mut observer);
                balance(&engine).unwrap();
            }
        }
    }
    wrong
}

#[test]
fn an_observer_knows_the_state_of_a_linux_host_after_each_segment() {
    let mut report = String::new();
    let conversations: Vec<&str> = RECORDED.lines().filter(|line| !line.starts_with('#')).collect();
    let mut excused = 0;
    for line in &conversations {
        let name = line.split(" | ").next().unwrap();
        let excuse = EXCUSED.iter().find(|(excused, _)| name == *excused || is_among(name, excused));
        let wrong = observe(line);
        excused += usize::from(excuse.is_some());
        match excuse {
            None => wrong.iter().for_each(|wrong| writeln!(report, "{wrong}").unwrap()),
            Some((_, why)) if wrong.is_empty() => {
                writeln!(report, "{name}: no excuse is needed: {why}").unwrap()
            }
            Some(_) => {}
        }
    }
    assert!(report.is_empty(), "\n{report}");
    assert_eq!((conversations.len(), excused), (866, 51));
}

/// Whether `pattern` ends in a star and the name begins with what is before it.
fn is_among(name: &str, pattern: &str) -> bool {
    pattern.strip_suffix('*').is_some_and(|start| name.starts_with(start))
}
