//! The Rust side of the world in `wit/`, made by the build script: types, both lanes of every import, and the exports.
#![allow(
    clippy::all,
    unused_qualifications,
    clippy::pedantic,
    dead_code,
    missing_docs,
    reason = "made by the build script: not every type is used in both directions"
)]

use wasmtime::{Caller, Store, StoreContextMut};

use crate::direct::abi::{self, FromGuest, Lift};
use crate::host::Host;

include!(concat!(env!("OUT_DIR"), "/world.rs"));
