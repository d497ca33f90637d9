//! What guests import: the functions of the world, and nothing else.
//!
//! Each interface of the WIT is a module here, each of its functions a function of the same name; the build script
//! joins them to both lanes. A host function never blocks, never calls the guest, and takes every number of the guest
//! as a claim: whatever it names is looked up by the engine, and what does not exist is refused with a number of the
//! WIT.

pub(crate) mod event;
mod filter;
pub(crate) mod flow;
mod lists;
pub(crate) mod log;
pub(crate) mod matcher;
pub(crate) mod monitor;
pub(crate) mod packet;
pub(crate) mod stream;
mod tcp_info;
pub(crate) mod timer;
mod words;

pub(crate) use lists::{InPairs, InView, Ready};

use sluice_engine::Refusal;

/// A text or list of the guest that is not longer than it may be.
///
/// # Errors
///
/// [`Refusal::TooLong`].
fn at_most<T: ?Sized + AsRef<[u8]>>(given: &T, bytes_max: usize) -> Result<&T, Refusal> {
    if given.as_ref().len() > bytes_max { Err(Refusal::TooLong) } else { Ok(given) }
}
