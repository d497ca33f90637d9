//! What ported middleboxes rely on in a call: packets, bytes, user contexts, timers.

use sluice_engine::event::{Change, Definitions, EventKind, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::view::{PeekError, Region};
use sluice_engine::{Config, Direction, Refusal, View, millis};
use sluice_tests::Frame;
use sluice_tests::script::Script;

use super::calls::{CONVERSATION, config};
use super::scene::{HANDSHAKE, Scene, What, everything, hearing, kind, place, read, register_all};

const TO_SERVER: Direction = Direction::ToServer;

#[test]
fn the_packet_of_an_event_can_be_had_in_every_call_that_has_one_and_in_no_other() {
    // mOS has none in the calls of new data, and a dangling one in timers.
    let mut definitions = everything(Level::Full);
    let packets = definitions.open_raw(None).unwrap();
    definitions.register(packets, EventKind::PacketIn.number(), Hook::None, 0).unwrap();
    definitions.set_timer(millis(7), 0).unwrap();
    let mut scene = Scene::new(config(), vec![definitions], |notes, _, call, view| {
        let What::Event(call) = call else {
            assert_eq!(view.packet_info(), Err(Refusal::NoPacket));
            return 0;
        };
        if !call.place().has_packet() {
            assert_eq!(view.packet_info(), Err(Refusal::NoPacket), "{call:?}");
            assert_eq!((call.wire_length, call.sequence, call.acknowledgment), (0, 0, 0));
            return 0;
        }
        let info = view.packet_info().unwrap();
        assert_eq!((info.time, info.wire_length), (call.time, call.wire_length), "{call:?}");
        assert_eq!((info.sequence, info.acknowledgment), (call.sequence, call.acknowledgment));
        let frames = Script::parse(CONVERSATION).unwrap().frames().unwrap();
        let frame = frames.iter().find(|frame| frame.time.0 == info.time).unwrap();
        assert_eq!(view.packet_bytes(Region::Frame, 0, u32::MAX), Ok(&frame.bytes[..]));
        // Asking once more changes nothing: there is no buffer that a second answer would overwrite.
        assert_eq!(view.packet_info(), Ok(info));
        notes.push(kind(call).name().to_owned());
        0
    });
    scene.play(1, CONVERSATION);
    for kind in EventKind::ALL {
        assert!(scene.guests.notes.iter().any(|name| name == kind.name()), "{kind:?} without a packet");
    }
    scene.end();
}

#[test]
fn what_the_receiver_ignores_is_told_at_hook_sender_alone_with_the_reason() {
    // mOS processes what lies outside of the window, all but its payload.
    let mut scene = Scene::new(Config::default(), vec![everything(Level::Full)], |notes, _, call, view| {
        if let What::Event(call) = call {
            let state = view.flow_info().unwrap().server_state.name();
            notes.push(format!("{} {}, {state}", place(call), call.place().reason() > 0));
        }
        0
    });
    scene.play(1, HANDSHAKE);
    for ignored in ["3ms c P. 900001:900004(3)", "4ms c R 900001", "5ms c F. 900001"] {
        assert_eq!(scene.notes(ignored), ["packet-in sender client true, established"], "{ignored}");
    }
    // What was damaged on its way is nothing at all.
    assert!(scene.notes("6ms c P. 1001:1004(3) badsum").is_empty());
    scene.end();
}

#[test]
fn what_is_damaged_reaches_monitors_of_packets_alone() {
    let mut definitions = Definitions::new();
    let packets = definitions.open_raw(None).unwrap();
    definitions.register(packets, EventKind::PacketIn.number(), Hook::None, 0).unwrap();
    let stream = definitions.open_stream(None, Level::Full).unwrap();
    register_all(&mut definitions, stream);
    let mut scene = Scene::new(Config::default(), vec![definitions], |notes, _, call, _| {
        if let What::Event(call) = call {
            notes.push(place(call));
        }
        0
    });
    assert_eq!(scene.notes("0ms c S 1000 badsum"), ["packet-in none -"]);
    // The checksum of the IP header, then the length of TCP's header, of which 20 bytes are the least.
    let damages: [fn(&mut Frame); 2] = [|frame| frame.bytes[24] ^= 0xff, |frame| frame.bytes[46] = 0x40];
    for damage in damages {
        let mut frames = Script::parse("1ms c S 1000").unwrap().frames().unwrap();
        damage(&mut frames[0]);
        scene.guests.notes.clear();
        scene.receive(frames);
        assert_eq!(scene.guests.notes, ["packet-in none -"]);
    }
    assert_eq!(scene.engine.flows(), 0);
    scene.end();
}

#[test]
fn a_read_at_the_end_of_the_data_is_empty_and_a_late_one_says_what_it_missed() {
    let mut config = Config::default();
    config.limits.kept_bytes = 10;
    let mut scene = Scene::new(config, vec![everything(Level::Full)], |notes, _, call, view| {
        let What::Event(call) = call else { return 0 };
        // Before there are any bytes, too.
        if kind(call) == EventKind::ConnStart {
            assert_eq!(read(view, TO_SERVER), "");
        }
        if kind(call) == EventKind::PacketIn && call.place().hook() == Hook::Sender && call.length == 1 {
            let mut bytes = Vec::new();
            // -1 is an error and a byte that was missed, in mOS.
            assert_eq!(view.peek(TO_SERVER, 100, &mut bytes), Err(PeekError::Missed(11)));
            for rest in ["bcd", "efghijk", "", ""] {
                let mut bytes = Vec::new();
                view.peek(TO_SERVER, if rest == "bcd" { 3 } else { 100 }, &mut bytes).unwrap();
                assert_eq!(String::from_utf8(bytes).unwrap(), rest);
            }
            assert_eq!(view.peek_at(TO_SERVER, 21, 1, &mut bytes), Err(Refusal::NoData));
            let info = view.buffer_info(TO_SERVER).unwrap();
            assert_eq!((info.position, info.next), (21, 21));
            notes.push("read".to_owned());
        }
        0
    });
    scene.play(1, HANDSHAKE);
    scene.play(1, "3ms c P. 1001:1012(11) \"0123456789a\"\n4ms c P. 1012:1022(10) \"bcdefghijk\"");
    assert_eq!(scene.notes("5ms c P. 1022:1023(1)"), ["read"]);
    scene.end();
}

#[test]
fn what_is_held_is_told_in_stream_offsets_and_bytes() {
    // mOS answers in elements of 40 bytes, and truncates offsets to 32 bits.
    let mut scene = Scene::new(Config::default(), vec![everything(Level::Full)], |notes, _, call, view| {
        if matches!(call, What::Event(call) if kind(call) == EventKind::PacketIn && call.length == 2) {
            let mut held = Vec::new();
            view.fraginfo(TO_SERVER, &mut held).unwrap();
            notes.push(format!("{held:?} {:?}", view.buffer_info(TO_SERVER).unwrap()));
        }
        0
    });
    scene.play(1, HANDSHAKE);
    scene.play(1, "3ms c P. 1001:1006(5)\n4ms c P. 1011:1014(3)\n5ms c P. 1021:1022(1)");
    let notes = scene.notes("6ms s P. 5001:5003(2) ack 1006");
    let info = "BufferInfo { position: 0, held_from: 0, next: 5, highest: 21, ahead: 4 }";
    assert_eq!(notes, vec![format!("[0, 5, 10, 3, 20, 1] {info}"); 2]);
    scene.end();
}

#[test]
fn both_sides_of_a_flow_share_a_user_context_until_its_end() {
    let mut definitions = everything(Level::Full);
    let second = definitions.open_stream(None, Level::Full).unwrap();
    definitions.register(second, EventKind::ConnEnd.number(), Hook::None, 100).unwrap();
    let mut scene = Scene::new(Config::default(), vec![definitions], |notes, _, call, view| {
        let What::Event(call) = call else { return 0 };
        if kind(call) == EventKind::ConnEnd {
            notes.push(format!("{} {} {}", call.ports >> 16, call.id, call.user_context));
        } else if call.id == EventKind::PacketIn.number() && call.place().hook() == Hook::Sender {
            view.set_user_context(call.user_context * 10 + u64::from(call.ports >> 16) - 39_999).unwrap();
        }
        0
    });
    // Three packets of one flow, from both sides, one of the other.
    let conversation = format!("{HANDSHAKE}3ms c P. 1:2(1) flow 1\nfinish");
    assert_eq!(scene.notes(&conversation), ["40000 9 111", "40000 100 0", "40001 9 2", "40001 100 0"]);
    scene.end();
}

#[test]
fn timers_run_out_once_with_their_numbers_unless_they_are_cancelled() {
    let act = |notes: &mut Vec<String>, tenant: TenantId, call: &What<'_>, view: &mut View| {
        match call {
            What::Event(call) if call.length == 1 => {
                let numbers = [5, 6, 7].map(|ms| view.set_timer(millis(ms), ms).unwrap());
                view.cancel_timer(numbers[1]).unwrap();
                notes.push(format!("{} set {numbers:?}", tenant.0));
            }
            What::Timer(number, argument, deadline) => {
                // It is gone when it has run out; periodic ones set themselves again.
                assert_eq!(view.cancel_timer(*number), Err(Refusal::BadId));
                if *argument == 7 {
                    view.set_timer(millis(100), 8).unwrap();
                }
                let late = view.now().since(*deadline);
                notes.push(format!("{} timer {number}: {argument}, {late} late", tenant.0));
            }
            What::Event(_) | What::Filter(_) | What::Other => {}
        }
        0
    };
    let tenants = || hearing(&[(EventKind::PacketIn, Hook::Sender)]);
    let mut scene = Scene::new(Config::default(), vec![tenants(), tenants()], act);
    scene.play(1, HANDSHAKE);
    assert_eq!(scene.notes("3ms c P. 1001:1002(1)"), ["0 set [0, 1, 2]", "1 set [0, 1, 2]"]);
    let expected = [
        "0 timer 0: 5, 0 late",
        "1 timer 0: 5, 0 late",
        "0 timer 2: 7, 0 late",
        "1 timer 2: 7, 0 late",
        "0 timer 3: 8, 0 late",
        "1 timer 3: 8, 0 late",
    ];
    assert_eq!(scene.notes("expire 5s"), expected);
    assert!(scene.notes("expire 10s").is_empty());
    scene.end();
}

