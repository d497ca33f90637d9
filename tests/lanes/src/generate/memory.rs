//! The memory of a made guest.

use std::fmt::Write;

/// Where answers are written: at a multiple of eight.
pub(super) const AREA: u32 = 0x400;

/// Bytes of the area that are folded before and behind an answer's own, to see that nothing else was written.
pub(super) const AREA_BYTES: u32 = 0x200;

/// Sixteen numbers of 32 bits that were answered: of events, monitors, timers.
pub(super) const NUMBERS: u32 = 0x200;

/// Eight numbers of 64 bits that came in lists: flows.
pub(super) const FLOWS: u32 = 0x280;

/// What is told in the end: the hash, calls, good answers, and good answers of each import.
pub(super) const TALLY: u32 = 0x800;

/// Room for the tally's digits.
pub(super) const DIGITS: u32 = 0xc000;

/// Bytes that are placed before the guest runs.
const DATA: u32 = 0x2000;

/// Where they end.
const DATA_END: u32 = 0xb000;

/// Where `cabi_realloc` begins anew in each call.
pub(super) const HEAP: u32 = 0x1_0000;

/// Pages that the memory begins with.
pub(super) const PAGES: u32 = 2;

/// Constant data.
#[derive(Debug, Default)]
pub(super) struct Data {
    bytes: Vec<u8>,
}

impl Data {
    /// Places bytes at a multiple of `align`; at the end of all data if there is no room, where zeros are.
    pub(super) fn place(&mut self, bytes: &[u8], align: usize) -> u32 {
        let at = self.bytes.len().next_multiple_of(align.max(1));
        let end = at.saturating_add(bytes.len());
        if end > (DATA_END - DATA) as usize {
            return DATA_END;
        }
        self.bytes.resize(at, 0);
        self.bytes.extend_from_slice(bytes);
        DATA.saturating_add(u32::try_from(at).unwrap_or(0))
    }

    /// The data segment.
    pub(super) fn text(&self) -> String {
        let mut text = format!("(data (i32.const {DATA}) \"");
        for byte in &self.bytes {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\{byte:02x}");
        }
        text + "\")\n"
    }
}
