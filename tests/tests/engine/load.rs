//! Attacks on memory, scaled down: what the caps allow, what they refuse, and who is let go. Full size, with memory and
//! time: `make load`.

use sluice_engine::counters::{Eviction, Shortage};
use sluice_engine::flow::EndReason;
use sluice_engine::{Config, Nanos, millis};
use sluice_tests::load::{FloodScale, Fold, Pair, Rig, collisions, far, flood, one_hole, shallow, slow};
use sluice_wire::TcpFlags;

const fn no_clock() -> u64 {
    0
}

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

#[test]
fn a_syn_flood_pushes_out_half_open_flows_only() {
    let config = config(|config| (config.limits.flows, config.limits.half_open) = (2_000, 1_000));
    let scale = FloodScale { live: 500, syns: 50_000, packets: 4_000 };
    let flood = flood(scale, config, no_clock).unwrap();
    assert_eq!(flood.rig.reader.live_lost(), 0);
    assert_eq!(flood.flows_during, 1_500);
    let counters = flood.rig.engine.counters();
    let evicted = |why: Eviction| counters.pressure.evicted[why.index()];
    // Those that were left went when they were silent for 5 s, down to the mark at which the emergency ended.
    assert_eq!(evicted(Eviction::HalfOpen), 49_000);
    assert!((300..400).contains(&evicted(Eviction::Silent)), "{}", evicted(Eviction::Silent));
    assert_eq!((evicted(Eviction::Ended), evicted(Eviction::OneSided)), (0, 0));
    assert_eq!(counters.pressure.emergencies[Shortage::HalfOpen.index()], 1);
    assert_eq!(counters.pressure.emergencies[Shortage::Flows.index()], 0);
    assert_eq!(counters.packets.no_room, 0);
    assert_eq!(counters.flows, 50_500);
}

#[test]
fn a_flood_out_of_nowhere_pushes_out_one_sided_flows_only() {
    let config = config(|config| (config.limits.flows, config.limits.half_open) = (2_000, 1_000));
    let mut rig = Rig::new(config, no_clock).unwrap();
    let mut now = Nanos(1_000_000_000);
    for number in 0..500 {
        rig.open(&Pair::number(number, 443), now);
    }
    // Half a thousand handshakes on the way, each of which takes 20 ms.
    for number in 0..20_000 {
        now = now.after(millis(1));
        rig.send(&Pair::number(number, 80).up(TcpFlags::ACK, 7, 7), now);
        let pair = Pair::number(1_000 + number / 40, 443);
        match number % 40 {
            0 => rig.send(&pair.up(TcpFlags::SYN, 9, 0), now),
            10 => rig.send(&pair.down(TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0), 5, 10), now),
            20 => rig.send(&pair.up(TcpFlags::ACK, 10, 6), now),
            _ => {}
        }
    }
    rig.finish().unwrap();
    assert_eq!(rig.reader.live_lost(), 0);
    assert_eq!(rig.reader.live_ends.iter().sum::<u64>(), 1_000);
    let counters = rig.engine.counters();
    let [half_open, ended, one_sided, silent] = counters.pressure.evicted;
    assert_eq!((half_open, ended, counters.packets.no_room), (0, 0, 0));
    // A second is too short for any of them to be silent for too long.
    assert_eq!((one_sided, silent), (19_000, 0));
    assert_eq!(counters.ended_by(EndReason::Evicted), 19_000);
}

#[test]
fn one_byte_segments_behind_holes_are_taken_up_to_a_cap() {
    let taken = shallow(50, 64, Config::default(), no_clock).unwrap();
    assert_eq!((taken.waiting, taken.rig.reader.errors), (50 * 64, 0));
    assert_eq!(taken.rig.reader.gaps, 50 * 64, "each hole is told of at the end");
    assert_eq!(taken.rig.reader.read, 50 * 64);

    let config = config(|config| config.limits.total_segments = 1_000);
    let capped = shallow(50, 64, config, no_clock).unwrap();
    assert_eq!((capped.waiting, capped.rig.reader.errors), (1_000, 50 * 64 - 1_000));
    let counters = capped.rig.engine.counters();
    assert_eq!((counters.bytes.no_room, counters.bytes.delivered), (50 * 64 - 1_000, 1_000));
}

#[test]
fn far_segments_cost_what_they_hold_and_no_more_than_the_cap() {
    let config = config(|config| config.limits.total_bytes = 1 << 20);
    let far = far(100, 200, config, no_clock).unwrap();
    let peak = far.rig.engine.budget().peak();
    assert!(peak <= 1 << 20 && peak > (1 << 20) - 1_000, "{peak}");
    let counters = far.rig.engine.counters();
    assert_eq!(far.rig.reader.errors, counters.bytes.no_room);
    assert!(counters.bytes.no_room > 0);
    assert_eq!(far.rig.engine.budget().used(), 0, "nothing is held after the end");
}

#[test]
fn a_hole_is_given_up_when_its_flow_holds_too_much_and_delivery_goes_on() {
    const BYTES: u64 = 16 << 20;
    let hole = one_hole(BYTES, Config::default(), no_clock).unwrap();
    let peak = hole.rig.engine.budget().peak();
    assert!(peak < 2 << 20, "{peak}");
    assert_eq!(hole.rig.reader.gaps, 1);
    assert_eq!(hole.rig.engine.counters().gap_bytes, 1);
    assert!(hole.rig.reader.read >= BYTES);
    assert_eq!(hole.rig.reader.errors, 0);
}

#[test]
fn slow_flows_stay_while_they_speak_and_end_for_a_reason() {
    // As near to the cap as to be an emergency all the time.
    let config = config(|config| config.limits.flows = 1_050);
    let slow = slow(1_000, 10, config, no_clock, no_clock).unwrap();
    assert_eq!((slow.flows, slow.flows_left), (1_000, 0));
    let counters = slow.rig.engine.counters();
    let (silent, timeout) =
        (counters.pressure.evicted[Eviction::Silent.index()], counters.ended_by(EndReason::Timeout));
    // The clock goes on in minutes: at the second one, a third of the flows is silent for more than 100 s.
    assert_eq!(
        (silent, timeout),
        (333, 667),
        "and then the table is below the mark: the rest has its own time"
    );
    assert_eq!(slow.rig.reader.live_ends.iter().sum::<u64>(), 1_000);
    assert_eq!(counters.pressure.emergencies[Shortage::Flows.index()], 1);
}

#[test]
fn tuples_that_collide_under_known_hashes_do_not_under_ours() {
    let config = config(|config| {
        (config.limits.flows, config.limits.half_open) = (1 << 14, 1 << 14);
        config.seed = 0x0123_4567_89ab_cdef;
    });
    for fold in Fold::ALL {
        let collisions = collisions(fold, 40_000, config, no_clock).unwrap();
        assert!(collisions.chain <= 9, "{}: {}", fold.name(), collisions.chain);
        let held = collisions.rig.engine.counters().ended_by(EndReason::EndOfInput);
        assert_eq!(held, 1 << 14);
    }
}
