//! Packets as they enter: bursts that the caller owns and lends by value.

use std::any::Any;

use sluice_wire::LinkType;

use crate::Nanos;

/// One captured packet of a [`Burst`].
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Captured bytes, from the link header on.
    pub bytes: &'a [u8],
    /// Capture time.
    pub time: Nanos,
    /// Bytes on the wire; more than `bytes` holds when the capture has a snap length.
    pub wire_len: u32,
    /// How the bytes begin; `None` for a link type that the host does not know.
    pub link: Option<LinkType>,
}

/// Packets received together.
///
/// A burst goes into the engine by value and comes out again, because guests look at its packets through a store whose
/// data must be `'static`: an owned burst moves there without a copy, a reference, or unsafe code.
pub trait Burst: Any {
    /// Packets in the burst.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The packet in `slot`; `None` past the end.
    fn packet(&self, slot: usize) -> Option<Packet<'_>>;

    /// The burst as the type that it was, for its owner to take back.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl std::fmt::Debug for dyn Burst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Burst").field("packets", &self.len()).finish()
    }
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Verdict {
    /// It goes on.
    #[default]
    Pass,
    /// It stops here: a guest that may drop said so.
    Drop,
    /// It goes on as guests that may modify have changed it: [`Engine::edited`](crate::Engine::edited) has the frame.
    Edited,
}
