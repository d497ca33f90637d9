//! Guests that change traffic: what `-w` writes of it, as others read it.

use std::process::Command;

use super::program::{Folder, has, project};

/// A core module whose handler of the event `kind` at a hook has this body; `$place` is that parameter.
fn guest(kind: u32, hook: u32, body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "sluice:middlebox/monitor@0.1.0" "open-stream" (func $open (param i32 i32 i32 i32)))
            (import "sluice:middlebox/event@0.1.0" "register" (func $register (param i32 i32 i32 i32 i32)))
            (import "sluice:middlebox/packet@0.1.0" "overwrite" (func $overwrite (param i32 i32 i32 i32 i32)))
            (import "sluice:middlebox/packet@0.1.0" "sendpkt"
                (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
            (import "sluice:middlebox/flow@0.1.0" "reset" (func $reset (param i32)))
            (memory (export "memory") 1)
            (data (i32.const 512) "\cb\00\71\07")
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "start") (param i32 i32) (result i32)
                (call $open (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 64))
                (call $register (i32.load (i32.const 68))
                    (i32.const {kind}) (i32.const {hook}) (i32.const 0) (i32.const 80))
                (i32.const 96))
            (func (export "callback")
                (param i32 i32) (param $place i32)
                (param i64 i64 i64 i64 i64 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) {body}))"#
    );
    wat::parse_str(text).unwrap()
}

/// Builds a guest and runs it over the sample.
fn run(here: &Folder, core: &[u8], options: &str) -> String {
    here.write("core.wasm", core);
    here.sluice("build core.wasm -o guest.wasm").well();
    here.sluice(&format!("run -r SAMPLE -w out.pcap {options} guest.wasm tcp and ip")).well().err
}

/// Records of the connections in a capture, without what follows from the packets' sizes and times.
fn ends(here: &Folder, capture: &str) -> Vec<String> {
    let outcome = here.sluice(&format!("run -q -r {capture} --log conn -j tcp and ip")).well();
    let lines = outcome.json().into_iter().filter(|line| line["event_type"] == "conn");
    lines.map(|line| line["conn"]["end_reason"].as_str().unwrap().to_owned()).collect()
}

/// Addresses of each packet, and what tshark thinks of its checksums: 1 is right.
fn addresses(capture: &std::path::Path) -> Vec<String> {
    let fields = "-Tfields -eip.src -eip.dst -eip.checksum.status -etcp.checksum.status -etcp.analysis.flags";
    let options = "-oip.check_checksum:TRUE -otcp.check_checksum:TRUE -otcp.analyze_sequence_numbers:FALSE";
    let words = fields.split(' ').chain(options.split(' '));
    let output =
        Command::new("tshark").arg("-r").arg(capture).args(words).args(["-Y", "tcp && ip"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Overwrites the client's address, wherever it stands.
const NAT: &str = "(call $overwrite (i32.const 1)
    (select (i32.const 16) (i32.const 12) (i32.and (local.get $place) (i32.const 4096)))
    (i32.const 512) (i32.const 4) (i32.const 64)) (i32.const 0)";

#[test]
fn tshark_finds_the_addresses_of_a_nat_and_right_checksums() {
    if !has("tshark") {
        return;
    }
    let here = Folder::new("nat");
    let said = run(&here, &guest(1, 1, NAT), "--allow modify");
    assert!(said.contains(" packets changed by guests, 0 changes refused"), "{said}");
    let translated = addresses(&here.path("out.pcap"));
    let client = |address: &str| address.starts_with("192.0.2.");
    let expected: Vec<String> = addresses(&project().join(super::program::SAMPLE))
        .iter()
        .map(|line| {
            let words = line.split('\t').map(|word| if client(word) { "203.0.113.7" } else { word });
            words.collect::<Vec<&str>>().join("\t")
        })
        .collect();
    assert!(expected.len() > 1000 && expected.iter().all(|line| line.contains("\t1\t1")), "{}", expected[0]);
    assert_eq!(translated.len(), expected.len());
    // Stragglers of connections that have ended raise no event.
    assert!(said.contains(" 15 after-end"), "{said}");
    let others: Vec<_> = translated.iter().zip(&expected).filter(|(is, should)| is != should).collect();
    assert!(others.len() == 15 && others.iter().all(|(is, _)| is.contains("192.0.2.")), "{others:?}");
}

#[test]
fn connections_that_were_reset_end_so_for_who_reads_the_output() {
    let here = Folder::new("reset");
    // At the first data of each connection; the data itself is dropped.
    let core = guest(6, 2, "(call $reset (i32.const 64)) (i32.const 1)");
    let said = run(&here, &core, "--allow inject --allow drop");
    assert!(said.contains(" segments sent by guests, 0 calls refused"), "{said}");
    let (before, after) = (ends(&here, "SAMPLE"), ends(&here, "out.pcap"));
    let is_reset = |end: &&String| end.starts_with("reset");
    assert_eq!(before.len(), after.len());
    let (before, after) = (before.iter().filter(is_reset).count(), after.iter().filter(is_reset).count());
    assert!(before < 30 && after > 90, "{before} before, {after} after");
}

#[test]
fn without_leave_nothing_changes() {
    let here = Folder::new("no-leave");
    let before = ends(&here, "SAMPLE");
    let said = run(&here, &guest(1, 1, NAT), "--allow inject");
    assert!(said.contains("   0 packets changed by guests, "), "{said}");
    assert_eq!(ends(&here, "out.pcap"), before);
    let said = run(&here, &guest(6, 2, "(call $reset (i32.const 64)) (i32.const 0)"), "--allow modify");
    assert!(said.contains("   0 segments sent by guests, "), "{said}");
    assert_eq!(ends(&here, "out.pcap"), before);
}

#[test]
fn segments_stand_behind_the_packets_that_they_answer() {
    let here = Folder::new("sendpkt");
    // A bare ACK (flags 16) by the server (side 1) for each SYN-ACK; its window is 77.
    let core = guest(
        1,
        1,
        "(if (i32.eq (i32.and (local.get $place) (i32.const 255)) (i32.const 18))
            (then (call $send (i32.const 1) (i32.const 16) (i32.const 5) (i32.const 6) (i32.const 77)
                (i32.const 0) (i32.const 0) (i32.const 512) (i32.const 4) (i32.const 64))))
         (i32.const 0)",
    );
    run(&here, &core, "--allow inject");
    let flags = |filter: &str| {
        let outcome = here.sluice(&format!("run -r out.pcap -w part.pcap --log conn {filter}")).well();
        let count = outcome.err.lines().find(|line| line.starts_with("-- ")).unwrap().to_owned();
        count.split(' ').nth(1).unwrap().parse::<u32>().unwrap()
    };
    let answers = flags("tcp[tcpflags] = tcp-syn|tcp-ack and ip");
    assert!(answers > 50, "{answers}");
    assert_eq!(flags("tcp[4:4] = 5 and tcp[8:4] = 6 and tcp[14:2] = 77 and ip[8] = 64"), answers);
}
