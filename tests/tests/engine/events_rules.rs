//! What registering, replacing, unregistering, raising and undefining mean, one rule a test. The first ones are what
//! mOS got wrong.

use sluice_engine::event::{Change, Definitions, EventKind, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::{Refusal, View};
use sluice_tests::events::{Answer, Told};

use super::events_stage::{
    DATA, END, PACKET, RECEIVER, SENDER, Stage, TENANT, define, guest, idle, register, tenant,
};

/// Whether a handler with this number is called.
fn is(told: &Told, id: u32) -> bool {
    !told.is_filter && told.call.id == id
}

#[test]
fn unregistering_a_handler_stops_its_calls() {
    let definitions = tenant(|own| {
        own.register(0, DATA, RECEIVER, 1).unwrap();
        own.register(0, DATA, RECEIVER, 2).unwrap();
    });
    let mut first_flow = None;
    let mut stage = Stage::new([definitions], |told, view| {
        if is(told, 1) && *first_flow.get_or_insert(told.call.flow) == told.call.flow {
            let change = Change::unregister(DATA, RECEIVER, 1);
            assert_eq!(view.change_flow(change), Ok(()));
            assert_eq!(view.change_flow(change), Err(Refusal::BadId), "it is there no more");
        }
        Answer::Yes
    });
    for flow in [0, 1] {
        stage.open(flow);
    }
    stage.data(0, "a");
    assert_eq!(stage.told(), "1 2");
    stage.data(0, "b");
    assert_eq!(stage.told(), "2");
    stage.data(1, "a");
    assert_eq!(stage.told(), "1 2", "another flow goes on as before");
}

#[test]
fn unregistering_on_a_monitor_concerns_the_flows_that_begin_afterwards() {
    let definitions = tenant(|own| {
        own.register(0, DATA, RECEIVER, 1).unwrap();
        own.register(0, DATA, RECEIVER, 2).unwrap();
    });
    let mut is_done = false;
    let mut stage = Stage::new([definitions], |_, view| {
        if !std::mem::replace(&mut is_done, true) {
            assert_eq!(view.change_monitor(0, Change::unregister(DATA, RECEIVER, 1)), Ok(()));
            assert_eq!(view.change_monitor(0, Change::register(END, Hook::None, 3)), Ok(()));
        }
        Answer::Yes
    });
    stage.open(0);
    stage.data(0, "a");
    stage.data(0, "b");
    stage.close(0);
    assert_eq!(stage.told(), "1 2 1 2");
    stage.open(1);
    stage.data(1, "a");
    stage.close(1);
    assert_eq!(stage.told(), "2 3");
}

#[test]
fn replacing_calls_the_new_one_only() {
    let definitions = tenant(|own| own.register(0, DATA, RECEIVER, 1).unwrap());
    let mut stage = Stage::new([definitions], |told, view| {
        if is(told, 1) {
            assert_eq!(view.change_flow(Change::replace(DATA, RECEIVER, 1, 7)), Ok(()));
            assert_eq!(view.change_flow(Change::replace(DATA, RECEIVER, 1, 8)), Err(Refusal::BadId));
        }
        Answer::Yes
    });
    stage.open(0);
    for _ in 0..3 {
        stage.data(0, "a");
    }
    assert_eq!(stage.told(), "1 7 7");
    stage.open(1);
    stage.data(1, "a");
    assert_eq!(stage.told(), "1", "what the monitor has is as it was");
}

#[test]
fn registering_the_same_twice_changes_nothing() {
    let definitions = tenant(|own| {
        for _ in 0..2 {
            own.register(0, DATA, RECEIVER, 1).unwrap();
        }
    });
    let mut stage = Stage::new([definitions], |_, view| {
        for handler in [1, 2, 2] {
            assert_eq!(register(view, DATA, RECEIVER, handler), Ok(()));
        }
        Answer::Yes
    });
    stage.open(0);
    for _ in 0..3 {
        stage.data(0, "a");
    }
    assert_eq!(stage.told(), "1 1 2 1 2");
    assert_eq!(stage.held(), (2, 2), "the monitor's and the flow's");
}

#[test]
fn registering_inside_a_callback_shows_from_the_next_pass() {
    // On a set that only this flow has, and on one that it shares with its monitor and another flow.
    for others in [0, 1] {
        let definitions = tenant(|own| own.register(0, PACKET, SENDER, 1).unwrap());
        let mut stage = Stage::new([definitions], |told, view| {
            if told.call.length > 0 && is(told, 1) {
                let (sender, next) = (u32::from(told.call.user_context == 0), told.call.user_context + 1);
                view.set_user_context(next).unwrap();
                // Handlers of what is at hand, of a later event of the same pass, and of a later pass.
                for handler in [0, 2] {
                    register(view, PACKET, SENDER, handler + 10 * u32::from(sender == 0)).unwrap();
                }
                register(view, PACKET, RECEIVER, 3).unwrap();
                register(view, DATA, RECEIVER, 4).unwrap();
            }
            Answer::Yes
        });
        for flow in 0..=others {
            stage.open(flow);
        }
        stage.told();
        stage.data(0, "a");
        assert_eq!(stage.told(), "1 3 4");
        stage.data(0, "b");
        assert_eq!(stage.told(), "0 1 2 3 4");
        stage.data(0, "c");
        assert_eq!(stage.told(), "0 1 2 10 12 3 4");
        if others > 0 {
            stage.data(1, "a");
            assert_eq!(stage.told(), "1 3 4");
        }
    }
}

#[test]
fn a_handler_that_unregisters_another_of_its_event_does_not_stop_it_in_this_pass() {
    let definitions = tenant(|own| {
        let below = guest(own, DATA, 1);
        own.register(0, DATA, RECEIVER, 1).unwrap();
        own.register(0, DATA, RECEIVER, 2).unwrap();
        own.register(0, below, RECEIVER, 3).unwrap();
    });
    let below = sluice_engine::event::FIRST_USER_EVENT;
    let mut stage = Stage::new([definitions], |told, view| {
        if is(told, 1) {
            for (event, handler) in [(DATA, 1), (DATA, 2), (below, 3)] {
                assert_eq!(view.change_flow(Change::unregister(event, RECEIVER, handler)), Ok(()));
            }
        }
        Answer::Yes
    });
    stage.open(0);
    stage.data(0, "a");
    stage.data(0, "b");
    assert_eq!(stage.told(), "1 2 ?1 3");
}

#[test]
fn hooks_follow_the_root_of_nested_events() {
    let mut nested = Vec::new();
    let definitions = tenant(|own| {
        // Whatever the numbers of the parents are: their low bits once decided.
        let mut parent = DATA;
        for filter in 0..12 {
            parent = guest(own, parent, filter);
            nested.push(parent);
        }
        own.register(0, DATA, RECEIVER, 100).unwrap();
    });
    let mut stage = Stage::new([definitions], |told, view| {
        for event in nested.iter().filter(|_| is(told, 100)) {
            assert_eq!(register(view, *event, SENDER, 1), Err(Refusal::BadHook));
            assert_eq!(register(view, *event, Hook::None, 1), Err(Refusal::BadHook));
            assert_eq!(register(view, *event, RECEIVER, 1), Ok(()));
        }
        Answer::Yes
    });
    stage.open(0);
    stage.data(0, "a");
    stage.told();
    stage.data(0, "b");
    let filters: Vec<String> = (0..12).map(|filter| format!("?{filter} 1")).collect();
    assert_eq!(stage.told(), format!("100 {}", filters.join(" ")));
}

#[test]
fn two_engines_share_no_definitions() {
    let make = |filter: u32| {
        tenant(|own| {
            let event = guest(own, DATA, filter);
            own.register(0, event, RECEIVER, filter + 10).unwrap();
        })
    };
    let event = sluice_engine::event::FIRST_USER_EVENT;
    let mut one = Stage::new([make(1)], |told, view| {
        if is(told, 11) {
            view.undefine(event).unwrap();
            define(view, PACKET, 5).unwrap();
        }
        Answer::Yes
    });
    let mut other = Stage::new([make(2)], idle);
    for round in 0..2 {
        for stage in [&mut one, &mut other] {
            stage.open(round);
            stage.data(round, "a");
        }
    }
    assert_eq!(one.told(), "?1 11");
    assert_eq!(other.told(), "?2 12 ?2 12");
    let name = |stage: &Stage<'_>| {
        let events = stage.engine.events(TENANT).unwrap().events();
        events.iter().map(|(_, event)| event.name.to_string()).collect::<Vec<String>>()
    };
    assert_eq!((name(&one), name(&other)), (vec!["f5".to_owned()], vec!["f2".to_owned()]));
}

