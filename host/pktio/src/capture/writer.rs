//! Writing captures: classic pcap with nanoseconds, which every current tool reads.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::classic::{MAGIC_NANOSECONDS, VERSION};
use super::{PACKET_BYTES_MAX, STANDARD_STREAM};
use crate::burst::Packet;

const NS_PER_S: u64 = 1_000_000_000;
const BUFFER_BYTES: usize = 256 * 1024;

/// Why a packet or the end of a capture could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The file could not be made.
    #[error("{name}: cannot be created")]
    Create {
        /// The name asked for.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// A classic capture has one link type for all packets. Nothing was written.
    #[error("{name}: a packet of link type {link} in a capture of link type {expected}")]
    LinkType {
        /// The capture's name.
        name: String,
        /// Of the packet.
        link: u32,
        /// Of the capture.
        expected: u32,
    },
    /// Readers refuse packets of this size. Nothing was written.
    #[error("{name}: a packet of {bytes} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// The capture's name.
        name: String,
        /// Of the packet.
        bytes: usize,
        /// The most that is written.
        limit: usize,
    },
    /// The format's seconds end in the year 2106. Nothing was written.
    #[error("{name}: a packet's time of {time_ns} ns does not fit the format")]
    Time {
        /// The capture's name.
        name: String,
        /// Of the packet, since 1970.
        time_ns: u64,
    },
    /// No space is left.
    #[error("{name}: the disk is full")]
    DiskFull {
        /// The capture's name.
        name: String,
    },
    /// Who reads the pipe went away.
    #[error("{name}: the reading end of the pipe was closed")]
    ClosedPipe {
        /// The capture's name.
        name: String,
    },
    /// Another failure of the system.
    #[error("{name}: cannot be written")]
    Io {
        /// The capture's name.
        name: String,
        /// What the system says.
        source: io::Error,
    },
}

/// Writes packets of one link type to a classic pcap file with nanoseconds.
///
/// Output is buffered: [`CaptureWriter::finish`] tells whether all of it arrived. Dropping the writer writes
/// the rest too, but errors are lost then.
pub struct CaptureWriter {
    output: BufWriter<Box<dyn Write + Send>>,
    name: String,
    link: u32,
    packets: u64,
}

impl CaptureWriter {
    /// Creates or overwrites the file at `path`, or standard output if that is `-`, for packets of the
    /// LINKTYPE_ code `link`.
    ///
    /// # Errors
    ///
    /// [`WriteError::Create`], or what writing the header gives.
    pub fn create(path: impl AsRef<Path>, link: u32) -> Result<Self, WriteError> {
        let path = path.as_ref();
        if path.as_os_str() == STANDARD_STREAM {
            return Self::to_writer(io::stdout(), "standard output", link);
        }
        let name = path.display().to_string();
        match File::create(path) {
            Ok(file) => Self::to_writer(file, &name, link),
            Err(source) => Err(WriteError::Create { name, source }),
        }
    }

    /// Writes a capture to `writer`. Errors call it `name`.
    ///
    /// # Errors
    ///
    /// What writing the header gives.
    pub fn to_writer(writer: impl Write + Send + 'static, name: &str, link: u32) -> Result<Self, WriteError> {
        let output = BufWriter::with_capacity(BUFFER_BYTES, Box::new(writer) as Box<dyn Write + Send>);
        let mut capture = Self { output, name: name.to_owned(), link, packets: 0 };
        let snap_len = u32::try_from(PACKET_BYTES_MAX).unwrap_or(u32::MAX);
        let mut header = Vec::with_capacity(super::classic::HEADER_BYTES);
        header.extend(MAGIC_NANOSECONDS.to_le_bytes());
        header.extend(VERSION.0.to_le_bytes());
        header.extend(VERSION.1.to_le_bytes());
        // Time zone and accuracy: always 0.
        header.extend([0; 8]);
        header.extend(snap_len.to_le_bytes());
        header.extend(link.to_le_bytes());
        capture.output.write_all(&header).map_err(|source| capture.io_error(source))?;
        Ok(capture)
    }

    /// Appends one packet. Its interface and index are not kept, and a wire length below the number of bytes is
    /// raised to it.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; the packet is not in the capture then, and after a system error the capture may end in
    /// a part of it.
    pub fn write(&mut self, packet: &Packet<'_>) -> Result<(), WriteError> {
        if packet.link != self.link {
            let name = self.name.clone();
            return Err(WriteError::LinkType { name, link: packet.link, expected: self.link });
        }
        let captured =
            u32::try_from(packet.bytes.len()).ok().filter(|_| packet.bytes.len() <= PACKET_BYTES_MAX);
        let Some(captured) = captured else {
            let name = self.name.clone();
            return Err(WriteError::TooLarge { name, bytes: packet.bytes.len(), limit: PACKET_BYTES_MAX });
        };
        let seconds = u32::try_from(packet.time_ns / NS_PER_S).ok();
        let fraction = u32::try_from(packet.time_ns % NS_PER_S).ok();
        let (Some(seconds), Some(fraction)) = (seconds, fraction) else {
            return Err(WriteError::Time { name: self.name.clone(), time_ns: packet.time_ns });
        };
        let [s0, s1, s2, s3] = seconds.to_le_bytes();
        let [f0, f1, f2, f3] = fraction.to_le_bytes();
        let [c0, c1, c2, c3] = captured.to_le_bytes();
        let [w0, w1, w2, w3] = packet.wire_len.max(captured).to_le_bytes();
        let header = [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, w0, w1, w2, w3];
        let written = self.output.write_all(&header).and_then(|()| self.output.write_all(packet.bytes));
        written.map_err(|source| self.io_error(source))?;
        self.packets = self.packets.saturating_add(1);
        Ok(())
    }

    /// Packets written so far.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Hands all packets written so far to the system.
    ///
    /// # Errors
    ///
    /// [`WriteError::DiskFull`], [`WriteError::ClosedPipe`] or [`WriteError::Io`].
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.output.flush().map_err(|source| self.io_error(source))
    }

    /// Ends the capture and says how many packets it has.
    ///
    /// # Errors
    ///
    /// As [`CaptureWriter::flush`].
    pub fn finish(mut self) -> Result<u64, WriteError> {
        self.flush()?;
        Ok(self.packets)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of I/O error are open-ended")]
    fn io_error(&self, source: io::Error) -> WriteError {
        let name = self.name.clone();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => WriteError::DiskFull { name },
            io::ErrorKind::BrokenPipe => WriteError::ClosedPipe { name },
            _ => WriteError::Io { name, source },
        }
    }
}

impl fmt::Debug for CaptureWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { output: _, name, link, packets } = self;
        f.debug_struct("CaptureWriter")
            .field("name", name)
            .field("link", link)
            .field("packets", packets)
            .finish_non_exhaustive()
    }
}
