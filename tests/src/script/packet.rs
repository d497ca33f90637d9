//! A packet of a script.

use std::collections::BTreeMap;
use std::ops::Range;

use sluice_engine::{Nanos, Side};
use sluice_wire::{IpAddress, LinkType, Segment, SeqNumber, TcpFlags};

use super::text;
use super::wrap::{Wrapped, Wrapper};
use crate::{Frame, fragment};

/// Client port of flow 0; flow N has the Nth after it.
pub(super) const FIRST_CLIENT_PORT: u16 = 40_000;

/// Port of every server.
pub(super) const SERVER_PORT: u16 = 80;

const IPV4_LEN: usize = 20;

/// The ACK that each sender of each flow gave last.
pub(super) type LastAcks = BTreeMap<(u16, bool), u32>;

/// A packet of a script.
#[derive(Clone, Debug)]
pub struct PacketLine {
    time: Nanos,
    sender: Side,
    flags: TcpFlags,
    seq: u32,
    ack: u32,
    window: u16,
    urgent: u16,
    options: Vec<u8>,
    payload: Vec<u8>,
    captured: Option<usize>,
    is_damaged: bool,
    flow: u16,
    fragment: Option<Range<usize>>,
    id: u32,
    around: Vec<Wrapper>,
}

impl PacketLine {
    /// Reads the words of a line.
    pub(super) fn parse(words: &[&str], acks: &mut LastAcks) -> Result<Self, &'static str> {
        let [time, sender, flags, place, rest @ ..] = words else {
            return Err("a packet has a time, a sender, flags and a sequence number");
        };
        let (seq, payload_len) = parse_place(place)?;
        let letters = (0u32..).zip(std::iter::repeat_n((), payload_len));
        let mut packet = Self {
            time: text::time(time).ok_or("not a time")?,
            sender: match *sender {
                "c" => Side::Client,
                "s" => Side::Server,
                _ => return Err("the sender is c or s"),
            },
            flags: parse_flags(flags)?,
            seq,
            ack: 0,
            window: 65_535,
            urgent: 0,
            options: Vec::new(),
            payload: letters.map(|(index, ())| letter_at(seq.wrapping_add(index))).collect(),
            captured: None,
            is_damaged: false,
            flow: 0,
            fragment: None,
            id: 0,
            around: Vec::new(),
        };
        let mut ack = None;
        let mut rest = rest.iter().copied();
        while let Some(word) = rest.next() {
            match word {
                "badsum" => packet.is_damaged = true,
                "signed" => packet.options.extend([&[1, 1, 19, 18][..], &[0; 16]].concat()),
                "ipip" => packet.around.push(Wrapper::IpInIp),
                "ack" => ack = Some(value(rest.next())?),
                _ if word.starts_with('"') => packet.set_payload(&word[1..])?,
                _ => packet.set(word, rest.next().ok_or("a word without its value")?)?,
            }
        }
        let key = (packet.flow, packet.sender == Side::Client);
        packet.ack = match ack {
            Some(ack) => *acks.entry(key).insert_entry(ack).get(),
            None => acks.get(&key).copied().unwrap_or(0),
        };
        Ok(packet)
    }

    fn set(&mut self, word: &str, argument: &str) -> Result<(), &'static str> {
        match word {
            "win" => self.window = value(Some(argument))?,
            "urg" => self.urgent = value(Some(argument))?,
            "captured" => self.captured = Some(value(Some(argument))?),
            "flow" => self.flow = value(Some(argument))?,
            "id" => self.id = value(Some(argument))?,
            "frag" => {
                let (start, end) = argument.split_once(':').ok_or("a fragment is START:END")?;
                self.fragment = Some(value(Some(start))?..value(Some(end))?);
            }
            "vlan" => self.around.push(Wrapper::Vlan(value(Some(argument))?)),
            "pppoe" => self.around.push(Wrapper::Pppoe(value(Some(argument))?)),
            "gre" => self.around.push(Wrapper::Gre(value(Some(argument))?)),
            "vxlan" => self.around.push(Wrapper::Vxlan(value(Some(argument))?)),
            "geneve" => self.around.push(Wrapper::Geneve(value(Some(argument))?)),
            "wscale" => self.options.extend([1, 3, 3, value(Some(argument))?]),
            "mss" => {
                let size: u16 = value(Some(argument))?;
                self.options.extend([&[2, 4][..], &size.to_be_bytes()].concat());
            }
            "ts" => {
                let (stamp, echo) = argument.split_once(':').ok_or("a timestamp is VALUE:ECHO")?;
                let (stamp, echo): (u32, u32) = (value(Some(stamp))?, value(Some(echo))?);
                let option = [&[1, 1, 8, 10][..], &stamp.to_be_bytes(), &echo.to_be_bytes()];
                self.options.extend(option.concat());
            }
            _ => return Err("no such word for a packet"),
        }
        Ok(())
    }

    fn set_payload(&mut self, text: &str) -> Result<(), &'static str> {
        if text.len() != self.payload.len() {
            return Err("the payload is not as long as the sequence numbers say");
        }
        self.payload = text.as_bytes().to_vec();
        Ok(())
    }

    /// The frame.
    ///
    /// # Errors
    ///
    /// What no frame can say, in words.
    pub fn frame(&self) -> Result<Frame, &'static str> {
        let client = (IpAddress::v4([192, 0, 2, 1]), FIRST_CLIENT_PORT.saturating_add(self.flow));
        let server = (IpAddress::v4([192, 0, 2, 2]), SERVER_PORT);
        let (source, destination) = match self.sender {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        let segment = Segment {
            source: source.0,
            source_port: source.1,
            destination: destination.0,
            destination_port: destination.1,
            seq: SeqNumber(self.seq),
            ack: SeqNumber(self.ack),
            flags: self.flags,
            window: self.window,
            urgent: self.urgent,
            options: &self.options,
            payload: &self.payload,
            ..Segment::default()
        };
        let mut bytes = vec![0; self.payload.len() + 200];
        let len = segment.write_datagram(&mut bytes).ok_or("no datagram can say this")?;
        bytes.truncate(len);
        if self.is_damaged {
            // The upper byte of the TCP checksum.
            bytes[IPV4_LEN + 16] ^= 0xff;
        }
        let mut wrapped = Wrapped::datagram(bytes);
        for wrapper in &self.around {
            wrapped = wrapped.within(*wrapper, self.sender)?;
        }
        let mut bytes = wrapped.frame();
        let wire_len = u32::try_from(bytes.len()).map_err(|_| "too long")?;
        if let Some(captured) = self.captured {
            bytes.truncate(bytes.len() - self.payload.len() + captured);
        }
        let frame = Frame { time: self.time, bytes, wire_len, link: Some(LinkType::Ethernet) };
        match &self.fragment {
            Some(_) if !self.around.is_empty() => Err("a fragment has nothing around it"),
            Some(range) => fragment(&frame, range.clone(), self.id).ok_or("no fragment can say this"),
            None => Ok(frame),
        }
    }
}

