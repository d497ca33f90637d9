//! What mOS promises and does with its events, and where the tests are that hold what is promised here.
//!
//! The names on the left are those of a catalogue of mOS: B.1 the steps of a packet, B.2 the built-in events, B.3
//! corner cases, H defects, I.2 what ported middleboxes rely on. What concerns no event is left out, as are editing and
//! sending of packets (H.8, H.9), which no guest can do. A test is `file::name` in this folder's parent, or with its
//! path from the root of the project; a packet script is in `tests/scripts`.
//! `the_table_names_tests_that_there_are` reads the table.
//!
//! ```text
//! B.1.0: every packet reaches monitors of packets, at hook none
//!     outside::what_is_no_datagram_is_a_packet_all_the_same
//!     mos/corners::what_is_damaged_reaches_monitors_of_packets_alone
//! B.1.1: once (mOS: twice with a filter); a wrong TCP checksum is no event of a flow
//!     outside::a_packet_of_a_flow_is_seen_once_and_before_the_flow_is
//!     checksum-wrong.script
//! B.1.2: a flow begins with a SYN, or in mid-stream unless that is turned off (mOS: SYNs only)
//!     mid-stream.script
//!     mid-stream-off.script
//! B.1.3: the sender's stack, then hook sender
//!     mos/order::the_senders_stack_and_hook_come_before_the_receivers
//! B.1.4: both stacks can be seen from the first packet on (mOS: the server's is made later)
//!     mos/order::the_senders_stack_and_hook_come_before_the_receivers
//! B.1.5: rexmit before the bytes change
//!     mos/order::a_repetition_is_told_before_the_bytes_change
//! B.1.6: then the receiver's stack; error with the packet
//!     mos/order::an_error_comes_behind_the_data_of_its_packet
//! B.1.7: then hook receiver
//!     mos/order::the_senders_stack_and_hook_come_before_the_receivers
//! B.1.8: the packet passes unless dropped; the flow ends when both hosts have
//!     mos/order::a_drop_stops_neither_later_monitors_nor_the_receivers_stack
//!     mos/ends::a_flow_ends_once_after_all_data_of_both_sides_whatever_the_reason
//! B.1.9: timers and deadlines in order, before a later packet; data with its packet (mOS: after the round)
//!     mos/order::deadlines_and_timers_come_before_the_packet_that_is_later
//!     mos/order::data_is_told_with_the_packet_that_brought_it_so_that_it_can_be_stopped
//! B.1.9: who wants the round is deferred to the end of the burst
//!     burst_end::data_of_a_burst_is_one_deferred_event_after_all_that_are_told_at_once
//! B.1 bits: ascending order, events of users in the place of their root
//!     mos/order::events_of_one_packet_come_in_the_order_of_their_numbers
//!     mos/order::user_defined_events_run_in_the_place_of_their_root_and_behind_its_handlers
//! B.1 chain: chain order, reversed for packets to the client; conn-end forward
//!     mos/order::monitors_run_in_chain_order_and_in_reverse_for_packets_to_the_client
//! B.1 drop: a drop stops no later monitor and no stack
//!     mos/order::a_drop_stops_neither_later_monitors_nor_the_receivers_stack
//! B.2: each event at its hooks, with a packet and without
//!     mos/calls::every_call_in_every_mode_answers_as_the_wit_says
//!     mos/corners::the_packet_of_an_event_can_be_had_in_every_call_that_has_one_and_in_no_other
//! B.2 pkt-in: once for each stack; what the receiver ignores at hook sender with the reason
//!     mos/order::the_senders_stack_and_hook_come_before_the_receivers
//!     mos/corners::what_the_receiver_ignores_is_told_at_hook_sender_alone_with_the_reason
//! B.2 conn-start: once at each hook, with the same packet
//!     mos/ends::a_flow_starts_once_at_each_hook_whatever_its_handshake
//! B.2 state-change: every change of state, by RSTs and silence, too
//!     kernel_states::an_observer_knows_the_state_of_a_linux_host_after_each_segment
//!     timeouts-of-open-flows.script
//! B.2 new-data: each packet that makes bytes readable, in every state (mOS: ESTABLISHED)
//!     data-both-ways.script
//!     half-close.script
//! B.2 rexmit: bytes once for a packet, SYN, SYN-ACK and FIN
//!     data-retransmitted.script
//!     fin-retransmitted.script
//!     mos/ends::a_flow_starts_once_at_each_hook_whatever_its_handshake
//! B.2 error: no room; beyond the window is packet-in with a reason; an overrun is told by peek
//!     no-room-in-all.script
//!     out-of-window.script
//!     mos/corners::a_read_at_the_end_of_the_data_is_empty_and_a_late_one_says_what_it_missed
//! B.2 orphan: what opens no flow, not TCP, too; what no filter takes is none
//!     mos/ends::what_opens_no_flow_is_an_orphan_with_its_packet
//!     outside::udp_and_icmp_reach_monitors_of_packets_and_orphans
//!     mos/ends::the_filter_of_a_monitor_is_asked_once_for_a_flow
//! B.2 conn-end: once (mOS: for each side and hook)
//!     mos/ends::a_flow_ends_once_after_all_data_of_both_sides_whatever_the_reason
//! B.2 never: deprecated events have no number
//!     host/engine/src/event/kind.rs::numbers_are_dense_and_come_back
//! B.3 fast open: data of a SYN counts when it is acknowledged (mOS: waits for ever)
//!     syn-data-taken.script
//!     syn-data-not-taken.script
//! B.3 repeated SYN: a repetition, no second start; another number is a candidate
//!     mos/ends::a_flow_starts_once_at_each_hook_whatever_its_handshake
//!     handshake-syn-retransmitted.script
//!     handshake-syn-with-changed-number.script
//! B.3 simultaneous open: both states and both streams
//!     handshake-simultaneous-open.script
//! B.3 RST: only where the host would obey it; a blind one ends nothing
//!     rst-exact.script
//!     rst-in-window.script
//!     rst-in-syn-sent-with-wrong-ack.script
//!     stragglers-after-the-end.script
//! B.3 refused: both sides closed, conn-end
//!     handshake-refused.script
//! B.3 out of window: touches no state (mOS: all but the payload counts)
//!     out-of-window.script
//!     paws.script
//!     mos/corners::what_the_receiver_ignores_is_told_at_hook_sender_alone_with_the_reason
//! B.3 old data: a repetition, compared as far as it is held
//!     data-retransmitted.script
//!     retransmission-unverifiable.script
//! B.3 lost at the tap: a gap is told, delivery goes on (mOS: stops)
//!     gap-after-grace.script
//!     tap::a_tap_that_loses_packets_tells_the_lost_bytes_as_gaps_and_no_wrong_byte
//! B.3 early FIN: counts when what is missing has come (mOS: forgotten)
//!     fin-out-of-order.script
//! B.3 half-close: data is told (mOS: is not)
//!     half-close.script
//! B.3 data and end: in one burst nothing is lost (mOS: use after free)
//!     mos/ends::data_a_fin_and_an_rst_in_one_burst_lose_nothing
//! B.3 port reuse: ends the old flow once the SYN is answered
//!     port-reuse-after-close.script
//!     port-reuse-after-a-lost-close.script
//!     port-reuse-forged-syn.script
//! B.3 half-open: have a cap and a deadline of their own
//!     load::a_syn_flood_pushes_out_half_open_flows_only
//!     handshake-half-open-timeouts.script
//! B.3 idle: each flow at its own deadline
//!     mos/ends::a_flow_that_speaks_keeps_no_silent_one_alive
//! B.3 mid-stream: is followed (mOS: orphan)
//!     mid-stream.script
//!     mid-stream-server-speaks-first.script
//! B.3 exhaustion: an orphan, or an old flow ends as evicted
//!     mos/ends::what_opens_no_flow_is_an_orphan_with_its_packet
//!     mos/ends::a_flow_that_is_pushed_out_ends_after_its_data_and_without_the_packet_that_took_its_place
//! B.3 unmatched: no event, and it passes
//!     mos/ends::the_filter_of_a_monitor_is_asked_once_for_a_flow
//! B.3 encapsulated: fragments, VLANs, tunnels are followed (mOS: forwarded)
//!     fragments.script
//!     tunnels-nested.script
//! H.1: no call harms anybody, whatever its arguments
//!     mos/calls::every_call_in_every_mode_answers_as_the_wit_says
//!     mos/calls::a_monitor_of_counts_is_refused_bytes_and_what_it_did_not_ask_for
//! H.2: who stops both sides hears no more
//!     levels::who_stops_both_sides_is_told_no_end
//!     levels::a_stopped_side_has_no_events_and_its_stream_no_bytes
//! H.3: offsets of the right direction, units of bytes, no -1
//!     mos/order::a_repetition_is_told_before_the_bytes_change
//!     mos/corners::what_is_held_is_told_in_stream_offsets_and_bytes
//!     mos/corners::a_read_at_the_end_of_the_data_is_empty_and_a_late_one_says_what_it_missed
//! H.4: sizes change at any time
//!     levels::sizes_are_answered_as_they_are_in_force
//! H.5: the packet at hand in every call that has one
//!     mos/corners::the_packet_of_an_event_can_be_had_in_every_call_that_has_one_and_in_no_other
//! H.6: who may not drop drops nothing
//!     mos/order::a_drop_stops_neither_later_monitors_nor_the_receivers_stack
//! H.7: every number is looked up
//!     mos/calls::every_call_in_every_mode_answers_as_the_wit_says
//! H.10: gaps are told, windows are the hosts' own
//!     gap-by-byte-cap.script
//!     window-scale.script
//! H.11: see B.3
//!     mos/ends::a_flow_starts_once_at_each_hook_whatever_its_handshake
//!     fin-out-of-order.script
//!     half-close.script
//!     rst-in-window.script
//! H.12: data is never lost and its packet can be stopped
//!     mos/ends::data_a_fin_and_an_rst_in_one_burst_lose_nothing
//!     mos/order::data_is_told_with_the_packet_that_brought_it_so_that_it_can_be_stopped
//! H.13: silence ends each flow, once, with all of it there
//!     mos/ends::a_flow_that_speaks_keeps_no_silent_one_alive
//!     mos/ends::a_flow_ends_once_after_all_data_of_both_sides_whatever_the_reason
//! H.14: a copy replaces what it covers and no more
//!     host/engine/src/reassembly/ahead.rs::the_newest_copy_replaces_what_it_covers_and_no_more
//!     model::the_copy_that_the_policy_wants_wins_and_every_other_is_reported
//! I.2.1: two stacks, sender before receiver
//!     mos/order::the_senders_stack_and_hook_come_before_the_receivers
//! I.2.2: order of events, of subtrees, of monitors
//!     mos/order::events_of_one_packet_come_in_the_order_of_their_numbers
//!     mos/order::user_defined_events_run_in_the_place_of_their_root_and_behind_its_handlers
//!     mos/order::monitors_run_in_chain_order_and_in_reverse_for_packets_to_the_client
//! I.2.3: rexmit before the bytes change
//!     mos/order::a_repetition_is_told_before_the_bytes_change
//! I.2.4: a position for each monitor and side, what was missed, 64-bit offsets
//!     burst_end::each_monitor_has_its_own_place_in_the_stream
//!     company::a_monitor_sees_in_company_what_it_sees_alone
//!     model::offsets_go_on_past_four_gibibytes
//! I.2.5: a flow inherits, changes for itself, from the next pass on
//!     mos/corners::what_is_registered_on_a_flow_is_for_it_alone_and_from_the_next_pass_on
//! I.2.6: several handlers by number (mOS: one); equal sets are one
//!     mos/corners::what_is_registered_on_a_flow_is_for_it_alone_and_from_the_next_pass_on
//!     host/engine/src/event/forests/tests.rs::sets_are_found_whatever_the_order_in_which_they_came_about
//! I.2.7: filters: once for a flow, for each orphan, none is all
//!     mos/ends::the_filter_of_a_monitor_is_asked_once_for_a_flow
//!     outside::udp_and_icmp_reach_monitors_of_packets_and_orphans
//! I.2.8: the packet in its calls alone; a drop stops the packet, not the state
//!     mos/corners::the_packet_of_an_event_can_be_had_in_every_call_that_has_one_and_in_no_other
//!     mos/order::a_drop_stops_neither_later_monitors_nor_the_receivers_stack
//! I.2.9: conn-end once, after all data
//!     mos/ends::a_flow_ends_once_after_all_data_of_both_sides_whatever_the_reason
//!     mos/ends::what_waits_behind_a_hole_is_told_before_the_end
//! I.2.10: one user context for both sides, to the end
//!     mos/corners::both_sides_of_a_flow_share_a_user_context_until_its_end
//! I.2.11: timers run out once, with their numbers
//!     mos/corners::timers_run_out_once_with_their_numbers_unless_they_are_cancelled
//! I.2.12: what is not followed passes, and is told
//!     mos/ends::what_opens_no_flow_is_an_orphan_with_its_packet
//! I.2.13: what is raised runs behind who raised it, in the same dispatch
//!     mos/order::what_is_raised_runs_behind_who_raised_it
//! I.2.14: where this differs from mOS: each test says so
//!     mos/ends::a_flow_starts_once_at_each_hook_whatever_its_handshake
//!     mos/calls::every_call_in_every_mode_answers_as_the_wit_says
//! ```

