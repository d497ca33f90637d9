//! What the tests of the event layer have in common.

mod listener;

pub use listener::{Answer, Listener, Told};
