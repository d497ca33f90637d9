//! The generator against an independent reader: parse every frame and put every stream together.

use super::*;
use sluice_wire::{ChecksumStatus, LinkType, SeqNumber, TcpFlags, TcpHeader, Transport};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Both ends of a direction: source and destination address and port.
type Ends = (sluice_wire::IpAddress, u16, sluice_wire::IpAddress, u16);

/// What was read of one direction of a flow.
#[derive(Default)]
struct Reading {
    first: SeqNumber,
    /// Payload by stream offset.
    segments: BTreeMap<u32, Vec<u8>>,
    next: u32,
    finished: bool,
}

/// Everything that was read.
#[derive(Default)]
struct Readings {
    directions: HashMap<Ends, Reading>,
    repeated: u64,
    reordered: u64,
}

impl Readings {
    fn of(traffic: &Traffic) -> Self {
        let mut readings = Self::default();
        let mut last_ns = 0;
        for (time_ns, frame) in traffic.frames() {
            assert!(time_ns > last_ns);
            last_ns = time_ns;
            let wire_bytes = u32::try_from(frame.len()).unwrap();
            let headers = sluice_wire::parse(LinkType::Ethernet, frame, wire_bytes).unwrap();
            assert!(sluice_wire::ipv4_header_valid(&frame[14..34]));
            assert_eq!(sluice_wire::transport_valid(&headers, frame), ChecksumStatus::Valid);
            let Transport::Tcp(tcp) = headers.transport else { panic!("{headers:?}") };
            let ends = (headers.source, tcp.source_port, headers.destination, tcp.destination_port);
            let payload = &frame[frame.len() - usize::try_from(tcp.payload_len).unwrap()..];
            readings.receive(ends, &tcp, payload);
        }
        readings
    }

    fn receive(&mut self, ends: Ends, tcp: &TcpHeader, payload: &[u8]) {
        if let Some(peer) = self.directions.get(&(ends.2, ends.3, ends.0, ends.1)) {
            let received = peer.first.add(peer.next + u32::from(peer.finished));
            assert!(tcp.ack.before_or_at(received), "acknowledges what was not sent: {tcp:?}");
        }
        if tcp.flags.contains(TcpFlags::SYN) {
            let first = tcp.seq.add(1);
            let known = self.directions.insert(ends, Reading { first, ..Reading::default() });
            assert!(known.is_none(), "two flows have the ends {ends:?}");
            return;
        }
        let reading = self.directions.get_mut(&ends).unwrap();
        let offset = u32::try_from(tcp.seq.distance_from(reading.first)).unwrap();
        if !payload.is_empty() {
            if let Some(before) = reading.segments.get(&offset) {
                assert_eq!(before, payload);
                self.repeated += 1;
                return;
            }
            assert!(!reading.finished);
            if offset > reading.next {
                self.reordered += 1;
            }
            reading.segments.insert(offset, payload.to_vec());
            reading.next = reading.segments.range(reading.next..).fold(reading.next, |next, (at, bytes)| {
                if *at == next { next + u32::try_from(bytes.len()).unwrap() } else { next }
            });
        } else {
            assert_eq!(offset, reading.next + u32::from(reading.finished));
        }
        reading.finished |= tcp.flags.contains(TcpFlags::FIN);
    }

    /// The sums of all streams to servers and to clients.
    fn sums(&self) -> Expected {
        let mut expected = Expected::default();
        for (ends, reading) in &self.directions {
            assert!(reading.finished, "{ends:?} does not end");
            let sum = if ends.3 == 80 { &mut expected.to_server } else { &mut expected.to_client };
            for (offset, bytes) in &reading.segments {
                sum.add(u64::from(*offset), bytes);
            }
            let held: usize = reading.segments.values().map(Vec::len).sum();
            assert_eq!(held, usize::try_from(reading.next).unwrap(), "{ends:?} has a hole");
        }
        expected
    }
}

#[test]
fn every_stream_reads_back_as_promised() {
    for (mix, flows) in [(Mix::Web, 200), (Mix::FullSize, 4), (Mix::ShortFlows, 500), (Mix::LongFlows, 5)] {
        let traffic = generate(mix, flows, 42);
        let readings = Readings::of(&traffic);
        assert_eq!(traffic.flows, flows);
        assert_eq!(readings.directions.len(), usize::try_from(flows).unwrap() * 2);
        assert_eq!(readings.sums(), traffic.expected, "{}", traffic.name);
        let expected = traffic.expected;
        assert_eq!(expected.to_server.bytes() + expected.to_client.bytes(), traffic.stream_bytes);
        assert_eq!(readings.repeated, traffic.retransmitted_segments);
        assert_eq!(readings.reordered, traffic.reordered_segments);
    }
}

#[test]
fn small_and_full_packet_mixes_have_the_promised_packets() {
    let short = generate(Mix::ShortFlows, 300, 1);
    assert_eq!(short.packets.len(), 3_000);
    assert_eq!(short.stream_bytes, 300 * 40);
    assert!(short.packets.iter().all(|packet| packet.len <= 64));

    let long = generate(Mix::LongFlows, 3, 1);
    assert_eq!(long.packets.len(), 3_000);
    assert_eq!(long.data_segments, 3 * 994);

    let full = generate(Mix::FullSize, 2, 1);
    assert_eq!(full.packets.iter().filter(|packet| packet.len == 1_514).count(), 1_200);
    assert_eq!(full.packets.len(), 1_212);
    assert_eq!(full.retransmitted_segments + full.reordered_segments, 0);
}

#[test]
fn the_web_mix_is_as_large_and_as_disturbed_as_promised() {
    let web = generate(Mix::Web, 2_000, 7);
    let mean_bytes = web.bytes.len() / web.packets.len();
    assert!((690..745).contains(&mean_bytes), "{mean_bytes} bytes a frame");
    for disturbed in [web.retransmitted_segments, web.reordered_segments] {
        let per_mille = disturbed * 1_000 / web.data_segments;
        assert!((9..=10).contains(&per_mille), "{per_mille} per mille");
    }
}

#[test]
fn flows_are_interleaved() {
    let web = generate(Mix::Web, 100, 7);
    let clients: BTreeSet<_> = web.frames().take(200).map(|(_, frame)| frame[26..34].to_vec()).collect();
    assert!(clients.len() > 50, "{} directions in the first 200 packets", clients.len());
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for mix in Mix::ALL {
        assert_eq!(generate(mix, 3, 5), generate(mix, 3, 5));
        assert_ne!(generate(mix, 3, 5).bytes, generate(mix, 3, 6).bytes);
    }
}

#[test]
fn no_flows_are_no_traffic() {
    let nothing = generate(Mix::Web, 0, 1);
    assert!(nothing.packets.is_empty() && nothing.bytes.is_empty());
}
