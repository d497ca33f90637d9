//! Captures that are cut or changed anywhere.

use super::build::{Blocks, MICROSECONDS, MODIFIED, NANOSECONDS, Order, classic, pcapng};
use super::*;

/// A small deterministic generator (xorshift64*, Marsaglia 2003 and Vigna 2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % limit.max(1)
    }
}

fn small_captures() -> Vec<Vec<u8>> {
    let packets = [&sample()[..4], &sample()[5..]].concat();
    let mixed = Blocks::new(Order::Big)
        .interface(1, 96, &[])
        .interface_with_clock(101, 0x94, -5)
        .simple(64, &[1; 64])
        .enhanced(&packets[0], 77)
        .block(5, &[3; 40])
        .obsolete(&packets[2], 78)
        .section(Order::Little)
        .interface_with_clock(1, 9, 0)
        .enhanced(&packets[3], 79);
    let mut captures = vec![mixed.bytes];
    for order in Order::BOTH {
        captures.push(pcapng(order, &packets));
        captures.extend([MICROSECONDS, NANOSECONDS, MODIFIED].map(|magic| classic(order, magic, &packets)));
    }
    captures
}

#[test]
fn a_capture_cut_anywhere_gives_the_packets_before_the_cut() {
    for bytes in small_captures() {
        let whole = read(&bytes);
        let mut clean_ends = 0;
        let mut seen = 0;
        for length in 0..bytes.len() {
            let Ok(mut reader) = open(&bytes[..length]) else {
                assert_eq!(seen, 0, "a longer start opens too");
                continue;
            };
            let (packets, fault) = read_on(&mut reader);
            assert!(packets.len() >= seen, "a longer start has no fewer packets");
            seen = packets.len();
            assert_eq!(packets, whole[..seen]);
            match fault {
                None => clean_ends += 1,
                Some(ReceiveError::Truncated { packets, offset }) => {
                    assert_eq!(packets, seen as u64);
                    assert!(offset < length as u64);
                }
                Some(other) => panic!("{length}: {other}"),
            }
        }
        assert!(clean_ends >= whole.len(), "each border of packets is a clean end");
        assert_eq!(seen + 1, whole.len(), "the last byte completes the last packet");
    }
}

#[test]
fn mutated_captures_neither_panic_nor_run_on() {
    let captures = small_captures();
    let mut random = Random(0x5eed);
    let (mut opened, mut faults) = (0, 0);
    for _ in 0..100_000 {
        let mut bytes = captures[random.below(captures.len())].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            match random.below(5) {
                0 => bytes[at] = random.next().to_le_bytes()[0],
                1 => bytes[at] ^= 1 << random.below(8),
                2 => bytes[at] = [0, 0xff, 0x7f, 0x80][random.below(4)],
                3 => bytes.truncate(at.max(1)),
                _ => {
                    let piece = bytes[at..(at + random.below(64)).min(bytes.len())].to_vec();
                    let to = random.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
            }
        }
        if let Ok(mut reader) = open(&bytes) {
            opened += 1;
            let (packets, fault) = read_on(&mut reader);
            assert!(packets.len() <= bytes.len() / 16, "each packet takes bytes of the input");
            assert!(packets.iter().all(|packet| packet.wire_len as usize >= packet.bytes.len()));
            faults += usize::from(fault.is_some());
        }
    }
    assert!(opened > 50_000 && faults > 10_000 && faults < opened, "{opened} {faults}");
}