#[test]
fn two_tenants_share_no_definitions() {
    let event = sluice_engine::event::FIRST_USER_EVENT;
    let make = |filter: u32| {
        tenant(|own| {
            assert_eq!(guest(own, DATA, filter), event);
            own.register(0, event, RECEIVER, filter + 10).unwrap();
        })
    };
    let mut stage = Stage::new([make(1), make(2)], |told, view| {
        if is(told, 11) {
            view.undefine(event).unwrap();
        }
        Answer::Yes
    });
    stage.open(0);
    stage.data(0, "a");
    stage.data(0, "b");
    assert_eq!(stage.told(), "?1 11 ?2 12 ?2 12");
    let told = &stage.engine;
    assert!(told.events(TENANT).unwrap().events().is_empty());
    assert_eq!(told.events(TenantId(1)).unwrap().events().len(), 1);
}

#[test]
fn undefining_shows_for_the_tenants_other_monitors_from_the_next_pass() {
    for kind in [EventKind::PacketIn, EventKind::NewData] {
        let mut event = 0;
        let definitions = tenant(|own: &mut Definitions| {
            own.open_stream(None, Level::Full).unwrap();
            event = guest(own, kind.number(), 1);
            own.register(0, kind.number(), RECEIVER, 1).unwrap();
            own.register(1, event, RECEIVER, 2).unwrap();
        });
        let mut stage = Stage::new([definitions], |told, view: &mut View| {
            if is(told, 1) && told.call.length > 0 {
                let _ = view.undefine(event);
            }
            Answer::Yes
        });
        // The first event of the other monitor's set, as nothing was raised for it before.
        stage.data(0, "a");
        assert_eq!(stage.told(), "1 ?1 2", "{}", kind.name());
        stage.data(0, "b");
        assert_eq!(stage.told(), "1");
    }
}
