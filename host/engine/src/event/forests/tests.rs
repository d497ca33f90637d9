use super::*;
use crate::event::{EventFilter, EventKind, Hook, interest_bit};

fn entry(event: u32, handler: u32) -> Registration {
    Registration { event, hook: Hook::Receiver, handler }
}

fn add(event: u32, handler: u32) -> Change {
    Change { remove: None, add: Some(entry(event, handler)) }
}

fn remove(event: u32, handler: u32) -> Change {
    Change { remove: Some(entry(event, handler)), add: None }
}

const DATA: u32 = EventKind::NewData as u32;
const GAP: u32 = EventKind::Gap as u32;

#[test]
fn sets_are_found_whatever_the_order_in_which_they_came_about() {
    let (mut forests, events) = (Forests::default(), DefinedEvents::default());
    let empty = forests.hold_empty(&events).unwrap();
    let mut flows = Vec::new();
    for order in [[(DATA, 1), (GAP, 2), (DATA, 0)], [(DATA, 0), (GAP, 2), (DATA, 1)]] {
        let mut flow = empty;
        forests.inherit(flow);
        for (event, handler) in order {
            flow = forests.change(flow, add(event, handler), &events).unwrap();
        }
        flows.push(flow);
    }
    assert_eq!(flows[0], flows[1]);
    assert_eq!(forests.len(), 2, "the empty one and the full one; what lay between is gone");
    let entries = forests.get(flows[0]).unwrap().entries().to_vec();
    assert_eq!(entries, [entry(DATA, 0), entry(DATA, 1), entry(GAP, 2)]);
    for flow in flows {
        forests.release(flow);
    }
    assert_eq!(forests.len(), 1);
    forests.release(empty);
    assert!(forests.is_empty());
}

#[test]
fn a_set_that_one_flow_has_alone_is_changed_and_a_shared_one_is_not() {
    let (mut forests, events) = (Forests::default(), DefinedEvents::default());
    let empty = forests.hold_empty(&events).unwrap();
    forests.inherit(empty);
    let first = forests.change(empty, add(DATA, 1), &events).unwrap();
    assert_eq!(forests.change(first, add(GAP, 2), &events), Ok(first));
    assert_eq!(forests.counters().made, 2);
    let receiver = |kind| interest_bit(kind, Hook::Receiver);
    let interest = |forests: &Forests, number| forests.get(number).unwrap().interest();
    let both = receiver(EventKind::NewData) | receiver(EventKind::Gap);
    assert_eq!(interest(&forests, first), both);
    // Found by what it is now, not by what it was.
    for expected in [None, Some(first)] {
        forests.inherit(empty);
        let again = forests.change(empty, add(GAP, 2), &events).unwrap();
        assert_ne!(again, first);
        match expected {
            None => forests.release(again),
            Some(_) => assert_eq!(forests.change(again, add(DATA, 1), &events), Ok(first)),
        }
    }
    // Two have it: what one does is not for the other.
    let other = forests.change(first, remove(DATA, 1), &events).unwrap();
    assert_ne!(other, first);
    assert_eq!((interest(&forests, first), interest(&forests, other)), (both, receiver(EventKind::Gap)));
    // It has it alone, but a pass is under way with it.
    let walked = Rc::clone(forests.get(first).unwrap());
    let moved = forests.change(first, remove(GAP, 2), &events).unwrap();
    assert_eq!((walked.interest(), interest(&forests, moved)), (both, receiver(EventKind::NewData)));
    let entries: usize = forests.iter().map(|(_, forest)| forest.entries().len()).sum();
    assert_eq!(forests.registrations, entries);
    for flow in [moved, other, empty] {
        forests.release(flow);
    }
    assert!(forests.is_empty() && forests.registrations == 0);
}

#[test]
fn what_is_there_twice_or_not_at_all() {
    let (mut forests, events) = (Forests::default(), DefinedEvents::default());
    let empty = forests.hold_empty(&events).unwrap();
    let one = forests.change(empty, add(DATA, 1), &events).unwrap();
    assert_eq!(forests.change(one, add(DATA, 1), &events), Ok(one), "no toggle");
    assert_eq!(forests.change(one, remove(DATA, 2), &events), Err(Refusal::BadId));
    let swap = Change { remove: Some(entry(DATA, 1)), add: Some(entry(DATA, 2)) };
    let two = forests.change(one, swap, &events).unwrap();
    assert_eq!(forests.get(two).unwrap().entries(), [entry(DATA, 2)]);
    let same = Change { remove: Some(entry(DATA, 2)), add: Some(entry(DATA, 2)) };
    assert_eq!(forests.change(two, same, &events), Ok(two));
    let none = forests.change(two, remove(DATA, 2), &events).unwrap();
    assert!(forests.get(none).unwrap().entries().is_empty());
    assert_eq!(forests.len(), 1);
    assert_eq!(forests.change(99, add(DATA, 1), &events), Err(Refusal::BadId));
}

