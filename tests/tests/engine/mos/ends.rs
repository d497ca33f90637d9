//! How flows begin and end: once, and after all else.

use std::cell::Cell;
use std::rc::Rc;

use sluice_engine::event::{Definitions, EventKind, Hook, Predicate, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Direction, Refusal, Side, View, seconds};

use super::scene::{HANDSHAKE, Scene, What, everything, kind, place, read};

/// Starts and repetitions.
fn note_starts(notes: &mut Vec<String>, _: TenantId, call: &What<'_>, _: &mut View) -> u32 {
    if let What::Event(call) = call
        && matches!(kind(call), EventKind::ConnStart | EventKind::Rexmit)
    {
        notes.push(place(call));
    }
    0
}

#[test]
fn a_flow_starts_once_at_each_hook_whatever_its_handshake() {
    // mOS tells the start again for a SYN that is repeated, and a repetition for one with another number.
    let repeated = "rexmit receiver server";
    let handshakes = [
        ("0ms c S 1000\n1ms s S. 5000 ack 1001\n2ms c . 1001 ack 5001", vec![]),
        ("0ms c S 1000\n1ms c S 1000\n2ms c S 1000\n3ms s S. 5000 ack 1001", vec![repeated; 2]),
        ("0ms c S 1000\n1ms c S 9000\n2ms s S. 5000 ack 9001\n3ms c . 9001 ack 5001", vec![]),
        ("0ms c S 1000\n1ms s S. 5000 ack 1001\n2ms s S. 5000 ack 1001", vec!["rexmit receiver client"]),
        // Simultaneous open.
        ("0ms c S 1000\n1ms s S 5000\n2ms c S. 1000 ack 5001\n3ms s S. 5000 ack 1001", vec![]),
        // TCP Fast Open, and what the server did not take of it.
        ("0ms c S 1000:1004(4)\n1ms s S. 5000 ack 1005\n2ms c P. 1005:1009(4) ack 5001", vec![]),
        ("0ms c S 1000:1004(4)\n1ms s S. 5000 ack 1001\n2ms c P. 1001:1005(4) ack 5001", vec![]),
        // Without a handshake.
        ("0ms c P. 1001:1005(4) ack 5001\n1ms s . 5001 ack 1005", vec![]),
    ];
    for (handshake, rest) in handshakes {
        let mut scene = Scene::new(Config::default(), vec![everything(Level::Full)], note_starts);
        let mut expected = vec!["conn-start sender client", "conn-start receiver server"];
        expected.extend(rest);
        // In a simultaneous open each SYN-ACK repeats the SYN.
        let mut got = scene.notes(handshake);
        if handshake.contains("s S 5000") {
            got.retain(|line| !line.starts_with("rexmit"));
        }
        assert_eq!(got, expected, "{handshake}");
        scene.end();
    }
}

/// Reads only when flows end; then all of both streams, with what else is there to know.
fn note_ends(notes: &mut Vec<String>, _: TenantId, call: &What<'_>, view: &mut View) -> u32 {
    let What::Event(call) = call else { return 0 };
    if kind(call) != EventKind::ConnEnd {
        notes.push(kind(call).name().to_owned());
        return 0;
    }
    let info = view.flow_info().unwrap();
    let reason = info.end_reason.unwrap();
    assert_eq!(call.place().reason(), reason.number());
    assert_eq!(view.endpoints().unwrap().server_port, 80);
    let sent = Side::BOTH.map(|side| view.statistics(side).unwrap().payload_bytes);
    let streams = Direction::BOTH.map(|direction| read(view, direction));
    // A second peek finds nothing and harms nothing; and nothing can be missed.
    assert_eq!(Direction::BOTH.map(|direction| read(view, direction)), ["", ""]);
    notes.push(format!("{}: {} {}, sent {sent:?}", reason.name(), streams[0], streams[1]));
    0
}