#[test]
fn what_is_registered_on_a_flow_is_for_it_alone_and_from_the_next_pass_on() {
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::State).unwrap();
    let packet = EventKind::PacketIn.number();
    definitions.register(monitor, packet, Hook::Sender, 1).unwrap();
    let mut scene = Scene::new(Config::default(), vec![definitions], |notes, _, call, view| {
        let What::Event(call) = call else { return 0 };
        notes.push(format!("{} {} {}", call.ports >> 16, place(call), call.id));
        let register = |view: &mut View, hook, handler| {
            view.change_flow(Change::register(call.kind, hook, handler)).unwrap();
        };
        if call.length == 1 {
            // At the same hook it is too late for this packet; handlers run in the order of their numbers.
            register(view, Hook::Sender, 0);
            register(view, Hook::Receiver, 3);
            register(view, Hook::Receiver, 2);
        }
        0
    });
    scene.play(1, "0ms c P. 1:2(1) ack 1 flow 1");
    let expected = [
        "40001 packet-in sender client 1",
        "40001 packet-in receiver server 2",
        "40001 packet-in receiver server 3",
    ];
    assert_eq!(scene.guests.notes, expected);
    let expected = [
        "40001 packet-in sender client 0",
        "40001 packet-in sender client 1",
        "40001 packet-in receiver server 2",
        "40001 packet-in receiver server 3",
    ];
    assert_eq!(scene.notes("1ms c P. 2:4(2) ack 1 flow 1"), expected);
    assert_eq!(scene.notes("2ms c P. 2:4(2) ack 1 flow 2"), ["40002 packet-in sender client 1"]);
    scene.end();
}
