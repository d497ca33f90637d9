//! One direction of a flow as a stream of bytes.
//!
//! A segment's payload becomes readable in order ([`Stream::accept`]), waits behind a hole ([`Ahead`]), or is a
//! repetition. Bytes stay in [`Kept`] until each reader has had them; in the common case, in order with nobody
//! behind, they are never stored at all: readers get them from the packet while it is current.

mod abandon;
mod accepted;
mod ahead;
mod budget;
mod buffer;
mod claim;
mod drain;
mod examine;
mod held;
mod kept;
mod linux;
mod overlap;
mod payload;
mod policy;
mod standing;
mod stream;
mod tree;
mod urgent;

pub use abandon::Abandoned;
pub use accepted::{Accepted, Counted, Step};
pub use ahead::{Ahead, Inserted, SEGMENT_COST};
pub use budget::Budget;
pub use claim::{Claim, Claims};
pub use examine::Examined;
pub use held::Held;
pub use kept::{Gap, Kept};
pub use overlap::Difference;
pub use payload::Payload;
pub use policy::{OverlapPolicy, Rules, Urgent};
pub use stream::Stream;

/// How much is done for one direction of a flow.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Level {
    /// TCP states and packets.
    #[default]
    State = 0,
    /// Counts of bytes, without reassembly: a packet that comes late looks like a repetition.
    Count = 1,
    /// Reassembled bytes.
    Full = 2,
}
