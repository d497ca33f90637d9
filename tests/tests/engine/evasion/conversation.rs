//! A client that asks and a server that answers, with a strategy between the client and the tap.

use sluice_engine::{Nanos, Side, millis};
use sluice_tests::{Frame, Random};
use sluice_wire::TcpFlags;

use super::crafted::{Crafted, NOP, TIMESTAMPS, WINDOW_SCALE};
use super::dna::Strategy;
use super::server::{Reply, Server, State, WINDOW};

/// Shift of the windows where options are used.
const SCALE: u8 = 7;

const ACK: u16 = 0x10;
const SYN: u16 = 0x02;
const FIN_ACK: u16 = 0x11;
const PUSH_ACK: u16 = 0x18;

/// A connection to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Decides about numbers and sizes.
    pub(crate) seed: u64,
    /// Whether both hosts use timestamps and window scaling.
    pub(crate) has_options: bool,
    /// Routers between the tap and the server.
    pub(crate) hops: u8,
}

/// A connection as it went.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// What the tap saw.
    pub(crate) frames: Vec<Frame>,
    /// The server at the end.
    pub(crate) server: Server,
    /// What it sent.
    pub(crate) answers: Vec<u8>,
    /// Whether it sent a FIN.
    pub(crate) has_server_fin: bool,
}

struct Wire<'a> {
    plan: Plan,
    strategy: &'a Strategy,
    random: Random,
    now: Nanos,
    tick: u32,
    /// The client's next number.
    client_next: u32,
    /// Behind the last byte that the client has of the server.
    client_ack: u32,
    talk: Conversation,
}

/// Makes a connection: requests and answers, and either side closes first.
pub(crate) fn conversation(plan: Plan, strategy: &Strategy) -> Conversation {
    let mut random = Random::new(plan.seed);
    let mut number = || u32::try_from(random.bits() >> 32).unwrap();
    let (isn, tick, server) = (number(), number(), Server::new(plan.hops, number()));
    let talk = Conversation { frames: Vec::new(), server, answers: Vec::new(), has_server_fin: false };
    let now = Nanos(millis(1_000));
    let mut wire = Wire { plan, strategy, random, now, tick, client_next: isn, client_ack: 0, talk };
    wire.client(SYN, Vec::new());
    wire.client_next = isn.wrapping_add(1);
    wire.client_ack = wire.talk.server.send_next;
    wire.client(ACK, Vec::new());
    for _ in 0..1 + wire.random.below(3) {
        for _ in 0..1 + wire.random.below(2) {
            let len = wire.request_len();
            let request = wire.text(len);
            wire.client(PUSH_ACK, request);
        }
        for _ in 0..1 + wire.random.below(4) {
            let len = 1 + wire.random.below(1_400);
            wire.answer(len);
        }
    }
    if wire.random.below(2) == 0 {
        wire.client(FIN_ACK, Vec::new());
        wire.close_server();
    } else {
        wire.close_server();
        wire.client(FIN_ACK, Vec::new());
    }
    wire.talk
}

impl Wire<'_> {
    /// Bytes of a request. Sometimes those with which a datagram is as long as strategies claim: 64 or 78 bytes.
    fn request_len(&mut self) -> usize {
        let headers = if self.plan.has_options { 52 } else { 40 };
        match self.random.below(16) {
            0 => 64 - headers,
            1 => 78 - headers,
            _ => 1 + self.random.below(200),
        }
    }

    /// So many letters.
    fn text(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| b'A' + self.random.byte() % 26).collect()
    }

    /// The client sends a segment, through the strategy. The server answers when all of it has passed the tap.
    fn client(&mut self, flags: u16, payload: Vec<u8>) {
        let (seq, ack) = (self.client_next, if flags & ACK == 0 { 0 } else { self.client_ack });
        self.client_next =
            seq.wrapping_add(u32::try_from(payload.len()).unwrap()).wrapping_add(u32::from(flags & 1));
        let segment = self.segment(flags, seq, ack, payload);
        let mut replies = Vec::new();
        for packet in self.strategy.apply(segment, &mut self.random) {
            let frame = packet.frame(self.now, Side::Client);
            self.now = self.now.after(100_000);
            replies.extend(self.talk.server.receive(&frame.bytes));
            self.talk.frames.push(frame);
        }
        self.now = self.now.after(millis(10));
        for Reply { flags, seq } in replies {
            let has_ack = flags & TcpFlags::ACK.0 != 0;
            let ack = if has_ack { self.talk.server.next } else { 0 };
            self.server(u16::from(flags), seq, ack, Vec::new());
        }
    }

    /// A segment of the server passes the tap.
    fn server(&mut self, flags: u16, seq: u32, ack: u32, payload: Vec<u8>) {
        let segment = self.segment(flags, seq, ack, payload);
        self.talk.frames.push(segment.frame(self.now, Side::Server));
        self.now = self.now.after(millis(10));
    }

    /// The server sends some bytes if it has a connection, and the client acknowledges them.
    fn answer(&mut self, len: usize) {
        if self.talk.server.state != State::Established {
            return;
        }
        let answer = self.text(len);
        self.talk.answers.extend(&answer);
        self.send(PUSH_ACK, answer);
        self.client(ACK, Vec::new());
    }

    fn close_server(&mut self) {
        if self.talk.server.state == State::Established {
            self.send(FIN_ACK, Vec::new());
            self.client(ACK, Vec::new());
            self.talk.has_server_fin = true;
        }
    }

    fn send(&mut self, flags: u16, payload: Vec<u8>) {
        let (seq, ack) = (self.talk.server.send_next, self.talk.server.next);
        let end = seq.wrapping_add(u32::try_from(payload.len()).unwrap()).wrapping_add(u32::from(flags & 1));
        (self.talk.server.send_next, self.client_ack) = (end, end);
        self.server(flags, seq, ack, payload);
    }

    fn segment(&mut self, flags: u16, seq: u32, ack: u32, payload: Vec<u8>) -> Crafted {
        self.tick = self.tick.wrapping_add(1);
        let mut options = Vec::new();
        let window = if self.plan.has_options && flags & SYN == 0 { WINDOW >> SCALE } else { WINDOW };
        if self.plan.has_options && flags & 0x04 == 0 {
            let echo = if flags & ACK == 0 { 0 } else { self.tick.wrapping_sub(1) };
            options.extend([(NOP, vec![]), (NOP, vec![])]);
            options.push((TIMESTAMPS, [self.tick.to_be_bytes(), echo.to_be_bytes()].concat()));
            if flags & SYN != 0 {
                options.push((WINDOW_SCALE, vec![SCALE]));
            }
        }
        Crafted {
            flags,
            seq,
            ack,
            ttl: 64,
            window: u16::try_from(window).unwrap(),
            options,
            payload,
            data_offset: None,
            total_len: None,
            checksum_damage: 0,
        }
    }
}
