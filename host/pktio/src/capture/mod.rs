//! Capture files: pcap and pcapng, plain or compressed, read as a source of packets.

mod byte_order;
mod classic;
mod clock;
mod compression;
mod pcapng;
#[cfg(test)]
mod tests;
mod window;
mod writer;

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::ops::Range;
use std::path::Path;

use classic::Classic;
pub use compression::Compression;
use compression::Stream;
use pcapng::Pcapng;
use window::{Patience, Short, Window};
pub use writer::{CaptureWriter, WriteError};

use crate::burst::{Burst, Packet};
use crate::error::{Damage, FirstBytes, OpenError, ReceiveError};
use crate::{PacketIo, Received};

/// The largest packet taken, captured bytes.
///
/// This is the largest snap length of libpcap and Wireshark for network traffic, above what IPv6 jumbograms of
/// Linux' BIG TCP need by default. A damaged length field would otherwise ask for 4 GiB.
pub const PACKET_BYTES_MAX: usize = 256 * 1024;

/// The largest pcapng block that is read whole: the largest packet and 128 KiB of options (comments).
pub const BLOCK_BYTES_MAX: usize = PACKET_BYTES_MAX + 128 * 1024;

/// Interfaces that one pcapng section may describe; a file of nothing but descriptions would fill the memory.
pub const INTERFACES_MAX: usize = 65_536;

/// The file name that stands for standard input and standard output.
pub const STANDARD_STREAM: &str = "-";

/// What kind of capture a [`CaptureReader`] reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CaptureFormat {
    /// The format of the capture itself.
    pub container: Container,
    /// What it is wrapped in.
    pub compression: Compression,
}

/// The format of a capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Container {
    /// Classic pcap with times of this precision.
    Pcap(Precision),
    /// pcapng; each interface has a precision of its own.
    Pcapng,
}

/// What one unit of a classic capture's sub-second field is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Precision {
    /// 1,000 ns.
    Microseconds,
    /// 1 ns.
    Nanoseconds,
}

impl Precision {
    fn unit_ns(self) -> u64 {
        match self {
            Self::Microseconds => 1_000,
            Self::Nanoseconds => 1,
        }
    }
}

impl fmt::Display for CaptureFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.container {
            Container::Pcap(Precision::Microseconds) => "pcap",
            Container::Pcap(Precision::Nanoseconds) => "pcap with nanoseconds",
            Container::Pcapng => "pcapng",
        })?;
        f.write_str(match self.compression {
            Compression::None => "",
            Compression::Gzip => ", gzip",
            Compression::Zstd => ", zstd",
        })
    }
}

/// Reads the packets of one capture, in the order of the file.
///
/// Memory is bounded whatever the size of the capture: one window of half a MiB, what the decompressor needs
/// (zstd: up to 128 MiB for a file that was written with such a window), and 65,536 interfaces.
#[derive(Debug)]
pub struct CaptureReader {
    window: Window,
    format: Format,
    total_bytes: Option<u64>,
    delivery: Delivery,
    packets: u64,
    state: State,
}

#[derive(Debug)]
enum Format {
    Classic(Classic),
    Pcapng(Pcapng),
}

/// Whether bursts depend on when bytes arrive.
#[derive(Clone, Copy, Debug)]
enum Delivery {
    /// Bursts are as full as the input allows: the same file always gives the same bursts.
    FullBursts,
    /// A burst ends where the input would have to be waited for: packets of a live pipe are not held back.
    AsTheyCome,
}

#[derive(Debug)]
enum State {
    Reading,
    /// The fault to report when the packets before it have been delivered.
    Failing(ReceiveError),
    Ended,
}

/// A packet that is whole in the window.
#[derive(Debug)]
struct Record {
    /// Where its bytes are in the window.
    data: Range<usize>,
    /// Bytes of the record or block as a whole.
    size: usize,
    time_ns: u64,
    wire_len: u32,
    link: u32,
    interface: u32,
}

