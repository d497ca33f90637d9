//! Guests and packets of any bytes, on both lanes; see `sluice_lanes::lanes`.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use sluice_lanes::{Lanes, World, lanes};

static BOTH: OnceLock<(World, Lanes)> = OnceLock::new();

fuzz_target!(|input: &[u8]| {
    let (world, both) = BOTH.get_or_init(|| match (World::read(), Lanes::new()) {
        (Ok(world), Ok(both)) => (world, both),
        (Err(problem), _) | (_, Err(problem)) => panic!("{problem}"),
    });
    if let Err(problem) = lanes(world, both, input) {
        panic!("{problem}");
    }
});
