//! In which order things happen in one packet: stacks, hooks, events, monitors.

use sluice_engine::event::{Definitions, EventFilter, EventKind, FIRST_USER_EVENT, Hook, TenantId};
use sluice_engine::packet::Verdict;
use sluice_engine::reassembly::Level;
use sluice_engine::tcp::TcpState;
use sluice_engine::view::Region;
use sluice_engine::{Config, Direction, millis};

use super::scene::{HANDSHAKE, Scene, What, all_events, everything, hearing, held, kind, place, read};

const TO_SERVER: Direction = Direction::ToServer;

/// Every event with its hook and side.
fn note_places(notes: &mut Vec<String>, call: &What<'_>) {
    if let What::Event(call) = call {
        notes.push(place(call));
    }
}

/// The client's and the server's state.
fn states(states: u32) -> [&'static str; 2] {
    let [client, server, _, _] = states.to_le_bytes();
    [client, server].map(|number| {
        TcpState::ALL.into_iter().find(|state| state.number() == number).map_or("?", TcpState::name)
    })
}

#[test]
fn the_senders_stack_and_hook_come_before_the_receivers() {
    let packets = [(EventKind::PacketIn, Hook::Sender), (EventKind::PacketIn, Hook::Receiver)];
    let mut scene = Scene::new(Config::default(), vec![hearing(&packets)], |notes, _, call, view| {
        if let What::Event(call) = call {
            let [client, server] = states(call.states);
            notes.push(format!("{}: {client}, {server}", place(call)));
            let info = view.flow_info().unwrap();
            assert_eq!([info.client_state.name(), info.server_state.name()], [client, server]);
        }
        0
    });
    // The server is in SYN-RCVD when it answers; mOS has it there when the SYN arrives.
    let expected = [
        "packet-in sender client: syn-sent, listen",
        "packet-in receiver server: syn-sent, listen",
        "packet-in sender server: syn-sent, syn-rcvd",
        "packet-in receiver client: established, syn-rcvd",
        "packet-in sender client: established, syn-rcvd",
        "packet-in receiver server: established, established",
    ];
    assert_eq!(scene.notes(HANDSHAKE), expected);
    let fin = scene.notes("3ms c F. 1001 ack 5001");
    let expected = [
        "packet-in sender client: fin-wait-1, established",
        "packet-in receiver server: fin-wait-1, close-wait",
    ];
    assert_eq!(fin, expected);
    scene.end();
}

#[test]
fn events_of_one_packet_come_in_the_order_of_their_numbers() {
    let act = |notes: &mut Vec<String>, _: TenantId, call: &What<'_>, _: &mut _| {
        note_places(notes, call);
        0
    };
    let mut scene = Scene::new(Config::default(), vec![everything(Level::Full)], act);
    let syn = scene.notes("0ms c S 1000");
    let expected = [
        "packet-in sender client",
        "conn-start sender client",
        "tcp-state-change sender client",
        "packet-in receiver server",
        "conn-start receiver server",
    ];
    assert_eq!(syn, expected);
    scene.notes("1ms s S. 5000 ack 1001\n2ms c . 1001 ack 5001\n3ms c P. 1001:1011(10) \"0123456789\"");
    // Five bytes again, with other values, five that are new, and the end of the stream.
    let last = scene.notes("4ms c FP. 1006:1016(10) \"56X89abcde\" ack 5001");
    let expected = [
        "packet-in sender client",
        "tcp-state-change sender client",
        "packet-in receiver server",
        "tcp-state-change receiver server",
        "rexmit receiver server",
        "conflict receiver server",
        "new-data receiver server",
    ];
    assert_eq!(last, expected);
    scene.notes("5ms s P. 5011:5021(10) ack 1017");
    // Data, holes and the end, in one packet.
    let reset = scene.notes("6ms s R 5001");
    let expected = [
        "packet-in sender server",
        "tcp-state-change sender server",
        "packet-in receiver client",
        "tcp-state-change receiver client",
        "gap receiver client",
        "new-data receiver client",
        "conn-end none -",
    ];
    assert_eq!(reset, expected);
    scene.end();
}

