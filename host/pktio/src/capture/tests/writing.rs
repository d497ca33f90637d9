//! The writer.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;

/// Output that stays readable, and that can refuse.
#[derive(Clone, Default)]
struct Sink {
    bytes: Arc<Mutex<Vec<u8>>>,
    refusal: Option<io::ErrorKind>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(kind) = self.refusal {
            return Err(kind.into());
        }
        self.bytes.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn packet(read: &Read) -> Packet<'_> {
    let Read { bytes, time_ns, wire_len, link, interface, index } = read;
    Packet {
        bytes,
        time_ns: *time_ns,
        wire_len: *wire_len,
        link: *link,
        interface: *interface,
        index: *index,
    }
}

#[test]
fn what_is_written_reads_back() {
    let sink = Sink::default();
    let mut writer = CaptureWriter::to_writer(sink.clone(), "out", 1).unwrap();
    for read in &sample() {
        writer.write(&packet(read)).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), 7);
    assert_eq!(read(&sink.bytes.lock().unwrap()), sample());
}

#[test]
fn files_are_created_and_overwritten() {
    let path = std::env::temp_dir().join(format!("sluice-pktio-out-{}.pcap", std::process::id()));
    std::fs::write(&path, [9; 100_000]).unwrap();
    let mut writer = CaptureWriter::create(&path, 1).unwrap();
    writer.write(&packet(&sample()[0])).unwrap();
    writer.finish().unwrap();
    let (packets, _) = read_on(&mut CaptureReader::open(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(packets, sample()[..1]);
    let error = CaptureWriter::create("no/such/folder/x.pcap", 1).unwrap_err();
    assert_eq!(error.to_string(), "no/such/folder/x.pcap: cannot be created");
}

#[test]
fn refused_packets_leave_the_capture_whole() {
    let sink = Sink::default();
    let mut writer = CaptureWriter::to_writer(sink.clone(), "out", 1).unwrap();
    let good = sample().remove(0);
    let other_link = Read { link: 101, ..good.clone() };
    let too_large = Read { bytes: vec![0; PACKET_BYTES_MAX + 1], ..good.clone() };
    let too_late = Read { time_ns: u64::MAX, ..good.clone() };
    let refusals = [
        (other_link, "out: a packet of link type 101 in a capture of link type 1"),
        (too_large, "out: a packet of 262145 bytes exceeds the limit of 262144"),
        (too_late, "out: a packet's time of 18446744073709551615 ns does not fit the format"),
    ];
    for (read, expected) in refusals {
        assert_eq!(writer.write(&packet(&read)).unwrap_err().to_string(), expected);
    }
    writer.write(&packet(&good)).unwrap();
    assert_eq!(writer.finish().unwrap(), 1);
    assert_eq!(read(&sink.bytes.lock().unwrap()), [good]);
}

#[test]
fn a_lengthened_packet_has_at_least_its_length_on_the_wire() {
    let sink = Sink::default();
    let mut writer = CaptureWriter::to_writer(sink.clone(), "out", 1).unwrap();
    writer.write(&packet(&Read { wire_len: 3, ..sample().remove(0) })).unwrap();
    writer.finish().unwrap();
    assert_eq!(read(&sink.bytes.lock().unwrap())[0].wire_len, 60);
}

#[test]
fn a_full_disk_and_a_closed_pipe_are_named_when_finishing() {
    let table = [
        (io::ErrorKind::StorageFull, "out: the disk is full"),
        (io::ErrorKind::BrokenPipe, "out: the reading end of the pipe was closed"),
        (io::ErrorKind::Other, "out: cannot be written"),
    ];
    for (kind, expected) in table {
        let sink = Sink { refusal: Some(kind), ..Sink::default() };
        let writer = CaptureWriter::to_writer(sink, "out", 1).unwrap();
        assert_eq!(writer.finish().unwrap_err().to_string(), expected);
    }
}