/// Why a format found no next packet.
#[derive(Debug)]
enum Fault {
    Short(Short),
    Damaged(Damage),
    TooLarge { bytes: u64, limit: usize },
}

impl From<Short> for Fault {
    fn from(short: Short) -> Self {
        Self::Short(short)
    }
}

impl From<Damage> for Fault {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

impl CaptureReader {
    /// Opens the capture file at `path`, or standard input if that is `-`, and reads its header.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when there is no readable capture there.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        if path.as_os_str() == STANDARD_STREAM {
            return Self::open_standard_input();
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(|source| io_error(source, &name))?;
        let metadata = file.metadata().map_err(|source| io_error(source, &name))?;
        if metadata.is_dir() {
            return Err(OpenError::Directory { name });
        }
        let total_bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self { total_bytes, ..Self::from_reader(file, &name)? })
    }

    fn open_standard_input() -> Result<Self, OpenError> {
        let input = io::stdin();
        if input.is_terminal() {
            return Err(OpenError::Terminal);
        }
        Ok(Self { delivery: Delivery::AsTheyCome, ..Self::from_reader(input, "standard input")? })
    }

    /// Reads a capture from `reader`, beginning with its header. Errors call it `name`.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when it is empty, no capture, or cannot be read.
    pub fn from_reader(reader: impl Read + Send + 'static, name: &str) -> Result<Self, OpenError> {
        let stream = Stream::new(Box::new(reader)).map_err(|source| io_error(source, name))?;
        let mut window = Window::new(stream);
        let format = read_header(&mut window, name)?;
        Ok(Self {
            window,
            format,
            total_bytes: None,
            delivery: Delivery::FullBursts,
            packets: 0,
            state: State::Reading,
        })
    }

    /// Bytes taken from the file so far, before decompression; runs ahead of the packets by what is buffered.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.window.stream().bytes_read()
    }

    /// Size of the file in bytes, before decompression; `None` for pipes and other inputs without a size.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    /// Packets delivered so far.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// What the header says that this is.
    #[must_use]
    pub fn format(&self) -> CaptureFormat {
        let container = match &self.format {
            Format::Classic(classic) => Container::Pcap(classic.precision),
            Format::Pcapng(_) => Container::Pcapng,
        };
        CaptureFormat { container, compression: self.window.stream().compression() }
    }

    /// Moves packets into the burst until it is full or a fault says why there is no further one.
    fn fill(&mut self, burst: &mut Burst) -> Result<(), Fault> {
        while !burst.is_full() {
            self.window.patience = match self.delivery {
                Delivery::AsTheyCome if !burst.is_empty() => Patience::AtHand,
                Delivery::AsTheyCome | Delivery::FullBursts => Patience::Block,
            };
            let record = match &mut self.format {
                Format::Classic(classic) => classic.next(&mut self.window),
                Format::Pcapng(section) => section.next(&mut self.window),
            }?;
            let packet = Packet {
                bytes: self.window.at_hand().get(record.data).unwrap_or_default(),
                time_ns: record.time_ns,
                wire_len: record.wire_len,
                link: record.link,
                interface: record.interface,
                index: self.packets.saturating_add(1),
            };
            // There is room: the loop asked before it read.
            if burst.push(&packet).is_ok() {
                self.packets = packet.index;
                self.window.consume(record.size);
            }
        }
        Ok(())
    }

    /// What a fault means for the reader; nothing when it is to be asked again.
    fn after(&self, fault: Fault) -> State {
        let (packets, offset) = (self.packets, self.window.offset());
        State::Failing(match fault {
            Fault::Short(Short::Wait) => return State::Reading,
            Fault::Short(Short::End) => return State::Ended,
            Fault::Short(Short::Cut) => ReceiveError::Truncated { packets, offset },
            Fault::Short(Short::Failed(source)) => ReceiveError::Io { packets, offset, source },
            Fault::Damaged(damage) => ReceiveError::Damaged { packets, offset, damage },
            Fault::TooLarge { bytes, limit } => {
                let limit = u64::try_from(limit).unwrap_or(u64::MAX);
                ReceiveError::TooLarge { packets, offset, bytes, limit }
            }
        })
    }
}

