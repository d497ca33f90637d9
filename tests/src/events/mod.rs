//! The event layer by its definition: to measure the shared forest with.
//!
//! An [`Observer`] in an engine of its own tells which built-in events packets raise. An [`Actor`] answers for the
//! tenants of the engine under test: its filters say what a hash says, its handlers define, undefine, register and
//! raise at random, and each call is written down with what was asked for in it. A [`Model`] then goes through the
//! raised events with a plain list of registrations for every flow and monitor, evaluates what the WIT says, and
//! compares call by call.

mod act;
mod actor;
mod listener;
mod model;
mod naive;
mod observer;
mod scene;
mod traffic;
mod walk;

pub use act::Act;
pub use actor::{Actor, Entry, Outcome};
pub use listener::{Answer, Listener, Told};
pub use model::{Model, ModelMonitor, Takes};
pub use naive::{Defined, NaiveEvents};
pub use observer::{Observer, passes};
pub use scene::{Plan, Scene};
pub use traffic::Traffic;
