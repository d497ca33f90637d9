//! Events: what happens in a flow, who defined it, who is called.

mod call;
mod definitions;
mod dispatch;
mod forest;
mod handler;
mod kind;
mod monitor;
mod wants;

pub use call::{EventCall, Place};
pub use definitions::{
    Definitions, FIRST_USER_EVENT, MonitorSpec, Predicate, Registration, TimerSpec, UserEvent,
};
pub(crate) use dispatch::{Pass, Raised, Wishes};
pub use forest::{Forest, Node, interest_bit};
pub use handler::{Faulted, Handler, TenantId};
pub use kind::{EventKind, HOOKS, Hook, KINDS};
pub(crate) use monitor::{Monitor, Monitors};
