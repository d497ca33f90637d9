//! What the benches of sluice share: traffic that is made in memory, the same on every machine, and runs of it
//! through an engine, with a native handler or with a guest, that are measured in CPU time and checked byte by byte.

#![forbid(unsafe_code)]

pub mod burst;
pub mod events;
pub mod guest;
pub mod pipeline;
pub mod plot;
pub mod process;
pub mod samples;
pub mod traffic;
pub mod twin;
