//! Guests in C: one file, compiled by clang without a C library.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// The functions of the world for C.
const HEADER: &str = include_str!("../../../../guest-sdk/c/sluice.h");

/// Compiles a file to a core module. `#include "sluice.h"` finds the header that is part of this program.
pub(super) fn compile(source: &Path) -> anyhow::Result<Vec<u8>> {
    let dir = std::env::temp_dir().join(format!("sluice-build-{}", std::process::id()));
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let compiled = compile_in(&dir, source);
    // What is left there is small, and not worth failing for.
    let _removed = fs::remove_dir_all(&dir);
    compiled
}

fn compile_in(dir: &Path, source: &Path) -> anyhow::Result<Vec<u8>> {
    fs::write(dir.join("sluice.h"), HEADER)?;
    let module = dir.join("guest.wasm");
    eprintln!("compiling {} with clang", source.display());
    let status = Command::new("clang")
        .args(["--target=wasm32-unknown-unknown", "-std=c11", "-O2", "-Wall", "-nostdlib"])
        .args(["-mbulk-memory", "-msimd128", "-fvisibility=hidden"])
        // Without a main function, and with a stack that does not make each instance a megabyte larger.
        .args(["-Wl,--no-entry", "-Wl,-z,stack-size=65536"])
        .arg("-I")
        .arg(dir)
        .arg("-o")
        .arg(&module)
        .arg(source)
        .status();
    match status {
        Ok(status) if status.success() => Ok(fs::read(&module)?),
        Ok(status) => bail!(
            "{} did not compile: clang ended with {status} (it needs wasm-ld: apt-get install lld)",
            source.display()
        ),
        Err(error) => bail!("cannot run clang ({error}): apt-get install clang lld"),
    }
}