#[test]
fn sets_that_become_equal_by_an_undefinition_are_found_as_one() {
    let (mut forests, mut events) = (Forests::default(), DefinedEvents::default());
    let extra = events.define("extra", DATA, EventFilter::Guest(1), b"").unwrap();
    let empty = forests.hold_empty(&events).unwrap();
    forests.inherit(empty);
    let plain = forests.change(empty, add(DATA, 1), &events).unwrap();
    forests.inherit(plain);
    let more = forests.change(plain, add(extra, 2), &events).unwrap();
    assert_ne!(plain, more);
    let gone = events.undefine(extra).unwrap();
    forests.forget(&gone, &events);
    assert_eq!(forests.get(more).unwrap().entries(), [entry(DATA, 1)]);
    assert_eq!(forests.len(), 2);
    // The one that the index led to goes; the other takes its place.
    forests.release(plain);
    assert_eq!(forests.len(), 2);
    forests.inherit(empty);
    assert_eq!(forests.change(empty, add(DATA, 1), &events), Ok(more));
    forests.release(more);
    forests.release(more);
    assert_eq!(forests.len(), 1, "the empty one is held by its first holder");
}

/// Two different sets with one hash: of 65 numbers of 64 bits some come to 0 by exclusive or (Gauss), and the two
/// halves of these are equal.
fn colliding(forests: &Forests) -> [Vec<Registration>; 2] {
    let mut basis: Vec<(u64, u128)> = Vec::new();
    for handler in 0..65u32 {
        let (mut hash, mut parts) = (forests.mix(entry(DATA, handler)), 1u128 << handler);
        for (other, others_parts) in &basis {
            if hash ^ other < hash {
                (hash, parts) = (hash ^ other, parts ^ others_parts);
            }
        }
        if hash == 0 {
            let all = (0..=handler).filter(|bit| parts >> bit & 1 == 1).map(|bit| entry(DATA, bit));
            let mut first: Vec<Registration> = all.collect();
            let second = first.split_off(first.len() / 2);
            return [first, second];
        }
        basis.push((hash, parts));
        basis.sort_unstable_by_key(|(hash, _)| std::cmp::Reverse(*hash));
    }
    unreachable!("65 numbers of 64 bits depend on each other")
}

#[test]
fn equal_hashes_do_not_make_sets_equal() {
    let (mut forests, events) = (Forests::default(), DefinedEvents::default());
    let sets = colliding(&forests);
    let empty = forests.hold_empty(&events).unwrap();
    let numbers = [0, 1].map(|which: usize| {
        let mut number = empty;
        forests.inherit(number);
        for one in &sets[which] {
            let change = Change { remove: None, add: Some(*one) };
            number = forests.change(number, change, &events).unwrap();
        }
        number
    });
    let found = numbers.map(|number| Rc::clone(forests.get(number).unwrap()));
    assert_eq!(found[0].hash(), found[1].hash());
    assert_ne!(numbers[0], numbers[1]);
    assert_eq!(found.map(|forest| forest.entries().to_vec()), sets);
    forests.release(numbers[0]);
    assert_eq!(forests.get(numbers[1]).unwrap().entries(), sets[1], "nor does one go with the other");
    forests.release(numbers[1]);
    assert_eq!(forests.len(), 1);
}

#[test]
fn holders_are_counted_and_a_change_is_no_more_of_them() {
    let events = DefinedEvents::default();
    let mut forests = Forests::default();
    let monitor = forests.hold_empty(&events).unwrap();
    forests.inherit(monitor);
    let flow = forests.change(monitor, add(6, 1), &events).unwrap();
    forests.inherit(monitor);
    let held = |forests: &Forests| (forests.counters().held, forests.counters().held_peak);
    assert_eq!(held(&forests), (3, 3));
    forests.change(flow, add(6, 2), &events).unwrap();
    assert_eq!(held(&forests), (3, 3));
    forests.release(monitor);
    forests.release(77);
    assert_eq!(held(&forests), (2, 3));
    let counted: u64 = forests.iter().map(|(holders, _)| holders).sum();
    assert_eq!(counted, 2);
}

#[test]
fn a_storm_of_registrations_ends_at_a_limit() {
    let (mut forests, events) = (Forests::default(), DefinedEvents::default());
    let empty = forests.hold_empty(&events).unwrap();
    let mut made = 0;
    let refused = loop {
        forests.inherit(empty);
        match forests.change(empty, add(DATA, made), &events) {
            Ok(_) => made += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((refused, made as usize), (Refusal::TooMany, FORESTS_PER_TENANT - 1));
    assert_eq!(forests.counters().refused, 1);
    let mut large = forests.change(empty, add(DATA, 0), &events).unwrap();
    forests.release(2);
    for handler in 0..5 {
        large = match forests.change(large, add(GAP, handler), &events) {
            Ok(large) => large,
            Err(_) => break,
        };
    }
    assert!(forests.get(large).is_some());
}
