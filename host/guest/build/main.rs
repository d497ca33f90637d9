//! Makes the Rust side of the world in `wit/`: its types, and what joins each function to both lanes.
//!
//! The functions that guests import are named in the WIT alone. For each, both lanes get code that calls
//! `crate::imports::INTERFACE::FUNCTION`: one that is not written yet, or takes other types, does not compile, and a
//! type that one of the lanes cannot pass ends the build with its name.

#![expect(clippy::wildcard_enum_match_arm, reason = "what the lanes do not know ends the build, by its name")]
#![expect(clippy::print_stdout, reason = "how a build script talks with cargo")]

mod exports;
mod imports;
mod rust;
mod types;
mod world;

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use world::World;

/// Where the WIT lies, seen from the crate.
const WIT: &str = "../../wit";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={WIT}");
    let folder = env::var("CARGO_MANIFEST_DIR")?;
    let world = World::read(&Path::new(&folder).join(WIT))?;
    let mut code = String::new();
    types::write(&world, &mut code)?;
    imports::write(&world, &mut code)?;
    exports::write(&world, &mut code)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("world.rs"), code)?;
    Ok(())
}