#[test]
fn a_flow_ends_once_after_all_data_of_both_sides_whatever_the_reason() {
    // mOS tells the end two to four times, when the other side may be gone.
    let data = format!("{HANDSHAKE}3ms c P. 1001:1004(3) \"abc\"\n4ms s P. 5001:5004(3) \"xyz\" ack 1004\n");
    let all = "abc xyz, sent [3, 3]";
    let ends = [
        ("5ms c F. 1004 ack 5004\n6ms s F. 5004 ack 1005\n7ms c . 1005 ack 5005\n8ms c . 1005", "closed"),
        ("5ms c R 1004\n6ms s R 5004\n7ms c . 1004 ack 5004", "reset-by-client"),
        ("5ms s R 5004\n6ms c R 1004", "reset-by-server"),
        ("expire 100000s", "timeout"),
        ("finish\nfinish", "end-of-input"),
        ("5ms c S 70000\n6ms s S. 80000 ack 70001", "replaced"),
    ];
    for (end, reason) in ends {
        let mut scene = Scene::new(Config::default(), vec![everything(Level::Full)], note_ends);
        let mut notes = scene.notes(&format!("{data}{end}"));
        let ended = notes.iter().position(|line| line.contains("sent")).unwrap();
        assert_eq!(notes[ended], format!("{reason}: {all}"));
        let behind = notes.split_off(ended + 1);
        // Only the connection that takes its place is behind it.
        let expected = if reason == "replaced" { "packet-in" } else { "" };
        assert_eq!(behind.first().map_or("", String::as_str), expected, "{reason}: {behind:?}");
        assert!(!behind.iter().any(|line| line.contains("sent")), "{reason}: {behind:?}");
        scene.end();
    }
}

#[test]
fn a_flow_that_is_pushed_out_ends_after_its_data_and_without_the_packet_that_took_its_place() {
    let mut config = Config::default();
    config.limits.flows = 1;
    let mut scene = Scene::new(config, vec![everything(Level::Full)], |notes, tenant, call, view| {
        if matches!(call, What::Event(call) if kind(call) == EventKind::ConnEnd) {
            assert_eq!(view.packet_info(), Err(Refusal::NoPacket));
        }
        note_ends(notes, tenant, call, view)
    });
    let notes = scene.notes("0ms c P. 1001:1004(3) \"abc\"\n1ms c S 1 flow 1");
    let end = notes.iter().position(|line| line == "evicted: abc , sent [3, 0]").unwrap();
    assert!(notes[..end].contains(&"new-data".to_owned()), "{notes:?}");
    assert!(!notes[end + 1..].iter().any(|line| line.contains("sent")), "{notes:?}");
    scene.end();
}

#[test]
fn data_a_fin_and_an_rst_in_one_burst_lose_nothing() {
    // mOS frees the stream before it tells of the data of the round.
    let conversation = format!(
        "{HANDSHAKE}3ms c FP. 1001:1004(3) \"abc\"\n4ms s P. 5001:5004(3) \"xyz\" ack 1005\n5ms s R 5004"
    );
    for burst in [1, 2, 32] {
        let mut scene = Scene::new(Config::default(), vec![everything(Level::Full)], note_ends);
        scene.play(burst, &conversation);
        let notes = &scene.guests.notes;
        assert_eq!(notes.iter().filter(|line| *line == "new-data").count(), 2, "{notes:?}");
        assert_eq!(notes.last().unwrap(), "reset-by-server: abc xyz, sent [3, 3]");
        scene.end();
    }
}

#[test]
fn what_waits_behind_a_hole_is_told_before_the_end() {
    let mut scene = Scene::new(Config::default(), vec![everything(Level::Full)], note_ends);
    scene.play(1, HANDSHAKE);
    scene.play(1, "3ms c P. 1011:1014(3) \"def\"\n4ms s P. 5006:5009(3) \"uvw\" ack 1001");
    let notes = scene.notes("5ms c R 1001");
    let end = ["gap", "new-data", "gap", "new-data", "reset-by-client: def uvw, sent [3, 3]"];
    assert_eq!(notes[notes.len() - 5..], end);
    scene.end();
}

