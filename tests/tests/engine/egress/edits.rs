//! What an edit does to a packet, and which edits are refused.

use sluice_engine::counters::Counters;
use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::packet::Verdict;
use sluice_engine::view::Region;
use sluice_engine::{Config, Engine, Grants, Refusal, View};
use sluice_tests::{Frame, Frames};
use sluice_wire::{IpAddress, LinkType, Segment};

use super::{DATA, LATER, MODIFY, PACKET, data, engine, frame_of, receive, right};

type Edit = fn(&mut View) -> Result<(), Refusal>;

/// What an edit of `frame` at hook `sender` says, with what leaves and the counters.
fn edited(frame: &Frame, grants: Grants, edit: Edit) -> (Result<(), Refusal>, Option<Vec<u8>>, Counters) {
    let (mut engine, mut answer) = (engine(&[grants]), None);
    receive(&mut engine, std::slice::from_ref(frame), |_, call, view| {
        if call.id == PACKET {
            answer = Some(edit(view));
        }
        Ok(0)
    });
    (answer.unwrap(), engine.edited(0).map(<[u8]>::to_vec), *engine.counters())
}

/// What an edit of "hello, world" by one who may modify says, and what leaves.
fn payload_after(edit: Edit) -> (Result<(), Refusal>, Option<Vec<u8>>) {
    let (answer, frame, _) = edited(&data(b"hello, world"), MODIFY, edit);
    let payload =
        frame.map(|frame| right(LinkType::Ethernet, &frame).tcp().unwrap().payload(&frame).to_vec());
    (answer, payload)
}

#[test]
fn payload_is_overwritten_taken_out_and_put_in() {
    let table: [(Edit, &[u8]); 6] = [
        (|view| view.overwrite(Region::Payload, 0, b"HELLO"), b"HELLO, world"),
        (|view| view.overwrite(Region::Tcp, 27, b"W"), b"hello, World"),
        (|view| view.chomp(Region::Payload, 5, 7), b"hello"),
        (|view| view.chomp(Region::Payload, 0, 12), b""),
        (|view| view.insert(Region::Payload, 12, b"!"), b"hello, world!"),
        (|view| view.insert(Region::Payload, 0, b"oh, "), b"oh, hello, world"),
    ];
    for (edit, expected) in table {
        assert_eq!(payload_after(edit), (Ok(()), Some(expected.to_vec())));
    }
}

#[test]
fn options_are_put_in_and_taken_out_with_the_header_lengths() {
    let frame = data(b"hello, world");
    let (answer, edited_frame, _) = edited(&frame, MODIFY, |view| {
        view.insert(Region::Tcp, 20, &[1; 8])?;
        view.insert(Region::Ip, 20, &[1, 1, 1, 0])?;
        view.chomp(Region::Tcp, 24, 4)?;
        let info = view.packet_info().unwrap();
        assert_eq!((info.tcp_offset, info.payload_offset, info.wire_length), (38, 62, 74));
        Ok(())
    });
    answer.unwrap();
    let bytes = edited_frame.unwrap();
    let headers = right(LinkType::Ethernet, &bytes);
    let tcp = headers.tcp().unwrap();
    assert_eq!((headers.ip_header_len, tcp.header_len, tcp.payload(&bytes)), (24, 24, &b"hello, world"[..]));
}

#[test]
fn what_lengths_and_checksums_say_is_the_hosts() {
    let frame = data(b"hello");
    let (answer, bytes, _) = edited(&frame, MODIFY, |view| {
        // Header length, total length and checksum; data offset and checksum.
        view.overwrite(Region::Ip, 0, &[0x4f, 0, 0xff, 0xff])?;
        view.overwrite(Region::Ip, 10, &[1, 2])?;
        view.overwrite(Region::Tcp, 12, &[0xf0])?;
        view.overwrite(Region::Tcp, 16, &[3, 4])
    });
    assert_eq!((answer, bytes), (Ok(()), Some(frame.bytes)));
}

