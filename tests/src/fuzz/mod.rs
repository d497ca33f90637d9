//! Any bytes at all as frames, as a capture file, or as segments of a few flows: nothing panics, nothing grows past a
//! cap, every packet and byte is accounted for, streams add up, and bursts of any size tell the same.
//!
//! The targets are plain functions: `tests/fuzz` gives them to libFuzzer, `make test` runs a fixed number of mutated
//! seeds ([`Mutator`]).

mod capture;
mod frames;
mod mutate;
mod script;
mod seeds;
mod verify;

pub use capture::capture_file;
pub use frames::{encode_frames, raw_frame};
pub use mutate::{Mutator, campaign};
pub use script::{encode_script, segment_script};
pub use seeds::{Seeds, files};

/// A target: what does not hold for these bytes, in words.
pub type Target = fn(&[u8]) -> Result<(), String>;

/// A cursor over the bytes of an input. Behind the end there are zeros, so every input means something.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    fn bytes(&mut self, len: usize) -> &[u8] {
        let (taken, rest) = self.0.split_at_checked(len).unwrap_or((self.0, &[]));
        self.0 = rest;
        taken
    }
}
