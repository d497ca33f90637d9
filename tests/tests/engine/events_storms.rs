//! Guests that fill tables: limits refuse what is too much, and everything else goes on.

use sluice_engine::event::{Change, Definitions, EventFilter, FIRST_USER_EVENT, Hook, TenantId};
use sluice_engine::limits::{
    EVENTS_PER_TENANT, FORESTS_PER_TENANT, RAISED_PER_EVENT, REGISTRATIONS_PER_FOREST,
    REGISTRATIONS_PER_TENANT,
};
use sluice_engine::reassembly::Level;
use sluice_engine::{Refusal, Side};
use sluice_tests::events::Answer;
use sluice_wire::TcpFlags;

use super::events_stage::{
    DATA, END, PACKET, RECEIVER, SENDER, START, Stage, TENANT, alloc, define, guest, idle, register, tenant,
};

const WITNESS: TenantId = TenantId(1);

/// A tenant that does nothing wrong.
fn witness() -> Definitions {
    tenant(|own| {
        let event = guest(own, DATA, 1);
        own.register(0, event, RECEIVER, 2).unwrap();
        own.register(0, END, Hook::None, 3).unwrap();
    })
}

/// The witness is told of a flow that begins now what it would be told without the other tenant.
fn goes_on(stage: &mut Stage<'_>, flow: u16) {
    stage.told();
    stage.open(flow);
    stage.data(flow, "x");
    stage.close(flow);
    stage.listener.told.retain(|told| told.tenant == WITNESS);
    assert_eq!(stage.told(), "?1 2 3");
}

/// A tenant with so many monitors, each with a handler for the start and so many for the end.
fn monitors(count: u32, handlers: u32) -> Definitions {
    let mut definitions = Definitions::new();
    for number in 0..count {
        let monitor = definitions.open_stream(None, Level::State).unwrap();
        for handler in 0..handlers {
            definitions.register(monitor, END, Hook::None, handler).unwrap();
        }
        definitions.register(monitor, START, SENDER, number).unwrap();
    }
    definitions
}

/// Each monitor registers something else on each flow; gives how often that was refused.
fn storm(monitors_of: u32, handlers: u32, flows: u16) -> (Stage<'static>, u64) {
    let refused = std::rc::Rc::new(std::cell::Cell::new(0));
    let count = std::rc::Rc::clone(&refused);
    let mut stage = Stage::new([monitors(monitors_of, handlers), witness()], move |told, view| {
        if told.tenant == TENANT && told.call.kind == START {
            let own = u32::try_from(told.call.flow & 0xffff).unwrap() * 64 + told.call.id;
            match register(view, PACKET, SENDER, 1_000_000 + own) {
                Ok(()) => {}
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::TooMany);
                    count.set(count.get() + 1);
                }
            }
            // What leads to a set that exists is granted whatever the limits say.
            assert_eq!(view.change_flow(Change::register(START, SENDER, told.call.id)), Ok(()));
        }
        Answer::Yes
    });
    for flow in 0..flows {
        stage.send(flow, Side::Client, TcpFlags::SYN, "");
        stage.told();
    }
    let refused = refused.get();
    let forests = stage.engine.events(TENANT).unwrap().forests();
    assert_eq!(forests.counters().refused, refused);
    assert!(refused > 0);
    (stage, refused)
}

#[test]
fn more_different_sets_than_a_tenant_may_have_are_refused() {
    let flows = u16::try_from(FORESTS_PER_TENANT / 64).unwrap();
    let (mut stage, refused) = storm(64, 0, flows);
    assert_eq!(
        (stage.held().0, refused),
        (FORESTS_PER_TENANT, 64),
        "one for each monitor, the rest for flows"
    );
    goes_on(&mut stage, 60_000);
    // When flows have ended there is room again.
    stage.wait(10_000_000);
    assert_eq!(stage.held(), (64, 64));
    stage.send(0, Side::Client, TcpFlags::SYN, "");
    assert_eq!(stage.held(), (128, 128));
}

#[test]
fn more_registrations_than_a_tenant_may_have_are_refused() {
    let (mut stage, refused) = storm(8, 1_000, 140);
    let registered = |stage: &Stage<'_>| -> usize {
        let forests = stage.engine.events(TENANT).unwrap().forests();
        forests.iter().filter(|(holders, _)| *holders > 0).map(|(_, forest)| forest.entries().len()).sum()
    };
    let held = registered(&stage);
    assert!(held <= REGISTRATIONS_PER_TENANT && held > REGISTRATIONS_PER_TENANT - 1_002, "{held}");
    assert_eq!(refused, 140 * 8 - (stage.held().0 as u64 - 8));
    goes_on(&mut stage, 60_000);
}