#[test]
fn refusals_have_their_reasons_and_change_nothing() {
    use Refusal::{BadArgument, NoCapability, NotAllowed, TooLong};
    use Region::{Frame as Whole, Ip, Payload, Tcp};
    let table: [(Edit, Refusal); 24] = [
        (|view| view.overwrite(Payload, 12, b"x"), BadArgument),
        (|view| view.overwrite(Payload, u32::MAX, b"x"), BadArgument),
        (|view| view.overwrite(Payload, 0, &[0; 65_536]), TooLong),
        (|view| view.chomp(Payload, 12, 1), BadArgument),
        (|view| view.chomp(Payload, 1, u32::MAX), BadArgument),
        (|view| view.insert(Payload, 13, b"x"), BadArgument),
        (|view| view.insert(Payload, 0, &[0; 65_484]), TooLong),
        (|view| view.insert(Payload, 0, &[0; 1 << 20]), TooLong),
        // The link header keeps its size, and its type.
        (|view| view.insert(Whole, 0, &[0; 4]), BadArgument),
        (|view| view.chomp(Whole, 0, 4), BadArgument),
        (|view| view.overwrite(Whole, 12, &[0x81, 0]), BadArgument),
        (|view| view.overwrite(Whole, 12, &[0x86, 0xdd]), BadArgument),
        // Headers: whole words of options.
        (|view| view.insert(Ip, 20, &[0; 3]), BadArgument),
        (|view| view.insert(Ip, 19, &[0; 4]), BadArgument),
        (|view| view.insert(Ip, 24, &[0; 4]), BadArgument),
        (|view| view.insert(Ip, 20, &[0; 44]), TooLong),
        (|view| view.insert(Tcp, 20, &[0; 44]), TooLong),
        (|view| view.insert(Tcp, 21, &[0; 4]), BadArgument),
        (|view| view.chomp(Tcp, 16, 4), BadArgument),
        (|view| view.chomp(Tcp, 20, 4), BadArgument),
        // Version, fragment, protocol; a source route with stops left.
        (|view| view.overwrite(Ip, 0, &[0x65]), BadArgument),
        (|view| view.overwrite(Ip, 6, &[0x20]), BadArgument),
        (|view| view.overwrite(Ip, 9, &[17]), BadArgument),
        (|view| view.insert(Ip, 20, &[131, 7, 4, 1, 2, 3, 4, 0]), BadArgument),
    ];
    for (row, (edit, refusal)) in table.into_iter().enumerate() {
        let (answer, bytes, counters) = edited(&data(b"hello, world"), MODIFY, edit);
        assert_eq!((answer, bytes), (Err(refusal), None), "row {row}");
        assert_eq!((counters.edits, counters.edits_refused), (0, 1));
    }
    let plain: Edit = |view| view.overwrite(Payload, 0, b"x");
    let others = Grants { drop: true, inject: true, modify: false };
    assert_eq!(edited(&data(b"hello"), others, plain).0, Err(NoCapability));
    // A cut packet keeps its size; what is there may be overwritten.
    let cut = data(b"hello, world").with_payload_cut_off(9).unwrap();
    assert_eq!(edited(&cut, MODIFY, |view| view.chomp(Payload, 0, 1)).0, Err(NotAllowed));
    assert_eq!(edited(&cut, MODIFY, plain).0, Ok(()));
    assert_eq!(edited(&cut, MODIFY, |view| view.overwrite(Payload, 12, b"x")).0, Err(BadArgument));
}

