//! Frames of any bytes.

use sluice_engine::Nanos;
use sluice_wire::LinkType;

use super::{Input, verify};
use crate::Frame;

/// When an input begins, nanoseconds since 1970.
const EPOCH: u64 = 1_000_000_000_000_000_000;

/// Link types by the number that an input gives them; those behind the last one are unknown ones.
const LINKS: [LinkType; 7] = [
    LinkType::Ethernet,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::RawIp,
    LinkType::Ipv4,
    LinkType::Ipv6,
    LinkType::BsdLoopback,
];

/// Frames that an input may hold; more only cost time.
const FRAMES_MAX: usize = 512;

/// The longest step of the clock between two frames, as a power of two in nanoseconds: 9 minutes.
const STEP_POWER_MAX: u8 = 39;

/// Takes an input as a configuration of four bytes and frames: link type, step of the clock, bytes missing at the end
/// (one byte each), length (two bytes), bytes.
///
/// # Errors
///
/// What does not hold, in words.
pub fn raw_frame(input: &[u8]) -> Result<(), String> {
    let mut input = Input(input);
    let config = verify::config(&mut input);
    let (mut frames, mut now) = (Vec::new(), EPOCH);
    while !input.0.is_empty() && frames.len() < FRAMES_MAX {
        let [link, step, missing] = [input.byte(), input.byte(), input.byte()];
        let len = usize::from(input.word());
        let bytes = input.bytes(len).to_vec();
        now = now.wrapping_add(1 << (step % (STEP_POWER_MAX + 1)));
        let captured = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        frames.push(Frame {
            // A step with the upper bit set is one of a capture's clock that jumps back.
            time: Nanos(if step < 128 { now } else { now.wrapping_sub(1 << 41) }),
            bytes,
            wire_len: captured.saturating_add(u32::from(missing)),
            link: LINKS.get(usize::from(link)).copied(),
        });
    }
    verify::run(config, &frames).map(drop)
}

/// The input that [`raw_frame`] takes as these frames, a millisecond apart, behind a configuration.
#[must_use]
pub fn encode_frames(config: [u8; 4], frames: &[Frame]) -> Vec<u8> {
    let mut input = config.to_vec();
    for frame in frames {
        let link = LINKS.iter().position(|link| Some(*link) == frame.link).unwrap_or(LINKS.len());
        let missing = u64::from(frame.wire_len).saturating_sub(frame.bytes.len() as u64);
        let len = u16::try_from(frame.bytes.len()).unwrap_or(u16::MAX);
        input.extend([u8::try_from(link).unwrap_or(u8::MAX), 20, u8::try_from(missing).unwrap_or(u8::MAX)]);
        input.extend(len.to_le_bytes());
        input.extend(frame.bytes.iter().take(usize::from(len)));
    }
    input
}
