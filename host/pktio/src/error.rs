//! What can be wrong with an input: before the first packet, and after it.
//!
//! All offsets count bytes of the capture itself, that is after decompression.

use std::fmt;
use std::io;

/// Why a capture could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No file has this name.
    #[error("{name}: there is no such file")]
    Missing {
        /// The name asked for.
        name: String,
    },
    /// The file may not be read by this user.
    #[error("{name}: permission denied")]
    Permission {
        /// The name asked for.
        name: String,
    },
    /// The name is a directory's.
    #[error("{name}: is a directory, not a capture file")]
    Directory {
        /// The name asked for.
        name: String,
    },
    /// Standard input was asked for and nothing is piped into it.
    #[error("standard input is a terminal: pipe a capture into it or name a file")]
    Terminal,
    /// The input has no bytes at all.
    #[error("{name}: is empty, not a capture file")]
    Empty {
        /// The input's name.
        name: String,
    },
    /// The first bytes are of no capture format known here.
    #[error("{name}: not a capture file: starts with {first}")]
    NotACapture {
        /// The input's name.
        name: String,
        /// What it starts with.
        first: FirstBytes,
    },
    /// A capture format, in a version that is not read here.
    #[error("{name}: {format} version {major}.{minor} is not supported")]
    UnsupportedVersion {
        /// The input's name.
        name: String,
        /// `pcap` or `pcapng`.
        format: &'static str,
        /// Major version in the header.
        major: u16,
        /// Minor version in the header.
        minor: u16,
    },
    /// The input ends within the header of the capture.
    #[error("{name}: cut short within its header, after {bytes} bytes")]
    Truncated {
        /// The input's name.
        name: String,
        /// Bytes that are there.
        bytes: u64,
    },
    /// The header makes no sense.
    #[error("{name}: damaged header: {damage}")]
    Damaged {
        /// The input's name.
        name: String,
        /// What is wrong.
        damage: Damage,
    },
    /// The input cannot be read or decompressed.
    #[error("{name}: cannot be read")]
    Io {
        /// The input's name.
        name: String,
        /// What the system or the decompressor says.
        source: io::Error,
    },
}

/// Why no further packets come. Every whole packet before the fault has been delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The input ends within a packet or, when compressed, before the end of the compressed stream.
    #[error("the capture is cut short after {packets} packets, at byte {offset}")]
    Truncated {
        /// Packets delivered.
        packets: u64,
        /// Where the record that is not whole starts; in a large block of no interest, where the input ends.
        offset: u64,
    },
    /// A record or block makes no sense.
    #[error("the capture is damaged after {packets} packets, at byte {offset}: {damage}")]
    Damaged {
        /// Packets delivered.
        packets: u64,
        /// Where the record or block starts.
        offset: u64,
        /// What is wrong.
        damage: Damage,
    },
    /// A packet, or a block that must be held in memory, is larger than this program takes.
    #[error("{bytes} bytes in one piece after {packets} packets, at byte {offset}: the limit is {limit}")]
    TooLarge {
        /// Packets delivered.
        packets: u64,
        /// Where the record or block starts.
        offset: u64,
        /// The size that it claims.
        bytes: u64,
        /// The largest size taken.
        limit: u64,
    },
    /// The input cannot be read on or its compressed stream is damaged.
    #[error("the capture cannot be read on after {packets} packets, at byte {offset}")]
    Io {
        /// Packets delivered.
        packets: u64,
        /// Where the record that is not whole starts.
        offset: u64,
        /// What the system or the decompressor says.
        source: io::Error,
    },
}

