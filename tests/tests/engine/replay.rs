//! Captures through the engine, with a native handler that collects the streams.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sluice_engine::counters::PacketCounters;
use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Direction, Engine, Grants, Nanos, View};
use sluice_pktio::{BURST_PACKETS, Burst, CaptureReader, PacketIo, Received};
use sluice_tests::{Frame, Frames, balance};
use sluice_wire::{IpAddress, LinkType};

/// The material beside the project, if it is there. It is not part of the project: tests say that they skipped.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    #[expect(clippy::print_stdout, reason = "who runs the tests should know what did not run")]
    {
        println!("skipped: there is no {}", folder.display());
    }
    None
}

/// A flow and the bytes that one of its sides sent.
type FlowBytes = (u64, Vec<u8>);

/// What a run gave.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// Bytes that were readable, by sender and receiver: one entry for each flow with these ends.
    pub(crate) bytes: BTreeMap<(String, String), Vec<FlowBytes>>,
    /// Conflicts by sender and receiver, as offset and length.
    pub(crate) conflicts: BTreeMap<(String, String), Vec<(u64, u32)>>,
    /// Bytes that were readable before the first gap.
    pub(crate) before_gap: BTreeMap<(String, String), usize>,
    /// Bytes in gaps, by sender and receiver.
    pub(crate) missed: BTreeMap<(String, String), u64>,
    /// Flows that ended.
    pub(crate) ended: u64,
    /// What became of the packets.
    pub(crate) packets: PacketCounters,
    /// What contradicts itself.
    pub(crate) problems: Vec<String>,
}

impl Streams {
    /// What an application reads of what a sender sent to a receiver: nothing behind a hole.
    pub(crate) fn without_hole(&self, sender: &str, receiver: &str) -> Vec<u8> {
        let ends = (sender.to_owned(), receiver.to_owned());
        let end = self.before_gap.get(&ends).copied().unwrap_or(usize::MAX);
        let mut bytes = self.between(sender, receiver).concat();
        bytes.truncate(end);
        bytes
    }

    /// Bytes that a sender sent to a receiver, flow by flow.
    pub(crate) fn between(&self, sender: &str, receiver: &str) -> Vec<&[u8]> {
        let flows = self.bytes.get(&(sender.to_owned(), receiver.to_owned()));
        flows.into_iter().flatten().map(|(_, stream)| stream.as_slice()).collect()
    }

    fn ends(call: &EventCall, view: &View) -> (String, String) {
        let ends = view.endpoints().unwrap();
        let client = show(IpAddress(ends.client_address), ends.client_port);
        let server = show(IpAddress(ends.server_address), ends.server_port);
        match call.place().direction() {
            Direction::ToServer => (client, server),
            Direction::ToClient => (server, client),
        }
    }
}

fn show(address: IpAddress, port: u16) -> String {
    format!("{address}:{port}")
}

impl Handler for Streams {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        match call.event_kind() {
            Some(EventKind::NewData) => {
                let ends = Self::ends(call, view);
                let mut bytes = Vec::new();
                let result = view.peek(call.place().direction(), u32::MAX, &mut bytes);
                if result.is_err() || bytes.len() as u64 != u64::from(call.length) {
                    let read = bytes.len();
                    self.problems.push(format!("{ends:?}: {} told, {read} read, {result:?}", call.length));
                }
                let flows = self.bytes.entry(ends).or_default();
                match flows.iter_mut().find(|(flow, _)| *flow == call.flow) {
                    Some((_, stream)) => stream.append(&mut bytes),
                    None => flows.push((call.flow, bytes)),
                }
            }
            Some(EventKind::Gap) => {
                let ends = Self::ends(call, view);
                let before = self.between(&ends.0, &ends.1).concat().len();
                *self.missed.entry(ends.clone()).or_default() += u64::from(call.length);
                self.before_gap.entry(ends).or_insert(before);
            }
            Some(EventKind::Conflict) => {
                let ends = Self::ends(call, view);
                self.conflicts.entry(ends).or_default().push((call.offset, call.length));
            }
            Some(EventKind::ConnEnd) => {
                self.ended += 1;
                for direction in Direction::BOTH {
                    let (info, sent) =
                        (view.buffer_info(direction).unwrap(), view.statistics(direction.sender()).unwrap());
                    if info.next != sent.delivered_bytes + sent.gap_bytes + sent.urgent_bytes {
                        let name = direction.name();
                        self.problems.push(format!("{name} spans {} but {sent:?}", info.next));
                    }
                }
            }
            _ => {}
        }
        Ok(0)
    }
}

/// All packets of a capture.
pub(crate) fn frames_of(path: &Path) -> Vec<Frame> {
    let (mut frames, mut burst) = (Vec::new(), Burst::new());
    let mut reader = CaptureReader::open(path).unwrap();
    while reader.receive(&mut burst).unwrap() == Received::Packets {
        frames.extend(burst.packets().map(|packet| Frame {
            time: Nanos(packet.time_ns),
            bytes: packet.bytes.to_vec(),
            wire_len: packet.wire_len,
            link: LinkType::from_pcap(packet.link),
        }));
    }
    frames
}

/// Replays a capture through an engine with one monitor and checks the ledger on the way.
pub(crate) fn replay(path: &Path, config: Config) -> Streams {
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full).unwrap();
    let wanted = [
        (EventKind::Conflict, Hook::Receiver),
        (EventKind::NewData, Hook::Receiver),
        (EventKind::Gap, Hook::Receiver),
        (EventKind::ConnEnd, Hook::None),
    ];
    for (kind, hook) in wanted {
        definitions.register(monitor, kind.number(), hook, 0).unwrap();
    }
    let mut engine = Engine::new(config);
    engine.attach(definitions, Grants::NONE).unwrap();
    let mut streams = Streams::default();
    let frames = frames_of(path);
    for burst in frames.chunks(BURST_PACKETS) {
        let _ = engine.receive(Box::new(Frames(burst.to_vec())), &mut streams);
        balance(&engine).unwrap();
    }
    engine.finish(&mut streams);
    balance(&engine).unwrap();
    assert_eq!(engine.counters().packets.seen, frames.len() as u64);
    assert_eq!(engine.counters().flows, streams.ended, "every flow ends once");
    assert_eq!(engine.budget().used(), 0, "nothing is held after the end");
    assert_eq!(streams.problems, Vec::<String>::new());
    streams.packets = engine.counters().packets;
    streams
}
