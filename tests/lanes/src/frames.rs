//! Packets: from captures, and made by chance.

use std::path::Path;

use sluice_engine::Nanos;
use sluice_pktio::{Burst, CaptureReader, PacketIo, Received};
use sluice_tests::Frame;
use sluice_tests::events::Traffic;
use sluice_wire::LinkType;

/// All packets of a capture.
///
/// # Errors
///
/// That it cannot be read.
pub fn captured(path: &Path) -> Result<Vec<Frame>, String> {
    let mut reader = CaptureReader::open(path).map_err(|error| error.to_string())?;
    let (mut frames, mut burst) = (Vec::new(), Burst::new());
    while reader.receive(&mut burst).map_err(|error| error.to_string())? == Received::Packets {
        frames.extend(burst.packets().map(|packet| Frame {
            time: Nanos(packet.time_ns),
            bytes: packet.bytes.to_vec(),
            wire_len: packet.wire_len,
            link: LinkType::from_pcap(packet.link),
        }));
    }
    Ok(frames)
}

/// So many packets of `flows` connections that lose, repeat and change segments and end in every way.
///
/// # Errors
///
/// A frame that cannot be written: a bug.
pub fn conversations(seed: u64, flows: usize, packets: usize) -> Result<Vec<Frame>, String> {
    let mut traffic = Traffic::new(seed, flows);
    (0..packets).map(|_| traffic.next_frame().ok_or_else(|| "a frame that cannot be".to_owned())).collect()
}
