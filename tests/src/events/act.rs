//! What handlers ask for.

use sluice_engine::event::{Change, Definitions, EventFilter};
use sluice_engine::{Refusal, Sides, View};

/// One call of a guest, but for its answer.
#[derive(Clone, Debug)]
pub enum Act {
    /// `define`, or `alloc` if the filter is [`EventFilter::Raised`].
    Define {
        /// Name in reports.
        name: String,
        /// Number of the parent.
        parent: u32,
        /// What decides whether it happens.
        filter: EventFilter,
        /// Given to the filter and the handlers.
        argument: Vec<u8>,
    },
    /// `undefine`.
    Undefine(u32),
    /// `register`, `unregister` or `replace` on a monitor.
    Monitor(u32, Change),
    /// The same on the current flow.
    Flow(Change),
    /// `raise`.
    Raise(u32),
    /// `stop-monitoring`.
    Stop(Sides),
    /// `set-user-context`.
    Context(u64),
}

impl Act {
    /// How many kinds there are.
    pub const KINDS: usize = 7;

    /// Number of the kind, in the order in which they are written down.
    #[must_use]
    pub const fn index(&self) -> usize {
        match self {
            Self::Define { .. } => 0,
            Self::Undefine(_) => 1,
            Self::Monitor(..) => 2,
            Self::Flow(_) => 3,
            Self::Raise(_) => 4,
            Self::Stop(_) => 5,
            Self::Context(_) => 6,
        }
    }

    /// Asks for it in a call; gives the number of what was defined, else 0.
    ///
    /// # Errors
    ///
    /// What the engine answers.
    pub fn perform(&self, view: &mut View) -> Result<u32, Refusal> {
        match self {
            Self::Define { name, parent, filter, argument } => {
                return view.define(name, *parent, filter.clone(), argument);
            }
            Self::Undefine(event) => view.undefine(*event),
            Self::Monitor(monitor, change) => view.change_monitor(*monitor, *change),
            Self::Flow(change) => view.change_flow(*change),
            Self::Raise(event) => view.raise(*event),
            Self::Stop(sides) => view.stop_monitoring(*sides),
            Self::Context(value) => view.set_user_context(*value),
        }
        .map(|()| 0)
    }

    /// Asks for it before the first packet, where it is about definitions and monitors.
    ///
    /// # Errors
    ///
    /// As [`Act::perform`].
    pub fn prepare(&self, definitions: &mut Definitions) -> Result<u32, Refusal> {
        match self {
            Self::Define { name, parent, filter, argument } => {
                return definitions.define(name, *parent, filter.clone(), argument);
            }
            Self::Undefine(event) => definitions.undefine(*event),
            Self::Monitor(monitor, change) => definitions.change(*monitor, *change),
            Self::Flow(_) | Self::Raise(_) | Self::Stop(_) | Self::Context(_) => Err(Refusal::NotAllowed),
        }
        .map(|()| 0)
    }
}
