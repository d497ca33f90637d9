//! Events: what happens in a flow, who defined it, who is called.

mod burst;
mod call;
mod defined;
mod definitions;
mod dispatch;
mod filter;
mod forest;
mod forests;
mod handler;
mod kind;
mod monitor;
mod profile;
mod sole;
mod tenant;
mod walk;
mod wants;

pub use burst::{EVENT_WORDS, EventBurst};
pub use call::{EventCall, Place};
pub use defined::{DefinedEvents, EventFilter, FIRST_USER_EVENT, UserEvent};
pub use definitions::{Definitions, MonitorSpec, Predicate, TimerSpec};
pub(crate) use dispatch::{Pass, Raised, Wishes};
pub use filter::{End, NativeFilter, PcapFilter, PortSet, PrefixSet};
pub use forest::{Forest, IForest, Node, NodeFilter, NodeHandler, Registration, interest_bit};
pub use forests::{Change, ForestCounters, Forests};
pub use handler::{Faulted, Handler, TenantId};
pub use kind::{EventKind, HOOKS, Hook, KINDS};
pub(crate) use monitor::{Monitors, POLLED};
pub use profile::{EventProfile, NodeProfile};
pub(crate) use sole::Sole;
pub use tenant::{Audience, TenantEvents};
pub(crate) use tenant::{NO_FOREST, RETAINING, interest_of, set_of};
pub(crate) use walk::{VERDICT_DROP, call_handler};
