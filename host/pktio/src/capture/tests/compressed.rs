//! Captures inside gzip and zstd.

use std::io::Write;

use flate2::write::GzEncoder;

use super::build::{NANOSECONDS, Order, classic, pcapng};
use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

#[test]
fn compressed_captures_read_like_plain_ones() {
    for plain in [classic(Order::Little, NANOSECONDS, &sample()), pcapng(Order::Big, &sample())] {
        for (compressed, name) in [(gzip(&plain), "gzip"), (zstd(&plain), "zstd")] {
            let mut reader = open(&compressed).unwrap();
            assert!(reader.format().to_string().ends_with(name));
            let (packets, fault) = read_on(&mut reader);
            assert_eq!(packets, sample());
            assert!(fault.is_none(), "{fault:?}");
            assert_eq!(reader.bytes_read(), compressed.len() as u64);
        }
    }
}

#[test]
fn members_and_frames_are_joined() {
    let plain = classic(Order::Little, NANOSECONDS, &sample());
    for compress in [gzip, zstd] {
        for cut in [1, 24, 40, 500] {
            let (head, tail) = plain.split_at(cut);
            let joined = [compress(head), compress(b""), compress(tail)].concat();
            assert_eq!(read(&joined), sample());
        }
    }
    let skippable = [&[0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(&plain)].concat();
    assert_eq!(read(&skippable), sample());
}

#[test]
fn a_cut_stream_gives_what_was_decoded_and_then_the_cut() {
    let plain = classic(Order::Little, NANOSECONDS, &sample());
    for compressed in [gzip(&plain), zstd(&plain)] {
        for length in 0..compressed.len() {
            match open(&compressed[..length]) {
                Ok(mut reader) => {
                    let (packets, fault) = read_on(&mut reader);
                    assert_eq!(packets, sample()[..packets.len()]);
                    assert!(matches!(fault, Some(ReceiveError::Truncated { .. })), "{length}: {fault:?}");
                }
                Err(OpenError::Empty { .. }) => assert_eq!(length, 0, "only nothing is empty"),
                Err(OpenError::Truncated { .. } | OpenError::NotACapture { .. }) => {}
                Err(other) => panic!("{length}: {other:?}"),
            }
        }
    }
    // Without the checksum of the gzip member all packets are there, and the cut is still told.
    let gzip = gzip(&plain);
    let (packets, fault) = read_to_fault(&gzip[..gzip.len() - 8]);
    assert_eq!(packets, sample());
    assert!(fault.starts_with("the capture is cut short after 7 packets"), "{fault}");
}

#[test]
fn a_damaged_stream_gives_the_packets_before_the_damage() {
    let packets: Vec<Read> =
        (1..=2_000).map(|index| Read { index, time_ns: index, ..sample()[4].clone() }).collect();
    let plain = classic(Order::Little, NANOSECONDS, &packets);
    // Members of which the second one does not start like one.
    let (head, tail) = plain.split_at(24 + 1_000 * 1_516);
    for compress in [gzip, zstd] {
        let mut joined = compress(head);
        let cut = joined.len();
        joined.extend(compress(tail));
        joined[cut] ^= 0xff;
        let (read, fault) = read_to_fault(&joined);
        assert_eq!(read, packets[..1_000]);
        assert!(fault.starts_with("the capture cannot be read on after 1000 packets"), "{fault}");
    }
}

#[test]
fn compressed_nonsense_is_told_from_a_capture() {
    let shown = |bytes: &[u8]| open(bytes).unwrap_err().to_string();
    assert_eq!(
        shown(&gzip(b"\x7fELF....")),
        "test: not a capture file: starts with 7f 45 4c 46 2e 2e 2e 2e (an ELF program)"
    );
    assert_eq!(shown(&zstd(b"")), "test: is empty, not a capture file");
    assert!(shown(&gzip(&gzip(b"x"))).contains("gzip data: compressed twice"));
}