#[test]
fn an_error_comes_behind_the_data_of_its_packet() {
    let mut config = Config::default();
    config.limits.total_segments = 1;
    let act = |notes: &mut Vec<String>, _: TenantId, call: &What<'_>, _: &mut _| {
        note_places(notes, call);
        0
    };
    let mut scene = Scene::new(config, vec![everything(Level::Full)], act);
    scene.notes(HANDSHAKE);
    scene.notes("3ms c P. 1011:1021(10)");
    let refused = scene.notes("4ms c P. 1031:1041(10)");
    assert_eq!(refused, ["packet-in sender client", "packet-in receiver server", "error receiver server"]);
    scene.end();
}

/// The number of the handler that a child of a kind has.
fn child(kind: EventKind) -> u32 {
    100 + kind.number()
}

#[test]
fn user_defined_events_run_in_the_place_of_their_root_and_behind_its_handlers() {
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full).unwrap();
    // Defined and registered from the last kind to the first, with numbers below those of the built-in ones' handlers.
    let at_receiver: Vec<EventKind> =
        all_events().into_iter().filter(|(_, hook)| *hook == Hook::Receiver).map(|(kind, _)| kind).collect();
    for kind in at_receiver.into_iter().rev() {
        let even = definitions.define(kind.name(), kind.number(), EventFilter::Guest(0), b"").unwrap();
        let name = format!("never-{}", kind.name());
        let never = definitions.define(&name, kind.number(), EventFilter::Guest(1), b"").unwrap();
        let below = definitions.define(&format!("below-{name}"), never, EventFilter::Guest(0), b"").unwrap();
        for (event, handler) in [(even, child(kind)), (never, 1), (below, 2), (kind.number(), 1_000)] {
            definitions.register(monitor, event, Hook::Receiver, handler).unwrap();
        }
    }
    let mut scene = Scene::new(Config::default(), vec![definitions], |notes, _, call, _| match call {
        What::Event(call) => {
            notes.push(format!(
                "{} {}",
                kind(call).name(),
                if call.id == 1_000 { "itself" } else { "child" }
            ));
            assert!(call.id > 2, "below a filter that said no");
            0
        }
        What::Filter(call) => u32::from(call.id == 0),
        What::Timer(..) | What::Other => 0,
    });
    scene.play(1, HANDSHAKE);
    scene.notes("3ms c P. 1001:1011(10) \"0123456789\"");
    let notes = scene.notes("4ms c FP. 1006:1016(10) \"56X89abcde\" ack 5001");
    let kinds = ["packet-in", "tcp-state-change", "rexmit", "conflict", "new-data"];
    let expected: Vec<String> =
        kinds.iter().flat_map(|kind| [format!("{kind} itself"), format!("{kind} child")]).collect();
    assert_eq!(notes, expected);
    scene.end();
}

#[test]
fn monitors_run_in_chain_order_and_in_reverse_for_packets_to_the_client() {
    // Two tenants; the first one has two monitors.
    let mut first = Definitions::new();
    for handler in [1, 2] {
        let monitor = first.open_stream(None, Level::Full).unwrap();
        for (kind, hook) in all_events() {
            first.register(monitor, kind.number(), hook, handler).unwrap();
        }
    }
    let mut second = Definitions::new();
    let monitor = second.open_stream(None, Level::Full).unwrap();
    for (kind, hook) in all_events() {
        second.register(monitor, kind.number(), hook, 3).unwrap();
    }
    let mut scene = Scene::new(Config::default(), vec![first, second], |notes, _, call, _| {
        if let What::Event(call) = call {
            notes.push(format!("{} {}", place(call), call.id));
        }
        0
    });
    let chain = |places: &[&str], order: [u32; 3]| -> Vec<String> {
        places.iter().flat_map(|place| order.map(|monitor| format!("{place} {monitor}"))).collect()
    };
    scene.play(1, HANDSHAKE);
    let there = scene.notes("3ms c P. 1001:1002(1)");
    let mut places = vec!["packet-in sender client", "packet-in receiver server", "new-data receiver server"];
    assert_eq!(there, chain(&places, [1, 2, 3]));
    let back = scene.notes("4ms s P. 5001:5002(1) ack 1002");
    places = vec!["packet-in sender server", "packet-in receiver client", "new-data receiver client"];
    assert_eq!(back, chain(&places, [3, 2, 1]));
    // The end of a flow is told in chain order, whoever ended it.
    let end = scene.notes("5ms s R 5002");
    assert_eq!(end[end.len() - 3..], chain(&["conn-end none -"], [1, 2, 3]));
    let orphan = scene.notes("6ms s R 1 flow 9");
    assert_eq!(orphan, chain(&["orphan none -"], [1, 2, 3]));
    scene.end();
}

