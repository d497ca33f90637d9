//! The part of a capture that is in memory: a fixed buffer that moves along the input.

use std::io::{self, Read};

use super::compression::Stream;

/// Bytes of the buffer: the largest block that must be whole in memory, and room to read ahead.
const WINDOW_BYTES: usize = super::BLOCK_BYTES_MAX + 128 * 1024;

/// Why fewer bytes than required are at hand. What is at hand stays.
#[derive(Debug)]
pub(crate) enum Short {
    /// The input ended, and nothing is left.
    End,
    /// The input ended within what was required.
    Cut,
    /// Nothing to read now; asking again may help.
    Wait,
    /// Reading or decompressing failed.
    Failed(io::Error),
}

/// Whether reading may block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Patience {
    /// Read until the required bytes are there.
    Block,
    /// Use what is at hand and answer [`Short::Wait`] rather than read.
    AtHand,
}

/// A buffer over the decompressed input, from `offset` on.
#[derive(Debug)]
pub(crate) struct Window {
    stream: Stream,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    offset: u64,
    skip: u64,
    pub(crate) patience: Patience,
}

impl Window {
    pub(crate) fn new(stream: Stream) -> Self {
        let buffer = vec![0; WINDOW_BYTES].into_boxed_slice();
        Self { stream, buffer, start: 0, end: 0, offset: 0, skip: 0, patience: Patience::Block }
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Where the bytes at hand start, in decompressed bytes from the start of the input.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes at hand.
    pub(crate) fn at_hand(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The next `count` bytes, which stay at hand until consumed. At most [`WINDOW_BYTES`] can be asked for.
    pub(crate) fn require(&mut self, count: usize) -> Result<&[u8], Short> {
        self.finish_skip()?;
        while self.at_hand().len() < count {
            self.read_more()?;
        }
        Ok(self.at_hand().get(..count).unwrap_or_default())
    }

    /// Moves on by `count` bytes that are at hand.
    pub(crate) fn consume(&mut self, count: usize) {
        let count = count.min(self.at_hand().len());
        self.start = self.start.saturating_add(count);
        self.offset = self.offset.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Moves on by `count` bytes, of which the next [`Window::require`] reads those that are not at hand.
    pub(crate) fn skip(&mut self, count: u64) {
        self.skip = self.skip.saturating_add(count);
    }

    fn finish_skip(&mut self) -> Result<(), Short> {
        while self.skip > 0 {
            if self.at_hand().is_empty() {
                self.read_more()?;
            }
            let part = usize::try_from(self.skip).unwrap_or(usize::MAX).min(self.at_hand().len());
            self.consume(part);
            self.skip = self.skip.saturating_sub(u64::try_from(part).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// Reads once, behind the bytes at hand.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of I/O error are open-ended")]
    fn read_more(&mut self) -> Result<(), Short> {
        if self.patience == Patience::AtHand {
            return Err(Short::Wait);
        }
        if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        match self.stream.read(room) {
            Ok(0) if self.skip == 0 && self.at_hand().is_empty() => Err(Short::End),
            Ok(0) => Err(Short::Cut),
            Ok(count) => {
                self.end = self.end.saturating_add(count).min(self.buffer.len());
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => Ok(()),
                io::ErrorKind::WouldBlock => Err(Short::Wait),
                // The decompressors' word for a stream that stops before its end.
                io::ErrorKind::UnexpectedEof => Err(Short::Cut),
                _ => Err(Short::Failed(error)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(bytes: Vec<u8>) -> Window {
        Window::new(Stream::new(Box::new(io::Cursor::new(bytes))).unwrap())
    }

    #[test]
    fn required_bytes_are_contiguous_across_the_end_of_the_buffer() {
        let bytes: Vec<u8> = (0..3 * WINDOW_BYTES).map(|at| at.to_le_bytes()[0]).collect();
        let mut window = window(bytes.clone());
        let mut at = 0;
        for size in [WINDOW_BYTES - 3, 100, 1, WINDOW_BYTES, 77] {
            assert_eq!(window.require(size).unwrap(), &bytes[at..at + size]);
            window.consume(size);
            at += size;
            assert_eq!(window.offset(), at as u64);
        }
    }

    #[test]
    fn a_clean_end_differs_from_a_cut() {
        let mut window = window(vec![1; 10]);
        window.require(10).unwrap();
        assert!(matches!(window.require(11), Err(Short::Cut)));
        window.consume(10);
        assert!(matches!(window.require(1), Err(Short::End)));
        window.skip(1);
        assert!(matches!(window.require(1), Err(Short::Cut)));
    }

    #[test]
    fn a_skip_reaches_beyond_the_buffer() {
        let mut bytes = vec![0; 2 * WINDOW_BYTES];
        bytes.push(9);
        let mut window = window(bytes);
        window.skip(2 * WINDOW_BYTES as u64);
        assert_eq!(window.require(1).unwrap(), [9]);
    }

    #[test]
    fn impatience_waits_instead_of_reading() {
        let mut window = window(vec![1; 10]);
        window.patience = Patience::AtHand;
        assert!(matches!(window.require(1), Err(Short::Wait)));
        window.patience = Patience::Block;
        assert_eq!(window.require(1).unwrap(), [1]);
    }
}
