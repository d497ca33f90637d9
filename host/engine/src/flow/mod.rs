//! Flows: what names one, what is kept of one, and where all of them are.

mod account;
mod attachment;
mod entry;
mod id;
mod index;
mod key;
mod link;
mod queue;
mod record;
mod sent;
mod slab;
mod slots;
mod table;
mod want;
mod wheel;

pub use account::{Account, History, HostCounts, Knowledge, LastTimes, Observables, Offer, RoundTrips};
pub(crate) use account::{Arrival, Observed};
pub use attachment::Attachment;
pub(crate) use attachment::Ready;
pub(crate) use entry::Keeps;
pub use entry::{Flow, HOT_BYTES, Marks};
pub use id::{EndReason, FlowId};
pub use key::{Endpoint, FlowKey};
pub(crate) use link::Link;
pub(crate) use queue::Class;
pub use record::{ConnRecord, ConnState, SideRecord};
pub use sent::{Mishaps, Sent};
pub(crate) use slots::Slots;
pub use table::FlowTable;
pub use want::{Kib, Want};
pub use wheel::Wheel;