/// The letter that a script puts where it names no payload.
pub(super) fn letter_at(seq: u32) -> u8 {
    let [_, _, _, low] = (seq % 26).to_be_bytes();
    b'a' + low
}

/// `1000` or `1000:1010(10)`.
fn parse_place(word: &str) -> Result<(u32, usize), &'static str> {
    let Some((seq, rest)) = word.split_once(':') else { return Ok((value(Some(word))?, 0)) };
    let (end, len) = rest.split_once('(').ok_or("sequence numbers are 1:11(10)")?;
    let len = len.strip_suffix(')').ok_or("sequence numbers are 1:11(10)")?;
    let (seq, end, len): (u32, u32, u32) = (value(Some(seq))?, value(Some(end))?, value(Some(len))?);
    if seq.wrapping_add(len) != end {
        return Err("the sequence numbers do not fit the length");
    }
    Ok((seq, usize::try_from(len).map_err(|_| "too long")?))
}

fn parse_flags(word: &str) -> Result<TcpFlags, &'static str> {
    let letter = |letter| match letter {
        'F' => Ok(TcpFlags::FIN),
        'S' => Ok(TcpFlags::SYN),
        'R' => Ok(TcpFlags::RST),
        'P' => Ok(TcpFlags::PSH),
        '.' => Ok(TcpFlags::ACK),
        'U' => Ok(TcpFlags::URG),
        'E' => Ok(TcpFlags::ECE),
        'W' => Ok(TcpFlags::CWR),
        '-' => Ok(TcpFlags(0)),
        _ => Err("flags are letters of tcpdump"),
    };
    word.chars().try_fold(TcpFlags(0), |flags, character| Ok(flags | letter(character)?))
}

fn value<T: std::str::FromStr>(word: Option<&str>) -> Result<T, &'static str> {
    word.and_then(|word| word.parse().ok()).ok_or("not a number, or out of range")
}
