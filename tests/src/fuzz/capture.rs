//! Capture files of any bytes.

use std::io::Cursor;

use sluice_engine::{Config, Nanos, Records};
use sluice_pktio::{Burst, CaptureReader, PacketIo, Received};
use sluice_wire::LinkType;

use super::verify;
use crate::Frame;

/// Packets read of one input; a compressed one may hold millions.
const PACKETS_MAX: usize = 2_000;

/// Takes an input as a capture file: what can be read of it goes through engines.
///
/// # Errors
///
/// What does not hold, in words.
pub fn capture_file(input: &[u8]) -> Result<(), String> {
    match frames_of(input.to_vec())? {
        Some(frames) => {
            verify::run(Config { records: Records::Each, ..Config::default() }, &frames).map(drop)
        }
        None => Ok(()),
    }
}

/// The packets of a capture up to the first fault; `None` if it is none.
pub(super) fn frames_of(input: Vec<u8>) -> Result<Option<Vec<Frame>>, String> {
    let Ok(mut reader) = CaptureReader::from_reader(Cursor::new(input), "input") else { return Ok(None) };
    let (mut frames, mut burst) = (Vec::new(), Burst::new());
    while frames.len() < PACKETS_MAX {
        match reader.receive(&mut burst) {
            Ok(Received::Packets) if burst.is_empty() => return Err("a burst of nothing".to_owned()),
            Ok(Received::Packets) => {}
            Ok(Received::Idle) => return Err("a file is never idle".to_owned()),
            Ok(Received::End) => break,
            Err(_) if burst.is_empty() => break,
            Err(error) => return Err(format!("packets with {error}")),
        }
        frames.extend(burst.packets().map(|packet| Frame {
            time: Nanos(packet.time_ns),
            bytes: packet.bytes.to_vec(),
            wire_len: packet.wire_len,
            link: LinkType::from_pcap(packet.link),
        }));
    }
    Ok(Some(frames))
}
