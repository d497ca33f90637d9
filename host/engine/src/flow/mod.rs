//! Flows: what names one, what is kept of one, and where all of them are.

mod account;
mod attachment;
mod entry;
mod id;
mod index;
mod key;
mod queue;
mod record;
mod sent;
mod slab;
mod table;
mod want;
mod wheel;

pub(crate) use account::Observed;
pub use account::{Account, History, Observables, RoundTrips};
pub use attachment::Attachment;
pub use entry::{Flow, HOT_BYTES, Marks};
pub use id::{EndReason, FlowId};
pub use key::{Endpoint, FlowKey};
pub(crate) use queue::Class;
pub use record::{ConnRecord, ConnState, SideRecord};
pub use sent::{Mishaps, Sent};
pub use table::FlowTable;
pub use want::{Kib, Want};
pub use wheel::Wheel;
