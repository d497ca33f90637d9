//! Connections that do everything that raises an event: they begin, talk in both directions, lose, repeat and change
//! segments, and end in every way.

use sluice_engine::{Nanos, Side, millis, seconds};
use sluice_wire::{Segment, SeqNumber, TcpFlags};

use crate::{Frame, Random};

/// Initial sequence numbers, by [`Side::index`]; a few bytes before they wrap.
const FIRST: [u32; 2] = [u32::MAX - 200, 5_000];

/// Where a connection stands, as its hosts see it.
#[derive(Clone, Copy, Debug, Default)]
struct Talk {
    /// Segments sent of the handshake.
    opened: u8,
    /// Bytes that each side has sent, by [`Side::index`].
    sent: [u32; 2],
    /// How often the ends were used.
    turn: u32,
}

/// A segment.
#[derive(Debug)]
struct Say {
    side: Side,
    flags: TcpFlags,
    /// Offset of the stream if it is not the next one.
    start: Option<u32>,
    payload: Vec<u8>,
}

/// Frames of several flows, at random. See the module.
#[derive(Debug)]
pub struct Traffic {
    random: Random,
    now: Nanos,
    talks: Vec<Talk>,
}

impl Traffic {
    /// The frames that a seed makes, of so many flows at once.
    #[must_use]
    pub fn new(seed: u64, flows: usize) -> Self {
        Self {
            random: Random::new(seed ^ 0x7261_6666),
            now: Nanos(millis(1)),
            talks: vec![Talk::default(); flows],
        }
    }

    /// The next frame; `None` if it cannot be written: a bug.
    pub fn next_frame(&mut self) -> Option<Frame> {
        let pause = match self.random.below(400) {
            0 => seconds(400),
            1..4 => seconds(30),
            4..20 => millis(600),
            _ => millis(1),
        };
        self.now = self.now.after(pause);
        let flow = self.random.below(self.talks.len());
        let say = self.say(flow)?;
        let talk = self.talks.get_mut(flow)?;
        let first = FIRST.map(|first| first.wrapping_add(talk.turn.wrapping_mul(100_000)));
        let (own, peer) = (say.side.index(), say.side.other().index());
        let place = say.start.unwrap_or(talk.sent[own]);
        let is_syn = say.flags.contains(TcpFlags::SYN);
        let seq = if is_syn { first[own] } else { first[own].wrapping_add(1).wrapping_add(place) };
        let ack = first[peer].wrapping_add(1).wrapping_add(talk.sent[peer]);
        if say.start.is_none() {
            let len = u32::try_from(say.payload.len()).ok()? + u32::from(say.flags.contains(TcpFlags::FIN));
            talk.sent[own] = talk.sent[own].wrapping_add(len);
        }
        let segment = Segment {
            flags: say.flags,
            seq: SeqNumber(seq),
            ack: SeqNumber(if say.flags.contains(TcpFlags::ACK) { ack } else { 0 }),
            payload: &say.payload,
            ..Segment::default()
        };
        Frame::of(self.now, u16::try_from(flow).ok()?, say.side, &segment)
    }

    /// What is said next in a flow.
    fn say(&mut self, flow: usize) -> Option<Say> {
        let talk = self.talks.get_mut(flow)?;
        let side = if self.random.below(2) == 0 { Side::Client } else { Side::Server };
        let say = Say { side, flags: TcpFlags::ACK, start: None, payload: Vec::new() };
        // Now and then the tap misses a handshake.
        if talk.opened < 3 && self.random.below(12) > 0 {
            let (side, flags) = match talk.opened {
                0 => (Side::Client, TcpFlags::SYN),
                1 => (Side::Server, TcpFlags::SYN | TcpFlags::ACK),
                _ => (Side::Client, TcpFlags::ACK),
            };
            talk.opened += 1;
            return Some(Say { side, flags, ..say });
        }
        Some(match self.random.below(100) {
            0..25 => Say { payload: self.bytes(), ..say },
            25..50 => Say { payload: self.bytes(), flags: TcpFlags::ACK | TcpFlags::PSH, ..say },
            50..60 => {
                // Some bytes are left out, and may come as a repetition.
                talk.sent[side.index()] = talk.sent[side.index()].wrapping_add(7);
                Say { payload: self.bytes(), ..say }
            }
            60..76 => {
                let back = u32::try_from(self.random.below(40)).ok()?;
                Say {
                    start: Some(talk.sent[side.index()].saturating_sub(back)),
                    payload: self.bytes(),
                    ..say
                }
            }
            76..86 => say,
            86..88 => Say { side: Side::Client, flags: TcpFlags::SYN, start: Some(0), ..say },
            // Far beyond any window.
            88..90 => Say { start: Some(1 << 30), ..say },
            90..95 => Say { flags: TcpFlags::FIN | TcpFlags::ACK, ..say },
            95..97 => Say { flags: TcpFlags::RST, ..say },
            _ => {
                *talk = Talk { turn: talk.turn + 1, ..Talk::default() };
                Say { flags: TcpFlags::RST | TcpFlags::ACK, ..say }
            }
        })
    }

    /// Some bytes; mostly the same, so that repetitions repeat them.
    fn bytes(&mut self) -> Vec<u8> {
        let byte = if self.random.below(10) == 0 { b'?' } else { b'x' };
        vec![byte; self.random.below(30) + 1]
    }
}
