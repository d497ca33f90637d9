//! Strategies in the words of Geneva ("Come as you are" and "Geneva: Evolving Censorship Evasion Strategies", Bock et
//! al.): which packets of a host they take, and the tree of actions that those go through.
//!
//! `[TCP:flags:PA]-duplicate(tamper{TCP:chksum:corrupt},)-|` takes each packet with just PSH and ACK, sends a copy with
//! a wrong checksum and then the packet itself. An action's branches are in parentheses; an empty one sends the packet.

use sluice_tests::Random;
use sluice_wire::TcpFlags;

use super::crafted::{Crafted, MD5, NONCE, USER_TIMEOUT, WINDOW_SCALE};

/// An answer of a name server, as something that nobody expects in the place of a request.
const DNS_ANSWER: &[u8] = b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x03www\x07example\x03com\x00";

const HTTP_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n";

/// What becomes of a packet.
#[derive(Clone, Debug)]
enum Action {
    Send,
    /// A copy through each branch.
    Duplicate(Box<Action>, Box<Action>),
    Tamper {
        field: String,
        value: Option<String>,
        next: Box<Action>,
    },
    /// Two segments, cut behind so many bytes, or in the middle; each through its branch.
    Segment {
        at: Option<usize>,
        is_in_order: bool,
        branches: [Box<Action>; 2],
    },
}

/// Trees of actions, by the control bits of the packets that they take.
#[derive(Clone, Debug)]
pub(crate) struct Strategy(Vec<(u16, Action)>);

impl Strategy {
    /// Reads a strategy in Geneva's words.
    pub(crate) fn parse(dna: &str) -> Self {
        let trees = dna.split_terminator("-|").map(|tree| {
            let (flags, mut rest) =
                tree.trim().strip_prefix("[TCP:flags:").unwrap().split_once("]-").unwrap();
            let action = Action::parse(&mut rest);
            assert_eq!(rest, "", "{dna}");
            (flags_of(flags), action)
        });
        Self(trees.collect())
    }

    /// What is sent in the place of a packet.
    pub(crate) fn apply(&self, packet: Crafted, random: &mut Random) -> Vec<Crafted> {
        let mut sent = Vec::new();
        match self.0.iter().find(|(flags, _)| *flags == packet.flags) {
            Some((_, action)) => action.apply(packet, random, &mut sent),
            None => sent.push(packet),
        }
        sent
    }
}

impl Action {
    fn parse(text: &mut &str) -> Self {
        let end = text.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let (parameters, rest) = match rest.strip_prefix('{') {
            Some(inside) => inside.split_once('}').unwrap(),
            None => ("", rest),
        };
        *text = rest;
        if name.is_empty() {
            return Self::Send;
        }
        let branches = Self::branches(text).map(Box::new);
        let parameters: Vec<&str> = parameters.split(':').collect();
        match (name, parameters.as_slice()) {
            ("duplicate", _) => {
                let [first, second] = branches;
                Self::Duplicate(first, second)
            }
            ("tamper", [protocol, field, how, value @ ..]) => {
                let [next, none] = branches;
                assert!(matches!(*none, Self::Send));
                let value = value.first().map(|value| (*value).to_owned());
                assert_eq!(*how, if value.is_some() { "replace" } else { "corrupt" });
                Self::Tamper { field: format!("{protocol}:{field}"), value, next }
            }
            ("fragment", ["tcp", at, is_in_order]) => {
                Self::Segment { at: at.parse().ok(), is_in_order: *is_in_order == "True", branches }
            }
            unknown => panic!("{unknown:?}"),
        }
    }

    fn branches(text: &mut &str) -> [Self; 2] {
        let Some(inside) = text.strip_prefix('(') else { return [Self::Send, Self::Send] };
        *text = inside;
        let first = Self::parse(text);
        *text = text.strip_prefix(',').unwrap();
        let second = Self::parse(text);
        *text = text.strip_prefix(')').unwrap();
        [first, second]
    }

    fn apply(&self, mut packet: Crafted, random: &mut Random, sent: &mut Vec<Crafted>) {
        match self {
            Self::Send => sent.push(packet),
            Self::Duplicate(first, second) => {
                first.apply(packet.clone(), random, sent);
                second.apply(packet, random, sent);
            }
            Self::Tamper { field, value, next } => {
                tamper(&mut packet, field, value.as_deref(), random);
                next.apply(packet, random, sent);
            }
            Self::Segment { at, is_in_order, branches: [first, second] } => {
                let mut tail = packet.clone();
                let len = packet.payload.len();
                if len > 0 {
                    let at = at.filter(|at| *at < len).unwrap_or(len / 2);
                    tail.payload = packet.payload.split_off(at);
                    tail.seq = tail.seq.wrapping_add(u32::try_from(at).unwrap());
                }
                let pair = if *is_in_order { [packet, tail] } else { [tail, packet] };
                for (branch, segment) in [first, second].into_iter().zip(pair) {
                    branch.apply(segment, random, sent);
                }
            }
        }
    }
}

/// How far a corrupt sequence or acknowledgement number is from the right one, at least. One in 50,000 random numbers
/// lies in a window by chance, and means something.
const FAR_OFF: u32 = 1 << 20;

/// Changes a field: to a value, or to any that is wrong. Checksums are then right again, unless they are the field.
fn tamper(packet: &mut Crafted, field: &str, value: Option<&str>, random: &mut Random) {
    let number = || value.unwrap().parse::<u16>().unwrap();
    let wrong = |right: u32, random: &mut Random| {
        let any = u32::try_from(random.bits() >> 32).unwrap();
        right.wrapping_add(any.clamp(FAR_OFF, u32::MAX - FAR_OFF))
    };
    packet.checksum_damage = 0;
    match field {
        "TCP:chksum" => {
            packet.checksum_damage = u16::from_be_bytes([random.byte() & 0x7f, random.byte() | 1])
        }
        "TCP:dataofs" => packet.data_offset = Some(u8::try_from(number()).unwrap()),
        "IP:ttl" => packet.ttl = u8::try_from(number()).unwrap(),
        "IP:len" => packet.total_len = Some(number()),
        "TCP:seq" => packet.seq = wrong(packet.seq, random),
        "TCP:ack" => packet.ack = wrong(packet.ack, random),
        "TCP:flags" => packet.flags = flags_of(value.unwrap()),
        "TCP:load" => {
            let letters = (0..10).map(|_| b'a' + random.byte() % 26).collect();
            let loads = [Vec::new(), DNS_ANSWER.to_vec(), HTTP_REQUEST.to_vec(), letters];
            packet.payload.clone_from(&loads[random.below(loads.len())]);
            packet.total_len = None;
        }
        "TCP:options-wscale" => packet.set_option(WINDOW_SCALE, vec![random.byte()]),
        "TCP:options-uto" => packet.set_option(USER_TIMEOUT, vec![0, random.byte()]),
        "TCP:options-md5header" => packet.set_option(MD5, (0..16).map(|_| random.byte()).collect()),
        unknown => panic!("{unknown}"),
    }
}

fn flags_of(letters: &str) -> u16 {
    let bit = |letter| match letter {
        'F' => TcpFlags::FIN,
        'S' => TcpFlags::SYN,
        'R' => TcpFlags::RST,
        'P' => TcpFlags::PSH,
        'A' => TcpFlags::ACK,
        'U' => TcpFlags::URG,
        'E' => TcpFlags::ECE,
        'C' => TcpFlags::CWR,
        unknown => panic!("{unknown}"),
    };
    letters.chars().map(|letter| if letter == 'N' { NONCE } else { u16::from(bit(letter).bits()) }).sum()
}
