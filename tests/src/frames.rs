//! Bursts made by hand.

use std::any::Any;

use sluice_engine::Nanos;
use sluice_engine::packet::{Burst, Packet};
use sluice_wire::LinkType;

/// A frame with its time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    /// When it was captured.
    pub time: Nanos,
    /// Captured bytes from the link header on.
    pub bytes: Vec<u8>,
    /// Bytes on the wire, at least as many.
    pub wire_len: u32,
    /// How the bytes begin; `None` for a link type that the host does not know.
    pub link: Option<LinkType>,
}

/// Frames as a burst.
#[derive(Debug, Default)]
pub struct Frames(pub Vec<Frame>);

impl Burst for Frames {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn packet(&self, slot: usize) -> Option<Packet<'_>> {
        let frame = self.0.get(slot)?;
        Some(Packet { bytes: &frame.bytes, time: frame.time, wire_len: frame.wire_len, link: frame.link })
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
