//! pcapng.

use super::build::{Blocks, Order, pcapng};
use super::*;

fn packet(index: u64, interface: u32, link: u32, time_ns: u64) -> Read {
    let bytes = vec![index.to_le_bytes()[0]; 5];
    Read { bytes, time_ns, wire_len: 5, link, interface, index }
}

#[test]
fn enhanced_packets_read_in_both_byte_orders() {
    for order in Order::BOTH {
        assert_eq!(read(&pcapng(order, &sample())), sample());
        assert_eq!(open(&pcapng(order, &[])).unwrap().format().to_string(), "pcapng");
    }
}

#[test]
fn each_interface_has_its_link_type_and_clock() {
    for order in Order::BOTH {
        let expected = [
            packet(1, 0, 1, 1_500_000_000),
            packet(2, 1, 101, 1_500_000_000),
            packet(3, 2, 113, 2_000_000_000_000_000_500),
            packet(4, 3, 228, 7_000_001_000),
        ];
        let bytes = Blocks::new(order)
            .interface(1, 0, &[])
            .interface_with_clock(101, 0x80 | 10, 0)
            .interface_with_clock(113, 12, 2_000_000_000)
            .interface_with_clock(228, 6, -3)
            .enhanced(&expected[0], 1_500_000)
            .enhanced(&expected[1], 1536)
            .enhanced(&expected[2], 500_999)
            .obsolete(&expected[3], 10_000_001)
            .bytes;
        assert_eq!(read(&bytes), expected);
    }
}

#[test]
fn sections_change_the_byte_order_and_forget_interfaces() {
    let (first, second) = (packet(1, 0, 1, 1_000), packet(2, 0, 101, 2_000));
    let bytes = Blocks::new(Order::Big)
        .interface(1, 0, &[])
        .enhanced(&first, 1)
        .section(Order::Little)
        .interface(101, 0, &[])
        .enhanced(&second, 2);
    assert_eq!(read(&bytes.bytes), [first.clone(), second.clone()]);
    let bytes = bytes.section(Order::Big).enhanced(&first, 1).bytes;
    let (packets, fault) = read_to_fault(&bytes);
    assert_eq!(packets, [first, second]);
    assert!(fault.ends_with("a packet of interface 0, which is not described"), "{fault}");
}

#[test]
fn a_simple_packet_is_cut_at_the_snap_length_and_takes_the_time_before() {
    let first = packet(1, 0, 1, 9_000);
    let blocks = Blocks::new(Order::Little).interface(1, 6, &[]).enhanced(&first, 9).simple(100, b"abcdef");
    let packets = read(&blocks.simple(3, b"xyz").bytes);
    let simple =
        |bytes: &[u8], wire_len, index| Read { bytes: bytes.to_vec(), wire_len, index, ..first.clone() };
    assert_eq!(packets, [first.clone(), simple(b"abcdef", 100, 2), simple(b"xyz", 3, 3)]);
}

#[test]
fn blocks_of_no_interest_are_passed_over_whatever_their_size() {
    for size in [0, 5, BLOCK_BYTES_MAX, 3 * BLOCK_BYTES_MAX] {
        let expected = [packet(1, 0, 1, 1_000), packet(2, 0, 1, 2_000)];
        let bytes = Blocks::new(Order::Big)
            .interface(1, 0, &[])
            .enhanced(&expected[0], 1)
            .block(0x0bad, &vec![0xaa; size])
            .enhanced(&expected[1], 2)
            .bytes;
        assert_eq!(read(&bytes), expected);
    }
}

#[test]
fn a_packet_with_options_beyond_the_limit_is_refused() {
    let mut body = vec![0; 20];
    body.resize(BLOCK_BYTES_MAX, 0);
    let bytes = Blocks::new(Order::Big).interface(1, 0, &[]).block(6, &body).bytes;
    let (_, fault) = read_to_fault(&bytes);
    assert_eq!(fault, "393228 bytes in one piece after 0 packets, at byte 64: the limit is 393216");
}

#[test]
fn damaged_blocks_are_told_with_their_place() {
    let start = || Blocks::new(Order::Little).interface(1, 0, &[]);
    let at = start().bytes.len();
    let good = packet(1, 0, 1, 1_000);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = start().enhanced(&good, 1).bytes;
        change(&mut bytes);
        bytes
    };
    let wide = Read { wire_len: 4, ..good.clone() };
    let table = [
        (with(&|bytes| bytes[at + 4] = 8), "a block of type 0x00000006 cannot have 8 bytes"),
        (with(&|bytes| bytes[at + 4] = 33), "a block of type 0x00000006 cannot have 33 bytes"),
        (with(&|bytes| *bytes.last_mut().unwrap() = 1), "a block of 52 bytes ends with the length 16777268"),
        (with(&|bytes| bytes[at + 8] = 3), "a packet of interface 3, which is not described"),
        (start().enhanced(&wide, 1).bytes, "5 bytes captured of a packet of 4"),
        (
            with(&|bytes| {
                bytes[at + 20] = 200;
                bytes[at + 24] = 200;
            }),
            "contents of 200 bytes in a block that has room for 20",
        ),
        (start().simple(50, b"abcd").bytes, "contents of 50 bytes in a block that has room for 4"),
        (
            start().interface(1, 0, &[9, 0, 255, 0, 1, 2, 3, 4]).bytes,
            "contents of 255 bytes in a block that has room for 4",
        ),
    ];
    for (bytes, expected) in table {
        let (packets, fault) = read_to_fault(&bytes);
        assert!(packets.is_empty());
        assert_eq!(fault, format!("the capture is damaged after 0 packets, at byte {at}: {expected}"));
    }
}

#[test]
fn interfaces_are_limited() {
    let start = Blocks::new(Order::Little);
    let full = (0..INTERFACES_MAX).fold(start, |blocks, _| blocks.interface(1, 0, &[]));
    let last = packet(1, 65_535, 1, 1_000);
    let full = full.enhanced(&last, 1);
    assert_eq!(read(&full.bytes), std::slice::from_ref(&last));
    let (packets, fault) = read_to_fault(&full.interface(1, 0, &[]).bytes);
    assert_eq!(packets, [last]);
    assert!(fault.ends_with("more than 65536 interfaces in one section"), "{fault}");
}
