//! Cuts one direction of a connection into messages, however its bytes arrive.

use crate::head::Framing;

/// Longest head, and longest line between chunks, that is collected: far above what servers take.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// One direction of a connection.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    state: State,
    /// The head so far, whole when [`Happened::Head`] is told.
    head: Vec<u8>,
    /// Bytes of the current body.
    body_bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    /// Between messages or in a head.
    #[default]
    Head,
    /// In a body, with what is left of it.
    Length(u64),
    UntilClose,
    /// In the line that says how long the next chunk is: the length so far.
    ChunkSize {
        length: u64,
        extension: bool,
    },
    /// In a chunk and the line end behind it.
    Chunk(u64),
    /// In the fields behind the last chunk; whether the line is empty so far.
    Trailer {
        line_empty: bool,
    },
    /// Where messages begin and end is not known.
    Lost,
}

/// What the bytes were.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Happened {
    /// All of them are part of something that goes on.
    Nothing,
    /// A head is complete: [`Framer::head`] until [`Framer::begin_body`].
    Head,
    /// A body is complete.
    End,
    /// Where the message ends cannot be told any more.
    Lost,
}

impl Framer {
    /// Whether the next byte begins a message.
    pub(crate) fn at_boundary(&self) -> bool {
        self.state == State::Head && self.head.is_empty()
    }

    /// Whether messages cannot be told apart until [`Framer::resume`].
    pub(crate) fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// Whether bytes of a head are here that is not complete.
    pub(crate) fn is_in_head(&self) -> bool {
        !self.head.is_empty()
    }

    /// The next byte begins a message.
    pub(crate) fn resume(&mut self) {
        *self = Self::default();
    }

    /// Gives up on this direction.
    pub(crate) fn lose(&mut self) {
        *self = Self { state: State::Lost, ..Self::default() };
    }

    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Bytes of the current or the last body, without the framing of chunks.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Says what follows the head.
    pub(crate) fn begin_body(&mut self, framing: Framing) {
        // The memory of an unusual head is given back; most flows are idle most of the time.
        self.head = Vec::new();
        self.body_bytes = 0;
        self.state = match framing {
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkSize { length: 0, extension: false },
            Framing::UntilClose => State::UntilClose,
        };
    }

    /// Takes bytes up to the first thing that happens, and leaves the rest in `bytes`.
    pub(crate) fn take(&mut self, bytes: &mut &[u8]) -> Happened {
        loop {
            let happened = match self.state {
                State::Head => self.take_head(bytes),
                State::Length(0) => self.end(),
                State::Length(left) => {
                    let taken = self.take_body(bytes, left);
                    self.state = State::Length(left.saturating_sub(taken));
                    if taken == left { self.end() } else { Happened::Nothing }
                }
                State::UntilClose => {
                    self.take_body(bytes, u64::MAX);
                    Happened::Nothing
                }
                State::Lost => {
                    *bytes = &[];
                    Happened::Nothing
                }
                State::ChunkSize { .. } | State::Chunk(_) | State::Trailer { .. } => self.take_chunked(bytes),
            };
            if happened != Happened::Nothing || bytes.is_empty() {
                return happened;
            }
        }
    }

    /// Takes note of `length` bytes that are missing for good.
    pub(crate) fn skip(&mut self, length: u64) -> Happened {
        match self.state {
            State::Length(left) if length <= left => {
                self.body_bytes = self.body_bytes.saturating_add(length);
                self.state = State::Length(left - length);
                if length == left { self.end() } else { Happened::Nothing }
            }
            State::UntilClose => {
                self.body_bytes = self.body_bytes.saturating_add(length);
                Happened::Nothing
            }
            State::Lost => Happened::Nothing,
            State::Head
            | State::Length(_)
            | State::ChunkSize { .. }
            | State::Chunk(_)
            | State::Trailer { .. } => Happened::Lost,
        }
    }

    fn end(&mut self) -> Happened {
        self.state = State::Head;
        Happened::End
    }

    fn take_head(&mut self, bytes: &mut &[u8]) -> Happened {
        if self.head.is_empty() {
            // Line ends before a message are ignored (RFC 9112 section 2.2).
            let begin = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
            *bytes = &bytes[begin..];
        }
        while let Some(line) = bytes.iter().position(|&byte| byte == b'\n') {
            let (line, rest) = bytes.split_at(line + 1);
            *bytes = rest;
            self.head.extend_from_slice(line);
            if self.head.len() > HEAD_BYTES_MAX {
                return Happened::Lost;
            }
            if self.head.ends_with(b"\n\r\n") || self.head.ends_with(b"\n\n") {
                return Happened::Head;
            }
        }
        let room = HEAD_BYTES_MAX.saturating_sub(self.head.len());
        let lost = bytes.len() > room;
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        *bytes = &[];
        if lost { Happened::Lost } else { Happened::Nothing }
    }

    fn take_body(&mut self, bytes: &mut &[u8], most: u64) -> u64 {
        let taken = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
        *bytes = &bytes[taken..];
        self.body_bytes = self.body_bytes.saturating_add(taken as u64);
        taken as u64
    }

