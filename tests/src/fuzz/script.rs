//! Segments of a few flows, all fields chosen by the input.

use sluice_engine::{Nanos, Side};
use sluice_wire::{Segment, SeqNumber, TcpFlags};

use super::{Input, verify};
use crate::{Frame, Watcher};

/// When an input begins, nanoseconds since 1970.
const EPOCH: u64 = 1_000_000_000_000_000_000;

/// Initial sequence numbers of clients and servers: those of clients wrap.
const INITIAL: [u32; 2] = [u32::MAX - 60, 70_000];

/// Segments that an input may hold.
const SEGMENTS_MAX: usize = 512;

/// Bytes of one segment in an input.
const SEGMENT_BYTES: usize = 8;

/// Options by the number that an input gives them: none, window scale, timestamps, SACK, an MD5 signature, and lies.
const OPTIONS: [&[u8]; 8] = [
    &[],
    &[1, 3, 3, 7],
    &[1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 1],
    &[1, 1, 5, 10, 0, 0, 0, 20, 0, 0, 0, 40],
    &[1, 1, 19, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    &[2, 4, 0, 1],
    &[8, 200, 3, 0],
    &[1, 1, 8, 10, 0, 0, 0, 3, 0, 0, 0, 1],
];

/// The byte that belongs at a sequence number if the sender never changes its mind.
const fn byte_at(seq: u32) -> u8 {
    seq.to_le_bytes()[0]
}

/// Takes an input as a configuration of four bytes and segments of eight: who and what, flags, place, length, the rest.
///
/// The first byte of the configuration also says whether senders tell different things at different times (even) or
/// the same (odd): then no byte may be wrong and no conflict told.
///
/// # Errors
///
/// What does not hold, in words.
pub fn segment_script(input: &[u8]) -> Result<(), String> {
    let is_honest = input.get(4).is_some_and(|byte| byte & 1 == 1);
    let mut input = Input(input);
    let config = verify::config(&mut input);
    let _ = input.byte();
    let (mut frames, mut now) = (Vec::new(), Nanos(EPOCH));
    while !input.0.is_empty() && frames.len() < SEGMENTS_MAX {
        let (step, frame) = segment(&mut input, now, is_honest);
        now = now.after(step);
        frames.extend(frame);
    }
    let told = verify::run(config, &frames)?;
    if is_honest { check_honest(&told) } else { Ok(()) }
}

/// The next segment, and the time that passes after it.
fn segment(input: &mut Input<'_>, now: Nanos, is_honest: bool) -> (u64, Option<Frame>) {
    let [who, flags, place, len, ack, extra, change, step] = [
        input.byte(),
        input.byte(),
        input.byte(),
        input.byte(),
        input.byte(),
        input.byte(),
        input.byte(),
        input.byte(),
    ];
    let sender = if who & 1 == 0 { Side::Client } else { Side::Server };
    let (own, peer) = (INITIAL[sender.index()], INITIAL[sender.other().index()]);
    // Most numbers are near; few are a window or half the sequence space away.
    let far =
        |number: u8, power: u8| u32::from(number) << [0, 0, 0, 0, 9, 15, 23, 24][usize::from(power & 7)];
    let seq = own.wrapping_add(far(place, who >> 2));
    let ack = peer.wrapping_add(far(ack, extra));
    let span = u32::from(len).wrapping_mul(if who & 0x80 == 0 { 1 } else { 5 });
    // Data begins behind a SYN.
    let first = seq.wrapping_add(u32::from(flags & TcpFlags::SYN.0 != 0));
    let mut payload: Vec<u8> = (0..span).map(|index| byte_at(first.wrapping_add(index))).collect();
    if !is_honest && change & 3 == 0 && !payload.is_empty() {
        let at = usize::from(change >> 2) % payload.len();
        payload[at] ^= change | 1;
    }
    let segment = Segment {
        seq: SeqNumber(seq),
        ack: SeqNumber(ack),
        flags: TcpFlags(flags),
        window: u16::from(change) << 8,
        urgent: u16::from(step >> 5),
        options: OPTIONS[usize::from(extra >> 5)],
        payload: &payload,
        ..Segment::default()
    };
    let mut frame = Frame::of(now, u16::from(who >> 5 & 3), sender, &segment);
    if let Some(frame) = frame.as_mut().filter(|_| extra & 0x18 == 0x18) {
        // Cut by the snap length.
        frame.bytes.truncate(frame.bytes.len() - payload.len() / 2);
    }
    (1 << (step & 31), frame)
}

/// Of senders that never change their mind every byte is the one that belongs there, and there is no conflict.
fn check_honest(told: &Watcher) -> Result<(), String> {
    for stream in told.flows.values().flat_map(|flow| &flow.streams) {
        if let Some(conflict) = stream.conflicts.first() {
            return Err(format!("a conflict between equals: {conflict:?}"));
        }
        let mut origin = None;
        for (offset, piece) in stream.pieces() {
            for (place, byte) in (offset..).zip(piece) {
                let begin = byte.wrapping_sub(place.to_le_bytes()[0]);
                if *origin.get_or_insert(begin) != begin {
                    return Err(format!("a wrong byte at {place}: {stream:?}"));
                }
            }
        }
    }
    Ok(())
}

/// The input that [`segment_script`] takes as this configuration and these segments.
#[must_use]
pub fn encode_script(config: [u8; 5], segments: &[[u8; SEGMENT_BYTES]]) -> Vec<u8> {
    config.iter().chain(segments.iter().flatten()).copied().collect()
}
