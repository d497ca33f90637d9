//! Guests: WebAssembly components that the operator does not trust.
//!
//! A [`Runtime`] compiles them, a [`Module`] is a file that passed all checks, and [`Guests`] are the instances of one
//! worker: it is the engine's [`Handler`](sluice_engine::event::Handler).
//!
//! - **What a guest can reach** is the list of functions in `imports`, the world of the same name in `wit/`, and no
//!   more: no file, socket, clock or randomness.
//! - **How a call borrows.** The data of a store must be `'static`, packet and flow belong to the engine. So the engine
//!   lends its view in a box, which is swapped into the store's data for the time of the call, and swapped back on
//!   every path. The output of the worker goes the same way.
//! - **What ends a guest**: a trap, too much time in one call, an answer that breaks the canonical ABI. It is reported
//!   with the call and the guest's stack, its instance is dropped, and all others go on. Requests for too much memory
//!   and too many words are refused to the guest and counted.

#![forbid(unsafe_code)]

mod budget;
mod direct;
mod exports;
mod fault;
mod guests;
mod host;
mod imports;
pub mod limits;
pub mod matcher;
mod module;
mod output;
mod quota;
mod runtime;
mod signature;
mod text;
mod ticker;
mod world;

pub use fault::{CallReport, Export, FaultReason, FaultReport, FlowReport, Frame};
pub use guests::{GuestStatistics, Guests, StartError, TenantSpec};
pub use host::FilterCompiler;
pub use limits::{LogLimit, MemoryLimit, TimeLimit};
pub use module::{Contents, Lane, LoadError, Module, world_version};
pub use output::{EventContext, EventFlow, GuestOutput, NoOutput, RESERVED_EVENT_TYPES, Severity};
pub use runtime::{LaneChoice, Runtime, RuntimeError, RuntimeOptions};
