//! The canonical ABI of the world, for the direct lane: what the component lane's runtime does between a component and
//! its host, done here for the types that the world has.
//!
//! - Guests give numbers as flat values, texts and lists as places in their memory ([`FromGuest`], [`Lift`]). Nothing
//!   of theirs is kept borrowed: memory may move whenever the guest runs.
//! - Answers are written to the place that the guest names ([`Plain`]), lists to one that its `cabi_realloc` gives.
//! - While `cabi_realloc` or a post-return function runs, the guest may call no import; after a trap, or while it is
//!   being called, it may not be called.
//!
//! What breaks a rule traps. See the Canonical ABI of the Component Model, `CanonicalABI.md`.

mod calls;
mod lift;
mod lower;

pub(crate) use calls::{
    Export, check_may_leave, enter, export, lift_result, memory_of, no_such_export, take_functions,
};
pub(crate) use lift::{FromGuest, Lift, largest};
pub(crate) use lower::{Plain, answer, answer_with_list, lower_bytes, lower_list, put};

use wasmtime::{Memory, TypedFunc};

/// `cabi_realloc`: old pointer, old size, alignment, new size; gives the new pointer.
type Realloc = TypedFunc<(u32, u32, u32, u32), u32>;

/// What the host must know of a guest's instance to talk with it.
pub(crate) struct Direct {
    /// There once the instance is made: its start code can call imports before.
    memory: Option<Memory>,
    /// Taken while it runs.
    realloc: Option<Realloc>,
    /// Whether the guest may call imports.
    may_leave: bool,
    /// Whether the guest may be called: not while it runs, and never again after a trap.
    may_enter: bool,
}

impl Direct {
    pub(crate) const fn new() -> Self {
        Self { memory: None, realloc: None, may_leave: true, may_enter: true }
    }
}
