//! A capture in memory: what a pass costs is not what reading a file costs.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use sluice_engine::Nanos;
use sluice_engine::packet::{Burst, Packet};
use sluice_wire::LinkType;

use crate::exit::{Exit, Failure};
use crate::input::{Ending, Input, SelectedBurst};

/// Bytes of frames that are allocated at a time: growing moves nothing, and no more than this is left unused.
const CHUNK_BYTES: usize = 16 << 20;

/// The packets of a capture that matched its filter, in the bursts in which they were read: deferred handlers are
/// called once a burst.
pub(super) struct Capture {
    chunks: Vec<Vec<u8>>,
    packets: Vec<Stored>,
    /// Number of the packet behind each burst.
    ends: Vec<usize>,
}

/// Where a packet lies, and what is known of it.
#[derive(Clone, Copy)]
struct Stored {
    time: Nanos,
    chunk: usize,
    offset: usize,
    len: usize,
    wire_len: u32,
    link: Option<LinkType>,
}

impl Capture {
    /// Reads all packets; what came before damage counts.
    ///
    /// # Errors
    ///
    /// A [`Failure`] if they would take more than `limit_bytes` of memory.
    pub(super) fn read(input: &mut Input, name: &str, limit_bytes: usize) -> Result<(Self, Ending), Failure> {
        let mut capture = Self { chunks: Vec::new(), packets: Vec::new(), ends: Vec::new() };
        let ending = input.collect(|burst| {
            capture.push(burst);
            if capture.memory_bytes() <= limit_bytes {
                return Ok(());
            }
            let limit = limit_bytes >> 20;
            let words = format!(
                "{name}: does not fit into {limit} MiB of memory: take fewer packets (-c), or --limit-capture"
            );
            Err(Failure::say(Exit::Usage, words))
        })?;
        Ok((capture, ending))
    }

    /// Packets in all.
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Memory that is taken, in bytes.
    fn memory_bytes(&self) -> usize {
        let frames: usize = self.chunks.iter().map(Vec::capacity).sum();
        let stored = self.packets.capacity().saturating_mul(size_of::<Stored>());
        frames.saturating_add(stored).saturating_add(self.ends.capacity().saturating_mul(size_of::<usize>()))
    }

    fn push(&mut self, burst: &SelectedBurst) {
        for slot in 0..burst.len() {
            let Some(packet) = burst.packet(slot) else { continue };
            let room = self.chunks.last().map_or(0, |chunk| chunk.capacity().saturating_sub(chunk.len()));
            if room < packet.bytes.len() || self.chunks.is_empty() {
                self.chunks.push(Vec::with_capacity(CHUNK_BYTES.max(packet.bytes.len())));
            }
            let number = self.chunks.len().saturating_sub(1);
            let Some(chunk) = self.chunks.last_mut() else { continue };
            let offset = chunk.len();
            chunk.extend_from_slice(packet.bytes);
            self.packets.push(Stored {
                time: packet.time,
                chunk: number,
                offset,
                len: packet.bytes.len(),
                wire_len: packet.wire_len,
                link: packet.link,
            });
        }
        if self.ends.last().copied().unwrap_or(0) < self.packets.len() {
            self.ends.push(self.packets.len());
        }
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").field("packets", &self.packets.len()).finish_non_exhaustive()
    }
}

/// A burst of a capture in memory. Nothing is copied: it says which packets are meant.
#[derive(Debug)]
pub(super) struct MemoryBurst {
    capture: Arc<Capture>,
    /// Number of the next burst.
    next: usize,
    first: usize,
    end: usize,
}

impl MemoryBurst {
    /// The first burst; `None` if there are no packets.
    pub(super) fn first(capture: &Arc<Capture>) -> Option<Box<dyn Burst>> {
        Self::following(Box::new(Self { capture: Arc::clone(capture), next: 0, first: 0, end: 0 }))
    }

    /// The burst behind one that came back from the engine; `None` behind the last.
    pub(super) fn following(burst: Box<dyn Burst>) -> Option<Box<dyn Burst>> {
        let mut burst = burst.into_any().downcast::<Self>().ok()?;
        let end = *burst.capture.ends.get(burst.next)?;
        burst.first = burst.end;
        burst.end = end;
        burst.next = burst.next.saturating_add(1);
        Some(burst)
    }
}

impl Burst for MemoryBurst {
    fn len(&self) -> usize {
        self.end.saturating_sub(self.first)
    }

    fn packet(&self, slot: usize) -> Option<Packet<'_>> {
        let number = self.first.checked_add(slot).filter(|number| *number < self.end)?;
        let stored = self.capture.packets.get(number)?;
        let frame = self.capture.chunks.get(stored.chunk)?.get(stored.offset..)?.get(..stored.len)?;
        Some(Packet { bytes: frame, time: stored.time, wire_len: stored.wire_len, link: stored.link })
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
