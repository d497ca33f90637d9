//! TCP as an observer sees it: which segments count, and what they make of both ends.

mod classify;
mod refuse;
mod reset;
mod stack;
mod state;
mod track;

pub(crate) use classify::acknowledges_syn;
pub use classify::{Class, classify};
pub use refuse::RefuseReason;
pub use stack::Stack;
pub use state::{StateInput, TcpState};
pub(crate) use track::step;
pub use track::{receive, send};
