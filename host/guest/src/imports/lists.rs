//! Lists on their way to the guest.
//!
//! Bytes are copied once the guest has made room for them, from where they lie: a guest that reads a packet's payload
//! gets it out of the frame. Between the promise and the copy no import is called, so what was promised is still there.

use std::sync::Arc;

use sluice_engine::View;
use sluice_engine::view::{Region, Stretch};
use wasmtime::format_err;

use crate::host::Host;

/// A list that a good answer stands for.
pub(crate) trait Ready {
    /// What it is made of.
    type Item;

    /// How many there are.
    fn count(&self, host: &Host) -> usize;

    /// Copies them to where the guest wants them: `area` has their size. They count as read then.
    ///
    /// # Errors
    ///
    /// Another size.
    fn copy(self, host: &mut Host, area: &mut [u8]) -> wasmtime::Result<()>;

    /// Copies them to where the component lane takes them from; they count as read then.
    fn share(self, host: &mut Host) -> Arc<Vec<Self::Item>>;
}

/// Bytes that the view has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum InView {
    /// In order, to be read next.
    Unread(Stretch),
    /// Held, in order or behind a hole.
    Held(Stretch),
    /// Of the packet, from there, so many.
    Packet(Region, u32, usize),
    /// Argument of the event.
    Argument,
}

impl InView {
    /// The bytes, one piece behind the other.
    fn pieces(self, view: &View) -> [&[u8]; 3] {
        match self {
            Self::Unread(stretch) | Self::Held(stretch) => view.pieces(stretch),
            Self::Packet(region, offset, len) => {
                let max = u32::try_from(len).unwrap_or(u32::MAX);
                [view.packet_bytes(region, offset, max).unwrap_or(&[]), &[], &[]]
            }
            Self::Argument => [view.argument().unwrap_or(&[]), &[], &[]],
        }
    }

    fn mark_read(self, view: &mut View) {
        if let Self::Unread(stretch) = self {
            view.mark_read(stretch);
        }
    }
}

impl Ready for InView {
    type Item = u8;

    #[inline]
    fn count(&self, host: &Host) -> usize {
        match self {
            Self::Unread(stretch) | Self::Held(stretch) => stretch.len(),
            Self::Packet(_, _, len) => *len,
            Self::Argument => host.view.argument().map_or(0, <[u8]>::len),
        }
    }

    #[inline]
    fn copy(self, host: &mut Host, area: &mut [u8]) -> wasmtime::Result<()> {
        let mut rest = area;
        for piece in self.pieces(&host.view).into_iter().filter(|piece| !piece.is_empty()) {
            let (here, behind) = rest.split_at_mut_checked(piece.len()).ok_or_else(changed)?;
            here.copy_from_slice(piece);
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(changed());
        }
        self.mark_read(&mut host.view);
        Ok(())
    }

    fn share(self, host: &mut Host) -> Arc<Vec<u8>> {
        let bytes = Arc::make_mut(&mut host.bytes);
        bytes.clear();
        self.pieces(&host.view).into_iter().for_each(|piece| bytes.extend_from_slice(piece));
        self.mark_read(&mut host.view);
        Arc::clone(&host.bytes)
    }
}

/// The list in [`Host::pairs`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct InPairs;

impl Ready for InPairs {
    type Item = u64;

    fn count(&self, host: &Host) -> usize {
        host.pairs.len()
    }

    fn copy(self, host: &mut Host, area: &mut [u8]) -> wasmtime::Result<()> {
        let (words, rest) = area.as_chunks_mut();
        if words.len() != host.pairs.len() || !rest.is_empty() {
            return Err(changed());
        }
        for (word, number) in words.iter_mut().zip(host.pairs.iter()) {
            *word = number.to_le_bytes();
        }
        Ok(())
    }

    fn share(self, host: &mut Host) -> Arc<Vec<u64>> {
        Arc::clone(&host.pairs)
    }
}

#[cold]
fn changed() -> wasmtime::Error {
    format_err!("a list has changed on its way to the guest")
}
