//! A server some routers behind the tap, which does with segments what Linux does: `tcp_v4_rcv`, `tcp_check_req`,
//! `tcp_validate_incoming`, `tcp_ack` in short. It knows what no observer does: which packets reach it.
//!
//! It does not predict headers. A Linux that does reads in-order data however old its ACK is, and so would read what
//! `tamper{TCP:load:corrupt}(tamper{TCP:ack:corrupt},)` forges every other time; `kernel_states.rs` has that apart.

use sluice_wire::TcpFlags;

use super::crafted::{IP, MD5, NOP, TCP, sum};

const ACK: u8 = TcpFlags::ACK.0;
const SYN_ACK: u8 = TcpFlags::SYN.0 | ACK;

/// Bytes of the receive window, as the server tells it.
pub(crate) const WINDOW: u32 = 64_000;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Listen,
    SynReceived,
    Established,
}

/// A segment that the server answers with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply {
    pub(crate) flags: u8,
    pub(crate) seq: u32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Server {
    /// Routers between the tap and the server.
    pub(crate) hops: u8,
    pub(crate) state: State,
    /// Next number to send, and the oldest one not acknowledged.
    pub(crate) send_next: u32,
    unacknowledged: u32,
    acknowledged_bytes: u32,
    /// Next number expected.
    pub(crate) next: u32,
    client_isn: u32,
    waiting: Vec<(u32, Vec<u8>)>,
    fin: Option<u32>,
    /// What the application has read.
    pub(crate) read: Vec<u8>,
    /// Whether the client's FIN came, with all before it.
    pub(crate) has_fin: bool,
    /// Whether bytes that it has read came again as others.
    pub(crate) was_contradicted: bool,
    /// Whether it obeyed an RST.
    pub(crate) was_reset: bool,
}

/// What is read of a segment that arrived.
struct Arrived<'a> {
    flags: u8,
    seq: u32,
    ack: u32,
    is_signed: bool,
    payload: &'a [u8],
}

/// How far `number` is ahead of `other`.
const fn ahead(number: u32, other: u32) -> i32 {
    number.wrapping_sub(other).cast_signed()
}

impl Server {
    pub(crate) const fn new(hops: u8, isn: u32) -> Self {
        Self {
            hops,
            state: State::Listen,
            send_next: isn,
            unacknowledged: isn,
            acknowledged_bytes: 0,
            next: 0,
            client_isn: 0,
            waiting: Vec::new(),
            fin: None,
            read: Vec::new(),
            has_fin: false,
            was_contradicted: false,
            was_reset: false,
        }
    }

    /// Whether the client has acknowledged all that was sent.
    pub(crate) const fn is_acknowledged(&self) -> bool {
        self.unacknowledged == self.send_next
    }

    /// Takes a frame that the tap has seen on its way to the server.
    pub(crate) fn receive(&mut self, frame: &[u8]) -> Option<Reply> {
        let arrived = self.arrive(frame)?;
        match self.state {
            State::Listen => self.listen(&arrived),
            State::SynReceived => self.finish_handshake(&arrived),
            State::Established => self.validate(&arrived),
        }
    }

