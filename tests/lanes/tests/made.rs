//! Guests made by chance.

use std::collections::BTreeMap;

use sluice_lanes::{Guest, Lanes, Plan, Tally, World, conversations, encode, input, lanes, text_of};
use sluice_tests::cases;

#[test]
#[expect(clippy::print_stdout, reason = "how much was compared")]
fn made_guests_do_the_same_on_both_lanes() {
    let (world, both) = (World::read().unwrap(), Lanes::new().unwrap());
    let (mut ended, mut faulted, mut calls, mut good) = (0u64, 0u64, 0u64, 0u64);
    let names = world.import_names().into_iter();
    let mut answered: BTreeMap<String, u64> = names.map(|name| (name, 0)).collect();
    let guests = u64::from(cases(400));
    for seed in 0..guests {
        let trace = lanes(&world, &both, &input(seed));
        let trace = trace.unwrap_or_else(|difference| panic!("seed {seed}: {difference}"));
        assert_eq!(trace.lanes, ["direct"], "seed {seed}");
        faulted += u64::from(trace.faults().count() > 0);
        let Some(tally) = Tally::of(&trace, &world) else { continue };
        ended += 1;
        calls += u64::from(tally.calls);
        good += u64::from(tally.good);
        for (name, count) in tally.by_import {
            *answered.get_mut(&name).unwrap() += u64::from(count);
        }
    }
    println!(
        "{guests} guests, {ended} came to their end, {faulted} faulted: {calls} calls, {good} answered well"
    );
    let mut rare: Vec<(&String, &u64)> = answered.iter().collect();
    rare.sort_by_key(|(_, count)| **count);
    rare.truncate(8);
    println!("answered well least often: {rare:?}");
    if guests < 300 {
        return;
    }
    // Most live, call imports many times, and get what they ask for; some break a rule.
    assert!(ended * 10 > guests * 6);
    assert!(good / ended > 50);
    let never = answered.values().filter(|count| **count == 0).count();
    assert!(never * 10 < answered.len());
    assert!(faulted > guests / 50);
}

/// A lane that gives one wrong bit in an answer, or asks for another length, is one whose traces differ: here it is the
/// guest that does so, on one lane.
#[test]
fn one_wrong_bit_shows() {
    let (world, both) = (World::read().unwrap(), Lanes::new().unwrap());
    let (folded, mut compared) = ("(call $fold_bytes (i32.const 1024) (i32.const 512))", 0);
    let wrong = [
        "(i32.store8 offset=4 (i32.const 1024) (i32.xor (i32.load8_u offset=4 (i32.const 1024)) (i32.const 1)))",
        // What was not written is as it was.
        "(i32.store8 offset=511 (i32.const 1024) (i32.const 0))",
    ];
    for seed in 0..30 {
        let frames = conversations(seed, 3, 100).unwrap();
        let text = text_of(&world, &input(seed)).unwrap();
        let run = |text: &str| {
            let guest = Guest::new("made", encode(&world, text).unwrap());
            both.on_fitting(&[both.load(guest)], &frames, Plan { burst: 8 }).unwrap()
        };
        let right = run(&text);
        if Tally::of(&right, &world).is_none_or(|tally| tally.calls < 2) {
            continue;
        }
        assert_eq!(right.first_difference(&run(&text)), None);
        for wrong in wrong {
            let other = run(&text.replace(folded, &format!("{wrong} {folded}")));
            assert!(right.first_difference(&other).is_some(), "seed {seed}: {wrong}");
            compared += 1;
        }
    }
    assert!(compared > 20);
}
