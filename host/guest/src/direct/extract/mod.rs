//! Takes a component's one core module out of it, and finds which import of it is which function of the host.
//!
//! A component of wit-component has the **main** module with the guest's code, and, where imports need the main
//! module's memory, two helpers: the **shim** ([`shim`]), whose functions call through a table, and the **fixup**
//! ([`fixup`]), which fills that table with the lowered imports once the memory is there. Whoever links the main module
//! with functions that know its memory needs neither.
//!
//! Nothing is taken from names or the order of things. The index spaces ([`spaces`]) are followed from both ends: the
//! main module is the one whose instance has all the lifted exports, and each of its imports must end at a function of
//! an imported interface that is lowered with the main module's own memory and allocator. Helpers are compared
//! instruction by instruction with what they must be. All else is [`Unfit`]: a component that a toolchain puts together
//! in another way runs slower, not wrong.
//!
//! This decides about *linking* only. That imports and exports have the world's types must be checked on the
//! component's own types: two functions with different records can have the same core signature.

mod fixup;
mod link;
mod main_module;
mod sections;
mod shim;
mod spaces;
mod stubs;
#[cfg(test)]
mod tests;
mod unfit;

use wasmparser::{Validator, WasmFeatures};

use link::Link;
use spaces::Spaces;

pub(crate) use stubs::without_bodies;
pub(crate) use unfit::Unfit;

/// What the direct lane needs to know of a component.
///
/// Names lie in the component: copies of a long one for each of many imports would take more memory than the file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Extracted<'a> {
    /// The one main core module, as it lies in the component.
    pub(crate) module: &'a [u8],
    /// Every import of the main module, in its order.
    pub(crate) imports: Vec<CoreImport<'a>>,
    /// Every function that the component exports at its top level.
    pub(crate) exports: Vec<CoreExport<'a>>,
    /// Core export of the memory that all functions use.
    pub(crate) memory: &'a str,
    /// Core export of the allocator that the canonical options name.
    pub(crate) realloc: Option<&'a str>,
    /// Core export that must be called once, after linking and before all else: `_initialize` of C and Zig.
    pub(crate) initialize: Option<&'a str>,
}

/// An import of the main module, and the function of an interface that it ends at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct CoreImport<'a> {
    /// First name of the import in the core module.
    pub(crate) module: &'a str,
    /// Second name of the import in the core module.
    pub(crate) field: &'a str,
    /// The interface as the component imports it, with its version: `sluice:middlebox/packet@0.1.0`.
    pub(crate) interface: &'a str,
    /// The function of that interface: `getlastpkt`.
    pub(crate) function: &'a str,
}

/// A function that the component exports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct CoreExport<'a> {
    /// Its name in the world: `on-timer`.
    pub(crate) name: &'a str,
    /// Core export of the main module.
    pub(crate) function: &'a str,
    /// Core export to call with the core function's result once that has been read.
    pub(crate) post_return: Option<&'a str>,
}

/// Takes a component apart.
///
/// The whole component is validated first. Work and memory are linear in its size, which the caller bounds by
/// [`MODULE_BYTES_MAX`](crate::limits::MODULE_BYTES_MAX).
///
/// # Errors
///
/// [`Unfit`]: why it must run on the component lane.
pub(crate) fn extract(component: &[u8]) -> Result<Extracted<'_>, Unfit> {
    // More features than the runtime has: what it lacks is refused below with a better reason.
    let types = Validator::new_with_features(WasmFeatures::default()).validate_all(component)?;
    let spaces = Spaces::read(component, &types)?;
    Link::new(&spaces)?.extract()
}
