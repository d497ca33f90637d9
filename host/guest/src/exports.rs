//! Bytes that exports are called with: copied once, from where they lie.

use sluice_engine::View;
use sluice_engine::event::EventBurst;

use crate::host::Host;

/// Bytes in pieces, some of which the view has.
pub(crate) trait Bytes {
    /// How many there are.
    fn count(&self) -> usize;

    /// Shows each piece in turn.
    fn for_each(&self, view: &View, show: &mut dyn FnMut(&[u8]));
}

impl Bytes for EventBurst {
    fn count(&self) -> usize {
        self.arena_len()
    }

    fn for_each(&self, view: &View, show: &mut dyn FnMut(&[u8])) {
        view.arena(self).for_each(show);
    }
}

/// All of them, for the component lane.
pub(crate) fn to_vec(bytes: &dyn Bytes, host: &Host) -> Vec<u8> {
    let mut all = Vec::with_capacity(bytes.count());
    bytes.for_each(&host.view, &mut |piece| all.extend_from_slice(piece));
    all
}
