//! Middleboxes for sluice in Rust.
//!
//! A middlebox is filters and callbacks on events of TCP flows. The host follows every connection once and raises the
//! events; a middlebox says in [`Middlebox::start`] which it wants and what happens then, in plain functions:
//!
//! ```
//! # use sluice_guest_sdk as sluice;
//! use sluice::prelude::*;
//!
//! /// Counts the bytes of web servers, and their responses that begin with an error.
//! #[derive(Default)]
//! struct WebErrors {
//!     bytes: u64,
//!     errors: u64,
//!     buffer: Vec<u8>,
//! }
//!
//! sluice::export!(WebErrors);
//!
//! impl Middlebox for WebErrors {
//!     fn start(setup: &Setup<Self>, _configuration: &Configuration) -> Result<Self, String> {
//!         let web = setup.monitor("tcp port 80", Level::Full)?;
//!         let error = setup.define("http-error", NewData, Self::is_error)?;
//!         web.on(error, Self::on_error)?;
//!         web.on(NewData, Self::on_data)?;
//!         Ok(Self::default())
//!     }
//!
//!     fn stop(&mut self) {
//!         report!("{} bytes, {} errors\n", self.bytes, self.errors);
//!     }
//! }
//!
//! impl WebErrors {
//!     /// A filter: looks, and changes nothing.
//!     fn is_error(&self, event: &Event) -> Result<bool, Error> {
//!         if event.direction() == Direction::ToServer || event.offset() != 0 {
//!             return Ok(false);
//!         }
//!         // `on_data` handles the parent event, so it ran before and has read the bytes. They can still be read by
//!         // their offset.
//!         let mut bytes = Vec::new();
//!         let beginning = event.flow().peek_at(event.direction(), 0, 10, &mut bytes)?;
//!         Ok(beginning.starts_with(b"HTTP/1.1 5"))
//!     }
//!
//!     fn on_error(&mut self, event: &Event) {
//!         self.errors += 1;
//!         log::info!("port {} answers with an error", event.server_port());
//!     }
//!
//!     fn on_data(&mut self, event: &Event) -> Result<Verdict, Error> {
//!         self.bytes += event.peek(&mut self.buffer)?.len() as u64;
//!         Ok(Verdict::Pass)
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! Built for `wasm32-unknown-unknown` as a `cdylib`, `sluice build` makes a component of it. On other targets
//! everything compiles, so that a middlebox's own logic has ordinary tests; calls to the host panic there.
//!
//! The feature `allocator`, on by default, makes the crate's allocator the guest's: turn it off to have another one.
#![deny(unsafe_code)]

mod alloc;
#[doc(hidden)]
pub mod bindings;
mod burst;
pub mod checksum;
mod configuration;
mod edit;
mod error;
mod event;
pub mod events;
#[doc(hidden)]
pub mod export;
mod filter;
mod flow;
mod functions;
pub mod json;
mod kind;
mod levels;
pub mod log;
mod matcher;
mod middlebox;
mod monitor;
mod observables;
mod packet;
mod prefix;
mod ready;
mod registration;
mod repetition;
mod setup;
mod stream;
pub mod table;
mod tcp;
mod tcp_info;
mod timer;

pub use configuration::{Configuration, ConfigurationError};
pub use edit::Segment;
pub use error::Error;
pub use event::Event;
pub use filter::{Native, PortRange};
pub use flow::{Endpoints, Flow, FlowId, FlowInfo, SideStatistics};
pub use kind::{Direction, EventId, EventKind, Hook, Side, Sides};
pub use levels::Overlap;
pub use matcher::{Match, Matcher, Matches, Patterns};
pub use middlebox::{Decision, Middlebox, Outcome, Verdict};
pub use monitor::{RawMonitor, StreamMonitor};
pub use observables::{RoundTrips, SideObservables};
pub use packet::{Packet, Region};
pub use prefix::{Prefix, PrefixError};
pub use ready::{ReadyFlow, ReadyFlows};
pub use registration::Monitor;
pub use repetition::{Difference, Repetition};
pub use setup::{Setup, SetupError};
pub use stream::{BufferInfo, Fragment, Level};
pub use tcp::{EndReason, TcpFlags, TcpState};
pub use tcp_info::{Negotiated, RoundTrip, TcpInfo};
pub use timer::{PendingTimer, Tick, Timer};

/// What nearly every middlebox uses.
///
/// The built-in events come by their own names, but for [`EventKind::Error`], which would hide [`Error`].
pub mod prelude {
    pub use crate::EventKind::{
        Conflict, ConnEnd, ConnStart, Gap, NewData, Orphan, PacketIn, Rexmit, TcpStateChange,
    };
    pub use crate::{
        Configuration, Direction, Error, Event, EventKind, Flow, FlowId, Hook, Level, Middlebox, Setup, Side,
        Sides, Tick, Verdict, log, report,
    };
}
