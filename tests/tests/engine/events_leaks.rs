//! When flows end, nothing is left of what they have registered: the monitors' own sets, each held once.

use sluice_engine::event::{Change, Definitions, Hook};
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Side, Sides, View};
use sluice_tests::events::{Answer, Told};
use sluice_wire::TcpFlags;

use super::events_stage::{
    DATA, END, PACKET, RECEIVER, SENDER, START, Stage, TENANT, define, guest, register, tenant,
};

/// Two monitors: one with a handler of the start, one with none.
fn definitions() -> Definitions {
    tenant(|own| {
        own.open_stream(None, Level::Full).unwrap();
        own.register(0, START, SENDER, 1).unwrap();
    })
}

/// A set that only this flow has, and what several flows have.
fn register_much(told: &Told, view: &mut View) {
    if told.call.kind == START {
        for handler in 0..5 {
            register(view, DATA, RECEIVER, handler).unwrap();
        }
        let own = u32::try_from(told.call.flow & 0xffff).unwrap();
        register(view, PACKET, SENDER, 1_000 + own).unwrap();
        register(view, END, Hook::None, own & 1).unwrap();
    }
}

/// Sets and holders of the monitors alone.
const MONITORS: (usize, u64) = (2, 2);

#[test]
fn flows_that_end_leave_the_monitors_sets() {
    let mut stage = Stage::new([definitions()], |told, view| {
        register_much(told, view);
        Answer::Yes
    });
    assert_eq!(stage.held(), MONITORS);
    for flow in 0..20 {
        stage.open(flow);
        stage.data(flow, "x");
    }
    // For each flow: what it has for the first monitor; for the second one the monitor's.
    assert_eq!(stage.held(), (2 + 20, 2 + 40));
    for flow in 0..7 {
        stage.close(flow);
    }
    for flow in 7..14 {
        stage.send(flow, Side::Server, TcpFlags::RST, "");
    }
    assert_eq!(stage.held(), (2 + 6, 2 + 12), "what has ended holds nothing, though it absorbs stragglers");
    stage.wait(10_000_000);
    assert_eq!((stage.held(), stage.engine.flows()), (MONITORS, 0));
    let counters = *stage.engine.events(TENANT).unwrap().forests().counters();
    assert_eq!((counters.inherited, counters.peak <= 24), (40, true), "{counters:?}");
}

#[test]
fn the_end_of_the_input_leaves_the_monitors_sets() {
    let mut stage = Stage::new([definitions()], |told, view| {
        register_much(told, view);
        Answer::Yes
    });
    (0..20).for_each(|flow| stage.open(flow));
    stage.engine.finish(&mut stage.listener);
    assert_eq!(stage.held(), MONITORS);
}

#[test]
fn evicted_flows_leave_the_monitors_sets() {
    let mut config = Config::default();
    config.limits = config.limits.with_flows(4);
    let mut stage = Stage::with(config, [definitions()], |told, view| {
        register_much(told, view);
        Answer::Yes
    });
    for flow in 0..50 {
        stage.send(flow, Side::Client, TcpFlags::SYN, "");
        let flows = stage.engine.flows();
        assert!(flows <= 4);
        assert_eq!(stage.held(), (2 + flows, 2 + 2 * flows as u64));
    }
    stage.wait(10_000_000);
    assert_eq!(stage.held(), MONITORS);
}

#[test]
fn who_stops_monitoring_leaves_its_set_when_the_flow_ends() {
    for sides in [Sides::CLIENT, Sides::SERVER, Sides::BOTH] {
        let mut stage = Stage::new([definitions()], |told, view| {
            register_much(told, view);
            if told.call.kind == PACKET {
                view.stop_monitoring(sides).unwrap();
            }
            Answer::Yes
        });
        for flow in 0..5 {
            stage.open(flow);
            stage.data(flow, "x");
            stage.close(flow);
        }
        assert_eq!(stage.held(), MONITORS, "{sides:?}");
    }
}

