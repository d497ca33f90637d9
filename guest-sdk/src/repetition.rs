//! What a retransmission repeats, and whether it says the same.

use core::fmt::{self, Write as _};

use crate::json::Object;
use crate::{Direction, Error, Event, EventKind, Fragment, Region};

/// Bytes of either version that a [`Difference`] holds.
const SAMPLE_BYTES_MAX: usize = 32;

/// What the packet of an [`EventKind::Rexmit`] repeats of its stream.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Repetition {
    /// Payload bytes that came before. The rest of the payload, if there is more of it, is new.
    pub bytes: u64,
    /// Those of them that nothing can be said about: the host does not hold the first copy any more or never had it (a
    /// gap), or the snap length cut off the second one.
    pub unverifiable_bytes: u64,
    /// The first range of those that could be compared in which the two copies differ.
    pub difference: Option<Difference>,
}

impl Event {
    /// Compares the packet with what the host holds of the stream. Empty for events other than
    /// [`EventKind::Rexmit`], which comes before the bytes change, and for a SYN or FIN that came again.
    ///
    /// A monitor that does not [read](Event::peek) has the host hold more: up to 256 KiB instead of 16, as long as
    /// memory lasts.
    ///
    /// The byte of a keep-alive, which may be garbage (RFC 9293 section 3.8.4), counts as equal.
    ///
    /// # Errors
    ///
    /// [`Error::NoPacket`], [`Error::NotBuffered`].
    pub fn repetition(&self) -> Result<Repetition, Error> {
        if self.kind() != EventKind::Rexmit || self.length() == 0 {
            return Ok(Repetition::default());
        }
        let packet = self.packet()?;
        let all = Fragment { offset: packet.offset, length: packet.payload_length.into() };
        // The payload of a flow picked up in mid-stream may begin before its stream: where is not known then.
        if self.partial() && packet.offset == 0 && self.length() < packet.payload_length {
            let bytes = self.length().into();
            return Ok(Repetition { bytes, unverifiable_bytes: bytes, difference: None });
        }
        let (flow, direction) = (self.flow(), self.direction());
        let next = flow.buffer_info(direction)?.next;
        if all.length == 1 && all.end() == next {
            return Ok(Repetition { bytes: 1, ..Repetition::default() });
        }
        let (mut payload, mut held) = (Vec::new(), Vec::new());
        let payload = self.packet_bytes(Region::Payload, 0, packet.payload_captured, &mut payload)?;
        let mut repetition = Repetition { bytes: bytes_before(all, next), ..Repetition::default() };
        let mut compared_bytes = 0;
        for fragment in flow.fraginfo(direction)? {
            let Some(overlap) = fragment.overlap(all) else { continue };
            if fragment.offset >= next {
                repetition.bytes += overlap.length;
            }
            let skip = usize::try_from(overlap.offset - all.offset).unwrap_or(usize::MAX);
            let again = payload.get(skip..).unwrap_or_default();
            let length = u32::try_from(overlap.length).unwrap_or(u32::MAX);
            let held = flow.peek_at(direction, overlap.offset, length, &mut held)?;
            compared_bytes += held.len().min(again.len()) as u64;
            if repetition.difference.is_none() {
                repetition.difference = Difference::between(overlap.offset, held, again);
            }
        }
        repetition.unverifiable_bytes = repetition.bytes.saturating_sub(compared_bytes);
        Ok(repetition)
    }
}

/// How much of a range lies before `next`.
fn bytes_before(range: Fragment, next: u64) -> u64 {
    range.end().min(next).saturating_sub(range.offset)
}

/// A range of a stream that came twice with different bytes.
///
/// Shown as `offset 5 length 5: 696e646578 "index" came again as 61646d696e "admin"`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// Stream offset of the first byte that differs.
    pub offset: u64,
    /// Bytes from the first to the last that differs.
    pub length: u64,
    /// What came first, from `offset` on: at most 32 bytes.
    pub before: Vec<u8>,
    /// What came in its place.
    pub after: Vec<u8>,
}

impl Difference {
    /// The difference between two versions that begin at stream offset `offset`, as far as both go; `None` if there
    /// is none.
    #[must_use]
    pub fn between(offset: u64, before: &[u8], after: &[u8]) -> Option<Self> {
        let differs = |(before, after): (&u8, &u8)| before != after;
        let first = before.iter().zip(after).position(differs)?;
        let both = before.len().min(after.len());
        let last = before[..both].iter().zip(&after[..both]).rposition(differs)?;
        let shown = first..both.min(first + SAMPLE_BYTES_MAX).min(last + 1);
        Some(Self {
            offset: offset.saturating_add(first as u64),
            length: (last + 1 - first) as u64,
            before: before[shown.clone()].to_vec(),
            after: after[shown].to_vec(),
        })
    }

    /// The evidence as the body of a structured event `anomaly`, under the name that Suricata has for it.
    #[must_use]
    pub fn anomaly(&self, direction: Direction) -> Object {
        let direction = match direction {
            Direction::ToServer => "to_server",
            Direction::ToClient => "to_client",
        };
        Object::new()
            .string("type", "stream")
            .string("event", "stream.reassembly_overlap_different_data")
            .string("direction", direction)
            .number("stream_offset", self.offset)
            .number("length", self.length)
            .string("original", &hex(&self.before))
            .string("original_printable", &printable(&self.before))
            .string("repeated", &hex(&self.after))
            .string("repeated_printable", &printable(&self.after))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, length, before, after } = self;
        write!(f, "offset {offset} length {length}: {} \"{}\" ", hex(before), printable(before))?;
        write!(f, "came again as {} \"{}\"", hex(after), printable(after))
    }
}

/// Two digits for each byte.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A string takes everything.
        let _never_fails = write!(text, "{byte:02x}");
        text
    })
}

/// The printable ASCII characters, a point for each other byte.
fn printable(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|&byte| if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_cut_to_its_ends() {
        let difference = Difference::between(100, b"GET /index", b"GET /admin").unwrap();
        assert_eq!((difference.offset, difference.length), (105, 5));
        assert_eq!(
            difference.to_string(),
            "offset 105 length 5: 696e646578 \"index\" came again as 61646d696e \"admin\""
        );
    }

    #[test]
    fn equal_bytes_inside_count_with_the_rest() {
        assert_eq!(Difference::between(0, b"abcde", b"xbcdy").unwrap().length, 5);
    }

    #[test]
    fn only_what_both_versions_have_is_compared() {
        assert_eq!(Difference::between(0, b"abc", b"abcdef"), None);
        assert_eq!(Difference::between(0, b"", b"abc"), None);
        assert_eq!(Difference::between(0, b"abcX", b"abcYdef").unwrap().before, b"X");
    }

    #[test]
    fn samples_are_short_whatever_the_length() {
        let difference = Difference::between(0, &[0; 1_000], &[1; 1_000]).unwrap();
        assert_eq!(difference.length, 1_000);
        assert_eq!((difference.before.len(), difference.after.len()), (32, 32));
    }

    #[test]
    fn bytes_are_shown_as_hex_and_as_text() {
        assert_eq!(hex(b"a\x00\xff"), "6100ff");
        assert_eq!(printable(b"a b\n\xff"), "a b..");
    }

    #[test]
    fn what_lies_behind_the_next_byte_is_no_repetition() {
        let range = |offset, length| Fragment { offset, length };
        assert_eq!([bytes_before(range(0, 10), 10), bytes_before(range(5, 10), 10)], [10, 5]);
        assert_eq!([bytes_before(range(10, 10), 10), bytes_before(range(20, 10), 10)], [0, 0]);
    }
}