/// Takes what begins with a SYN, and counts the questions.
struct Syns(Rc<Cell<u32>>);

impl Predicate for Syns {
    fn matches(&mut self, datagram: &[u8]) -> bool {
        self.0.set(self.0.get() + 1);
        datagram[33] == 2
    }
}

#[test]
fn the_filter_of_a_monitor_is_asked_once_for_a_flow() {
    let asked = Rc::new(Cell::new(0));
    let mut filtered = Definitions::new();
    let monitor = filtered.open_stream(Some(Box::new(Syns(Rc::clone(&asked)))), Level::Full).unwrap();
    for (kind, hook) in [(EventKind::PacketIn, Hook::Sender), (EventKind::Orphan, Hook::None)] {
        filtered.register(monitor, kind.number(), hook, 0).unwrap();
    }
    let mut scene = Scene::new(Config::default(), vec![filtered], |notes, _, call, _| {
        if let What::Event(call) = call {
            notes.push(kind(call).name().to_owned());
        }
        0
    });
    assert_eq!(scene.notes(&format!("{HANDSHAKE}3ms c P. 1001:1004(3)")), ["packet-in"; 4]);
    assert_eq!(asked.get(), 1, "later packets do not look like the first one");
    // What the filter does not take is a flow all the same: no orphan, as it is in mOS.
    assert_eq!(scene.notes("4ms c P. 1001:1004(3) flow 1\n5ms c P. 1004:1005(1) flow 1").len(), 0);
    assert_eq!((asked.get(), scene.engine.flows()), (2, 2));
    scene.end();
}

#[test]
fn what_opens_no_flow_is_an_orphan_with_its_packet() {
    let mut config = Config::default();
    config.limits.flows = 1;
    let mut scene = Scene::new(config, vec![everything(Level::Full)], |notes, _, call, view| {
        if let What::Event(call) = call
            && kind(call) == EventKind::Orphan
        {
            let info = view.packet_info().unwrap();
            assert_eq!(call.flow, 0);
            assert_eq!(view.endpoints(), Err(Refusal::NoFlow));
            assert_eq!((info.flags, info.sequence), (u32::from(call.place().tcp_flags()), call.sequence));
            notes.push(format!("{:#04x}", info.flags));
        }
        0
    });
    // Stray RSTs and what only a scanner sends.
    let strays = scene.notes("0ms c R 1\n0ms s R. 1 ack 2\n0ms c SF 1\n0ms c F 1\n0ms c - 1\n0ms c P 1:2(1)");
    assert_eq!(strays, ["0x04", "0x14", "0x03", "0x01", "0x00", "0x08"]);
    // No room for another flow: it passes unanalysed, as in mOS, and is told.
    assert!(scene.notes(&format!("{HANDSHAKE}3ms s P. 5001:5002(1) ack 1001")).is_empty());
    assert_eq!(scene.notes("4ms c S 1 flow 1\n5ms c P. 2:3(1) ack 1 flow 2"), ["0x02", "0x18"]);
    assert_eq!(scene.engine.counters().packets.no_room, 2);
    scene.end();
}

#[test]
fn a_flow_that_speaks_keeps_no_silent_one_alive() {
    // mOS looks no further than the first flow of its list that is not silent.
    let mut config = Config::default();
    config.timeouts.established = seconds(10);
    let mut scene = Scene::new(config, vec![everything(Level::Full)], |notes, _, call, _| {
        if let What::Event(call) = call
            && kind(call) == EventKind::ConnEnd
        {
            notes.push(format!("{}", call.ports >> 16));
        }
        0
    });
    scene.notes(HANDSHAKE);
    scene.notes("3ms c S 1000 flow 1\n4ms s S. 5000 ack 1001 flow 1\n5ms c . 1001 ack 5001 flow 1");
    scene.notes("6s c P. 1001:1002(1)");
    assert_eq!(scene.notes("12s c P. 1002:1003(1)"), ["40001"]);
    scene.end();
}
