//! The byte streams of the current flow.

use crate::alloc::lists;
use crate::bindings::sluice::middlebox::stream as raw;
use crate::burst::Burst;
use crate::kind::Direction;
use crate::{Error, Flow};

/// How much the host does for a monitor, for each direction.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Level {
    /// TCP states and packets.
    State,
    /// Counts of bytes, without reassembly.
    Count,
    /// Reassembled bytes.
    Full,
}

impl Level {
    pub(crate) const fn raw(self) -> raw::Level {
        match self {
            Self::State => raw::Level::State,
            Self::Count => raw::Level::Count,
            Self::Full => raw::Level::Full,
        }
    }
}

/// Offsets count bytes from the first one after the SYN, which has offset 0; in a flow picked up in mid-stream, from
/// the first byte seen.
impl Flow {
    /// All in-order bytes of `direction` that this monitor has not read, into `buffer`, and moves the monitor's
    /// position behind them. Stops before a gap; the next call goes on behind it. Empty if there is nothing to read.
    /// In a filter the position stays.
    ///
    /// The content of `buffer` is replaced; the slice is all of it.
    ///
    /// # Errors
    ///
    /// [`Error::Missed`] if bytes were dropped because this monitor was too far behind: call again for those that
    /// follow. [`Error::NoFlow`], [`Error::NotBuffered`].
    pub fn peek<'a>(&self, direction: Direction, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], Error> {
        self.peek_up_to(u32::MAX, direction, buffer)
    }

    /// As [`Flow::peek`], but at most `max` bytes.
    ///
    /// # Errors
    ///
    /// As [`Flow::peek`].
    pub fn peek_up_to<'a>(
        &self,
        max: u32,
        direction: Direction,
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Error> {
        match &self.burst {
            None => ask_for(direction, max, buffer)?,
            Some(burst) => peek_in_burst(burst, direction, max, buffer)?,
        }
        Ok(buffer)
    }

    /// Bytes at `offset`, at most `max`, in order or ahead of a hole, up to the end of the fragment that holds
    /// `offset`. The monitor's position stays. Replaces the content of `buffer`.
    ///
    /// # Errors
    ///
    /// [`Error::NoData`] if nothing is held at `offset`; [`Error::NoFlow`], [`Error::NotBuffered`].
    pub fn peek_at<'a>(
        &self,
        direction: Direction,
        offset: u64,
        max: u32,
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Error> {
        lists::peek_at(direction.number(), offset, max, buffer).map_err(Error::from_number)?;
        Ok(buffer)
    }

    /// What the host holds of `direction`: ascending, bytes in order first, then each fragment behind a hole.
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`], [`Error::NotBuffered`].
    pub fn fraginfo(&self, direction: Direction) -> Result<Vec<Fragment>, Error> {
        let numbers = raw::fraginfo(direction.raw()).map_err(Error::from_number)?;
        let (pairs, _) = numbers.as_chunks::<2>();
        Ok(pairs.iter().map(|&[offset, length]| Fragment { offset, length }).collect())
    }

    /// What the host holds of `direction`, and where this monitor stands.
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`], [`Error::NotBuffered`].
    pub fn buffer_info(&self, direction: Direction) -> Result<BufferInfo, Error> {
        let raw = raw::buffer_info(direction.raw()).map_err(Error::from_number)?;
        let unread = self.burst.as_ref().map_or(0, |burst| burst.unread(direction).len());
        Ok(BufferInfo {
            // What came with the event counts as read for the host.
            position: raw.position.saturating_sub(unread as u64),
            held_from: raw.held_from,
            next: raw.next,
            highest: raw.highest,
            ahead_bytes: raw.ahead,
        })
    }
}

/// Asks the host for bytes.
fn ask_for(direction: Direction, max: u32, buffer: &mut Vec<u8>) -> Result<(), Error> {
    lists::peek(direction.number(), max, buffer).map_err(|error| match error {
        raw::PeekError::Missed(bytes) => Error::Missed { bytes },
        raw::PeekError::Refused(number) => Error::from_number(number),
    })
}

/// Takes the bytes that came with the event first, and asks for what did not.
fn peek_in_burst(burst: &Burst, direction: Direction, max: u32, buffer: &mut Vec<u8>) -> Result<(), Error> {
    let brought = burst.read(direction, max as usize);
    let missing = u32::try_from(brought.len()).map_or(0, |len| max.saturating_sub(len));
    if brought.is_empty() && burst.may_lack(direction) {
        burst.be_current();
        return ask_for(direction, max, buffer);
    }
    buffer.clear();
    buffer.extend_from_slice(brought);
    if missing > 0 && burst.may_lack(direction) {
        burst.be_current();
        let mut rest = Vec::new();
        ask_for(direction, missing, &mut rest)?;
        buffer.extend_from_slice(&rest);
    }
    Ok(())
}

/// A run of bytes without a hole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fragment {
    /// Stream offset of the first byte.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

impl Fragment {
    /// Stream offset behind the last byte.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.offset.saturating_add(self.length)
    }

    /// The part that both have, if any.
    #[must_use]
    pub fn overlap(self, other: Self) -> Option<Self> {
        let offset = self.offset.max(other.offset);
        let length = self.end().min(other.end()).checked_sub(offset).filter(|&length| length > 0)?;
        Some(Self { offset, length })
    }
}

/// What the host holds of one direction, and where the monitor stands: stream offsets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BufferInfo {
    /// Where this monitor's next [`Flow::peek`] begins.
    pub position: u64,
    /// First byte still held in order.
    pub held_from: u64,
    /// End of the bytes received in order: the next expected byte.
    pub next: u64,
    /// End of the furthest byte received; `next` if bytes were given up beyond it.
    pub highest: u64,
    /// Bytes held ahead of a hole.
    pub ahead_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(offset: u64, length: u64) -> Fragment {
        Fragment { offset, length }
    }

    #[test]
    fn overlap_is_what_both_have() {
        assert_eq!(fragment(10, 10).overlap(fragment(15, 100)), Some(fragment(15, 5)));
        assert_eq!(fragment(10, 10).overlap(fragment(0, 11)), Some(fragment(10, 1)));
        assert_eq!(fragment(10, 10).overlap(fragment(12, 3)), Some(fragment(12, 3)));
    }

    #[test]
    fn neighbours_do_not_overlap() {
        assert_eq!(fragment(10, 10).overlap(fragment(20, 5)), None);
        assert_eq!(fragment(10, 10).overlap(fragment(0, 10)), None);
        assert_eq!(fragment(10, 10).overlap(fragment(40, 5)), None);
    }
}