#[test]
fn a_drop_stops_neither_later_monitors_nor_the_receivers_stack() {
    for (may_drop, verdict) in [(true, Verdict::Drop), (false, Verdict::Pass)] {
        // The first tenant drops every packet at hook sender, the second one reads.
        let drops = hearing(&[(EventKind::PacketIn, Hook::Sender)]);
        let tenants = vec![(drops, may_drop), (everything(Level::Full), false)];
        let mut scene = Scene::with_rights(Config::default(), tenants, |notes, tenant, call, view| {
            if let (TenantId(1), What::Event(call)) = (tenant, call) {
                let bytes =
                    if kind(call) == EventKind::NewData { read(view, TO_SERVER) } else { String::new() };
                notes.push(format!("{} {bytes}", place(call)));
            }
            u32::from(tenant == TenantId(0))
        });
        scene.play(1, HANDSHAKE);
        let notes = scene.notes("3ms c FP. 1001:1006(5) \"bytes\" ack 5001");
        let expected = [
            "packet-in sender client ",
            "tcp-state-change sender client ",
            "packet-in receiver server ",
            "tcp-state-change receiver server ",
            "new-data receiver server bytes",
        ];
        assert_eq!(notes, expected);
        assert_eq!(scene.verdicts, [verdict; 4]);
        let counters = scene.engine.counters();
        assert_eq!((counters.dropped, counters.drops_refused), if may_drop { (4, 0) } else { (0, 4) });
        scene.end();
    }
}

#[test]
fn data_is_told_with_the_packet_that_brought_it_so_that_it_can_be_stopped() {
    // mOS raises its event once the packets of the round have been forwarded.
    let definitions = hearing(&[(EventKind::NewData, Hook::Receiver)]);
    let tenants = vec![(definitions, true)];
    let mut scene = Scene::with_rights(Config::default(), tenants, |notes, _, call, view| {
        let What::Event(call) = call else { return 0 };
        let payload = view.packet_bytes(Region::Payload, 0, u32::MAX).unwrap();
        notes.push(format!("{} {}", call.offset, String::from_utf8_lossy(payload)));
        // Nothing is read until the pattern is complete.
        let mut bytes = Vec::new();
        view.peek_at(TO_SERVER, 0, 9, &mut bytes).unwrap();
        u32::from(bytes.starts_with(b"malicious"))
    });
    let conversation = format!("{HANDSHAKE}3ms c P. 1001:1006(5) \"malic\"\n4ms c P. 1006:1010(4) \"ious\"");
    scene.play(32, &conversation);
    assert_eq!(scene.guests.notes, ["0 malic", "5 ious"]);
    assert_eq!(scene.verdicts[3..], [Verdict::Pass, Verdict::Drop]);
    scene.end();
}

