//! Guests that name what is not theirs, or ask for things where they may not: refused, and nothing has changed.

use sluice_engine::event::{Change, Definitions, EventFilter, FIRST_USER_EVENT, Hook};
use sluice_engine::limits::EVENT_DEPTH;
use sluice_engine::reassembly::Level;
use sluice_engine::{Refusal, Side};
use sluice_tests::events::Answer;
use sluice_wire::TcpFlags;

use super::events_stage::{
    DATA, END, PACKET, RECEIVER, SENDER, START, Stage, TENANT, alloc, define, guest, register, tenant,
};

#[test]
fn a_cycle_of_raises_ends() {
    let mut events = Vec::new();
    let definitions = tenant(|own| {
        events.extend(["a", "b"].map(|name| alloc(own, name, DATA)));
        own.register(0, DATA, RECEIVER, 0).unwrap();
        own.register(0, events[0], RECEIVER, 1).unwrap();
        own.register(0, events[1], RECEIVER, 2).unwrap();
    });
    let [a, b] = [events[0], events[1]];
    let mut stage = Stage::new([definitions], |told, view| {
        let next = if told.call.id == 1 { b } else { a };
        assert_eq!(view.raise(next), Ok(()));
        // Itself, too.
        assert_eq!(view.raise(told.call.event), if told.call.id == 0 { Err(Refusal::BadId) } else { Ok(()) });
        Answer::Yes
    });
    stage.open(0);
    stage.data(0, "x");
    assert_eq!(stage.told(), "0 1 2");
}

#[test]
fn a_filter_cannot_undefine_or_change_anything() {
    let definitions = tenant(|own| {
        let event = guest(own, DATA, 1);
        own.register(0, event, RECEIVER, 2).unwrap();
    });
    let mut stage = Stage::new([definitions], |told, view| {
        if told.is_filter {
            let refused = Err(Refusal::NotAllowed);
            assert_eq!(view.undefine(told.call.event), refused);
            assert_eq!(define(view, DATA, 3), Err(Refusal::NotAllowed));
            assert_eq!(register(view, DATA, RECEIVER, 3), refused);
            assert_eq!(view.change_monitor(0, Change::unregister(told.call.event, RECEIVER, 2)), refused);
        }
        Answer::Yes
    });
    stage.open(0);
    stage.data(0, "x");
    stage.data(0, "x");
    assert_eq!(stage.told(), "?1 2 ?1 2");
}

#[test]
fn an_event_that_its_own_handler_undefines_is_gone_from_the_next_pass() {
    let mut event = 0;
    let definitions = tenant(|own| {
        event = guest(own, DATA, 1);
        let child = guest(own, event, 2);
        let raised = alloc(own, "raised", event);
        own.register(0, event, RECEIVER, 3).unwrap();
        own.register(0, event, RECEIVER, 4).unwrap();
        own.register(0, child, RECEIVER, 5).unwrap();
        own.register(0, raised, RECEIVER, 6).unwrap();
        own.register(0, DATA, RECEIVER, 0).unwrap();
    });
    let raised = event + 2;
    let mut stage = Stage::new([definitions], |told, view| {
        if told.call.id == 3 {
            assert_eq!(view.raise(raised), Ok(()));
            assert_eq!(view.undefine(event), Ok(()));
            assert_eq!(view.undefine(event), Err(Refusal::BadId));
            assert_eq!(view.undefine(raised), Err(Refusal::BadId));
            assert_eq!(view.raise(raised), Err(Refusal::BadId));
            assert_eq!(view.argument().map(<[u8]>::len), Err(Refusal::BadId));
            assert_eq!(register(view, event, RECEIVER, 9), Err(Refusal::BadId));
        }
        Answer::Yes
    });
    stage.open(0);
    stage.data(0, "x");
    assert_eq!(stage.told(), "0 ?1 3 4 ?2 5 6", "the rest of the pass is as it was fixed before");
    stage.data(0, "x");
    assert_eq!(stage.told(), "0");
}

#[test]
fn numbers_that_are_not_the_tenants_are_refused() {
    let mut theirs = 0;
    let other = tenant(|own| {
        (0..5).for_each(|filter| theirs = guest(own, DATA, filter));
        own.register(0, theirs, RECEIVER, 9).unwrap();
    });
    let mut stale = 0;
    let first = tenant(|own| {
        stale = guest(own, DATA, 1);
        own.undefine(stale).unwrap();
        own.register(0, DATA, RECEIVER, 0).unwrap();
    });
    let mut stage = Stage::new([first, other], |told, view| {
        if told.call.id == 0 && told.tenant == TENANT {
            let own = define(view, DATA, 1).unwrap();
            assert_ne!(own, stale);
            for event in [theirs, stale, own + 1, 0, 11, FIRST_USER_EVENT - 1, u32::MAX] {
                let refused = Err(Refusal::BadId);
                assert_eq!(define(view, event, 7), Err(Refusal::BadId));
                assert_eq!(view.undefine(event), refused);
                assert_eq!(view.raise(event), refused);
                assert_eq!(register(view, event, RECEIVER, 1), refused);
                assert_eq!(view.change_flow(Change::unregister(event, RECEIVER, 9)), refused);
                assert_eq!(view.change_monitor(0, Change::register(event, RECEIVER, 1)), refused);
            }
            for monitor in [1, 64, u32::MAX] {
                let change = Change::register(DATA, RECEIVER, 1);
                assert_eq!(view.change_monitor(monitor, change), Err(Refusal::BadId));
            }
            assert_eq!(view.undefine(DATA), Err(Refusal::BadId), "built-in events stay");
        }
        Answer::Yes
    });
    stage.open(0);
    stage.data(0, "x");
    assert_eq!(stage.told(), "0 ?4 9");
    assert_eq!(stage.held(), (1, 2), "nothing has changed");
}

