//! Tests of the reader and the writer on captures that are built byte by byte.

mod build;
mod classic;
mod compressed;
mod hostile;
mod opening;
mod pcapng;
mod writing;

use std::io::Cursor;

use super::*;

/// A packet as read, owned.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Read {
    bytes: Vec<u8>,
    time_ns: u64,
    wire_len: u32,
    link: u32,
    interface: u32,
    index: u64,
}

/// Reads to the end in bursts, checking what must hold for each, and returns the packets and the fault.
fn read_on(reader: &mut CaptureReader) -> (Vec<Read>, Option<ReceiveError>) {
    let mut burst = Burst::new();
    let mut packets = Vec::new();
    let fault = loop {
        match reader.receive(&mut burst) {
            Ok(Received::Packets) => assert!(!burst.is_empty()),
            Ok(Received::Idle) => panic!("nothing here ever waits"),
            Ok(Received::End) => break None,
            Err(error) => break Some(error),
        }
        packets.extend(burst.packets().map(|packet| Read {
            bytes: packet.bytes.to_vec(),
            time_ns: packet.time_ns,
            wire_len: packet.wire_len,
            link: packet.link,
            interface: packet.interface,
            index: packet.index,
        }));
    };
    assert!(burst.is_empty());
    assert!(matches!(reader.receive(&mut burst), Ok(Received::End)), "the end is final");
    assert!(packets.iter().zip(1..).all(|(packet, index)| packet.index == index));
    assert_eq!(reader.packets(), packets.len() as u64);
    (packets, fault)
}

fn open(bytes: &[u8]) -> Result<CaptureReader, OpenError> {
    CaptureReader::from_reader(Cursor::new(bytes.to_vec()), "test")
}

/// The packets of a capture that is expected to be whole.
fn read(bytes: &[u8]) -> Vec<Read> {
    let (packets, fault) = read_on(&mut open(bytes).unwrap());
    assert!(fault.is_none(), "{fault:?}");
    packets
}

/// The packets before a fault, and the fault's message.
fn read_to_fault(bytes: &[u8]) -> (Vec<Read>, String) {
    let (packets, fault) = read_on(&mut open(bytes).unwrap());
    (packets, fault.expect("a fault").to_string())
}

/// Packets of some sizes with a nanosecond more than a microsecond in their times.
fn sample() -> Vec<Read> {
    let sizes = [60, 0, 1, 61, 1500, 62, 63];
    let packets = sizes.into_iter().zip(1_u64..).map(|(size, index)| Read {
        bytes: (0..size).map(|at: u32| at.to_le_bytes()[0] ^ index.to_le_bytes()[0]).collect(),
        time_ns: 1_700_000_000_000_001_001 + index,
        wire_len: size + u32::from(index == 4) * 9_000,
        link: 1,
        interface: 0,
        index,
    });
    packets.collect()
}

/// The sample as a format without nanoseconds has it.
fn sample_in_microseconds() -> Vec<Read> {
    let cut = |packet: Read| Read { time_ns: packet.time_ns / 1_000 * 1_000, ..packet };
    sample().into_iter().map(cut).collect()
}
