//! Memory of a guest: its allocator, and how the host hands lists over. The only unsafe code of this crate besides the
//! generated bindings.
//!
//! On `wasm32` the feature `allocator`, on by default, makes this the global allocator: small blocks come from free
//! lists by size, large ones from runs of memory that are put together again when they are freed. A handler's
//! short-lived blocks then cost a handful of instructions. Who brings an allocator of his own turns the feature off.
#![allow(unsafe_code, reason = "an allocator is raw memory; each block says why it is sound")]

#[cfg(any(all(target_arch = "wasm32", feature = "allocator"), test))]
mod classes;
#[cfg(any(all(target_arch = "wasm32", feature = "allocator"), test))]
mod heap;
pub(crate) mod lists;
#[cfg(any(all(target_arch = "wasm32", feature = "allocator"), test))]
mod runs;
#[cfg(all(target_arch = "wasm32", feature = "allocator"))]
mod wasm;