#[test]
fn a_repetition_is_told_before_the_bytes_change() {
    let kinds = [(EventKind::Rexmit, Hook::Receiver), (EventKind::NewData, Hook::Receiver)];
    let mut scene = Scene::new(Config::default(), vec![hearing(&kinds)], |notes, _, call, view| {
        let What::Event(call) = call else { return 0 };
        let payload = view.packet_bytes(Region::Payload, 0, u32::MAX).unwrap();
        let came = String::from_utf8_lossy(payload).into_owned();
        // mOS computes the packet's offset in the buffer of the wrong direction.
        let offset = view.packet_info().unwrap().offset;
        let held = held(view, TO_SERVER, offset, 100);
        let name = kind(call).name();
        let readable = if kind(call) == EventKind::NewData { read(view, TO_SERVER) } else { "-".to_owned() };
        notes.push(format!("{name} {}+{} at {offset}: {came}, {held}, {readable}", call.offset, call.length));
        0
    });
    scene.play(1, HANDSHAKE);
    // Bytes of the server, so that its stream stands elsewhere than the client's.
    scene.play(1, "3ms s P. 5001:5701(700) ack 1001");
    assert_eq!(
        scene.notes("4ms c P. 1001:1006(5) \"first\" ack 5701"),
        ["new-data 0+5 at 0: first, first, first"]
    );
    // Bytes that have been read are still there to be compared with.
    assert_eq!(scene.notes("5ms c P. 1001:1006(5) \"FIRST\""), ["rexmit 0+5 at 0: FIRST, first, -"]);
    // Bytes behind a hole, too, and those that fill it come behind the repetition.
    scene.play(1, "6ms c P. 1009:1012(3) \"out\"");
    let notes = scene.notes("7ms c P. 1006:1012(6) \"putOUT\"");
    assert_eq!(
        notes,
        [
            "rexmit 8+3 at 5: putOUT, nothing is held at this offset, -",
            "new-data 5+6 at 5: putOUT, putout, putout"
        ]
    );
    scene.end();
}

#[test]
fn deadlines_and_timers_come_before_the_packet_that_is_later() {
    let mut definitions = everything(Level::Full);
    definitions.set_timer(millis(100), 7).unwrap();
    let mut scene = Scene::new(Config::default(), vec![definitions], |notes, _, call, view| {
        match call {
            What::Timer(number, argument, _) => notes.push(format!("timer {number} {argument}")),
            What::Event(call) if kind(call) != EventKind::PacketIn => notes.push(place(call)),
            What::Event(_) | What::Filter(_) | What::Other => {}
        }
        if let What::Event(call) = call {
            assert_eq!(view.now().0, call.time);
        }
        0
    });
    scene.play(1, HANDSHAKE);
    scene.play(1, "3ms c P. 1011:1021(10)\n4ms s . 5001 ack 1021");
    // One burst: the timer, what was missing, and then the packet.
    assert_eq!(
        scene.notes("400ms c P. 1021:1022(1)"),
        ["timer 0 7", "gap receiver server", "new-data receiver server", "new-data receiver server"]
    );
    scene.end();
}

#[test]
fn what_is_raised_runs_behind_who_raised_it() {
    // mOS cannot raise events: they are in no table in which they would be found.
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::State).unwrap();
    let packet = EventKind::PacketIn.number();
    let raised = [1, 2]
        .map(|name| definitions.define(&format!("raised-{name}"), packet, EventFilter::Raised, b"").unwrap());
    let always = definitions.define("always", packet, EventFilter::Guest(0), b"").unwrap();
    let handlers = [(packet, 1), (packet, 2), (always, 3), (raised[0], 4), (raised[1], 5)];
    for (event, handler) in handlers {
        definitions.register(monitor, event, Hook::Sender, handler).unwrap();
    }
    let mut scene = Scene::new(Config::default(), vec![definitions], |notes, _, call, view| match call {
        What::Event(call) => {
            notes.push(format!("{}", call.id));
            // Here the second of both; in the filter of their sibling the first one, and the second again.
            if call.id == 1 {
                view.raise(FIRST_USER_EVENT + 1).unwrap();
            }
            0
        }
        What::Filter(_) => {
            view.raise(FIRST_USER_EVENT).unwrap();
            view.raise(FIRST_USER_EVENT + 1).unwrap();
            1
        }
        What::Timer(..) | What::Other => 0,
    });
    assert_eq!(raised, [FIRST_USER_EVENT, FIRST_USER_EVENT + 1]);
    assert_eq!(scene.notes("0ms c S 1000"), ["1", "2", "3", "5", "4"]);
    scene.end();
}