#[test]
fn a_tree_is_no_deeper_than_the_limit_and_works_down_to_it() {
    let depth = u32::try_from(EVENT_DEPTH).unwrap();
    let mut chain = vec![DATA];
    let definitions = tenant(|own| {
        for filter in 0..depth {
            let parent = *chain.last().unwrap();
            chain.push(guest(own, parent, filter));
        }
        let refused = own.define("deeper", *chain.last().unwrap(), EventFilter::Raised, b"");
        assert_eq!(refused, Err(Refusal::TooMany));
        own.register(0, *chain.last().unwrap(), RECEIVER, 100).unwrap();
        own.register(0, chain[5], RECEIVER, 5).unwrap();
    });
    let mut refuses = u32::MAX;
    let mut stage = Stage::new([definitions], |told, _| {
        let says_no = told.is_filter && told.call.id == refuses;
        refuses = if told.call.id == 100 { 20 } else { refuses };
        if says_no { Answer::No } else { Answer::Yes }
    });
    stage.open(0);
    stage.data(0, "x");
    let asked = |from: u32, until: u32| (from..until).map(|filter| format!(" ?{filter}")).collect::<String>();
    assert_eq!(stage.told(), format!("?0{} 5{} 100", asked(1, 5), asked(5, depth)));
    stage.data(0, "x");
    assert_eq!(stage.told(), format!("?0{} 5{}", asked(1, 5), asked(5, 21)));
}

#[test]
fn a_flow_that_has_ended_takes_no_registrations() {
    let definitions = tenant(|own| own.register(0, END, Hook::None, 1).unwrap());
    let mut stage = Stage::new([definitions], |_, view| {
        assert_eq!(register(view, DATA, RECEIVER, 2), Err(Refusal::NoFlow));
        assert_eq!(view.change_flow(Change::unregister(END, Hook::None, 1)), Err(Refusal::NoFlow));
        Answer::Yes
    });
    stage.open(0);
    stage.close(0);
    assert_eq!(stage.told(), "1");
    assert_eq!(stage.held(), (1, 1));
}

#[test]
fn without_a_flow_of_ones_own_there_is_nothing_to_register_on() {
    let mut raised = 0;
    let mut definitions = tenant(|own| {
        raised = alloc(own, "raised", PACKET);
        own.register(0, sluice_engine::event::EventKind::Orphan.number(), Hook::None, 1).unwrap();
        let raw = own.open_raw(None).unwrap();
        own.register(raw, PACKET, Hook::None, 2).unwrap();
        own.register(0, START, SENDER, 3).unwrap();
    });
    definitions.set_timer(0, 77).unwrap();
    let mut flow = 0;
    let mut stage = Stage::new([definitions], |told, view| {
        let change = Change::register(DATA, RECEIVER, 1);
        match told.call.argument {
            77 => {
                assert_eq!(view.change_flow(change), Err(Refusal::NoFlow));
                assert_eq!(view.raise(raised), Err(Refusal::NotAllowed), "no event is at hand");
                assert_eq!(view.argument().map(<[u8]>::len), Err(Refusal::NotAllowed));
            }
            78 => {
                for number in [0, flow + 1, u64::MAX, flow ^ 1 << 32] {
                    assert_eq!(view.select_flow(number), Err(Refusal::NoFlow));
                    assert_eq!(view.change_flow(change), Err(Refusal::NoFlow));
                }
                assert_eq!(view.select_flow(flow), Ok(()));
                assert_eq!(register(view, DATA, RECEIVER, 8), Ok(()));
                assert_eq!(view.raise(raised), Err(Refusal::NotAllowed));
            }
            _ if told.call.id == 3 => {
                flow = told.call.flow;
                view.set_timer(10_000_000, 78).unwrap();
                assert_eq!(view.select_flow(flow), Err(Refusal::NotAllowed), "one is at hand");
            }
            _ => assert_eq!(view.change_flow(change).is_ok(), told.call.flow != 0),
        }
        Answer::Yes
    });
    stage.send(5, Side::Client, TcpFlags::RST, "");
    assert_eq!(stage.told(), "0 2 1");
    stage.open(0);
    assert_eq!(stage.told(), "2 3 2 2");
    stage.wait(100);
    assert_eq!(stage.told(), "1");
    stage.data(0, "x");
    assert_eq!(stage.told(), "2 8", "what the timer has registered is called");
}

#[test]
fn a_flow_that_another_tenant_watches_cannot_be_selected() {
    struct Never;
    impl sluice_engine::event::Predicate for Never {
        fn matches(&mut self, _: &[u8]) -> bool {
            false
        }
    }
    let mut outsider = Definitions::new();
    outsider.open_stream(Some(Box::new(Never)), Level::Full).unwrap();
    outsider.set_timer(5_000_000, 77).unwrap();
    let flow = std::cell::Cell::new(0);
    let mut stage =
        Stage::new([outsider, tenant(|own| own.register(0, START, SENDER, 1).unwrap())], |told, view| {
            if told.call.argument == 77 {
                assert_eq!(view.select_flow(flow.get()), Err(Refusal::NoFlow));
                assert_eq!(register(view, DATA, RECEIVER, 1), Err(Refusal::NoFlow));
            }
            flow.set(told.call.flow);
            Answer::Yes
        });
    stage.open(0);
    stage.data(0, "x");
    assert_ne!(flow.get(), 0);
    stage.wait(100);
    assert_eq!(stage.listener.told.iter().filter(|told| told.tenant == TENANT).count(), 1);
}