impl PacketIo for CaptureReader {
    fn receive(&mut self, burst: &mut Burst) -> Result<Received, ReceiveError> {
        burst.clear();
        if matches!(self.state, State::Reading)
            && let Err(fault) = self.fill(burst)
        {
            self.state = self.after(fault);
        }
        if !burst.is_empty() {
            return Ok(Received::Packets);
        }
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Reading => {
                self.state = State::Reading;
                Ok(Received::Idle)
            }
            State::Failing(error) => Err(error),
            State::Ended => Ok(Received::End),
        }
    }
}

/// Recognises the format by the first bytes and reads the header of the file.
fn read_header(window: &mut Window, name: &str) -> Result<Format, OpenError> {
    match window.require(4).map(|_| ()) {
        // A compressed stream may end before it gave a byte.
        Err(Short::Cut) if window.at_hand().is_empty() => {
            return Err(OpenError::Truncated { name: name.to_owned(), bytes: 0 });
        }
        Err(Short::End) => return Err(OpenError::Empty { name: name.to_owned() }),
        Err(Short::Failed(source)) => return Err(io_error(source, name)),
        Err(Short::Wait) => return Err(io_error(io::ErrorKind::WouldBlock.into(), name)),
        Ok(()) | Err(Short::Cut) => {}
    }
    let first = window.at_hand();
    let name = name.to_owned();
    if Pcapng::recognise(first) {
        let section = Pcapng::start(window).map_err(|fault| header_error(fault, window, "pcapng", name))?;
        return Ok(Format::Pcapng(section));
    }
    if !Classic::recognise(first) {
        // A few more bytes to show, if there are any.
        window.require(8).ok();
        let first = FirstBytes::of(window.at_hand());
        return Err(OpenError::NotACapture { name, first });
    }
    let classic = match window.require(classic::HEADER_BYTES) {
        Ok(header) => Classic::parse(header),
        Err(short) => return Err(header_error(short.into(), window, "pcap", name)),
    };
    match classic {
        Some(classic) if classic.version == classic::VERSION => {
            window.consume(classic::HEADER_BYTES);
            Ok(Format::Classic(classic))
        }
        Some(Classic { version: (major, minor), .. }) => {
            Err(OpenError::UnsupportedVersion { name, format: "pcap", major, minor })
        }
        None => Err(OpenError::NotACapture { name, first: FirstBytes::of(window.at_hand()) }),
    }
}

fn header_error(fault: Fault, window: &Window, format: &'static str, name: String) -> OpenError {
    match fault {
        Fault::Short(Short::End | Short::Cut) => {
            let at_hand = u64::try_from(window.at_hand().len()).unwrap_or(u64::MAX);
            OpenError::Truncated { name, bytes: window.offset().saturating_add(at_hand) }
        }
        Fault::Short(Short::Wait) => io_error(io::ErrorKind::WouldBlock.into(), &name),
        Fault::Short(Short::Failed(source)) => io_error(source, &name),
        Fault::Damaged(Damage::SectionVersion { major, minor }) => {
            OpenError::UnsupportedVersion { name, format, major, minor }
        }
        Fault::Damaged(damage) => OpenError::Damaged { name, damage },
        Fault::TooLarge { bytes, limit } => {
            let room = u64::try_from(limit).unwrap_or(u64::MAX);
            OpenError::Damaged { name, damage: Damage::BlockContents { claimed: bytes, room } }
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of I/O error are open-ended")]
fn io_error(source: io::Error, name: &str) -> OpenError {
    let name = name.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => OpenError::Missing { name },
        io::ErrorKind::PermissionDenied => OpenError::Permission { name },
        _ => OpenError::Io { name, source },
    }
}