mod answers;
mod calls;
mod corners;
mod ends;
mod order;
mod scene;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Whether there is a test or script of this name.
fn exists(name: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let Some((file, test)) = name.split_once("::") else {
        return root.join("tests/scripts").join(name).is_file();
    };
    let path = match file.strip_suffix(".rs") {
        Some(_) => root.join(file),
        None => root.join("tests/tests/engine").join(file).with_extension("rs"),
    };
    let source = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.windows(2).any(|pair| pair == ["#[test]", format!("fn {test}() {{").as_str()])
}

#[test]
fn the_table_names_tests_that_there_are() {
    let table = include_str!("mod.rs").split("```").nth(1).unwrap();
    let mut sentences = BTreeSet::new();
    let mut missing = Vec::new();
    let mut is_held = true;
    for line in table.lines().filter_map(|line| line.strip_prefix("//! ")).filter(|line| !line.is_empty()) {
        if let Some(test) = line.strip_prefix("    ") {
            missing.extend(Some(test).filter(|test| !exists(test)));
            is_held = true;
        } else {
            assert!(is_held, "nothing holds what stands before `{line}`");
            is_held = false;
            sentences.insert(line.split_once(": ").unwrap().0);
        }
    }
    assert!(is_held && missing.is_empty(), "no such test: {missing:#?}");
    let numbered = |prefix: &str, numbers: &mut dyn Iterator<Item = u32>| {
        numbers.map(|number| format!("{prefix}.{number}")).collect::<Vec<_>>()
    };
    let steps = numbered("B.1", &mut (0..=9));
    let defects = numbered("H", &mut (1..=14).filter(|number| ![8, 9].contains(number)));
    for sentence in [steps, defects, numbered("I.2", &mut (1..=14))].concat() {
        assert!(sentences.contains(sentence.as_str()), "{sentence} is not in the table");
    }
}
