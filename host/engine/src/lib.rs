//! The engine of sluice: follows TCP connections in the packets it is given and raises events.
//!
//! Sans-IO: bytes, time and a handler go in, verdicts and events come out. No thread, clock, file or log; the same
//! packets give the same events in any burst size.
//!
//! The path of a packet is `engine::receive` (parse, `defrag`, find the flow) -> `tcp` (classify, both stacks) ->
//! `reassembly` -> `event` (dispatch to handlers, which look through [`View`]).
#![forbid(unsafe_code)]

pub mod counters;
pub mod defrag;
mod engine;
pub mod event;
pub mod flow;
mod grants;
pub mod limits;
pub mod packet;
pub mod reassembly;
mod refusal;
mod side;
pub mod tcp;
mod time;
pub mod view;

pub use engine::{Checksums, Config, Engine, Networks, PickUp, Records, System};
pub use grants::Grants;
pub use refusal::Refusal;
pub use side::{Direction, Side, Sides};
pub use time::{Nanos, millis, seconds};
pub use view::View;
