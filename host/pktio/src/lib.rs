//! Packets in and out of sluice: capture files, read and written losslessly.
//!
//! A source of packets implements [`PacketIo`]: each call of `receive` fills a [`Burst`] of up to
//! [`BURST_PACKETS`] packets that the caller owns and hands in again. [`CaptureReader`] is the source for
//! capture files (pcap and pcapng, plain or compressed), [`CaptureWriter`] writes them.
//!
//! Whatever the bytes of a capture are, nothing here panics, memory stays below a fixed bound for an input of
//! any size, and every whole packet before a fault is delivered before the fault is reported.

#![forbid(unsafe_code)]

mod burst;
mod capture;
mod error;

pub use burst::{BURST_BYTES_MAX, BURST_PACKETS, Burst, BurstFull, Packet};
pub use capture::{
    BLOCK_BYTES_MAX, CaptureFormat, CaptureReader, CaptureWriter, Compression, Container, INTERFACES_MAX,
    PACKET_BYTES_MAX, Precision, STANDARD_STREAM, WriteError,
};
pub use error::{Damage, FirstBytes, OpenError, ReceiveError};

/// A source of packets, driven by one worker.
pub trait PacketIo {
    /// Empties `burst` and fills it with the packets that come next, in order.
    ///
    /// A source that has packets before a fault delivers them first; the fault is the answer of the call
    /// after. Once a call gave [`Received::End`] or an error, later calls give [`Received::End`].
    ///
    /// # Errors
    ///
    /// [`ReceiveError`] when the input is cut, damaged or cannot be read. The burst is empty then.
    fn receive(&mut self, burst: &mut Burst) -> Result<Received, ReceiveError>;
}

/// What a call of [`PacketIo::receive`] found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Received {
    /// The burst holds at least one packet.
    Packets,
    /// There is nothing now, but there may be later. The burst is empty.
    Idle,
    /// There will be no more packets. The burst is empty.
    End,
}
