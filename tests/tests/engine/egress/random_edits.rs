//! Any edits of any segments: what leaves parses, with right lengths and checksums.

use sluice_engine::packet::Verdict;
use sluice_engine::view::Region;
use sluice_engine::{Refusal, View};
use sluice_tests::{Frame, Random, cases};
use sluice_wire::{IpAddress, LinkType, Segment, SeqNumber};

use super::{MODIFY, PACKET, engine, frame_of, receive, right};

const REGIONS: [Region; 4] = [Region::Frame, Region::Ip, Region::Tcp, Region::Payload];

fn bytes(random: &mut Random, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.byte()).collect()
}

fn segment(random: &mut Random) -> Frame {
    let addresses = if random.below(2) == 0 {
        [IpAddress::v4([10, 0, 0, 1]), IpAddress::v4([10, 0, 0, 2])]
    } else {
        [IpAddress([0x20; 16]), IpAddress([0x21; 16])]
    };
    let vlans: [&[u16]; 3] = [&[], &[7], &[7, 9]];
    let len = random.below(80);
    let payload = bytes(random, len);
    Frame {
        wire_len: 0,
        ..frame_of(&Segment {
            source: addresses[0],
            destination: addresses[1],
            vlan: vlans[random.below(3)],
            options: &[1; 12][..random.below(4) * 4],
            seq: SeqNumber(1),
            payload: &payload,
            ..Segment::default()
        })
    }
}

/// One edit; what it does to a payload is done to `model`.
fn edit(random: &mut Random, view: &mut View, model: &mut Vec<u8>) -> Result<(), Refusal> {
    let region = REGIONS[random.below(4)];
    let offset = random.below(90);
    let len = random.below(12) * [1, 4][random.below(2)];
    let (offset_number, len_number) = (u32::try_from(offset).unwrap(), u32::try_from(len).unwrap());
    let payload_offset = usize::try_from(view.packet_info().unwrap().payload_offset).unwrap();
    let from = match region {
        Region::Frame => 0,
        Region::Ip => usize::try_from(view.packet_info().unwrap().ip_offset).unwrap(),
        Region::Tcp => usize::try_from(view.packet_info().unwrap().tcp_offset).unwrap(),
        Region::Payload => payload_offset,
    };
    let what = bytes(random, len);
    match random.below(3) {
        0 => {
            view.overwrite(region, offset_number, &what)?;
            for (place, byte) in (from + offset..).zip(what) {
                if place >= payload_offset {
                    model[place - payload_offset] = byte;
                }
            }
        }
        1 => {
            view.insert(region, offset_number, &what)?;
            if region == Region::Payload {
                model.splice(offset..offset, what);
            }
        }
        _ => {
            view.chomp(region, offset_number, len_number)?;
            if region == Region::Payload {
                model.drain(offset..offset + len);
            }
        }
    }
    Ok(())
}

#[test]
fn whatever_is_edited_leaves_with_right_lengths_and_checksums() {
    let (mut done, mut refused) = (0, 0);
    for seed in 0..u64::from(cases(10_000)) {
        let random = &mut Random::new(seed);
        let (mut engine, frame) = (engine(&[MODIFY]), segment(random));
        let mut model = Vec::new();
        receive(&mut engine, std::slice::from_ref(&frame), |_, call, view| {
            if call.id == PACKET {
                model = view.packet_bytes(Region::Payload, 0, u32::MAX).unwrap().to_vec();
                for _ in 0..1 + random.below(4) {
                    let before = view.packet_bytes(Region::Frame, 0, u32::MAX).unwrap().to_vec();
                    match edit(random, view, &mut model) {
                        Ok(()) => done += 1,
                        Err(refusal) => {
                            refused += 1;
                            assert!(matches!(refusal, Refusal::BadArgument | Refusal::TooLong), "{refusal}");
                            assert_eq!(view.packet_bytes(Region::Frame, 0, u32::MAX).unwrap(), before);
                        }
                    }
                }
            }
            Ok(0)
        });
        let bytes = engine.edited(0).unwrap_or(&frame.bytes);
        assert_eq!(engine.edited(0).is_some(), engine.verdicts() == [Verdict::Edited]);
        let headers = right(LinkType::Ethernet, bytes);
        assert_eq!(headers.tcp().unwrap().payload(bytes), model, "seed {seed}");
        // Nothing is left behind the datagram.
        assert_eq!(bytes.len(), usize::from(headers.ip_offset) + headers.ip_total_len as usize);
    }
    assert!(done > refused / 8 && refused > done / 8, "{done} done, {refused} refused");
}
