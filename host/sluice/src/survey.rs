//! Hosts whose checksums mean nothing: a look at the beginning of a capture file.
//!
//! A capture made on a host whose network card computes checksums holds wrong ones in what that host sent; so does one
//! whose addresses were replaced afterwards. Refusing all of it would leave a newcomer with an empty report. A single
//! wrong checksum, however, is what the receiver would refuse, and what an attacker sends to mislead an observer.
//!
//! So a host is excused if nearly every segment of it near the beginning of the file is wrong, and there are several.
//! The engine takes that back when right ones become frequent.

use std::collections::HashMap;
use std::path::Path;

use sluice_pktio::{Burst, CaptureReader, PacketIo, Received, STANDARD_STREAM};
use sluice_wire::{ChecksumStatus, IpAddress, LinkType, ipv4_header_valid, transport_valid};

/// Packets that are looked at; what Suricata samples for the same purpose.
const SAMPLE_PACKETS: u64 = 1000;

/// Wrong segments that excuse a host. One or two may be an attack, or damage.
const WRONG_MIN: u32 = 3;

/// Wrong segments for each right one, at least: a host that offloads sends some right ones too (ACKs in TIME-WAIT).
const WRONG_FOR_RIGHT: u32 = 4;

/// Segments of a host by their checksums.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    right: u32,
    wrong: u32,
}

/// The hosts of a capture file whose checksums are to be excused; none for what cannot be read twice.
pub(crate) fn offloading_hosts(name: &str) -> Vec<IpAddress> {
    if name == STANDARD_STREAM || !Path::new(name).is_file() {
        return Vec::new();
    }
    // Whatever is wrong with the file shows when it is read for good.
    let Ok(mut reader) = CaptureReader::open(name) else { return Vec::new() };
    let mut hosts: HashMap<IpAddress, Seen> = HashMap::new();
    let mut burst = Burst::new();
    while reader.packets() < SAMPLE_PACKETS {
        if !matches!(reader.receive(&mut burst), Ok(Received::Packets)) {
            break;
        }
        for packet in burst.packets() {
            if let Some((host, is_right)) = look(&packet) {
                let seen = hosts.entry(host).or_default();
                seen.right += u32::from(is_right);
                seen.wrong += u32::from(!is_right);
            }
        }
    }
    let is_excused = |seen: &Seen| seen.wrong >= WRONG_MIN && seen.wrong / WRONG_FOR_RIGHT >= seen.right;
    let mut excused: Vec<IpAddress> =
        hosts.into_iter().filter(|(_, seen)| is_excused(seen)).map(|(host, _)| host).collect();
    excused.sort_unstable();
    excused
}

/// Who sent a segment, and whether its checksums are right; `None` for what has none to verify.
fn look(packet: &sluice_pktio::Packet<'_>) -> Option<(IpAddress, bool)> {
    let headers =
        sluice_wire::parse(LinkType::from_pcap(packet.link)?, packet.bytes, packet.wire_len).ok()?;
    headers.tcp()?;
    let header = packet.bytes.get(usize::from(headers.ip_offset)..)?;
    if header.first()? >> 4 == 4 && !ipv4_header_valid(header) {
        return Some((headers.source, false));
    }
    match transport_valid(&headers, packet.bytes) {
        ChecksumStatus::Valid => Some((headers.source, true)),
        ChecksumStatus::Invalid => Some((headers.source, false)),
        ChecksumStatus::Unverifiable => None,
    }
}
