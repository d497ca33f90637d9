//! In which order filters and handlers are called, and what is left out, one rule a test.

use sluice_engine::event::Hook;
use sluice_engine::reassembly::Level;
use sluice_engine::{Refusal, Side};
use sluice_tests::events::{Answer, Told};
use sluice_wire::TcpFlags;

use super::events_stage::{
    DATA, END, PACKET, RECEIVER, SENDER, START, Stage, alloc, guest, idle, register, tenant,
};

/// Whether a handler with this number is called.
fn is(told: &Told, id: u32) -> bool {
    !told.is_filter && told.call.id == id
}

#[test]
fn a_filter_is_asked_once_for_each_event() {
    let definitions = tenant(|own| {
        let above = guest(own, PACKET, 1);
        let below = guest(own, above, 2);
        for handler in [4, 3] {
            for hook in [SENDER, RECEIVER] {
                own.register(0, above, hook, handler).unwrap();
                own.register(0, below, hook, handler + 2).unwrap();
            }
        }
    });
    let mut stage = Stage::new([definitions], idle);
    stage.send(0, Side::Client, TcpFlags::SYN, "");
    let at_a_hook = "?1 3 4 ?2 5 6";
    assert_eq!(stage.told(), format!("{at_a_hook} {at_a_hook}"));
}

#[test]
fn a_filter_that_says_no_skips_what_lies_below_and_nothing_else() {
    let definitions = tenant(|own| {
        let refused = guest(own, DATA, 1);
        let below = guest(own, refused, 2);
        let sibling = guest(own, DATA, 3);
        own.register(0, refused, RECEIVER, 11).unwrap();
        own.register(0, below, RECEIVER, 12).unwrap();
        own.register(0, sibling, RECEIVER, 13).unwrap();
        own.register(0, DATA, RECEIVER, 10).unwrap();
    });
    let mut stage =
        Stage::new([definitions], |told, _| if told.call.id == 1 { Answer::No } else { Answer::Yes });
    stage.open(0);
    stage.data(0, "a");
    assert_eq!(stage.told(), "10 ?1 ?3 13");
}

#[test]
fn raised_events_run_after_the_raising_nodes_handler_and_its_other_children() {
    let mut numbers = Vec::new();
    let definitions = tenant(|own| {
        let node = guest(own, DATA, 1);
        numbers.extend(["late", "early"].map(|name| alloc(own, name, node)));
        let child = guest(own, node, 2);
        let below = guest(own, numbers[0], 3);
        let [late, early] = [numbers[0], numbers[1]];
        for (event, handler) in [(node, 10), (node, 11), (late, 12), (early, 13), (child, 14), (below, 15)] {
            own.register(0, event, RECEIVER, handler).unwrap();
        }
    });
    let [late, early] = [numbers[0], numbers[1]];
    let mut stage = Stage::new([definitions], |told, view| {
        match (told.is_filter, told.call.id) {
            // In the order in which they are raised, not in that of their definition; twice is as good as once.
            (true, 1) => assert_eq!(view.raise(early), Ok(())),
            (false, 10) => assert_eq!((view.raise(late), view.raise(early)), (Ok(()), Ok(()))),
            (false, 14) => assert_eq!(view.raise(late), Ok(())),
            _ => {}
        }
        Answer::Yes
    });
    stage.open(0);
    stage.data(0, "a");
    assert_eq!(stage.told(), "?1 10 11 ?2 14 13 12 ?3 15");
    stage.data(0, "b");
    assert_eq!(stage.told(), "?1 10 11 ?2 14 13 12 ?3 15", "and again for the next event");
}

#[test]
fn what_a_filter_raises_below_its_event_does_not_happen_if_it_says_no() {
    let mut own_child = 0;
    let mut roots = 0;
    let definitions = tenant(|own| {
        let node = guest(own, DATA, 1);
        own_child = alloc(own, "child", node);
        roots = alloc(own, "of-the-root", DATA);
        own.register(0, own_child, RECEIVER, 11).unwrap();
        own.register(0, roots, RECEIVER, 12).unwrap();
    });
    let mut stage = Stage::new([definitions], |told, view| {
        if told.is_filter {
            assert_eq!((view.raise(own_child), view.raise(roots)), (Ok(()), Ok(())));
            return Answer::No;
        }
        Answer::Yes
    });
    stage.open(0);
    stage.data(0, "a");
    assert_eq!(stage.told(), "?1 12");
}

