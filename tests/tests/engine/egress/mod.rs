//! What leaves otherwise than it came: edited packets, segments that tenants send, resets.

mod chain;
mod edits;
mod injection;
mod outside;
mod random_edits;
mod resets;

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Engine, Grants, Nanos, Side, View};
use sluice_tests::{Frame, Frames, balance};
use sluice_wire::{ChecksumStatus, Headers, LinkType, ipv4_header_valid, parse, transport_valid};
use sluice_wire::{Segment, SeqNumber, TcpFlags};

/// Handler of `packet-in`.
const PACKET: u32 = 1;
/// Handler of `new-data`.
const DATA: u32 = 2;
/// Handler of `conn-end`.
const END: u32 = 3;
/// Deferred handler of `new-data`.
const LATER: u32 = 4;

const MODIFY: Grants = Grants { modify: true, ..Grants::NONE };
const INJECT: Grants = Grants { inject: true, ..Grants::NONE };

/// A tenant's code.
struct Guest<F>(F);

impl<F: FnMut(TenantId, &EventCall, &mut View) -> Result<u32, Faulted>> Handler for Guest<F> {
    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        (self.0)(tenant, call, view)
    }
}

/// An engine with a tenant for each of these grants, which hears of packets at hook `sender`, of data and of ends.
fn engine(grants: &[Grants]) -> Engine {
    engine_with(Config::default(), grants)
}

/// The same with other decisions of the operator.
fn engine_with(config: Config, grants: &[Grants]) -> Engine {
    let mut engine = Engine::new(config);
    for grants in grants {
        let mut definitions = Definitions::new();
        let monitor = definitions.open_stream(None, Level::Full).unwrap();
        definitions.defer(LATER).unwrap();
        for (kind, hook, handler) in [
            (EventKind::PacketIn, Hook::Sender, PACKET),
            (EventKind::NewData, Hook::Receiver, DATA),
            (EventKind::NewData, Hook::Receiver, LATER),
            (EventKind::ConnEnd, Hook::None, END),
        ] {
            definitions.register(monitor, kind.number(), hook, handler).unwrap();
        }
        engine.attach(definitions, *grants).unwrap();
    }
    engine
}

/// Has the frames taken in one burst; `guest` is called for events of the tenants.
fn receive(
    engine: &mut Engine,
    frames: &[Frame],
    guest: impl FnMut(TenantId, &EventCall, &mut View) -> Result<u32, Faulted>,
) {
    let _ = engine.receive(Box::new(Frames(frames.to_vec())), &mut Guest(guest));
    balance(engine).unwrap();
}

/// Data of the client, 20 bytes of header and these.
fn data(payload: &[u8]) -> Frame {
    Frame::plain(Nanos(5_000_000), Side::Client, TcpFlags::ACK, (1001, 5001), payload).unwrap()
}

/// An Ethernet frame of a segment.
fn frame_of(segment: &Segment<'_>) -> Frame {
    let mut bytes = vec![0; segment.payload.len() + 200];
    let len = segment.write_frame(&mut bytes).unwrap();
    bytes.truncate(len);
    let wire_len = u32::try_from(len).unwrap();
    Frame { time: Nanos(1_000_000), bytes, wire_len, link: Some(LinkType::Ethernet) }
}

/// The headers of a frame whose checksums must be right.
fn right(link: LinkType, bytes: &[u8]) -> Headers {
    let headers = parse(link, bytes, u32::try_from(bytes.len()).unwrap()).unwrap();
    assert_eq!(transport_valid(&headers, bytes), ChecksumStatus::Valid);
    assert!(!headers.source.is_v4() || ipv4_header_valid(&bytes[usize::from(headers.ip_offset)..]));
    headers
}

/// Sequence number, acknowledgment number and flags of a frame.
fn numbers(bytes: &[u8]) -> (SeqNumber, SeqNumber, TcpFlags) {
    let headers = right(LinkType::Ethernet, bytes);
    let tcp = headers.tcp().unwrap();
    (tcp.seq, tcp.ack, tcp.flags)
}
