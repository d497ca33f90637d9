//! What the benches of sluice share: traffic that is made in memory, the same on every machine, and runs of it
//! through an engine, with a native handler or with a guest, that are measured in CPU time and checked byte by byte.

#![forbid(unsafe_code)]

pub mod bars;
pub mod burst;
pub mod compare;
pub mod crossings;
pub mod events;
pub mod guest;
pub mod patterns;
pub mod pipeline;
pub mod plot;
pub mod process;
pub mod report;
pub mod samples;
pub mod stages;
pub mod traffic;
pub mod twin;

/// Names of the sections of `benches/README.md` that programs write.
pub const SECTIONS: [&str; 6] = ["memory", "targets", "twins", "mixes", "stages", "crossings"];
