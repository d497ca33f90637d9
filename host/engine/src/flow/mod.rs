//! Flows: what names one, what is kept of one, and where all of them are.

mod entry;
mod id;
mod index;
mod key;
mod queue;
mod slab;
mod table;
mod wheel;

pub use entry::{Attachment, Flow, Marks, Sent};
pub use id::{EndReason, FlowId};
pub use key::{Endpoint, FlowKey};
pub(crate) use queue::Class;
pub use table::FlowTable;
pub use wheel::Wheel;
