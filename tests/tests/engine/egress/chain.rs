//! Several tenants: each sees what those before it have made of the packet; streams stay as received.

use sluice_engine::Direction;
use sluice_engine::event::{Faulted, TenantId};
use sluice_engine::packet::Verdict;
use sluice_engine::view::Region;
use sluice_wire::LinkType;

use super::{DATA, MODIFY, PACKET, data, engine, receive, right};

const FIRST: TenantId = TenantId(0);
const SECOND: TenantId = TenantId(1);

#[test]
fn the_second_tenant_sees_the_edit_of_the_first_and_adds_its_own() {
    let mut engine = engine(&[MODIFY, MODIFY]);
    let mut read = Vec::new();
    receive(&mut engine, &[data(b"hello")], |tenant, call, view| {
        match (tenant, call.id) {
            (FIRST, PACKET) => view.insert(Region::Payload, 0, b"[first] ").unwrap(),
            (SECOND, PACKET) => {
                assert_eq!(view.packet_bytes(Region::Payload, 0, 99).unwrap(), b"[first] hello");
                let info = view.packet_info().unwrap();
                assert_eq!((info.payload_length, info.captured_length), (13, 67));
                // What the call says is about the packet as it came.
                assert_eq!((call.length, call.wire_length), (5, 59));
                view.overwrite(Region::Payload, 1, b"F").unwrap();
            }
            (FIRST, DATA) => {
                assert_eq!(view.packet_bytes(Region::Payload, 0, 99).unwrap(), b"[First] hello");
            }
            (SECOND, DATA) => {
                let mut bytes = Vec::new();
                view.peek(Direction::ToServer, 99, &mut bytes).unwrap();
                read.push(bytes);
            }
            _ => {}
        }
        Ok(0)
    });
    assert_eq!(read, [b"hello"]);
    let bytes = engine.edited(0).unwrap();
    assert_eq!(right(LinkType::Ethernet, bytes).tcp().unwrap().payload(bytes), b"[First] hello");
}

#[test]
fn a_fault_takes_back_the_edits_of_its_call_and_no_others() {
    let mut engine = engine(&[MODIFY, MODIFY]);
    receive(&mut engine, &[data(b"hello"), data(b"other")], |tenant, call, view| match (tenant, call.id) {
        (FIRST, PACKET) => {
            view.overwrite(Region::Payload, 0, b"H").unwrap();
            Ok(0)
        }
        (SECOND, PACKET) => {
            view.overwrite(Region::Payload, 1, b"E").unwrap();
            view.chomp(Region::Payload, 3, 2).unwrap();
            Err(Faulted)
        }
        _ => Ok(0),
    });
    let payload = |slot: usize| {
        let bytes = engine.edited(slot).unwrap();
        right(LinkType::Ethernet, bytes).tcp().unwrap().payload(bytes).to_vec()
    };
    assert_eq!((payload(0), payload(1)), (b"Hello".to_vec(), b"Hther".to_vec()));
}

#[test]
fn the_only_edit_of_a_call_that_faults_leaves_the_packet_as_received() {
    let mut engine = engine(&[MODIFY]);
    receive(&mut engine, &[data(b"hello")], |_, _, view| {
        view.overwrite(Region::Payload, 0, b"j").unwrap();
        Err(Faulted)
    });
    assert_eq!((engine.verdicts(), engine.counters().edits), (&[Verdict::Pass][..], 0));
}

#[test]
fn edits_of_a_packet_are_none_of_the_next_one() {
    let mut engine = engine(&[MODIFY]);
    let frames = [data(b"one"), data(b"two"), data(b"six")];
    let mut seen = 0;
    receive(&mut engine, &frames, |_, call, view| {
        if call.id == PACKET {
            if seen == 1 {
                view.overwrite(Region::Payload, 0, b"T").unwrap();
            } else {
                assert_ne!(view.packet_bytes(Region::Payload, 0, 1).unwrap(), b"T");
            }
            seen += 1;
        }
        Ok(0)
    });
    assert_eq!(engine.verdicts(), [Verdict::Pass, Verdict::Edited, Verdict::Pass]);
    receive(&mut engine, &[data(b"one")], |_, _, _| Ok(0));
    assert_eq!((engine.verdicts(), engine.edited(1)), (&[Verdict::Pass][..], None));
}