/// What is wrong with a header, record or block.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// More bytes were captured than the packet had.
    #[error("{captured} bytes captured of a packet of {wire}")]
    CapturedExceedsWire {
        /// Captured length, bytes.
        captured: u32,
        /// Length on the wire, bytes.
        wire: u32,
    },
    /// The length of a pcapng block is below the least of its type or not a multiple of 4.
    #[error("a block of type {kind:#010x} cannot have {length} bytes")]
    BlockLength {
        /// Block type.
        kind: u32,
        /// Total length, bytes.
        length: u32,
    },
    /// The two copies of a pcapng block's length differ.
    #[error("a block of {length} bytes ends with the length {trailer}")]
    BlockTrailer {
        /// Total length at the start of the block.
        length: u32,
        /// Total length at its end.
        trailer: u32,
    },
    /// The contents of a pcapng block reach beyond its end.
    #[error("contents of {claimed} bytes in a block that has room for {room}")]
    BlockContents {
        /// Bytes that the block says it holds.
        claimed: u64,
        /// Bytes that fit.
        room: u64,
    },
    /// The byte-order magic of a section is neither 1a2b3c4d nor its reverse.
    #[error("no byte-order magic in a section header")]
    ByteOrder,
    /// A section of a version that is not read here.
    #[error("a section of version {major}.{minor} is not supported")]
    SectionVersion {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// A packet of an interface that the section does not describe.
    #[error("a packet of interface {interface}, which is not described")]
    UnknownInterface {
        /// The interface named.
        interface: u32,
    },
    /// One section describes more interfaces than this program keeps.
    #[error("more than {limit} interfaces in one section")]
    TooManyInterfaces {
        /// The most that are kept.
        limit: usize,
    },
}

/// The first bytes of something that is not a capture, shown as hex with a guess at what it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FirstBytes {
    bytes: [u8; Self::SHOWN],
    len: usize,
}

impl FirstBytes {
    const SHOWN: usize = 8;

    /// Takes the first bytes of `input`.
    #[must_use]
    pub fn of(input: &[u8]) -> Self {
        let mut bytes = [0; Self::SHOWN];
        for (kept, byte) in bytes.iter_mut().zip(input) {
            *kept = *byte;
        }
        Self { bytes, len: input.len().min(Self::SHOWN) }
    }

    /// What the bytes look like, with an article: `an ELF program`.
    #[must_use]
    pub fn looks_like(&self) -> Option<&'static str> {
        const KNOWN: &[(&[u8], &str)] = &[
            (b"\x7fELF", "an ELF program"),
            (b"\0asm", "a WebAssembly file"),
            (b"PK\x03\x04", "a zip archive"),
            (b"BZh", "a bzip2 file: decompress it first"),
            (b"\xfd7zXZ\0", "an xz file: decompress it first"),
            (b"\x04\x22\x4d\x18", "an lz4 file: decompress it first"),
            (b"7z\xbc\xaf", "a 7z archive"),
            (b"snoop\0\0\0", "a snoop capture: convert it with editcap"),
            (b"GMBU", "a Network Monitor capture: convert it with editcap"),
            (b"RTSS", "a Network Monitor capture: convert it with editcap"),
            (b"%PDF", "a PDF document"),
            (b"\x1f\x8b", "gzip data: compressed twice"),
            (b"\x28\xb5\x2f\xfd", "zstd data: compressed twice"),
        ];
        let bytes = self.shown();
        let known = KNOWN.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, what)| *what);
        let text = || bytes.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace());
        known.or_else(|| (!bytes.is_empty() && text()).then_some("text"))
    }

    fn shown(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl fmt::Display for FirstBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.shown().iter().enumerate() {
            let gap = if at == 0 { "" } else { " " };
            write!(f, "{gap}{byte:02x}")?;
        }
        self.looks_like().map_or(Ok(()), |what| write!(f, " ({what})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_are_shown_with_a_guess() {
        let table: [(&[u8], &str); 5] = [
            (b"\x7fELF\x02\x01\x01\x00\x00", "7f 45 4c 46 02 01 01 00 (an ELF program)"),
            (b"alert ip any any", "61 6c 65 72 74 20 69 70 (text)"),
            (b"\x00asm", "00 61 73 6d (a WebAssembly file)"),
            (b"\x00\x01", "00 01"),
            (b"BZh91AY&SY", "42 5a 68 39 31 41 59 26 (a bzip2 file: decompress it first)"),
        ];
        for (bytes, shown) in table {
            assert_eq!(FirstBytes::of(bytes).to_string(), shown);
        }
    }
}
