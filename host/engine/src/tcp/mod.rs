//! TCP as an observer sees it: which segments count, and what they make of both ends.

mod classify;
mod opening;
mod refuse;
mod reset;
mod stack;
mod state;
mod track;

pub use classify::{Class, classify};
pub(crate) use classify::{acknowledges_syn, fits_window, is_unremarkable, reach};
pub use opening::Opening;
pub use refuse::RefuseReason;
pub use stack::Stack;
pub use state::{StateInput, TcpState};
pub(crate) use track::{hear_expected, send_expected, step};
pub use track::{receive, send};