#[test]
fn raised_events_are_for_who_raised_them() {
    let [mut raised, mut elsewhere] = [0; 2];
    let definitions = tenant(|own| {
        own.open_stream(None, Level::Full).unwrap();
        raised = alloc(own, "raised", PACKET);
        elsewhere = alloc(own, "elsewhere", DATA);
        for monitor in [0, 1] {
            own.register(monitor, PACKET, SENDER, 1 + monitor).unwrap();
            own.register(monitor, raised, SENDER, 11 + monitor).unwrap();
            own.register(monitor, raised, RECEIVER, 21 + monitor).unwrap();
            own.register(monitor, elsewhere, RECEIVER, 31 + monitor).unwrap();
        }
    });
    let mut stage = Stage::new([definitions], |told, view| {
        if is(told, 1) {
            assert_eq!(view.raise(raised), Ok(()));
            assert_eq!(view.raise(elsewhere), Err(Refusal::BadId), "its parent is not at hand");
        }
        Answer::Yes
    });
    stage.open(0);
    stage.told();
    stage.data(0, "a");
    assert_eq!(stage.told(), "1 11 2", "neither another monitor nor another hook");
}

#[test]
fn sibling_order_does_not_depend_on_who_registered_first() {
    let mut events = Vec::new();
    let definitions = tenant(|own| {
        events.extend([1, 2, 3].map(|filter| guest(own, DATA, filter)));
        own.register(0, START, SENDER, 9).unwrap();
    });
    let mut flows = 0;
    let mut stage = Stage::new([definitions], |told, view| {
        if is(told, 9) {
            let mut order = events.clone();
            order.rotate_left(flows);
            flows += 1;
            for event in order {
                register(view, event, RECEIVER, 4).unwrap();
                register(view, event, RECEIVER, 3).unwrap();
            }
        }
        Answer::Yes
    });
    for flow in 0..3 {
        stage.open(flow);
        stage.told();
        stage.data(flow, "a");
        assert_eq!(stage.told(), "?1 3 4 ?2 3 4 ?3 3 4");
    }
    assert_eq!(stage.held(), (2, 4), "and all three share one set");
}

#[test]
fn siblings_come_in_the_order_of_their_definition_whatever_their_numbers() {
    let mut last = 0;
    let definitions = tenant(|own| {
        let [first, second] = [1, 2].map(|filter| guest(own, DATA, filter));
        own.undefine(first).unwrap();
        // Takes the place of the first.
        last = guest(own, DATA, 3);
        own.register(0, last, RECEIVER, 13).unwrap();
        own.register(0, second, RECEIVER, 12).unwrap();
    });
    let mut stage = Stage::new([definitions], idle);
    stage.open(0);
    stage.data(0, "a");
    assert_eq!(stage.told(), "?2 12 ?3 13");
}

#[test]
fn monitors_run_in_chain_order_and_reversed_for_packets_to_the_client() {
    let make = |handler: u32| {
        tenant(|own| {
            own.open_stream(None, Level::Full).unwrap();
            for monitor in [0, 1] {
                own.register(monitor, DATA, RECEIVER, handler + monitor).unwrap();
                own.register(monitor, END, Hook::None, handler + monitor).unwrap();
            }
        })
    };
    let mut stage = Stage::new([make(1), make(3)], idle);
    stage.open(0);
    stage.data(0, "a");
    assert_eq!(stage.told(), "1 2 3 4");
    stage.answer(0, "a");
    assert_eq!(stage.told(), "4 3 2 1");
    stage.send(0, Side::Server, TcpFlags::RST, "");
    assert_eq!(stage.told(), "1 2 3 4", "what belongs to no direction comes in chain order");
}
