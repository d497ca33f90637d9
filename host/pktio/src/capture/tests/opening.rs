//! Opening what is and what is not a capture.

use super::build::{MICROSECONDS, Order, classic, pcapng};
use super::*;

fn message(bytes: &[u8]) -> String {
    open(bytes).unwrap_err().to_string()
}

#[test]
fn files_that_are_not_there_or_not_files_are_told_apart() {
    let folder = std::env::temp_dir();
    let shown = folder.display().to_string();
    assert_eq!(
        CaptureReader::open(&folder).unwrap_err().to_string(),
        format!("{shown}: is a directory, not a capture file")
    );
    let missing = CaptureReader::open("no/such/capture.pcap").unwrap_err();
    assert_eq!(missing.to_string(), "no/such/capture.pcap: there is no such file");
}

#[test]
fn nothing_and_nonsense_are_no_captures() {
    assert_eq!(message(b""), "test: is empty, not a capture file");
    assert_eq!(message(b"\xa1"), "test: not a capture file: starts with a1");
    assert_eq!(
        message(b"alert tcp any any"),
        "test: not a capture file: starts with 61 6c 65 72 74 20 74 63 (text)"
    );
}

#[test]
fn other_versions_are_refused() {
    let mut bytes = classic(Order::Big, MICROSECONDS, &[]);
    bytes[5] = 3;
    assert_eq!(message(&bytes), "test: pcap version 3.4 is not supported");
    let mut bytes = pcapng(Order::Little, &[]);
    bytes[12] = 2;
    assert_eq!(message(&bytes), "test: pcapng version 2.0 is not supported");
}

#[test]
fn headers_that_are_cut_or_damaged_are_told() {
    let bytes = classic(Order::Big, MICROSECONDS, &[]);
    assert_eq!(message(&bytes[..23]), "test: cut short within its header, after 23 bytes");
    let mut bytes = pcapng(Order::Little, &[]);
    assert_eq!(message(&bytes[..20]), "test: cut short within its header, after 20 bytes");
    bytes[8] = 0;
    assert_eq!(message(&bytes), "test: damaged header: no byte-order magic in a section header");
}

#[test]
fn a_file_tells_its_size_and_how_much_was_read() {
    let path = std::env::temp_dir().join(format!("sluice-pktio-{}.pcap", std::process::id()));
    let bytes = classic(Order::Little, MICROSECONDS, &sample());
    std::fs::write(&path, &bytes).unwrap();
    let mut reader = CaptureReader::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(reader.total_bytes(), Some(bytes.len() as u64));
    assert_eq!(read_on(&mut reader).0, sample_in_microseconds());
    assert_eq!(reader.bytes_read(), bytes.len() as u64);
    assert_eq!(open(&bytes).unwrap().total_bytes(), None);
}

#[test]
fn a_reader_can_move_to_a_worker() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&open(&pcapng(Order::Big, &[])).unwrap());
}