#[test]
fn more_registrations_than_a_set_may_have_are_refused() {
    let mut answers = Vec::new();
    let definitions = tenant(|own| own.register(0, START, SENDER, 0).unwrap());
    let mut stage = Stage::new([definitions, witness()], |told, view| {
        if told.tenant == TENANT && told.call.kind == START {
            let many = u32::try_from(REGISTRATIONS_PER_FOREST).unwrap() + 2;
            answers.extend((0..many).map(|handler| register(view, END, Hook::None, handler)));
        }
        Answer::Yes
    });
    stage.open(0);
    stage.told();
    stage.close(0);
    let told = stage.listener.told.iter().filter(|told| told.tenant == TENANT).count();
    assert_eq!(told, REGISTRATIONS_PER_FOREST - 1, "each of the others was called");
    goes_on(&mut stage, 1);
    drop(stage);
    answers.truncate(REGISTRATIONS_PER_FOREST + 2);
    let (granted, refused) = answers.split_at(REGISTRATIONS_PER_FOREST - 1);
    assert!(granted.iter().all(Result::is_ok));
    assert_eq!(refused, [Err(Refusal::TooMany); 3]);
}

#[test]
fn more_raises_than_an_event_may_have_are_refused() {
    let mut events = Vec::new();
    let definitions = tenant(|own| {
        for number in 0..=RAISED_PER_EVENT {
            let event = alloc(own, &format!("e{number}"), DATA);
            own.register(0, event, RECEIVER, 1).unwrap();
            events.push(event);
        }
        own.register(0, DATA, RECEIVER, 0).unwrap();
    });
    let mut stage = Stage::new([definitions], |told, view| {
        if told.call.id == 0 {
            let answers: Vec<_> = events.iter().map(|event| view.raise(*event)).collect();
            assert!(answers[..RAISED_PER_EVENT].iter().all(Result::is_ok));
            assert_eq!(answers[RAISED_PER_EVENT], Err(Refusal::TooMany));
            assert_eq!(view.raise(events[0]), Ok(()), "it was raised already");
        }
        Answer::Yes
    });
    stage.open(0);
    for _ in 0..2 {
        stage.told();
        stage.data(0, "x");
        assert_eq!(stage.listener.told.len(), 1 + RAISED_PER_EVENT);
    }
}

#[test]
fn a_million_definitions_are_refused_beyond_the_limit() {
    let mut granted = None;
    let definitions = tenant(|own| own.register(0, START, SENDER, 0).unwrap());
    let mut stage = Stage::new([definitions, witness()], |told, view| {
        if told.tenant == TENANT {
            let made = (0..1_000_000).take_while(|filter| define(view, DATA, 100 + *filter).is_ok()).count();
            granted.get_or_insert(made);
            let more = (0..1_000_000u32).filter(|filter| {
                view.define("more", PACKET, EventFilter::Guest(*filter), b"") != Err(Refusal::TooMany)
            });
            assert_eq!(more.count(), 0);
        }
        Answer::Yes
    });
    stage.send(0, Side::Client, TcpFlags::SYN, "");
    assert_eq!(stage.engine.events(TENANT).unwrap().events().len(), EVENTS_PER_TENANT);
    goes_on(&mut stage, 1);
    drop(stage);
    assert_eq!(granted, Some(EVENTS_PER_TENANT));
}

#[test]
fn numbers_of_a_million_definitions_that_go_again_do_not_come_back() {
    let mut definitions = Definitions::new();
    definitions.open_stream(None, Level::Full).unwrap();
    // More often than a place can be used, so that another one is taken.
    let many = (1 << 20) + 5_000;
    let mut numbers = Vec::with_capacity(many);
    for _ in 0..many {
        let event = definitions.define("e", DATA, EventFilter::Guest(1), b"").unwrap();
        definitions.undefine(event).unwrap();
        numbers.push(event);
    }
    assert!(definitions.events().events().is_empty());
    let places: std::collections::BTreeSet<u32> =
        numbers.iter().map(|number| number % FIRST_USER_EVENT).collect();
    assert_eq!(places.len(), 2, "no more room is taken than is needed");
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), many);
    assert!(numbers.iter().all(|number| *number >= FIRST_USER_EVENT));
}

#[test]
fn a_wide_tree_is_walked_in_order_and_laid_out_once() {
    // As many children of one event as there may be, each with a handler: laid out anew for each set.
    let mut events = Vec::new();
    let definitions = tenant(|own| {
        for filter in 0..u32::try_from(EVENTS_PER_TENANT).unwrap() - 1 {
            let event = guest(own, DATA, filter);
            own.register(0, event, RECEIVER, filter).unwrap();
            events.push(event);
        }
    });
    let mut stage = Stage::new([definitions], idle);
    stage.open(0);
    stage.data(0, "x");
    let asked: Vec<u32> =
        stage.listener.told.iter().filter(|told| told.is_filter).map(|told| told.call.event).collect();
    assert_eq!(asked, events);
    assert_eq!(stage.listener.told.len(), 2 * events.len());
}
