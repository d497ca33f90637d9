//! What is known of a connection and its two streams while it lives.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use sluice_engine::view::{Endpoints, FlowInfo};
use sluice_engine::{Direction, Nanos};

use crate::run::socket;

/// A stretch of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stretch {
    /// Offset of its first byte.
    pub(crate) offset: u64,
    /// Bytes.
    pub(crate) length: u64,
}

/// Gaps and conflicts that are listed for one stream; more are only counted.
///
/// Each takes 16 bytes while the flow lives; a sender of one-byte segments with holes makes as many as it likes.
const LISTED: usize = 10_000;

/// Stretches, the first of them listed, all of them counted.
#[derive(Debug, Default)]
struct Stretches {
    listed: Vec<Stretch>,
    omitted: u64,
}

impl Stretches {
    fn add(&mut self, stretch: Stretch) {
        if self.listed.len() < LISTED {
            self.listed.push(stretch);
        } else {
            self.omitted += 1;
        }
    }

    fn insert_into(&self, line: &mut Map<String, Value>, name: &str) {
        let list =
            self.listed.iter().map(|stretch| json!({"offset": stretch.offset, "length": stretch.length}));
        line.insert(name.into(), list.collect());
        if self.omitted > 0 {
            line.insert(format!("{name}_omitted"), self.omitted.into());
        }
    }
}

/// One direction of a connection.
#[derive(Debug)]
pub(crate) struct StreamRecord {
    /// Name of its file in the directory.
    pub(crate) file: String,
    /// Bytes in the file.
    pub(crate) bytes: u64,
    /// Bytes not yet written to it.
    pub(crate) pending: Vec<u8>,
    source: String,
    destination: String,
    hash: Sha256,
    gaps: Stretches,
    conflicts: Stretches,
}

impl StreamRecord {
    fn new(number: u64, direction: Direction, source: String, destination: String) -> Self {
        let plain = |end: &str| end.replace(['[', ']'], "").replace(':', "_");
        let file = format!("{number:06}-{}-{}-{}.bin", direction.name(), plain(&source), plain(&destination));
        Self {
            file,
            bytes: 0,
            pending: Vec::new(),
            source,
            destination,
            hash: Sha256::new(),
            gaps: Stretches::default(),
            conflicts: Stretches::default(),
        }
    }

    /// Counts bytes that go into the file.
    pub(crate) fn note(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Notes a gap.
    pub(crate) fn add_gap(&mut self, stretch: Stretch) {
        self.gaps.add(stretch);
    }

    /// Notes a conflict.
    pub(crate) fn add_conflict(&mut self, stretch: Stretch) {
        self.conflicts.add(stretch);
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct FlowRecord {
    streams: [StreamRecord; 2],
    log_id: u64,
    start: Nanos,
    partial: bool,
}

impl FlowRecord {
    /// The record of a connection that begins, the `number`th.
    pub(crate) fn new(endpoints: &Endpoints, info: &FlowInfo, number: u64) -> Self {
        let client = socket(endpoints.client_address, endpoints.client_port);
        let server = socket(endpoints.server_address, endpoints.server_port);
        Self {
            streams: [
                StreamRecord::new(number, Direction::ToServer, client.clone(), server.clone()),
                StreamRecord::new(number, Direction::ToClient, server, client),
            ],
            log_id: info.log_id,
            start: info.start,
            partial: info.partial,
        }
    }

    /// The stream of a direction.
    pub(crate) fn stream(&mut self, direction: Direction) -> &mut StreamRecord {
        &mut self.streams[direction.index()]
    }

    /// The line of `streams.jsonl` about a direction.
    pub(crate) fn line(&self, direction: Direction, reason: &str) -> Value {
        let stream = &self.streams[direction.index()];
        let mut line = Map::new();
        line.insert("flow_id".into(), self.log_id.into());
        line.insert("direction".into(), direction.name().into());
        line.insert("src".into(), stream.source.as_str().into());
        line.insert("dst".into(), stream.destination.as_str().into());
        line.insert("file".into(), stream.file.as_str().into());
        line.insert("bytes".into(), stream.bytes.into());
        line.insert("sha256".into(), hex(&stream.hash.clone().finalize()).into());
        stream.gaps.insert_into(&mut line, "gaps");
        stream.conflicts.insert_into(&mut line, "conflicts");
        line.insert("start_ns".into(), self.start.0.into());
        line.insert("partial".into(), self.partial.into());
        line.insert("end".into(), reason.into());
        Value::Object(line)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
