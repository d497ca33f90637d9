//! Classic pcap.

use super::build::{MICROSECONDS, MODIFIED, NANOSECONDS, Order, classic, classic_header, classic_record};
use super::*;

#[test]
fn both_precisions_read_in_both_byte_orders() {
    for order in Order::BOTH {
        assert_eq!(read(&classic(order, NANOSECONDS, &sample())), sample());
        assert_eq!(read(&classic(order, MICROSECONDS, &sample())), sample_in_microseconds());
        assert_eq!(read(&classic(order, MODIFIED, &sample())), sample_in_microseconds());
    }
}

#[test]
fn the_header_alone_is_a_capture_without_packets() {
    for order in Order::BOTH {
        assert!(read(&classic_header(order, NANOSECONDS, 101)).is_empty());
    }
}

#[test]
fn the_link_type_leaves_out_the_frame_check_bits() {
    let mut bytes = classic_header(Order::Big, MICROSECONDS, 0x2400_0069);
    bytes.extend(classic_record(Order::Big, MICROSECONDS, &sample()[0]));
    assert_eq!(read(&bytes)[0].link, 0x69);
}

#[test]
fn the_format_is_told() {
    let format = |magic| open(&classic(Order::Big, magic, &[])).unwrap().format().to_string();
    assert_eq!(format(MICROSECONDS), "pcap");
    assert_eq!(format(NANOSECONDS), "pcap with nanoseconds");
}

#[test]
fn more_captured_than_on_the_wire_is_damage() {
    let mut packets = sample();
    packets[3].wire_len = 5;
    let (read, fault) = read_to_fault(&classic(Order::Little, NANOSECONDS, &packets));
    assert_eq!(read, sample()[..3]);
    let offset = 24 + 3 * 16 + 61;
    let expected = format!(
        "the capture is damaged after 3 packets, at byte {offset}: 61 bytes captured of a packet of 5"
    );
    assert_eq!(fault, expected);
}

#[test]
fn an_absurd_length_is_refused_with_its_place() {
    let mut bytes = classic(Order::Little, NANOSECONDS, &sample()[..1]);
    bytes.extend([0; 8]);
    bytes.extend([0xff; 8]);
    let (read, fault) = read_to_fault(&bytes);
    assert_eq!(read, sample()[..1]);
    assert_eq!(fault, "4294967295 bytes in one piece after 1 packets, at byte 100: the limit is 262144");
}

#[test]
fn packets_of_the_largest_size_are_read_whole() {
    let largest = |index| Read {
        bytes: vec![7; PACKET_BYTES_MAX],
        time_ns: index,
        wire_len: u32::MAX,
        link: 1,
        interface: 0,
        index,
    };
    let packets: Vec<Read> = (1..8).map(largest).collect();
    assert_eq!(read(&classic(Order::Big, NANOSECONDS, &packets)), packets);
    let mut over = largest(1);
    over.bytes.push(0);
    let (_, fault) = read_to_fault(&classic(Order::Big, NANOSECONDS, &[over]));
    assert!(fault.starts_with("262145 bytes in one piece after 0 packets, at byte 24"), "{fault}");
}

#[test]
fn bursts_are_full_and_the_fault_comes_last() {
    let packets: Vec<Read> =
        (1..=70).map(|index| Read { index, time_ns: index, ..sample()[0].clone() }).collect();
    let mut bytes = classic(Order::Little, NANOSECONDS, &packets);
    bytes.push(0);
    let mut reader = open(&bytes).unwrap();
    let mut burst = Burst::new();
    for size in [32, 32, 6] {
        assert!(matches!(reader.receive(&mut burst), Ok(Received::Packets)));
        assert_eq!(burst.len(), size);
    }
    let fault = reader.receive(&mut burst);
    let offset = bytes.len() as u64 - 1;
    assert!(
        matches!(fault, Err(ReceiveError::Truncated { packets: 70, offset: at }) if at == offset),
        "{fault:?}"
    );
    assert!(burst.is_empty());
}