    /// What the routers, the IP layer and the checksum leave of a frame.
    fn arrive<'a>(&self, frame: &'a [u8]) -> Option<Arrived<'a>> {
        let total_len = usize::from(u16::from_be_bytes([frame[IP + 2], frame[IP + 3]]));
        let datagram_end = IP + total_len;
        if frame[IP + 8] <= self.hops || datagram_end > frame.len() || datagram_end < TCP + 20 {
            return None;
        }
        if sum(frame, TCP..datagram_end, datagram_end - TCP) != 0xffff {
            return None;
        }
        let header_len = usize::from(frame[TCP + 12] >> 4) * 4;
        if header_len < 20 || TCP + header_len > datagram_end {
            return None;
        }
        let word = |at: usize| u32::from_be_bytes(frame[TCP + at..TCP + at + 4].try_into().unwrap());
        Some(Arrived {
            flags: frame[TCP + 13],
            seq: word(4),
            ack: word(8),
            is_signed: is_signed(&frame[TCP + 20..TCP + header_len]),
            payload: &frame[TCP + header_len..datagram_end],
        })
    }

    fn listen(&mut self, arrived: &Arrived<'_>) -> Option<Reply> {
        let has = |flag: TcpFlags| arrived.flags & flag.0 != 0;
        if has(TcpFlags::RST) {
            return None;
        }
        if has(TcpFlags::ACK) {
            return Some(Reply { flags: TcpFlags::RST.0, seq: arrived.ack });
        }
        if !has(TcpFlags::SYN) {
            return None;
        }
        // Data in a SYN without a cookie is not taken.
        (self.client_isn, self.next) = (arrived.seq, arrived.seq.wrapping_add(1));
        (self.state, self.unacknowledged) = (State::SynReceived, self.send_next);
        self.send_next = self.send_next.wrapping_add(1);
        Some(Reply { flags: SYN_ACK, seq: self.unacknowledged })
    }

    fn finish_handshake(&mut self, arrived: &Arrived<'_>) -> Option<Reply> {
        if arrived.flags == TcpFlags::SYN.0 && arrived.seq == self.client_isn {
            return Some(Reply { flags: SYN_ACK, seq: self.unacknowledged });
        }
        if arrived.is_signed {
            return None;
        }
        let has = |flag: TcpFlags| arrived.flags & flag.0 != 0;
        if has(TcpFlags::ACK) && arrived.ack != self.send_next {
            return Some(Reply { flags: TcpFlags::RST.0, seq: arrived.ack });
        }
        if !self.fits(arrived) {
            return (!has(TcpFlags::RST)).then(|| self.acknowledge());
        }
        if has(TcpFlags::RST) || has(TcpFlags::SYN) {
            (self.was_reset, self.state) = (has(TcpFlags::RST), State::Listen);
            return None;
        }
        if !has(TcpFlags::ACK) {
            return None;
        }
        (self.state, self.unacknowledged) = (State::Established, arrived.ack);
        self.take(arrived)
    }

    fn validate(&mut self, arrived: &Arrived<'_>) -> Option<Reply> {
        let has = |flag: TcpFlags| arrived.flags & flag.0 != 0;
        if arrived.is_signed {
            return None;
        }
        if !self.fits(arrived) {
            self.compare(arrived);
            return (!has(TcpFlags::RST)).then(|| self.acknowledge());
        }
        if has(TcpFlags::RST) {
            if arrived.seq != self.next {
                return Some(self.acknowledge());
            }
            (self.was_reset, self.state) = (true, State::Listen);
            return None;
        }
        if has(TcpFlags::SYN) {
            return Some(self.acknowledge());
        }
        let is_for_unsent = ahead(arrived.ack, self.send_next) > 0;
        if !has(TcpFlags::ACK) || is_for_unsent {
            return None;
        }
        let newly = ahead(arrived.ack, self.unacknowledged);
        let oldest = self.acknowledged_bytes.min(WINDOW);
        if newly < 0 && newly.unsigned_abs() > oldest {
            return Some(self.acknowledge());
        }
        if newly > 0 {
            self.unacknowledged = arrived.ack;
            self.acknowledged_bytes += newly.unsigned_abs();
        }
        self.take(arrived)
    }

    /// `tcp_sequence`: not all old, and not right of the window.
    fn fits(&self, arrived: &Arrived<'_>) -> bool {
        let fin = u32::from(arrived.flags & TcpFlags::FIN.0 != 0);
        let end = arrived.seq.wrapping_add(u32::try_from(arrived.payload.len()).unwrap()).wrapping_add(fin);
        ahead(end, self.next) >= 0 && ahead(arrived.seq, self.next.wrapping_add(WINDOW)) <= 0
    }

    fn compare(&mut self, arrived: &Arrived<'_>) {
        let offset = ahead(arrived.seq, self.client_isn.wrapping_add(1));
        let known = usize::try_from(offset).ok().and_then(|offset| self.read.get(offset..)).unwrap_or(&[]);
        self.was_contradicted |= known.iter().zip(arrived.payload).any(|(known, came)| known != came);
    }

    /// Payload and FIN. Bytes that were read stay; here nothing that waits is ever contradicted.
    fn take(&mut self, arrived: &Arrived<'_>) -> Option<Reply> {
        self.compare(arrived);
        let len = u32::try_from(arrived.payload.len()).unwrap();
        if arrived.flags & TcpFlags::FIN.0 != 0 {
            self.fin = Some(arrived.seq.wrapping_add(len));
        }
        if len == 0 && self.fin.is_none() {
            return None;
        }
        self.waiting.push((arrived.seq, arrived.payload.to_vec()));
        while let Some(place) = self.waiting.iter().position(|(seq, _)| ahead(*seq, self.next) <= 0) {
            let (seq, bytes) = self.waiting.remove(place);
            let old = usize::try_from(ahead(self.next, seq)).unwrap().min(bytes.len());
            // Nothing is read behind the FIN.
            let fresh = if self.has_fin { &[][..] } else { &bytes[old..] };
            self.read.extend(fresh);
            self.next = self.next.wrapping_add(u32::try_from(fresh.len()).unwrap());
            if self.fin == Some(self.next) && !self.has_fin {
                self.has_fin = true;
                self.next = self.next.wrapping_add(1);
            }
        }
        Some(self.acknowledge())
    }

    const fn acknowledge(&self) -> Reply {
        Reply { flags: ACK, seq: self.send_next }
    }
}

/// Whether there is a whole MD5 option, which nobody has agreed on here.
fn is_signed(mut options: &[u8]) -> bool {
    while let [kind, rest @ ..] = options {
        if *kind == 0 {
            return false;
        }
        if *kind == NOP {
            options = rest;
            continue;
        }
        let Some(len) = rest.first().map(|len| usize::from(*len)) else { return false };
        if len < 2 || len > options.len() {
            return false;
        }
        if *kind == MD5 && len == 18 {
            return true;
        }
        options = &options[len..];
    }
    false
}