#[test]
fn deferred_handlers_hold_a_flows_set_until_they_were_called() {
    let mut definitions = definitions();
    definitions.defer(0).unwrap();
    definitions.defer(1).unwrap();
    let mut stage = Stage::new([definitions], |told, view| {
        register_much(told, view);
        Answer::Yes
    });
    for flow in 0..5 {
        stage.open(flow);
        stage.data(flow, "x");
        stage.close(flow);
    }
    assert_eq!(stage.held(), MONITORS);
    assert!(stage.told().ends_with('0'), "the end was told to the deferred handler");
}

#[test]
fn a_storm_of_undefinitions_leaves_the_monitors_sets() {
    let mut defined = Vec::new();
    let mut stage = Stage::new([definitions()], |told, view| {
        if told.call.kind == START {
            // Sets that differ in one event each, of flows and of monitors.
            for filter in 0..8 {
                let event = define(view, DATA, 100 * u32::try_from(defined.len()).unwrap() + filter).unwrap();
                register(view, event, RECEIVER, filter).unwrap();
                view.change_monitor(filter & 1, Change::register(event, RECEIVER, 7)).unwrap();
                defined.push(event);
            }
            register(view, PACKET, SENDER, 9).unwrap();
        }
        if told.call.id == 9 && told.call.length > 0 {
            // They all become equal.
            defined.drain(..).for_each(|event| assert_eq!(view.undefine(event), Ok(())));
        }
        Answer::Yes
    });
    for round in 0..4 {
        let flows = 20 * round..20 * round + 10;
        flows.clone().for_each(|flow| stage.open(flow));
        let (sets, holders) = stage.held();
        assert!(sets >= 20 && holders == 2 + 20, "{sets} sets, {holders} holders");
        stage.data(20 * round, "x");
        let events = stage.engine.events(TENANT).unwrap();
        assert!(events.events().is_empty());
        // The monitors', and that of the flows, which two of the flows' attachments share with the second monitor.
        assert_eq!(stage.held(), (3, 2 + 20));
        // Those whose set was made first go first, and last.
        match round & 1 {
            0 => flows.for_each(|flow| stage.close(flow)),
            _ => flows.rev().for_each(|flow| stage.close(flow)),
        }
        assert_eq!(stage.held(), MONITORS);
    }
}

#[test]
fn a_tenant_that_faults_leaves_nothing() {
    let mut stage = Stage::new([definitions(), definitions()], |told, view| {
        register_much(told, view);
        let is_time = told.tenant == TENANT && told.call.kind == DATA;
        if is_time { Answer::Fault } else { Answer::Yes }
    });
    (0..10).for_each(|flow| stage.open(flow));
    assert_eq!(stage.held(), (2 + 10, 2 + 20));
    stage.data(0, "x");
    assert_eq!(stage.held(), (0, 0));
    assert!(!stage.engine.is_alive(TENANT));
    stage.told();
    (0..10).for_each(|flow| stage.close(flow));
    stage.open(11);
    assert_eq!(stage.held(), (0, 0), "and its flows give back what it has not");
    assert!(stage.listener.told.iter().all(|told| told.tenant != TENANT));
    let other = stage.engine.events(sluice_engine::event::TenantId(1)).unwrap().forests();
    assert_eq!(other.len(), 3);
}

#[test]
fn a_filters_event_that_goes_leaves_no_set_behind() {
    let definitions = tenant(|own| {
        let event = guest(own, DATA, 1);
        own.register(0, event, RECEIVER, 2).unwrap();
    });
    let mut stage = Stage::new([definitions], |told, view| {
        if !told.is_filter {
            view.undefine(told.call.event).unwrap();
        }
        Answer::Yes
    });
    (0..3).for_each(|flow| stage.open(flow));
    assert_eq!(stage.held(), (1, 4));
    stage.data(0, "x");
    (0..3).for_each(|flow| stage.data(flow, "y"));
    assert_eq!(stage.told(), "?1 2");
    assert_eq!(stage.held(), (1, 4));
    (0..3).for_each(|flow| stage.close(flow));
    assert_eq!(stage.held(), (1, 1));
}
