//! The bytes of an input, decompressed when their first bytes say that they are compressed.
//!
//! Concatenated gzip members (RFC 1952 §2.2) and several zstd frames, skippable ones included (RFC 8878 §3),
//! read as one stream.

use std::fmt;
use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

/// Bytes asked of the gzip decoder at once.
///
/// The decoder gives no bytes of a call that ends in an error, so this is the most that a damaged stream can
/// take with it.
const GZIP_PIECE_BYTES: usize = 8 * 1024;

/// How an input is compressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, one or more members.
    Gzip,
    /// Zstandard, one or more frames with windows of up to 128 MiB.
    Zstd,
}

impl Compression {
    fn recognise(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// An input's decompressed bytes.
pub(crate) enum Stream {
    Plain(Input),
    Gzip(Box<MultiGzDecoder<Input>>),
    Zstd(Box<ZstdDecoder<'static, BufReader<Input>>>),
}

impl Stream {
    /// Reads the first bytes of `inner` and chooses the decoder.
    pub(crate) fn new(inner: Box<dyn Read + Send>) -> io::Result<Self> {
        let input = Input::new(inner)?;
        Ok(match Compression::recognise(input.first()) {
            Compression::None => Self::Plain(input),
            Compression::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(input))),
            Compression::Zstd => Self::Zstd(Box::new(ZstdDecoder::new(input)?)),
        })
    }

    pub(crate) fn compression(&self) -> Compression {
        match self {
            Self::Plain(_) => Compression::None,
            Self::Gzip(_) => Compression::Gzip,
            Self::Zstd(_) => Compression::Zstd,
        }
    }

    /// Bytes taken from the input, before decompression.
    pub(crate) fn bytes_read(&self) -> u64 {
        match self {
            Self::Plain(input) => input.bytes_read,
            Self::Gzip(decoder) => decoder.get_ref().bytes_read,
            Self::Zstd(decoder) => decoder.get_ref().get_ref().bytes_read,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(buffer),
            Self::Gzip(decoder) => {
                let piece = buffer.len().min(GZIP_PIECE_BYTES);
                decoder.read(buffer.get_mut(..piece).unwrap_or_default())
            }
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("compression", &self.compression())
            .field("bytes_read", &self.bytes_read())
            .finish()
    }
}

/// An input whose first bytes were looked at and are given again.
pub(crate) struct Input {
    first: [u8; Self::FIRST],
    first_len: usize,
    first_given: usize,
    inner: Box<dyn Read + Send>,
    bytes_read: u64,
}

impl Input {
    const FIRST: usize = 4;

    fn new(mut inner: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut first = [0; Self::FIRST];
        let mut first_len = 0;
        while let Some(rest @ [_, ..]) = first.get_mut(first_len..) {
            match inner.read(rest) {
                Ok(0) => break,
                Ok(count) => first_len += count.min(rest.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { first, first_len, first_given: 0, inner, bytes_read: 0 })
    }

    fn first(&self) -> &[u8] {
        self.first.get(..self.first_len).unwrap_or_default()
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut left = self.first.get(self.first_given..self.first_len).unwrap_or_default();
        let count = if left.is_empty() { self.inner.read(buffer)? } else { left.read(buffer)? };
        if self.first_given < self.first_len {
            self.first_given += count;
        }
        self.bytes_read = self.bytes_read.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte a call, as a slow pipe may.
    struct Drip(io::Cursor<Vec<u8>>);

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let one = buffer.len().min(1);
            self.0.read(&mut buffer[..one])
        }
    }

    #[test]
    fn the_bytes_looked_at_are_given_again() {
        for length in 0..9_u8 {
            let bytes: Vec<u8> = (0..length).collect();
            let mut stream = Stream::new(Box::new(Drip(io::Cursor::new(bytes.clone())))).unwrap();
            let mut out = Vec::new();
            stream.read_to_end(&mut out).unwrap();
            assert_eq!(out, bytes);
            assert_eq!(stream.bytes_read(), u64::from(length));
        }
    }

    #[test]
    fn compression_is_recognised_by_content() {
        let table: [(&[u8], Compression); 5] = [
            (&[0x1f, 0x8b, 8, 0], Compression::Gzip),
            (&[0x28, 0xb5, 0x2f, 0xfd], Compression::Zstd),
            (&[0x53, 0x2a, 0x4d, 0x18], Compression::Zstd),
            (&[0xd4, 0xc3, 0xb2, 0xa1], Compression::None),
            (&[], Compression::None),
        ];
        for (first, expected) in table {
            assert_eq!(Compression::recognise(first), expected);
        }
    }
}