    /// RFC 9112 section 7.1.
    fn take_chunked(&mut self, bytes: &mut &[u8]) -> Happened {
        if let State::Chunk(left @ 1..) = self.state {
            let taken = self.take_body(bytes, left);
            self.state = State::Chunk(left.saturating_sub(taken));
            return Happened::Nothing;
        }
        let Some((&byte, rest)) = bytes.split_first() else { return Happened::Nothing };
        *bytes = rest;
        self.state = match (self.state, byte) {
            // Behind a chunk comes a line end.
            (State::Chunk(_), b'\r') => self.state,
            (State::Chunk(_), b'\n') => State::ChunkSize { length: 0, extension: false },
            (State::Chunk(_), _) => return Happened::Lost,
            (State::ChunkSize { length: 0, .. }, b'\n') => State::Trailer { line_empty: true },
            (State::ChunkSize { length, .. }, b'\n') => State::Chunk(length),
            (State::ChunkSize { length, .. }, b';' | b'\r' | b' ' | b'\t') => {
                State::ChunkSize { length, extension: true }
            }
            (State::ChunkSize { extension: true, .. }, _) => self.state,
            (State::ChunkSize { length, .. }, _) => {
                let digit = char::from(byte).to_digit(16);
                match digit.and_then(|digit| length.checked_mul(16)?.checked_add(digit.into())) {
                    Some(length) => State::ChunkSize { length, extension: false },
                    None => return Happened::Lost,
                }
            }
            (State::Trailer { line_empty: true }, b'\n') => return self.end(),
            (State::Trailer { line_empty }, b'\r') => State::Trailer { line_empty },
            (State::Trailer { .. }, byte) => State::Trailer { line_empty: byte == b'\n' },
            (state @ (State::Head | State::Length(_) | State::UntilClose | State::Lost), _) => state,
        };
        Happened::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a framer tells about bytes that come in pieces of `size`.
    fn told(bytes: &[u8], size: usize, framing: Framing) -> Vec<String> {
        let mut framer = Framer::default();
        let mut told = Vec::new();
        for mut piece in bytes.chunks(size) {
            loop {
                match framer.take(&mut piece) {
                    Happened::Nothing => break,
                    Happened::Head => {
                        told.push(format!("head {}", framer.head().len()));
                        framer.begin_body(framing);
                    }
                    Happened::End => told.push(format!("end {}", framer.body_bytes())),
                    Happened::Lost => {
                        told.push("lost".into());
                        framer.lose();
                    }
                }
            }
        }
        told
    }

    #[test]
    fn messages_come_out_the_same_however_they_are_cut() {
        let bytes = b"\r\nA\r\nb: c\r\n\r\nbodyA\n\nbody";
        for size in 1..=bytes.len() {
            let wanted = ["head 11", "end 4", "head 3", "end 4"];
            assert_eq!(told(bytes, size, Framing::Length(4)), wanted, "in pieces of {size}");
        }
    }

    #[test]
    fn chunks_are_followed_to_the_end_of_their_trailer() {
        let bytes =
            b"A\r\n\r\n4;x=y\r\nabcd\r\n1F\r\n0123456789012345678901234567890\r\n0\r\nT: u\r\n\r\nB\r\n\r\n";
        for size in 1..=bytes.len() {
            let told = told(bytes, size, Framing::Chunked);
            assert_eq!(told, ["head 5", "end 35", "head 5"], "in pieces of {size}");
        }
    }

    #[test]
    fn chunks_that_make_no_sense_are_lost() {
        for body in ["x\r\n", "ffffffffffffffffff\r\n", "1\r\nab"] {
            let bytes = format!("A\r\n\r\n{body}");
            assert_eq!(told(bytes.as_bytes(), 3, Framing::Chunked), ["head 5", "lost"], "{body:?}");
        }
    }

    #[test]
    fn a_head_without_end_is_lost_at_the_limit() {
        let bytes = vec![b'a'; HEAD_BYTES_MAX + 1];
        assert_eq!(told(&bytes, 1_000, Framing::Length(0)), ["lost"]);
        let lines = b"a: b\r\n".repeat(HEAD_BYTES_MAX / 6 + 1);
        assert_eq!(told(&lines, 1_000, Framing::Length(0)), ["lost"]);
    }

    #[test]
    fn missing_bytes_are_bridged_where_the_length_is_known() {
        let mut framer = Framer::default();
        framer.begin_body(Framing::Length(10));
        assert_eq!(framer.skip(4), Happened::Nothing);
        assert_eq!(framer.skip(6), Happened::End);
        assert_eq!(framer.body_bytes(), 10);
        assert_eq!(framer.skip(1), Happened::Lost);
    }

    #[test]
    fn missing_bytes_that_reach_behind_a_body_or_hide_a_chunk_lose_the_framing() {
        let mut framer = Framer::default();
        framer.begin_body(Framing::Length(10));
        assert_eq!(framer.skip(11), Happened::Lost);
        framer.begin_body(Framing::Chunked);
        assert_eq!(framer.skip(1), Happened::Lost);
    }
}
