//! Packets that are no plain TCP: what of them can be kept consistent is edited, the rest is refused.

use sluice_engine::event::{Definitions, EventKind, Hook};
use sluice_engine::view::Region;
use sluice_engine::{Config, Engine, Refusal, View};
use sluice_tests::Frame;
use sluice_wire::checksum::ipv4_header_checksum;
use sluice_wire::{LinkType, ipv4_header_valid};

use super::{MODIFY, PACKET, data, receive};

type Edit = fn(&mut View) -> Result<(), Refusal>;

/// What a monitor of packets is answered, and what leaves.
fn edited(frame: &Frame, edit: Edit) -> (Result<(), Refusal>, Option<Vec<u8>>) {
    let mut engine = Engine::new(Config::default());
    let mut definitions = Definitions::new();
    let monitor = definitions.open_raw(None).unwrap();
    definitions.register(monitor, EventKind::PacketIn.number(), Hook::None, PACKET).unwrap();
    engine.attach(definitions, MODIFY).unwrap();
    let mut answer = None;
    receive(&mut engine, std::slice::from_ref(frame), |_, _, view| {
        answer = Some(edit(view));
        Ok(0)
    });
    (answer.unwrap(), engine.edited(0).map(<[u8]>::to_vec))
}

/// An Ethernet frame with an IPv4 datagram of this protocol, with the word of its fragment field.
fn frame(protocol: u8, fragment: u16, payload: &[u8]) -> Frame {
    let mut header = [0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol, 0, 0, 203, 0, 113, 1, 203, 0, 113, 2];
    header[2..4].copy_from_slice(&u16::try_from(payload.len() + 20).unwrap().to_be_bytes());
    header[6..8].copy_from_slice(&fragment.to_be_bytes());
    let checksum = ipv4_header_checksum(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    let bytes = [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0][..], &header, payload].concat();
    Frame { wire_len: u32::try_from(bytes.len()).unwrap(), bytes, ..data(b"") }
}

#[test]
fn tunnels_fragments_and_frames_without_ip_are_left_alone() {
    let inner = &data(b"hello").bytes[14..];
    let arp = [&[0xff; 12][..], &[8, 6], &[0; 28]].concat();
    let arp = Frame { wire_len: 42, bytes: arp, ..data(b"") };
    for frame in [frame(4, 0, inner), frame(6, 0x2000, &inner[20..36]), arp] {
        for edit in [
            (|view| view.overwrite(Region::Ip, 0, &[])) as Edit,
            |view| view.overwrite(Region::Frame, 0, &[2]),
            |view| view.chomp(Region::Payload, 0, 0),
        ] {
            assert_eq!(edited(&frame, edit), (Err(Refusal::NotAllowed), None));
        }
    }
}

#[test]
fn of_other_protocols_the_link_header_is_edited() {
    let icmp = frame(1, 0, &[8, 0, 0xf7, 0xff, 0, 0, 0, 0]);
    assert_eq!(edited(&icmp, |view| view.overwrite(Region::Ip, 8, &[9])).0, Err(Refusal::NotAllowed));
    assert_eq!(edited(&icmp, |view| view.overwrite(Region::Tcp, 0, &[9])).0, Err(Refusal::BadArgument));
    let (answer, bytes) = edited(&icmp, |view| view.overwrite(Region::Frame, 0, &[4]));
    assert_eq!((answer, &bytes.unwrap()[1..]), (Ok(()), &icmp.bytes[1..]));
}

#[test]
fn udp_keeps_its_length_and_gets_its_checksum() {
    // From 1000 to 53, 4 bytes; the checksum as RFC 768 has it.
    let mut udp = vec![3, 232, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4];
    let sum = |udp: &[u8]| {
        let pseudo = [203, 0, 113, 1, 203, 0, 113, 2, 0, 17, 0, 12];
        // The internet checksum of the pseudo header and the datagram: the function does not mind what it covers.
        ipv4_header_checksum(&[&pseudo[..], udp].concat())
    };
    let checksum = sum(&udp);
    udp[6..8].copy_from_slice(&checksum.to_be_bytes());
    let question = frame(17, 0, &udp);
    let (answer, bytes) = edited(&question, |view| {
        view.overwrite(Region::Ip, 8, &[63])?;
        view.overwrite(Region::Ip, 28, &[9, 9])
    });
    answer.unwrap();
    let bytes = bytes.unwrap();
    assert!(ipv4_header_valid(&bytes[14..]));
    assert_eq!((bytes[22], &bytes[42..], sum(&bytes[34..])), (63, &[9, 9, 3, 4][..], 0));
    for edit in [
        (|view| view.overwrite(Region::Ip, 24, &[0, 99])) as Edit,
        |view| view.insert(Region::Ip, 28, &[0; 4]),
        |view| view.chomp(Region::Ip, 28, 4),
    ] {
        assert_eq!(edited(&question, edit), (Err(Refusal::BadArgument), None));
    }
    let (answer, bytes) = edited(&question, |view| view.insert(Region::Ip, 20, &[1; 4]));
    assert_eq!((answer, bytes.unwrap()[38..].to_vec()), (Ok(()), udp));
}

#[test]
fn a_link_without_a_header_has_none() {
    let whole = data(b"hello");
    let bytes = whole.bytes[14..].to_vec();
    let bare = Frame { wire_len: 45, bytes, link: Some(LinkType::RawIp), ..whole };
    let (answer, bytes) = edited(&bare, |view| view.insert(Region::Payload, 0, b">"));
    assert_eq!((answer, &bytes.unwrap()[40..]), (Ok(()), &b">hello"[..]));
}