#[test]
fn ipv6_has_no_options_to_change_and_a_length_of_its_own() {
    let (source, destination) = (IpAddress([0x20; 16]), IpAddress([0x21; 16]));
    let frame =
        frame_of(&Segment { source, destination, payload: b"hello", vlan: &[5], ..Segment::default() });
    let refused = edited(&frame, MODIFY, |view| view.insert(Region::Ip, 40, &[0; 8])).0;
    assert_eq!(refused, Err(Refusal::BadArgument));
    let (answer, bytes, _) = edited(&frame, MODIFY, |view| {
        // 65,535 bytes behind the fixed header, and not one more.
        view.insert(Region::Payload, 5, &[b'x'; 65_510])?;
        assert_eq!(view.insert(Region::Payload, 5, b"x"), Err(Refusal::TooLong));
        Ok(())
    });
    answer.unwrap();
    assert_eq!(right(LinkType::Ethernet, &bytes.unwrap()).ip_total_len, 65_575);
}

#[test]
fn a_nat_rewrites_addresses_and_ports() {
    let (answer, bytes, counters) = edited(&data(b"hello"), MODIFY, |view| {
        view.overwrite(Region::Frame, 0, &[2, 0, 0, 0, 0, 9])?;
        view.overwrite(Region::Ip, 12, &[203, 0, 113, 7])?;
        view.overwrite(Region::Tcp, 0, &61_000u16.to_be_bytes())
    });
    answer.unwrap();
    let bytes = bytes.unwrap();
    let headers = right(LinkType::Ethernet, &bytes);
    assert_eq!(headers.source, IpAddress::v4([203, 0, 113, 7]));
    assert_eq!(headers.tcp().unwrap().source_port, 61_000);
    assert_eq!((bytes[5], counters.edits, counters.edits_refused), (9, 1, 0));
}

#[test]
fn an_edit_needs_a_packet() {
    let mut engine = engine(&[MODIFY]);
    let mut asked = 0;
    receive(&mut engine, &[data(b"hello")], |_, call, view| {
        if call.id == LATER {
            asked += 1;
            assert_eq!(view.overwrite(Region::Payload, 0, b"x"), Err(Refusal::NoPacket));
        }
        Ok(0)
    });
    assert_eq!((asked, engine.verdicts()), (1, &[Verdict::Pass][..]));
}

/// Asks for an edit in a filter.
struct Filtering(Option<Result<(), Refusal>>);

impl Handler for Filtering {
    fn filter(&mut self, _: TenantId, _: &EventCall, view: &mut Box<View>) -> Result<bool, Faulted> {
        self.0 = Some(view.overwrite(Region::Payload, 0, b"x"));
        assert_eq!(view.reset(), Err(Refusal::NotAllowed));
        Ok(true)
    }

    fn callback(&mut self, _: TenantId, _: &EventCall, _: &mut Box<View>) -> Result<u32, Faulted> {
        Ok(0)
    }
}

#[test]
fn a_filter_changes_nothing() {
    use sluice_engine::event::EventFilter;
    use sluice_engine::reassembly::Level;
    let mut engine = Engine::new(Config::default());
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full).unwrap();
    let event = definitions.define("x", EventKind::PacketIn.number(), EventFilter::Guest(9), &[]).unwrap();
    definitions.register(monitor, event, Hook::Sender, PACKET).unwrap();
    engine.attach(definitions, Grants::ALL).unwrap();
    let mut guest = Filtering(None);
    let _ = engine.receive(Box::new(Frames(vec![data(b"hello")])), &mut guest);
    assert_eq!(guest.0, Some(Err(Refusal::NotAllowed)));
    assert_eq!((engine.counters().edits_refused, engine.counters().injected_refused), (1, 1));
}

#[test]
fn what_is_dropped_is_not_edited() {
    let mut engine = engine(&[Grants { drop: true, ..MODIFY }]);
    receive(&mut engine, &[data(b"hello"), data(b"hello")], |_, call, view| {
        if call.id == PACKET {
            view.overwrite(Region::Payload, 0, b"j").unwrap();
        }
        Ok(u32::from(call.id == DATA))
    });
    // The second one repeats bytes, so that no data comes of it.
    assert_eq!(engine.verdicts(), [Verdict::Drop, Verdict::Edited]);
    assert_eq!((engine.edited(0), engine.counters().edits, engine.counters().dropped), (None, 1, 1));
    assert_eq!(engine.edited(2), None);
}
