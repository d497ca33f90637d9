//! Filters of user-defined events as guests pass them: every case of the variant, and what is refused.

use sluice_engine::event::EventFilter;

use crate::component::{MEMORY, SCALARS, bare_guest};
use crate::worker::Worker;

/// A network of the WIT in memory: first and last eight bytes of its address, bits, padding.
fn network(high: u64, low: u64, bits: u8) -> String {
    let bytes = [high.to_le_bytes(), low.to_le_bytes(), [bits, 0, 0, 0, 0, 0, 0, 0]];
    bytes.as_flattened().iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// A guest that defines an event `e0`, `e1`... for each (parent, case of the variant, its three words) and refuses to
/// start with the numbers of the errors as letters, `-` for none, if `refuses`.
fn guest(filters: &[(u32, u32, [u64; 3])], refuses: bool) -> Vec<u8> {
    let mut body = String::new();
    for (n, (parent, case, [first, second, third])) in filters.iter().enumerate() {
        body += &format!(
            "(i32.store8 (i32.const 1) (i32.const {}))
            (call $define (i32.const 0) (i32.const 2) (i32.const {parent}) (i32.const {case}) (i64.const {first})
              (i32.const {second}) (i32.const {third}) (i32.const 0) (i32.const 0) (i32.const 64))
            (i32.store8 (i32.const {}) (select
              (i32.add (i32.const 64) (i32.load8_u (i32.const 68))) (i32.const 45) (i32.load8_u (i32.const 64))))",
            48 + n,
            512 + n,
        );
    }
    let networks = [
        network(0, 0xffff_0a01_0203, 104),
        network(0x2001_0db8_0000_0000, 1, 128),
        network(0, 0, 0),
        network(0, 0xffff_0a01_0203, 129),
        network(0, 0xffff_0a01_0203, 95),
    ];
    bare_guest(&format!(
        r#"(import "sluice:middlebox/event@0.1.0" "define"
          (func $define (param i32 i32 i32 i32 i64 i32 i32 i32 i32 i32)))
        {MEMORY} (data (i32.const 0) "e") (data (i32.const 32) "tcp junk")
        (data (i32.const 128) "\50\00\50\00\40\1f\a4\1f") (data (i32.const 192) "GET ")
        (data (i32.const 256) "{}")
        (func (export "filter") {SCALARS} (result i32) (i32.const 1))
        (func (export "start") (param i32 i32) (result i32) {body}
          (i32.store (i32.const 0) (i32.const {})) (i32.store (i32.const 4) (i32.const 512))
          (i32.store (i32.const 8) (i32.const {})) (i32.const 0))"#,
        networks.concat(),
        u32::from(refuses),
        filters.len()
    ))
}

const PACKET_IN: u32 = 1;
const NEW_DATA: u32 = 6;
const CONN_END: u32 = 9;

#[test]
fn native_filters_come_out_of_start() {
    let guest = guest(
        &[
            (NEW_DATA, 0, [7, 0, 0]),
            (PACKET_IN, 1, [32, 3, 0]),
            (PACKET_IN, 2, [0x12, 2, 0]),
            (PACKET_IN, 3, [1, 128, 2]),
            (CONN_END, 4, [0, 256, 2]),
            (NEW_DATA, 4, [2, 304, 1]),
            (NEW_DATA, 5, [3, 192, 4]),
            (NEW_DATA, 6, [1, 100, 0]),
            (NEW_DATA, 7, [4096, 0, 0]),
            (PACKET_IN, 8, [10, 0, 0]),
        ],
        false,
    );
    let definitions = Worker::new().start(&guest).unwrap();
    let mut events: Vec<_> = definitions.events().events().iter().map(|(_, event)| event).collect();
    events.sort_by_key(|event| event.sequence());
    let words: Vec<String> = events
        .into_iter()
        .map(|event| match &event.filter {
            EventFilter::Guest(number) => format!("guest {number}"),
            EventFilter::Native(filter) => filter.to_string(),
            EventFilter::Raised => "raised".to_owned(),
        })
        .collect();
    assert_eq!(
        words,
        [
            "guest 7",
            "pcap \"tcp\"",
            "tcp flags SYN of SYN,ACK",
            "server port in 80,8000-8100",
            "client in 10.0.0.0/8,2001:db8::1/128",
            "host in ::/0",
            "bytes at 3 are \"GET \"",
            "length 1-100",
            "every 4096 bytes",
            "every 10th packet",
        ]
    );
}

#[test]
fn filters_that_mean_nothing_are_refused() {
    let all_memory = 65_536;
    let table = [
        // An expression that does not compile, and none: bad-filter. One that is longer than the host takes: too-long.
        (PACKET_IN, 1, [36, 4, 0], 'K'),
        (PACKET_IN, 1, [32, 0, 0], 'K'),
        (PACKET_IN, 1, [1024, 4097, 0], 'J'),
        // A flag beside the mask.
        (PACKET_IN, 2, [0x02, 0x12, 0], 'K'),
        // No ports; more than the host takes: too-many.
        (PACKET_IN, 3, [1, 128, 0], 'K'),
        (PACKET_IN, 3, [1, 0, all_memory / 4], 'I'),
        // No networks; one of 129 bits, one that is neither IPv4 nor IPv6 with as many bits as it has; too many.
        (PACKET_IN, 4, [0, 256, 0], 'K'),
        (PACKET_IN, 4, [0, 328, 1], 'K'),
        (PACKET_IN, 4, [0, 0, 257], 'I'),
        // No bytes; too many; not of a stream's data.
        (NEW_DATA, 5, [0, 192, 0], 'K'),
        (NEW_DATA, 5, [0, 0, 257], 'J'),
        (PACKET_IN, 5, [0, 192, 4], 'K'),
        (NEW_DATA, 6, [2, 1, 0], 'K'),
        (NEW_DATA, 7, [0, 0, 0], 'K'),
        (PACKET_IN, 8, [0, 0, 0], 'K'),
        (PACKET_IN, 8, [1 << 32, 0, 0], 'K'),
        // No packet.
        (CONN_END, 2, [2, 2, 0], 'K'),
        // Prefixes of fewer than 96 bits are IPv6.
        (PACKET_IN, 4, [0, 352, 1], '-'),
    ];
    let guest = guest(&table.map(|(parent, case, words, _)| (parent, case, words)), true);
    let answers: String = table.iter().map(|(_, _, _, answer)| *answer).collect();
    assert_eq!(Worker::new().start_error(&guest), format!("guest g0 refuses to start: {answers}"));
}
