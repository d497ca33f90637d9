//! Honest hosts on a link that loses: what they send, and what a tap between them could see.

use sluice_engine::{Direction, Nanos, Side, millis};
use sluice_tests::{Frame, Random};
use sluice_wire::{Segment, SeqNumber, TcpFlags};

/// Nanoseconds from one segment of a round to the next.
const STEP: u64 = 200_000;

/// Segments that a host sends before it waits for an answer.
const ROUND: usize = 12;

/// A connection to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Which of all: decides about order, losses on the link, and sequence numbers.
    pub(crate) seed: u64,
    pub(crate) flow: u16,
    pub(crate) start: Nanos,
    /// Bytes that each side sends, by [`Side::index`].
    pub(crate) bytes: [usize; 2],
    /// Bytes of a segment.
    pub(crate) size: usize,
    /// Segments of a million that do not arrive and are sent again. Half of them are lost before the tap.
    pub(crate) lost: u32,
}

/// A segment that a tap could see.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) frame: Frame,
    pub(crate) sender: Side,
    /// The bytes of the sender's stream in it; the FIN counts as one behind the last.
    pub(crate) range: (usize, usize),
    /// Up to where the sender has the peer's stream, its FIN included; `None` in the first SYN.
    pub(crate) ack: Option<usize>,
}

/// The byte that a side sends at an offset.
pub(crate) fn byte_at(seed: u64, side: Side, offset: usize) -> u8 {
    let [low, high, ..] = offset.to_le_bytes();
    let [own, ..] = seed.to_le_bytes();
    low.wrapping_mul(29) ^ high ^ own ^ if side == Side::Client { 0 } else { 0x55 }
}

pub(crate) fn stream(plan: &Plan, side: Side) -> Vec<u8> {
    (0..plan.bytes[side.index()]).map(|offset| byte_at(plan.seed, side, offset)).collect()
}

/// A connection in progress.
struct Link {
    plan: Plan,
    random: Random,
    now: Nanos,
    isn: [u32; 2],
    /// Bytes of each side's stream that the peer has in order, the FIN as one behind them.
    acked: [usize; 2],
    sent: Vec<Sent>,
}

impl Link {
    fn send(&mut self, sender: Side, flags: TcpFlags, range: (usize, usize), is_seen: bool) {
        let (own, peer) = (self.isn[sender.index()], self.isn[sender.other().index()]);
        let number =
            |isn: u32, offset: usize| isn.wrapping_add(1).wrapping_add(u32::try_from(offset).unwrap());
        let has_syn = flags.contains(TcpFlags::SYN);
        let has_ack = flags.contains(TcpFlags::ACK);
        let acked = self.acked[sender.other().index()];
        let end = range.1.min(self.plan.bytes[sender.index()]);
        let payload: Vec<u8> = (range.0..end).map(|offset| byte_at(self.plan.seed, sender, offset)).collect();
        let segment = Segment {
            seq: SeqNumber(if has_syn { own } else { number(own, range.0) }),
            ack: SeqNumber(if has_ack { number(peer, acked) } else { 0 }),
            flags,
            payload: &payload,
            ..Segment::default()
        };
        let frame = Frame::of(self.now, self.plan.flow, sender, &segment).unwrap();
        self.now = self.now.after(STEP);
        if is_seen {
            self.sent.push(Sent { frame, sender, range, ack: has_ack.then_some(acked) });
        }
    }

    /// What the peer lacks is sent until it has all of it; the FIN last, with the last segment.
    fn transfer(&mut self, sender: Side) {
        let (bytes, size) = (self.plan.bytes[sender.index()], self.plan.size);
        let mut starts: Vec<usize> = (0..bytes).step_by(size).collect();
        while !starts.is_empty() {
            let mut round: Vec<usize> = starts.iter().take(ROUND).copied().collect();
            if self.random.below(4) == 0 {
                let (one, other) = (self.random.below(round.len()), self.random.below(round.len()));
                round.swap(one, other);
            }
            for (start, number) in round.into_iter().zip(1usize..) {
                let is_lost = self.random.in_a_million(self.plan.lost);
                let is_seen = !is_lost || self.random.below(2) == 0;
                self.send(sender, TcpFlags::ACK | TcpFlags::PSH, (start, (start + size).min(bytes)), is_seen);
                if !is_lost {
                    starts.retain(|other| *other != start);
                    self.acked[sender.index()] = starts.first().copied().unwrap_or(bytes);
                }
                if number.is_multiple_of(2) {
                    self.acknowledge(sender);
                }
            }
            self.acknowledge(sender);
            self.now = self.now.after(millis(8));
        }
    }

    /// The receiver of a stream says what it has of it.
    fn acknowledge(&mut self, sender: Side) {
        let place = self.acked[sender.other().index()];
        self.send(sender.other(), TcpFlags::ACK, (place, place), true);
    }

    fn finish(&mut self, sender: Side) {
        let bytes = self.plan.bytes[sender.index()];
        self.send(sender, TcpFlags::FIN | TcpFlags::ACK, (bytes, bytes + 1), true);
        self.acked[sender.index()] = bytes + 1;
    }
}

/// All segments of a connection, in the order in which a tap in the middle sees them.
pub(crate) fn connection(plan: Plan) -> Vec<Sent> {
    let mut random = Random::new(plan.seed);
    let isn = [(); 2].map(|()| u32::MAX.wrapping_sub(u32::try_from(random.below(200_000)).unwrap()));
    let mut link = Link { plan, random, now: plan.start, isn, acked: [0; 2], sent: Vec::new() };
    link.send(Side::Client, TcpFlags::SYN, (0, 0), true);
    link.send(Side::Server, TcpFlags::SYN | TcpFlags::ACK, (0, 0), true);
    link.send(Side::Client, TcpFlags::ACK, (0, 0), true);
    link.transfer(Side::Client);
    link.transfer(Side::Server);
    link.finish(Side::Client);
    link.finish(Side::Server);
    let end = link.acked[0];
    link.send(Side::Client, TcpFlags::ACK, (end, end), true);
    link.sent
}

/// What a tap that caught `seen` must tell of a direction if it saw the handshake: bytes missing, and where the stream
/// stands at the end. `next` is where it was told to stand.
pub(crate) fn expected(
    plan: &Plan,
    seen: &[&Sent],
    direction: Direction,
    next: u64,
) -> (Vec<Option<u8>>, u64) {
    let (sender, bytes) = (direction.sender(), plan.bytes[direction.sender().index()]);
    let own = seen.iter().filter(|sent| sent.sender == sender);
    let mut caught = vec![false; bytes + 1];
    own.for_each(|sent| caught[sent.range.0..sent.range.1].fill(true));
    let acks = seen.iter().filter(|sent| sent.sender != sender).filter_map(|sent| sent.ack);
    let told = caught.iter().rposition(|is_there| *is_there).map_or(0, |last| last + 1);
    let mut end = acks.max().unwrap_or(0).max(told);
    let fin = plan.bytes[direction.receiver().index()];
    let has_closed =
        seen.iter().any(|sent| sent.sender != sender && sent.range.0 <= fin && fin < sent.range.1);
    let is_alone = end == told + 1 || next == bytes as u64;
    if caught[bytes] || is_alone && has_closed {
        // The FIN says where the stream ends. Without it, its number is like that of a byte, unless it is the only one
        // acknowledged behind what was seen or given up before, and the receiver has closed too.
        end = end.min(bytes);
    }
    let byte = |at: usize| (caught[at] && at < bytes).then(|| byte_at(plan.seed, sender, at));
    ((0..end).map(byte).collect(), end as u64)
}
